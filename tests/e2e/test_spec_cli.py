"""Specs and templates from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess
from spec_corpus import FOLDER, read_bag
from terminal import Terminal


@pytest.fixture
def terminal(sandbox: SandboxProcess, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, sandbox)


def words(terminal: Terminal, *more: str) -> list[str]:
    return ["export", terminal.sandbox.host, terminal.sandbox.catalog, *more, *terminal.admin]


def test_a_template_by_its_name_and_by_its_number(terminal: Terminal) -> None:
    box = terminal.sandbox
    told = terminal.json("templates", box.host, box.catalog, "eye:Study", *terminal.admin)
    offered = [t["name"] for t in told["tables"]["eye:Study"]["templates"]]
    assert offered == ["Study with pictures (BDBag)", "Subjects (CSV)"]
    first = terminal.json(*words(terminal, "--table", "eye:Study", "--rid", box.root, "--out", str(terminal.out)))
    assert Path(first["archive"]).name == f"Study_{box.root}.zip"
    assert (first["valid"], first["complete"]) == (True, True)
    assert {t["table"] for t in first["tables"]} >= {"Subject.csv", "Visit.csv"}
    second = terminal.json(
        *words(terminal, "--table", "eye:Study", "--template", "2", "--rid", box.root, "--out", str(terminal.out))
    )
    assert second["bag"] is None
    (file,) = second["files"]
    assert Path(file).read_bytes() == read_bag(Path(first["archive"]), terminal.out / "x").files["data/Subject.csv"]


def test_what_belongs_to_a_record_is_the_same_as_a_spec(terminal: Terminal) -> None:
    """Every table's rows, byte for byte, and every asset."""
    box = terminal.sandbox
    plain = terminal.json(*terminal.export_words("--archive", "none"))
    file = terminal.out / "reach.json"
    terminal.json(*words(terminal, "--rid", box.root, "--as-spec", str(file), "--archive", "none", "--name", "asspec"))
    assert terminal.json("spec", "check", str(file), box.host, box.catalog, *terminal.admin)["findings"] == []
    made = terminal.json(*words(terminal, "--spec", str(file), "--out", str(terminal.out)))
    one, other = Path(plain["bag"]), Path(made["bag"])
    records = {p.name: p.read_bytes() for p in (one / "data" / "records").iterdir()}
    filled = {name: data for name, data in records.items() if data.count(b"\n") > 1}
    assert {p.name: p.read_bytes() for p in (other / "data" / "records").iterdir()} == filled
    lines = (one / "fetch.txt").read_text().splitlines()
    assert len(read_bag(other, terminal.out / "x").fetch) == len(lines)


def test_faults_are_told_with_their_lines(terminal: Terminal) -> None:
    file = FOLDER / "broken" / "fetch-names.json"
    done = terminal.run("spec", "check", str(file))
    assert done.returncode == 2
    assert f"{file}:10:25: error: There is no column called url" in done.stdout
    told = terminal.json("spec", "check", str(file), status=2)
    assert (told["valid"], told["errors"], told["findings"][0]["pointer"]) == (
        False,
        1,
        "/catalog/query_processors/0/processor_params/query_path",
    )
    refused = terminal.json(
        *words(terminal, "--spec", str(FOLDER / "broken" / "output-leaves.json"), "--out", str(terminal.out)), status=2
    )
    assert (refused["kind"], refused["name"]) == ("usage", "configuration")
    assert "line 11" in refused["message"]


def test_tables_and_columns_are_looked_up(terminal: Terminal, tmp_path: Path) -> None:
    spec = json.loads((FOLDER / "good" / "csv-two.json").read_text())
    spec["catalog"]["query_processors"][1]["processor_params"]["query_path"] = "/entity/eye:Visits@sort(RID)"
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(spec, indent=1))
    box = terminal.sandbox
    assert terminal.json("spec", "check", str(file))["findings"] == []
    (fault,) = terminal.json("spec", "check", str(file), box.host, box.catalog, *terminal.admin, status=2)["findings"]
    assert (fault["code"], fault["hint"]) == ("unknown-table", "Did you mean 'eye:Visit'?")


