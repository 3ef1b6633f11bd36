"""Reports say what the verdict says, to whoever reads them: a program, a spreadsheet, a person."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from satchel.core.bags.reports import write_report
from satchel.core.bags.validate import Problem, ValidateResult
from satchel.core.errors import SatchelError

NASTY = 'data/=HYPERLINK("http://x")<script>alert(1)</script>&amp;\n.csv'


@pytest.fixture
def result() -> ValidateResult:
    return ValidateResult(
        path="/bags/<b>my bag", level="full", valid=False, complete=False, version="1.0", algorithms=("md5",),
        files=3, bytes=12, remote=1,
        errors=(Problem(code="checksum", path=NASTY, message="It was changed.", line=7),),
        warnings=(Problem(code="case", path="=1+1", message="+advice"),),
        error_count=2, warning_count=1,
    )  # fmt: skip


def test_json_is_the_result(result: ValidateResult, tmp_path: Path) -> None:
    write_report([result], tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["valid"] is False
    assert told["errors"][0] == {"code": "checksum", "path": NASTY, "message": "It was changed.", "line": 7}


def test_csv_has_a_line_for_each_and_no_formulas(result: ValidateResult, tmp_path: Path) -> None:
    write_report([result], tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    bag = result.path
    assert rows == [
        ["bag", "severity", "code", "path", "line", "message"],
        [bag, "verdict", "", "", "", "not valid"],
        [bag, "checked", "", "", "", "full"],
        [bag, "error", "checksum", NASTY, "7", "It was changed."],
        [bag, "warning", "case", "'=1+1", "", "'+advice"],
    ]


def test_html_holds_all_as_text_and_nothing_as_markup(result: ValidateResult, tmp_path: Path) -> None:
    write_report([result], tmp_path / "r.htm")
    texts: list[str] = []
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.add(tag)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed((tmp_path / "r.htm").read_text())
    assert NASTY in texts
    assert "<b>my bag" in texts
    assert not tags & {"script", "b"}
    assert "The bag is not valid." in texts
    assert any("The first 2 of 3 are listed." in text for text in texts)


def test_several_bags_make_one_report(result: ValidateResult, tmp_path: Path) -> None:
    good = msgspec.structs.replace(
        result, path="/bags/good", valid=True, complete=True, errors=(), warnings=(), error_count=0, warning_count=0
    )
    for ending in ("json", "csv", "html"):
        write_report([result, good], tmp_path / f"r.{ending}")
    assert [told["valid"] for told in json.loads((tmp_path / "r.json").read_text())] == [False, True]
    with (tmp_path / "r.csv").open(newline="") as file:
        verdicts = [(row[0], row[5]) for row in csv.reader(file) if row[1] == "verdict"]
    assert verdicts == [(result.path, "not valid"), ("/bags/good", "valid")]
    page = (tmp_path / "r.html").read_text()
    assert "<h1>2 bags</h1>" in page
    assert page.index("not valid") < page.index("The bag is valid.")


def test_bags_that_could_not_be_checked_are_in_it(result: ValidateResult, tmp_path: Path) -> None:
    failed = [("/bags/<gone>", "There is no /bags/<gone>.")]
    checked = msgspec.structs.replace(result, profiles=("https://example.org/p.json",))
    for ending in ("json", "csv", "html"):
        write_report([checked], tmp_path / f"r.{ending}", failed)
    told = json.loads((tmp_path / "r.json").read_text())
    assert [bag["valid"] for bag in told] == [False, None]
    assert told[1]["failed"] == "There is no /bags/<gone>."
    assert "/bags/<gone>,verdict,,,,could not be checked: There is no" in (tmp_path / "r.csv").read_text()
    page = (tmp_path / "r.html").read_text()
    assert "<h1>2 bags</h1>" in page
    assert "could not be checked: There is no /bags/&lt;gone&gt;." in page
    assert "full, profile https://example.org/p.json" in page
    write_report([], tmp_path / "none.json", failed)
    assert json.loads((tmp_path / "none.json").read_text())[0]["path"] == "/bags/<gone>"
    with pytest.raises(SatchelError, match="nothing to report"):
        write_report([], tmp_path / "empty.json")


def test_another_ending_is_refused_and_a_file_that_cannot_be_written_leaves_nothing(
    result: ValidateResult, tmp_path: Path
) -> None:
    with pytest.raises(SatchelError, match="which kind of report"):
        write_report([result], tmp_path / "r.pdf")
    (tmp_path / "r.html").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_report([result], tmp_path / "r.html")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
