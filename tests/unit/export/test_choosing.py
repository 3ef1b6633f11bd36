"""Which assets are put into a bag, and what that comes to beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import SandboxProcess
from satchel.core.export import runner
from satchel.core.export.choosing import MANY, Chooser, slow
from satchel.core.export.preview import PreviewSession
from satchel.core.export.request import AssetChoice, ExportRequest, Offers
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import JobContext, local_context

FILES = [("a/x.png", 10, "s:A"), ("a/y.txt", 500, "s:A"), ("b/z.png", None, "s:B"), ("b/w.png", 20, "s:B")]


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (AssetChoice(), "a/x.png a/y.txt b/z.png b/w.png"),
        (AssetChoice(tables=("s:B",)), "b/z.png b/w.png"),
        (AssetChoice(patterns=("*.png",)), "a/x.png b/z.png b/w.png"),
        (AssetChoice(patterns=("a/*",)), "a/x.png a/y.txt"),
        (AssetChoice(largest=20), "a/x.png b/w.png"),
        (AssetChoice(count=2), "a/x.png a/y.txt"),
        (AssetChoice(bytes=30), "a/x.png b/w.png"),
        (AssetChoice(patterns=("*.png",), largest=100, count=1), "a/x.png"),
    ],
)
def test_all_that_is_given_has_to_hold(choice: AssetChoice, taken: str) -> None:
    chooser = Chooser(choice)
    found = [path for path, length, table in FILES if chooser.takes(f"data/{path}", length, table)]
    assert " ".join(found) == taken
    assert chooser.count == len(found)
    assert chooser.bytes == sum(length or 0 for path, length, _ in FILES if path in found)


def test_without_a_choice_none_is_taken() -> None:
    assert not Chooser(None).takes("data/x", 1, "s:t")


def test_many_small_files_are_called_slow_and_large_ones_are_not() -> None:
    assert slow(MANY - 1, 1000) is None
    assert slow(MANY, MANY * 10_000_000) is None
    said = slow(20_000, 20_000 * 2000)
    assert said is not None
    assert said.startswith("20,000 small files")
    assert said.endswith("about 0:43.")


def request(box: SandboxProcess, out: Path, **other: Any) -> ExportRequest:
    access = Access(ca=(box.ca,), credential=box.credential)
    return ExportRequest(
        host=box.host, catalog=box.catalog, rid=box.root, out=str(out), access=access, archive="none",
        materialize=True, **other,
    )  # fmt: skip


@pytest.mark.parametrize(
    "choice",
    [
        AssetChoice(tables=("eye:Report",)),
        AssetChoice(largest=2000),
        AssetChoice(count=5),
        AssetChoice(bytes=100_000),
    ],
    ids=["table", "largest", "count", "bytes"],
)
async def test_the_preview_says_what_the_export_then_does(
    sandbox: SandboxProcess, tmp_path: Path, choice: AssetChoice
) -> None:
    for name in ("preview", "job", "out"):
        (tmp_path / name).mkdir()
    wanted = request(sandbox, tmp_path / "out", assets=choice)
    async with await PreviewSession.open(wanted, local_context(tmp_path / "preview")) as session:
        told = await session.solve(wanted.offers)
        assert told.inside is not None
        assert told.inside == await session.totals(Offers(), choice)
        assert 0 < told.inside.count < told.assets
    result = await runner.run(wanted, JobContext("7", tmp_path / "job"))
    assert result.valid
    assert result.complete
    bag = Path(result.bag or "")
    inside = [p for p in (bag / "data" / "assets").rglob("*") if p.is_file()]
    listed = (bag / "fetch.txt").read_text().splitlines()
    assert len(inside) == told.inside.count
    assert sum(p.stat().st_size for p in inside) == told.inside.bytes
    assert len(inside) + len(listed) == told.assets


async def test_what_the_person_and_the_crate_say_is_in_the_bag(sandbox: SandboxProcess, tmp_path: Path) -> None:
    for name in ("job", "out"):
        (tmp_path / name).mkdir()
    info = (("Contact-Name", "Ada Lovelace"), ("Contact-Orcid", "0000-0002-1825-0097"), ("Root-RID", "mine"))
    wanted = request(sandbox, tmp_path / "out", info=info, ro_crate=True, name="{table} of {date}")
    result = await runner.run(wanted, JobContext("7", tmp_path / "job"))
    bag = Path(result.bag or "")
    assert bag.name.startswith("Study of 20")
    lines = (bag / "bag-info.txt").read_text().splitlines()
    assert "Contact-Name: Ada Lovelace" in lines
    assert f"Root-RID: {sandbox.root}" in lines
    assert "Root-RID: mine" not in lines
    graph = {e["@id"]: e for e in json.loads((bag / "data" / "ro-crate-metadata.json").read_text())["@graph"]}
    assert graph["https://orcid.org/0000-0002-1825-0097"]["name"] == "Ada Lovelace"
    parts = {p["@id"] for p in graph["./"]["hasPart"]}
    assert "records/eye.Subject.csv" in parts
    assert "data/ro-crate-metadata.json" in (bag / "manifest-sha256.txt").read_text()


async def test_the_reference_library_reads_the_crate(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """ro-crate-py finds every file, what is to be fetched as well, and who made it."""
    from rocrate.rocrate import ROCrate

    for name in ("job", "out"):
        (tmp_path / name).mkdir()
    info = (("Contact-Name", "Ada Lovelace"), ("Source-Organization", "Laboratory of Eyes"))
    wanted = request(sandbox, tmp_path / "out", info=info, ro_crate=True, assets=AssetChoice(count=3))
    result = await runner.run(wanted, JobContext("7", tmp_path / "job"))
    data = Path(result.bag or "") / "data"
    crate = ROCrate(data)
    here = {p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file()} - {"ro-crate-metadata.json"}
    entities = {e.properties()["name"] for e in crate.data_entities if e.type == "File"}
    listed = (data.parent / "fetch.txt").read_text().splitlines()
    assert here <= entities
    assert len(entities) == len(here) + len(listed)
    author = crate.root_dataset["author"]
    assert author["name"] == "Ada Lovelace"
    assert author["affiliation"]["name"] == "Laboratory of Eyes"
    assert crate.root_dataset["isBasedOn"].id.startswith(f"https://{sandbox.host}/ermrest/catalog/1@")