@pytest.mark.parametrize(
    "name", ["fetch-and-tables", "csv-attributegroup", "csv-limit", "env-query", "download-by-rid"]
)
def test_a_dry_run_counts_what_the_run_then_brings(terminal: Terminal, name: str) -> None:
    file = str(FOLDER / "good" / f"{name}.json")
    env = ["--env", "RID=1-0000"] if name == "env-query" else []
    counted = terminal.json(*words(terminal, "--spec", file, *env, "--dry-run"))
    made = terminal.json(*words(terminal, "--spec", file, *env, "--out", str(terminal.out), "--no-cache"))
    rows = {o["path"]: o["rows"] for o in made["outputs"] if o["path"].endswith(".csv")}
    found = {c["output"]: c["rows"] for c in counted["counts"] if c["kind"] == "csv" and c.get("exact", True)}
    assert found.items() <= rows.items()
    assert counted["rows"] >= made["rows"]
    bag = read_bag(Path(made["bag"]), terminal.out / "x")
    assert counted["files"] == len([p for p in {*bag.files, *bag.fetch} if not p.endswith(".csv")])
    assert [p.name for p in terminal.out.iterdir()] == [Path(made["bag"]).name]


def test_a_dry_run_says_what_cannot_run(terminal: Terminal, tmp_path: Path) -> None:
    steps = [
        {"processor": "csv", "processor_params": {"query_path": "/entity/eye:Nope", "output_path": "a"}},
        {"processor": "csv", "processor_params": {"query_path": "/attribute/eye:Clinic/Nope", "output_path": "b"}},
        {"processor": "download", "processor_params": {"query_path": "/attribute/eye:Image/RID=9/url:=URL"}},
        {"processor": "csv", "processor_params": {"query_path": "/entity/eye:Clinic", "output_path": "d"}},
    ]
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"bag": {"bag_name": "b"}, "catalog": {"query_processors": steps}}))
    told = terminal.json(*words(terminal, "--spec", str(file), "--dry-run"), status=1)
    assert told["problems"] == 3
    assert [bool(c.get("problem")) for c in told["counts"]] == [True, True, True, False]
    assert told["counts"][3]["rows"] == 5


def test_a_check_against_a_server_tries_every_query(terminal: Terminal, tmp_path: Path) -> None:
    steps = [
        {"processor": "env", "processor_params": {"query_path": "/entity/eye:Study/RID=9-ZZZ"}},
        {
            "processor": "download",
            "processor_params": {
                "query_path": "/attribute/eye:Image/RID=9-ZZZ/url:=URL,length:=Length,filename:=Filename,md5:=MD5",
                "output_path": "x",
            },
        },
        {"processor": "csv", "processor_params": {"query_path": "/entity/eye:Subject/Born=never", "output_path": "y"}},
    ]
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"bag": {"bag_name": "b"}, "catalog": {"query_processors": steps}}, indent=1))
    box = terminal.sandbox
    assert terminal.json("spec", "check", str(file))["findings"] == []
    found = terminal.json("spec", "check", str(file), box.host, box.catalog, *terminal.admin, status=2)["findings"]
    assert [f["code"] for f in found] == ["env-empty", "empty-download", "query-fails"]
    assert [f["line"] for f in found] == [10, 16, 23]


def test_all_rows_of_a_table_without_a_template_for_many(terminal: Terminal) -> None:
    """The demo's templates are for one record; without --rid they do for all rows, and so does Chaise's default."""
    made = terminal.json(*words(terminal, "--table", "eye:Study", "--out", str(terminal.out)))
    assert Path(made["archive"]).name == "Study.zip"
    rows = {t["table"]: t["rows"] for t in made["tables"]}
    assert rows["Study.csv"] == 2
    assert rows["Subject.csv"] == 60
    default = terminal.json(*words(terminal, "--table", "eye:Subject", "--out", str(terminal.out)))
    assert {t["table"]: t["rows"] for t in default["tables"]}["Subject.csv"] == 60
    assert default["valid"]
