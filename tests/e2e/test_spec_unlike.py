"""Where deriva-py 1.7.12 loses data or comes to grief, and what happens here instead. Both are run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog_maker import T
from sandbox_catalog import make, session_of
from sandbox_process import SandboxProcess
from satchel.core.export.spec.lint import lint
from spec_corpus import SpecJob, read_bag, rows, theirs


def step(kind: str, query: str, output: str, **more: Any) -> dict[str, Any]:
    return {"processor": kind, "processor_params": {"query_path": query, "output_path": output, **more}}


def bagged(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"bag": {"bag_name": "bag"}, "catalog": {"query_processors": list(steps)}, **more}


def both(box: SandboxProcess, folder: Path, document: dict[str, Any], **ready: Any) -> dict[str, Any]:
    ready_box = SandboxProcess.__new__(SandboxProcess)
    ready_box.__dict__.update({**box.__dict__, "ready": {**box.ready, **ready}})
    return theirs(ready_box, folder / "theirs", [("it", document, {})])["it"]


@pytest.mark.parametrize("size", [1, 3, 4])
async def test_paged_csv_loses_no_row_and_changes_no_line_end(
    empty_sandbox: SandboxProcess, tmp_path: Path, size: int
) -> None:
    """deriva-py takes the last *line* of a page for its last row."""
    texts = [
        "plain",
        "two\nlines",
        'a "quote"\nand more',
        "",
        None,
        "cr\r\nlf",
        "end\n",
        "ünïcode 魚",
        "comma, too",
        "x",
    ]
    async with session_of(empty_sandbox) as session:
        number = await make(session, {"s:A": T(["Text"], rows=[{"Text": t} for t in texts])})
    paged = bagged(step("csv", "/entity/s:A", "A", paged_query=True, paged_query_size=size))
    plain = bagged(step("csv", "/entity/s:A@sort(RID)?limit=none", "A"))
    result = await SpecJob(empty_sandbox, tmp_path / "paged", paged, catalog=number).run()
    expected = await SpecJob(empty_sandbox, tmp_path / "plain", plain, catalog=number).run()
    made = (Path(result.bag or "") / "data" / "A.csv").read_bytes()
    assert made == (Path(expected.bag or "") / "data" / "A.csv").read_bytes()
    assert result.rows == len(texts)
    told = both(empty_sandbox, tmp_path, paged, catalog=number)
    if "outputs" in told:
        (bag,) = told["outputs"].values()
        assert len(rows((Path(bag["local_path"]) / "data" / "A.csv").read_bytes())) - 1 < len(texts) or (
            (Path(bag["local_path"]) / "data" / "A.csv").read_bytes() != made
        )


async def test_pages_sorted_by_columns_with_nulls(empty_sandbox: SandboxProcess, tmp_path: Path) -> None:
    names = ["b", None, "a", "c", None, "a", "d"]
    async with session_of(empty_sandbox) as session:
        number = await make(session, {"s:A": T(["Name"], rows=[{"Name": n} for n in names])})
    for kind in ("csv", "json-stream"):
        more = {"paged_query": True, "paged_query_size": 2, "paged_query_sort_columns": ["Name", "RID"]}
        job = SpecJob(
            empty_sandbox, tmp_path / kind, bagged(step(kind, "/attribute/s:A/Name,RID", "A", **more)), catalog=number
        )
        assert (await job.run()).rows == len(names)


async def test_assets_behind_misnamed_columns_are_missed_aloud(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """deriva-py skips every row, and calls it a success; so does Chaise."""
    document = bagged(
        step("csv", "/entity/eye:Image@sort(RID)", "Image"),
        step("fetch", "/attribute/eye:Image/URL,Length,MD5", "assets"),
    )
    told = both(sandbox, tmp_path, document)
    (bag,) = told["outputs"].values()
    assert read_bag(Path(bag["local_path"]), tmp_path / "x").fetch == {}
    result = await SpecJob(sandbox, tmp_path / "ours", document).run()
    assert not result.complete
    assert "no column url (but URL, Length, MD5)" in result.problems[0].message
    assert result.warnings[0].code == "no-url"


async def test_a_download_of_nothing_is_nothing(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """deriva-py looks for a file that it has not made."""
    document = bagged(
        step("csv", "/entity/eye:Study@sort(RID)", "Study"),
        step("download", "/attribute/eye:Image/Filename=none/url:=URL,length:=Length,filename:=Filename", "files"),
    )
    assert both(sandbox, tmp_path, document)["raised"] == "FileNotFoundError"
    result = await SpecJob(sandbox, tmp_path / "ours", document).run()
    assert result.complete
    assert len(result.outputs) == 1


async def test_a_transform_makes_the_folder_of_its_output(sandbox: SandboxProcess, tmp_path: Path) -> None:
    document = bagged(
        step("json", "/entity/eye:Clinic@sort(RID)", "clinics"),
        transform_processors=[
            {"processor": "json2csv", "processor_params": {"input_paths": ["clinics.json"], "output_path": "new/a.csv"}}
        ],
    )
    assert both(sandbox, tmp_path, document)["raised"] == "DerivaDownloadError"
    result = await SpecJob(sandbox, tmp_path / "ours", document).run()
    assert [o.path for o in result.outputs] == ["new/a.csv"]


async def test_fasta_works(sandbox: SandboxProcess, tmp_path: Path) -> None:
    document = bagged(
        step("json-stream", "/attribute/eye:Species/Name,ID@sort(Name)?limit=2", "species"),
        transform_processors=[
            {
                "processor": "fasta",
                "processor_params": {
                    "input_paths": ["species.json"],
                    "output_path": "species.fasta",
                    "column_map": {"Name": "comment", "ID": "data"},
                },
            }
        ],
    )
    assert both(sandbox, tmp_path, document)["raised"] == "AttributeError"
    result = await SpecJob(sandbox, tmp_path / "ours", document).run()
    lines = (Path(result.bag or "") / "data" / "species.fasta").read_text().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("> ")


async def test_two_outputs_of_one_name_are_both_kept(sandbox: SandboxProcess, tmp_path: Path) -> None:
    """In deriva-py the second takes the place of the first. Two related tables may well have one display name."""
    document = bagged(
        step("csv", "/entity/eye:Clinic@sort(RID)", "Same"), step("csv", "/entity/eye:Species@sort(RID)", "Same")
    )
    (bag,) = both(sandbox, tmp_path, document)["outputs"].values()
    assert set(read_bag(Path(bag["local_path"]), tmp_path / "x").files) == {"data/Same.csv"}
    result = await SpecJob(sandbox, tmp_path / "ours", document).run()
    assert [o.path for o in result.outputs] == ["Same.csv", "Same (2).csv"]
    assert [w.code for w in result.warnings] == ["same-name"]


@pytest.mark.parametrize("output", ["../../outside", "{up}/outside"])
async def test_nothing_is_written_outside(sandbox: SandboxProcess, tmp_path: Path, output: str) -> None:
    """deriva-py writes there."""
    document = {
        "env": {"up": "../.."},
        **bagged(step("csv", "/entity/eye:Clinic", output), step("csv", "/entity/eye:Clinic", "in")),
    }
    both(sandbox, tmp_path, document)
    assert (tmp_path / "theirs" / "outside.csv").exists() or (tmp_path / "theirs" / "it" / "outside.csv").exists()
    job = SpecJob(sandbox, tmp_path / "ours", document)
    with pytest.raises(Exception, match="leads out of the bag"):
        await job.run()
    assert list((tmp_path / "ours").rglob("outside*")) == []


async def test_a_long_query_that_chaise_leaves_out_is_run_and_told(sandbox: SandboxProcess, tmp_path: Path) -> None:
    rids = ",".join(["1-002A", *(f"9-{n:04d}" for n in range(1, 568))])
    document = bagged(step("csv", f"/entity/eye:Subject/RID=any({rids})@sort(RID)", "Subject"))
    query = document["catalog"]["query_processors"][0]["processor_params"]["query_path"]
    assert len(query) > 4000
    import json

    assert [f.code for f in lint(json.dumps(document))] == ["long-path"]
    result = await SpecJob(sandbox, tmp_path / "ours", document).run()
    assert result.rows == 1
    assert "long-path" in [w.code for w in result.warnings]


async def test_a_query_that_no_server_takes_is_left_out_aloud(sandbox: SandboxProcess, tmp_path: Path) -> None:
    rids = ",".join(f"9-{n:04d}" for n in range(1, 700))
    document = bagged(
        step("csv", f"/entity/eye:Subject/RID=any({rids})", "Subject"),
        step("csv", "/entity/eye:Clinic@sort(RID)", "Clinic"),
    )
    result = await SpecJob(sandbox, tmp_path, document).run()
    assert [o.path for o in result.outputs] == ["Clinic.csv"]
    assert not result.complete
    assert "servers take 4,037" in result.problems[0].message
