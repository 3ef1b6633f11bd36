"""The files of a clone, copied from one sandbox's Hatrac to another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T
from e2e.test_localize_faults import kill_until_done
from sandbox_catalog import make, session_of
from sandbox_process import start_sandbox
from satchel.core.clone.after.provenance import TAG
from satchel.core.clone.asset_mover import Limits
from satchel.core.clone.assets import AssetsCopied, copy_assets, referring
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.runner import run
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.hatrac_write import HatracWriter
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.jobs.state import local_context
from two_sites import access, put, read, row

IMAGE = TableName("eye", "Image")


async def clone_of(source: Session, session: Session, rows: list[dict[str, Any]]) -> Catalog:
    """A catalog with rows as the copy stage leaves them: their addresses are made absolute."""
    number = await make(session, {"eye:Image": T(asset=True)})
    catalog = Catalog(session, number)
    table = (await catalog.model()).tables[IMAGE]
    change = referring(table, source.host)
    assert change is not None
    column, value = change
    changed = [{**r, column: value(r[column])} for r in rows]
    if changed:
        await session.request("POST", f"{catalog.path}/entity/eye:Image?nondefaults=RID", json=changed)
    return catalog


async def copied(source: Session, catalog: Catalog, folder: Path, **more: Any) -> AssetsCopied:
    tables = list((await catalog.model()).tables.values())
    return await copy_assets(source, catalog, tables, local_context(folder), **more)


async def urls(catalog: Catalog) -> dict[str, str]:
    return {r["RID"]: r["URL"] for r in await catalog.rows("entity/eye:Image")}


async def test_f26_files_keep_their_names_at_the_other_site(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        first = await put(source, "/hatrac/study/a/one%20x.bin", b"one")
        second = await put(source, "/hatrac/study/a/one%20x.bin", b"another")
        big = bytes(range(256)) * 4000
        rows = [
            row("1-AAA1", first, b"one", "one x.bin"),
            row("1-AAA2", second, b"another", "one x.bin"),
            row("1-AAA3", await put(source, "/hatrac/study/b/big.bin", big), big, "big.bin"),
            row("1-AAA4", "https://elsewhere.example.org/hatrac/x", b"x"),
            {"RID": "1-AAA5", "URL": None, "Filename": None, "Length": None, "MD5": None},
            row("1-AAA6", f"https://{source.host}{first}", b"one", "again.bin"),
            row("1-AAA7", "/hatrac/study/none.bin", b"none"),
        ]
        await HatracWriter(source).set_acl("/hatrac/study/b/big.bin", "subtree-read", ["somebody"])
        catalog = await clone_of(source, session, rows)
        found = await copied(source, catalog, tmp_path, limits=Limits(chunked_above=500_000, chunk=262_144))
        assert found.copied == {"eye:Image": 4}
        assert (found.kept_why, found.failed) == ({"elsewhere": 1, "no-url": 1}, {"eye:Image": 1})
        assert [(p.rid, p.code) for p in found.problems] == [("1-AAA7", "missing")]
        now = await urls(catalog)
        assert now["1-AAA1"].startswith("/hatrac/study/a/one%20x.bin:")
        assert now["1-AAA2"].startswith("/hatrac/study/a/one%20x.bin:")
        assert now["1-AAA3"].startswith("/hatrac/study/b/big.bin:")
        assert now["1-AAA6"] == now["1-AAA1"], "one file, however many rows name it"
        assert now["1-AAA4"] == "https://elsewhere.example.org/hatrac/x"
        assert now["1-AAA7"] == f"https://{source.host}/hatrac/study/none.bin", "it still leads to the source"
        for rid, data in {"1-AAA1": b"one", "1-AAA2": b"another", "1-AAA3": big}.items():
            assert await read(session, now[rid]) == data
        writer = HatracWriter(session)
        assert (await writer.acls("/hatrac/study"))["subtree-read"] == ["*"]
        assert (await writer.acls("/hatrac/study/b/big.bin"))["subtree-read"] == ["somebody"]
        # Once more, as a job that is resumed does: nothing new.
        again = await copied(source, catalog, tmp_path)
        assert again.copied == {"eye:Image": 4}
        assert await urls(catalog) == now


@pytest.mark.parametrize("mode", ["none", "references", "full"])
async def test_f26_each_asset_mode_does_what_it_says(mode, sandbox, empty_sandbox, tmp_path):
    where = access(tmp_path, sandbox, empty_sandbox)
    asked = CloneRequest(
        host=sandbox.host, catalog=sandbox.catalog, rid=sandbox.root, to_host=empty_sandbox.host, access=where,
        orphans="delete", assets=mode,
    )  # fmt: skip
    found = await run(asked, local_context(tmp_path / "job"))
    assert found.verified
    async with session_of(sandbox) as source, session_of(empty_sandbox) as session:
        clone = await urls(Catalog(session, found.catalog_id))
        before = await urls(Catalog(source, sandbox.catalog))
        if mode == "none":
            assert clone == {}
            assert found.report.summary.orphan_rows_removed > 0, "what refers to images is an orphan"
            return
        assert clone
        for rid, url in clone.items():
            if mode == "references":
                assert url == f"https://{source.host}{before[rid]}"
            else:
                assert url.startswith("/hatrac/")
        if mode == "full":
            table = next(t for t in found.report.tables if t.table == "eye:Image")
            assert table.assets == len(clone)
            for rid in list(clone)[:5]:
                assert await read(session, clone[rid]) == await read(source, before[rid])


async def test_other_peoples_objects_of_the_same_name_are_let_be(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        theirs = await put(session, "/hatrac/taken/a.bin", b"theirs")
        same = await put(session, "/hatrac/taken/same.bin", b"same")
        rows = [
            row("1-AAA1", await put(source, "/hatrac/taken/a.bin", b"mine"), b"mine"),
            row("1-AAA2", await put(source, "/hatrac/taken/same.bin", b"same"), b"same"),
        ]
        catalog = await clone_of(source, session, rows)
        found = await copied(source, catalog, tmp_path)
        assert found.copied == {"eye:Image": 2}
        now = await urls(catalog)
        assert now["1-AAA1"].startswith(f"/hatrac/clone-{catalog.id}/taken/a.bin:")
        assert await read(session, now["1-AAA1"]) == b"mine"
        assert now["1-AAA2"] == same, "what is there already need not be sent"
        assert await read(session, "/hatrac/taken/a.bin") == b"theirs"
        assert theirs


@pytest.mark.parametrize("limits", [None, Limits(chunked_above=10, chunk=10)])
async def test_a_name_that_is_taken_by_what_one_may_not_see_is_let_be(limits, sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session, session_of(sandbox, "user") as user:
        space = f"/hatrac/hidden{0 if limits is None else 1}"
        theirs = await put(session, f"{space}/a.bin", b"theirs", readable=False)
        rows = [row("1-AAA1", await put(source, f"{space}/a.bin", b"mine, and longer"), b"mine, and longer")]
        catalog = await clone_of(source, session, rows)
        own = f"/hatrac/clone-{catalog.id}"
        writer = HatracWriter(session)
        await writer.make_namespaces(own)
        for name in (space, own):
            await writer.set_acl(name, "create", ["*"])
        for acl in ("enumerate", "select", "update"):
            await session.request("PUT", f"{catalog.path}/acl/{acl}", json=["*"])
        found = await copied(source, Catalog(user, catalog.id), tmp_path, limits=limits)
        assert found.copied == {"eye:Image": 1}
        now = (await urls(catalog))["1-AAA1"]
        assert now.startswith(f"{own}/")
        assert await read(user, now) == b"mine, and longer"
        assert await read(session, theirs) == b"theirs"


async def test_f31_who_may_not_write_files_is_told_and_the_clone_goes_on(sandbox, tmp_path):
    with start_sandbox("--demo", "none") as empty:
        await _without_files(sandbox, empty, tmp_path)


async def _without_files(sandbox, empty, tmp_path):
    async with session_of(empty) as admin:
        number = (await admin.request("POST", "/ermrest/catalog", json={})).json()["id"]
        await admin.request("PUT", f"/ermrest/catalog/{number}/acl/owner", json=["admin", "user"])
        where = access(tmp_path, sandbox, empty, who="user")
        asked = CloneRequest(
            host=sandbox.host, catalog=sandbox.catalog, rid=sandbox.root, to_host=empty.host, to_catalog=number,
            access=where, orphans="delete", assets="full",
        )  # fmt: skip
        found = await run(asked, local_context(tmp_path / "job"))
        assert found.verified
        told = {issue.message: issue for issue in found.report.issues}
        assert any(message.startswith("Copy the files: ") for message in told)
        assert "The source's schema could not be kept with the clone" in told
        assert found.report.summary.errors > 0
        # What comes after the files was done all the same.
        note = (await Catalog(admin, number).info()).annotations[TAG]
        assert note["clone_details"]["source_schema_url"] is None
        clone = await urls(Catalog(admin, number))
        assert clone
        assert all(url.startswith(f"https://{sandbox.host}/hatrac/") for url in clone.values())


async def test_within_one_server_the_source_keeps_its_objects(sandbox, tmp_path):
    async with session_of(sandbox) as source, session_of(sandbox) as session:
        url = await put(source, "/hatrac/own/a.bin", b"mine")
        catalog = await clone_of(source, session, [])
        # Within one server the copy stage leaves addresses as they are.
        path = f"{catalog.path}/entity/eye:Image?nondefaults=RID"
        await session.request("POST", path, json=[row("1-AAA1", url, b"mine")])
        found = await copied(source, catalog, tmp_path)
        assert found.copied == {"eye:Image": 1}
        now = (await urls(catalog))["1-AAA1"]
        assert now.startswith(f"/hatrac/clone-{catalog.id}/own/a.bin:")
        versions = (await source.request("GET", "/hatrac/own/a.bin;versions", accept="application/json")).json()
        assert versions == [url], "a copy is no new version of the source's object"
        acls = await HatracWriter(session).acls(f"/hatrac/clone-{catalog.id}/own")
        assert acls is not None
        assert acls["subtree-read"] == ["*"]


@pytest.mark.slow
async def test_f28_killed_while_it_copies_files_it_comes_to_the_same(empty_sandbox, tmp_path):
    with start_sandbox("--demo", "small", "--latency", "15", "--bandwidth", "2") as slow:
        where = access(tmp_path, slow, empty_sandbox)
        trust = [part for ca in where.ca for part in ("--ca", ca)]
        words = [
            slow.host,
            slow.catalog,
            slow.root,
            "--to",
            empty_sandbox.host,
            "--assets",
            "full",
            "--orphans",
            "delete",
        ]
        words += [*trust, "--credential", str(where.credential), "--json"]
        found = await kill_until_done(empty_sandbox, tmp_path / "home", ["clone", *words], 10)
        assert found["verified"] is True
        async with session_of(slow) as source, session_of(empty_sandbox) as session:
            clone = await urls(Catalog(session, str(found["catalog_id"])))
            before = await urls(Catalog(source, slow.catalog))
            assert clone
            for rid, url in clone.items():
                assert url.startswith("/hatrac/")
                assert await read(session, url) == await read(source, before[rid])
            versions = await Catalog(session, str(found["catalog_id"])).rows("entity/deriva-ml:Dataset_Version")
            fresh = [v for v in versions if str(v["Description"]).startswith("Cloned from")]
            assert len(fresh) == found["datasets_reinitialized"]
