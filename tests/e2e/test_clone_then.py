"""What is done with a clone afterwards: its files made local, its datasets exported."""

from __future__ import annotations

from pathlib import Path

from sandbox_catalog import session_of
from satchel.core.bags.validate import ValidateRequest
from satchel.core.bags.validate import run as validate
from satchel.core.clone.after.provenance import TAG
from satchel.core.clone.localize import run as localize
from satchel.core.clone.localize_request import LocalizeRequest
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.runner import run
from satchel.core.deriva.ermrest import Catalog
from satchel.core.export.request import ExportRequest
from satchel.core.export.runner import run as export
from satchel.core.jobs.state import local_context
from two_sites import access, read


async def test_a_clone_with_references_becomes_one_with_files(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    asked = CloneRequest(
        host=sandbox.host, catalog=sandbox.catalog, rid=sandbox.dataset, to_host=empty_sandbox.host, access=where
    )
    clone = await run(asked, local_context(tmp_path / "clone"))
    async with session_of(empty_sandbox) as session, session_of(sandbox) as source:
        catalog = Catalog(session, clone.catalog_id)
        before = (await catalog.info()).annotations[TAG]
        request = LocalizeRequest(host=empty_sandbox.host, catalog=clone.catalog_id, table="eye:Image", access=where)
        found = await localize(request, local_context(tmp_path / "localize"))
        assert found.processed > 0
        assert (found.failed, found.source_hosts) == (0, (sandbox.host,))
        rows = {r["RID"]: r["URL"] for r in await catalog.rows("entity/eye:Image")}
        theirs = {r["RID"]: r["URL"] for r in await Catalog(source, sandbox.catalog).rows("entity/eye:Image")}
        for rid, url in list(rows.items())[:5]:
            assert await read(session, url) == await read(source, theirs[rid])
        after = (await catalog.info()).annotations[TAG]
        details = after["clone_details"]
        assert details["assets_localized"] is True
        assert details["asset_source_hostname"] == sandbox.host
        assert details["assets_copied"] == found.processed
        assert {k: v for k, v in after.items() if k != "clone_details"} == {
            k: v for k, v in before.items() if k != "clone_details"
        }
        assert details.items() >= before["clone_details"].items()


async def test_a_clones_dataset_is_exported_at_the_version_that_it_got(sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    asked = CloneRequest(
        host=sandbox.host, catalog=sandbox.catalog, rid=sandbox.dataset, to_host=empty_sandbox.host, access=where
    )
    clone = await run(asked, local_context(tmp_path / "clone"))
    assert clone.datasets_reinitialized > 0
    async with session_of(empty_sandbox) as session:
        catalog = Catalog(session, clone.catalog_id)
        dataset = (await catalog.rows(f"entity/deriva-ml:Dataset/RID={sandbox.dataset}"))[0]
        version = (await catalog.rows(f"entity/deriva-ml:Dataset_Version/RID={dataset['Version']}"))[0]
        assert str(clone.source_snapshot) in version["Description"]
        members = {r["RID"] for r in await catalog.rows("entity/eye:Dataset_Image")}
    bag = ExportRequest(
        host=empty_sandbox.host, catalog=clone.catalog_id, rid=sandbox.dataset, snapshot=version["Snapshot"],
        out=str(tmp_path), access=where, archive="none", materialize=True,
    )  # fmt: skip
    made = await export(bag, local_context(tmp_path / "export"))
    assert made.valid
    assert made.complete
    checked = await validate(ValidateRequest(path=str(made.bag)), local_context(tmp_path / "check"))
    assert checked.valid
    lines = Path(str(made.bag), "data/records/eye.Dataset_Image.csv").read_text().splitlines()
    assert members
    assert {line.partition(",")[0] for line in lines[1:]} == members
