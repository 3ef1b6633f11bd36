"""Two bags are compared file by file, and their records row by row."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bag_maker import make_bag
from satchel.core.bags import compare, packing
from satchel.core.bags.compare import DiffRequest, DiffResult
from satchel.core.bags.packing import ArchiveRequest
from satchel.core.errors import SatchelError
from satchel.core.jobs.state import local_context

RECORDS = "data/records/eye.Study.csv"
Rows = dict[str, dict[str, str]]


def records(rows: Rows, columns: tuple[str, ...] = ("RID", "Name", "Note"), order: list[str] | None = None) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    for rid in order or sorted(rows):
        writer.writerow({"RID": rid, **rows[rid]})
    return out.getvalue().encode()


def diff(folder: Path, before: Path, after: Path, rows: bool = True) -> DiffResult:
    request = DiffRequest(path=str(before), other=str(after), rows=rows)
    return asyncio.run(compare.run(request, local_context(folder / "context")))


def two(folder: Path, before: bytes, after: bytes) -> DiffResult:
    one = make_bag(folder / "one", {RECORDS: before})
    return diff(folder, one, make_bag(folder / "two", {RECORDS: after}))


def test_files_are_compared_without_reading_them(tmp_path: Path) -> None:
    far = {"data/far": ("https://a.example.org/far", b"far"), "data/moved": ("https://a.example.org/m", b"m")}
    one = make_bag(tmp_path / "one", {"data/same": b"s", "data/gone": b"g", "data/other": b"1"}, far, [("X", "1")])
    two = make_bag(
        tmp_path / "two",
        {"data/same": b"s", "data/other": b"2", "data/new": b"n", "data/moved": b"m"},
        {"data/far": ("https://b.example.org/far", b"near")},
        [("X", "1"), ("X", "2")],
    )
    found = diff(tmp_path, one, two)
    assert [(c.kind, c.path) for c in found.files] == [
        ("changed", "data/far"),
        ("removed", "data/gone"),
        ("added", "data/new"),
        ("changed", "data/other"),
    ]
    assert (found.same, found.added, found.removed, found.changed, found.unchanged) == (False, 1, 1, 2, 2)
    assert [(c.label, c.before, c.after) for c in found.info if c.label == "X"] == [("X", ("1",), ("1", "2"))]


def test_bags_without_a_checksum_in_common(tmp_path: Path) -> None:
    far = {"data/far": ("https://a.example.org/far", b"far")}
    one = make_bag(tmp_path / "one", {"data/same": b"s", "data/other": b"1"}, far, algorithms=("md5",))
    two = make_bag(tmp_path / "two", {"data/same": b"s", "data/other": b"2"}, far, algorithms=("sha256",))
    found = diff(tmp_path, one, two)
    assert [(c.kind, c.path) for c in found.files] == [("unknown", "data/far"), ("changed", "data/other")]
    assert (found.same, found.unchanged, found.unknown) == (False, 1, 1)


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_an_archive_is_as_its_folder(tmp_path: Path, kind: str) -> None:
    one = make_bag(tmp_path / "one", {"data/a": b"a"})
    request = ArchiveRequest(path=str(one), format=kind)  # type: ignore[arg-type]
    packed = asyncio.run(packing.run(request, local_context(tmp_path / "context")))
    found = diff(tmp_path, one, Path(packed.archive))
    assert (found.same, found.unchanged, found.files, found.info) == (True, 1, (), ())


@pytest.mark.parametrize("order", [None, ["1-C", "1-A", "1-D"]], ids=["sorted", "unsorted"])
def test_rows_are_compared_by_rid(tmp_path: Path, order: list[str] | None) -> None:
    before = {"1-A": {"Name": "a", "Note": 'two\nlines "q"'}, "1-B": {"Name": "b"}, "1-C": {"Name": "c", "Note": "c"}}
    after = {"1-A": {"Name": "a", "Note": 'two\nlines "Q"'}, "1-C": {"Name": "c", "Note": "c"}, "1-D": {"Name": "d"}}
    found = two(tmp_path, records(before), records(after, order=order))
    (table,) = found.tables
    assert (table.added, table.removed, table.changed, table.note) == (1, 1, 1, "")
    assert [(row.kind, row.rid, row.columns) for row in table.rows] == [
        ("changed", "1-A", ("Note",)),
        ("removed", "1-B", ()),
        ("added", "1-D", ()),
    ]


def test_columns_that_come_go_or_move_are_no_changes_of_rows(tmp_path: Path) -> None:
    rows = {"1-A": {"Name": "a", "Note": "n", "More": "m"}}
    found = two(tmp_path, records(rows, ("RID", "Name", "Note")), records(rows, ("More", "Name", "RID")))
    (table,) = found.tables
    assert (table.columns_added, table.columns_removed) == (("More",), ("Note",))
    assert (table.added, table.removed, table.changed) == (0, 0, 0)


def test_what_cannot_be_compared_by_rows_is_said(tmp_path: Path) -> None:
    (table,) = two(tmp_path, b"Name\na\n", b"Name\nb\n").tables
    assert "no column RID" in table.note
    twice = two(tmp_path / "twice", b"RID,N\n1,a\n1,b\n", b"RID,N\n1,a\n")
    assert "1 rows have the RID of another" in twice.tables[0].note
    same_names = two(tmp_path / "names", b"RID,N,N\n1,a,b\n", b"RID,N,N\n1,a,c\n")
    assert "same name" in same_names.tables[0].note
    broken = two(tmp_path / "broken", b"RID,N\n1,\xff\n", b"RID,N\n1,\xfe\n2\n")
    assert [(row.kind, row.rid) for row in broken.tables[0].rows] == [("changed", "1"), ("added", "2")]


def test_rows_are_left_alone_when_files_suffice(tmp_path: Path) -> None:
    one = make_bag(tmp_path / "one", {RECORDS: b"RID\n1\n"})
    two = make_bag(tmp_path / "two", {RECORDS: b"RID\n2\n"})
    assert diff(tmp_path, one, two, rows=False).tables == ()


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    one = make_bag(tmp_path / "one", {})
    with pytest.raises(SatchelError, match="There is no"):
        diff(tmp_path, one, tmp_path / "none")


rids = st.text("0123456789ABCDEF-", min_size=1, max_size=3)
tables = st.dictionaries(rids, st.fixed_dictionaries({"Name": st.text('ab\n",', max_size=3)}), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=tables, after=tables, shuffled=st.booleans(), chance=st.randoms(use_true_random=False))
def test_any_two_tables(
    tmp_path_factory: pytest.TempPathFactory, before: Rows, after: Rows, shuffled: bool, chance: object
) -> None:
    order = sorted(after)
    if shuffled:
        chance.shuffle(order)  # type: ignore[attr-defined]
    found = two(tmp_path_factory.mktemp("diff"), records(before), records(after, order=order))
    told = {(row.kind, row.rid) for table in found.tables for row in table.rows}
    assert told == {
        *(("removed", rid) for rid in before.keys() - after.keys()),
        *(("added", rid) for rid in after.keys() - before.keys()),
        *(("changed", rid) for rid in before.keys() & after.keys() if before[rid] != after[rid]),
    }
