"""Bags of datasets are opened by deriva-ml 1.17.10's own reader, and hold what its own bags hold."""

from __future__ import annotations

import asyncio
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import deriva_ml_env
from sandbox_catalog import session_of
from sandbox_process import SandboxProcess, start_sandbox
from satchel.core.deriva.datasets.spec import dataset_spec
from satchel.core.deriva.ermrest import Catalog
from terminal import Terminal

TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d).*$")
pytestmark = pytest.mark.timeout(600)


def rows_of(box: SandboxProcess, snapshot: str, table: str, rids: list[str]) -> dict[str, dict[str, Any]]:
    async def read() -> list[dict[str, Any]]:
        async with session_of(box) as session:
            name = table.replace(".", ":", 1)
            return await Catalog(session, box.catalog, snapshot).rows(f"entity/{name}?limit=none")

    return {row["RID"]: row for row in asyncio.run(read()) if row["RID"] in set(rids)}


def comparable(value: str | None) -> str:
    """A value as text; of times, which SQLite, CSV and JSON write each in another way, the minute."""
    return TIME.sub(r"\1 \2", value or "")


def test_a_bag_with_its_assets_is_opened_and_holds_the_rows_of_the_snapshot(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    terminal, box = Terminal(tmp_path, sandbox), sandbox
    words = ("export", box.host, box.catalog, "--dataset", box.dataset, "--version", "1.0.0")
    made = terminal.json(*words, "--out", str(terminal.out), "--archive", "none", "--materialize", *terminal.admin)
    assert (made["valid"], made["complete"], made["version"]) == (True, True, "1.0.0")
    read = deriva_ml_env.run("read", made["bag"], box.dataset, "1.0.0", made["snapshot"])
    assert read["version"] == "1.0.0"
    assert len(read["children"]) == 3
    for table, rows in read["tables"].items():
        truth = rows_of(box, made["snapshot"], table, list(rows))
        assert set(truth) == set(rows), table
        for rid, row in rows.items():
            for column, value in row.items():
                expected = truth[rid].get(column)
                if isinstance(value, str) and isinstance(expected, (str, type(None))) and column != "Filename":
                    # A text or null of jsonb is written as JSON in CSV.
                    if value != json.dumps(expected):
                        assert comparable(value) == comparable(expected), (table, rid, column)
                elif isinstance(expected, (bool, int, float)):
                    assert value in (expected, json.dumps(expected)), (table, rid, column)
    estimated = terminal.json("preview", *words[1:], *terminal.admin)
    assert {t["table"].replace(":", ".", 1): t["rows"] for t in estimated["tables"]} == {
        table: len(rows) for table, rows in read["tables"].items()
    }
    assert (estimated["repeated"], estimated["rows"]) == (made["rows"], sum(map(len, read["tables"].values())))
    images = read["tables"]["eye.Image"]
    assert images
    # The reader takes paths of fetch.txt as they stand there, where a percent sign is escaped.
    assert [row["Filename"] for row in images.values() if not Path(row["Filename"].replace("%25", "%")).is_file()] == []
    assert read["members"]


@pytest.fixture(scope="module")
def one_domain() -> Iterator[tuple[SandboxProcess, str]]:
    """The demo without its second domain, which deriva-ml itself cannot stand, and a version made after that."""
    with start_sandbox("--demo", "small") as box:

        async def change() -> str:
            async with session_of(box) as session:
                base = f"/ermrest/catalog/{box.catalog}"
                fkey = "lab/table/Cage/foreignkey/Current_Animal/reference/lab:Animal/RID"
                for what in (
                    "lab/table/Transfer", "lab/table/Feeding%20Log", fkey, "lab/table/Animal", "lab/table/Cage", "lab",
                ):  # fmt: skip
                    await session.request("DELETE", f"{base}/schema/{what}")
                rows = [{"Dataset": box.dataset, "Version": "2.1.0", "Description": "One domain", "Execution": None}]
                made = await session.request("POST", f"{base}/entity/deriva-ml:Dataset_Version", json=rows)
                rid = made.json()[0]["RID"]
                snapshot = str((await session.request("GET", base)).json()["snaptime"])
                for path, row in (
                    ("Dataset_Version/RID;Snapshot", {"RID": rid, "Snapshot": snapshot}),
                    ("Dataset/RID;Version", {"RID": box.dataset, "Version": rid}),
                ):
                    await session.request("PUT", f"{base}/attributegroup/deriva-ml:{path}", json=[row])
                return snapshot

        yield box, asyncio.run(change())


def test_the_bag_holds_what_deriva_ml_s_own_holds(tmp_path: Path, one_domain: tuple[SandboxProcess, str]) -> None:
    box, snapshot = one_domain
    terminal = Terminal(tmp_path, box)
    access = (box.host, box.catalog, box.dataset, "2.1.0", box.ca, box.credential)
    theirs = deriva_ml_env.run("own", *access)
    words = ("export", box.host, box.catalog, "--dataset", box.dataset, "--out", str(terminal.out), *terminal.admin)
    for name, more in (("here", ()), ("server", ("--server-side",))):
        made = terminal.json(*words, "--name", name, "--no-cache", *more)
        assert (made["snapshot"], made["version"]) == (snapshot, "2.1.0")
        with zipfile.ZipFile(made["archive"]) as archive:
            archive.extractall(tmp_path / name)
        (bag,) = (tmp_path / name).iterdir()
        read = deriva_ml_env.run("read", str(bag), box.dataset, "2.1.0", snapshot)
        for found in (read, theirs):
            for table in found["tables"].values():
                for row in table.values():
                    if row.get("Filename"):  # where the bag is
                        row["Filename"] = Path(row["Filename"]).name
        assert read == theirs, name


def test_the_spec_asks_for_what_deriva_ml_s_own_asks(one_domain: tuple[SandboxProcess, str]) -> None:
    box, snapshot = one_domain
    theirs = deriva_ml_env.run("spec", box.host, box.catalog, box.dataset, "2.1.0", box.ca, box.credential)

    async def ours() -> dict[str, Any]:
        async with session_of(box) as session:
            return await dataset_spec(Catalog(session, box.catalog, snapshot), box.dataset)

    spec = asyncio.run(ours())

    def steps(found: dict[str, Any]) -> list[str]:
        return sorted(json.dumps(step, sort_keys=True) for step in found["catalog"].pop("query_processors"))

    assert steps(spec) == steps(theirs)
    assert {**spec, "env": None} == {**theirs, "env": None}
