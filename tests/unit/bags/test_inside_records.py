"""Files of records as tables: the same rows as Python's readers give, from any place, in any order."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.core.bags.inside import order, work
from satchel.core.bags.inside.blocks import DamagedError, blocks, record_at, records, values
from satchel.core.bags.inside.columns import Profile
from satchel.core.bags.inside.form import Form, form_of
from satchel.core.bags.inside.records import Records, View
from satchel.core.bags.inside.tasks import GraphTask, KeysTask, OrderTask, ProfileTask


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path_factory.mktemp("home")))


CELLS = st.text(alphabet='ab",;\n\r \té\u2028', max_size=6)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=20)
)


def all_of(path: Path, form: Form, size: int) -> tuple[list[list[Any]], list[int]]:
    """Values and places of all records, read in blocks of some size."""
    found: list[list[Any]] = []
    places = []
    with path.open("rb") as file:
        for block in blocks(file, form, size=size):
            rows = values(block, form)
            assert (len(rows), block.row) == (block.rows, len(found))
            found += rows
            places += [record.offset for record in records(block, form)]
        assert [record_at(file, form, place) for place in places] == found
    return found, places


@settings(max_examples=300, deadline=None)
@given(TABLES, st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 40), st.sampled_from([",", ";", "\t"]))
def test_csv_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str, size: int, delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / ("x.tsv" if delimiter == "\t" else "x.csv")
    out = io.StringIO(newline="")
    heads = [f"h{number}" for number in range(max(2, len(rows[0])))]
    rows = [row + ["x"] * (len(heads) - len(row)) for row in rows]
    # Only what the line end holds is quoted by Python 3.11 without being told.
    quoting = csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(out, lineterminator=end, delimiter=delimiter, quoting=quoting)
    writer.writerow(heads)
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode())
    form = form_of(path)
    assert form is not None
    assert form.columns == tuple(heads)
    assert all_of(path, form, size)[0] == rows


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='a",\n\r b', max_size=60), st.integers(1, 30))
def test_what_is_hardly_csv_is_read_as_pythons_reader_reads_it(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: int
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes(b"h,i\n" + text.encode())
    form = form_of(path)
    assert form is not None
    expected = [[*row, "", ""][:2] for row in csv.reader(io.StringIO(text, newline="")) if row]
    assert all_of(path, form, size)[0] == expected


OBJECTS = st.dictionaries(
    st.text(alphabet="abcé", min_size=1, max_size=2),
    st.one_of(st.none(), st.integers(), st.text(max_size=5), st.booleans(), st.lists(st.integers(), max_size=2)),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(OBJECTS, min_size=2, max_size=15), st.integers(1, 60), st.sampled_from(["lines", "flat", "indented"]))
def test_json_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], size: int, how: str
) -> None:
    path = tmp_path_factory.mktemp("json") / "x.json"
    if how == "lines":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8", newline="\n")
    else:
        path.write_text(json.dumps(rows, indent=1 if how == "indented" else None), encoding="utf-8", newline="\n")
    form = form_of(path)
    assert form is not None
    assert form.kind == ("lines" if how == "lines" else "array")
    assert all_of(path, form, size)[0] == [[row.get(name) for name in form.columns] for row in rows]


def test_forms_are_told_from_the_first_bytes(tmp_path: Path) -> None:
    def form(name: str, data: bytes) -> Form | None:
        (tmp_path / name).write_bytes(data)
        return form_of(tmp_path / name)

    marked = form("a.csv", b"\xef\xbb\xbfRID,Name\n1,x\n")
    assert marked is not None
    assert marked.columns == ("RID", "Name")
    latin = form("b.csv", "Name;Größe\nx;1\n".encode("cp1252"))
    assert latin is not None
    assert latin.columns == ("Name", "Größe")
    assert "Windows-1252" in latin.said
    twice = form("c.csv", b"a,,a\n1,2,3\n")
    assert twice is not None
    assert twice.columns == ("a", "column 2", "a (2)")
    assert form("schema.json", b'{"schemas": {}}') is None, "one document is no table"
    assert form("list.json", b"[1, 2]") is None
    assert form("x.txt", b"a,b\n") is None
    assert form("empty.csv", b"") is None
    assert form("wide.csv", "a,b\n".encode("utf-16")) is None
    nothing = form("none.json", b"[]\n")
    assert nothing is not None
    assert all_of(tmp_path / "none.json", nothing, 10) == ([], [])


@pytest.mark.parametrize(
    ("values_", "type_"),
    [
        (["1", "-20", ""], "integer"),
        (["1", "2.5", "1e9"], "number"),
        (["007", "010"], "text"),
        (["t", "f", ""], "boolean"),
        (["2026-11-21", "2026-01-02"], "date"),
        (["2026-11-21T10:00:00+00:00", "2026-11-21 10:00:00.123456-08"], "timestamp"),
        (["1-ABCD", "1"], "text"),
        (["1\n2"], "text"),
        (["", ""], "empty"),
        (["1", "x"], "text"),
        ([1, 2, None], "integer"),
        ([1, 2.5], "number"),
        ([True, None], "boolean"),
        (["1", "2026-11-21"], "text"),
        ([{"a": 1}], "json"),
    ],
)
def test_types_are_what_all_values_are(values_: list[Any], type_: str) -> None:
    for size in (1, 10):
        profile = Profile(["x"])
        for first in range(0, len(values_), size):
            profile.add([[value] for value in values_[first : first + size]])
        (column,) = profile.columns()
        assert column.type == type_
        assert column.filled + column.empty == len(values_)


def do(task: Any) -> Any:
    return work.do(task, work.Teller())


def table(folder: Path, text: str, name: str = "t.csv") -> tuple[Path, Form]:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    form = form_of(path)
    assert form is not None
    return path, form


def ordered(path: Path, form: Form, **more: Any) -> list[list[Any]]:
    out = path.with_name("out")
    done = do(OrderTask(path=str(path), form=form, out=str(out), **more))
    assert done.rows == order.length(out)
    with path.open("rb") as file:
        return [record_at(file, form, offset) for _, offset in order.pairs(out)]


def test_sorting_is_by_type_and_leaves_empty_ones_last(tmp_path: Path) -> None:
    path, form = table(tmp_path, "n,t\n10,b\n9,\n,A\n2.5,a\n10,c\n")
    assert [row[0] for row in ordered(path, form, column=0, type="number")] == ["2.5", "9", "10", "10", ""]
    assert [row[1] for row in ordered(path, form, column=0, type="number")] == ["a", "", "b", "c", "A"]
    assert [row[1] for row in ordered(path, form, column=1)] == ["A", "a", "b", "c", ""]
    assert not list(tmp_path.glob("out.*")), "what was needed for sorting is removed"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(), st.floats(allow_nan=False)), min_size=1, max_size=30))
def test_numbers_are_sorted_as_numbers(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int | float | None]
) -> None:
    text = "n,x\n" + "".join(f"{'' if n is None else n},\n" for n in numbers)
    path, form = table(tmp_path_factory.mktemp("sort"), text)
    found = [row[0] for row in ordered(path, form, column=0, type="number")]
    there = [float(value) for value in found if value]
    assert there == sorted(float(n) for n in numbers if n is not None)
    assert found[len(there) :] == [""] * (len(numbers) - len(there))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.text(alphabet='aBß",\n', max_size=4), st.text(alphabet="ab1", max_size=3)), max_size=15),
    st.text(alphabet='abSß",1', min_size=1, max_size=2),
)
def test_a_filter_finds_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], text: str
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("a", "b"), *rows])
    path, form = table(tmp_path_factory.mktemp("filter"), out.getvalue())
    wanted = text.strip().casefold()
    assert ordered(path, form, text=text) == [list(row) for row in rows if any(wanted in c.casefold() for c in row)]
    assert ordered(path, form, text=text, only=1) == [list(row) for row in rows if wanted in row[1].casefold()]


def test_a_filter_of_json_sees_through_escapes(tmp_path: Path) -> None:
    path, form = table(tmp_path, '{"a": "\\u0041bel", "n": 1.50}\n{"a": "x", "n": 2}\n', "t.jsonl")
    assert [row[0] for row in ordered(path, form, text="abel")] == ["Abel"]
    assert [row[0] for row in ordered(path, form, text="1.5")] == ["Abel"]


def test_damage_is_told_with_its_line(tmp_path: Path) -> None:
    path, form = table(tmp_path, 'a,b\n1,2\n"x\ny",3\n4\n5,6,7\n\n8,9\n')
    done = do(ProfileTask(path=str(path), form=form))
    assert done.rows == 5
    assert [problem.line for problem in done.problems] == [5, 6]
    assert done.problems[0].message == "The row on line 5 of t.csv has 1 field where there are 2 columns."
    path, form = table(tmp_path, '{"a": 1}\n{"a": \n{"a": 3, "b": 4}\n', "t.jsonl")
    done = do(ProfileTask(path=str(path), form=form))
    assert [problem.message for problem in done.problems] == ["The row on line 2 of t.jsonl is no JSON."]
    path, form = table(tmp_path, '[{"a": 1},\n{"a": 2}\n', "t.json")
    done = do(ProfileTask(path=str(path), form=form))
    assert done.rows == 2
    (problem,) = done.problems
    assert problem.message == "t.json, line 3: the file ends within the array."
    (tmp_path / "u.csv").write_bytes(b"a,b\n" + b"x,y\n" * 70_000 + b"\xff\xfe,z\n")
    form = form_of(tmp_path / "u.csv")
    assert form is not None
    done = do(ProfileTask(path=str(tmp_path / "u.csv"), form=form))
    assert done.problems[0].line == 70_002
    assert "not UTF-8" in done.problems[0].message


def test_a_quotation_mark_that_is_never_closed_is_no_endless_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satchel.core.bags.inside.blocks.LONGEST", 1 << 16)
    monkeypatch.setattr("satchel.core.bags.inside.blocks.BLOCK", 1 << 12)
    path, form = table(tmp_path, 'a,b\n1,2\n3,"4\n' + "5,6\n" * 100_000)
    with path.open("rb") as file, pytest.raises(DamagedError) as raised:
        list(blocks(file, form, size=1 << 12))
    assert raised.value.message.startswith("t.csv, line 3:")
    assert "quotation mark" in raised.value.message


def in_loop(work_: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work_)


def rows_of(records_: Records, view: View, first: int, count: int) -> list[tuple[str | None, ...]]:
    return [row.cells for row in records_.page(view, first, count).rows]


def test_a_large_file_is_there_at_once_and_any_page_of_it_soon(tmp_path: Path) -> None:
    rows = 2_000_000
    path = tmp_path / "large.csv"
    with path.open("w", newline="") as file:
        file.write("RID,Group,Note\n")
        for first in range(0, rows, 1000):
            file.writelines(f'{n},{n % 7},"line {n}\nmore"\n' for n in range(first, first + 1000))
    found = Records.open(path, "large.csv", tmp_path)
    assert found is not None
    assert 0 < found.state.rows < rows
    assert not found.state.counted
    assert rows_of(found, found.plain, 0, 2) == [("0", "0", "line 0\nmore"), ("1", "1", "line 1\nmore")]
    tracemalloc.start()
    try:
        found.count()
        assert rows_of(found, found.plain, 1_999_999, 10) == [("1999999", "1", "line 1999999\nmore")]
        assert rows_of(found, found.plain, 1_234_567, 1)[0][0] == "1234567"
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.state.rows, found.state.counted) == (rows, True)
    assert most < 40 << 20


def test_types_sorting_filtering_and_keys_beside_the_window(tmp_path: Path) -> None:
    path, _ = table(tmp_path, "RID,N\n" + "".join(f"1-{n:04},{n % 100 if n % 3 else ''}\n" for n in range(5000)))
    found = Records.open(path, "t.csv", tmp_path)
    assert found is not None

    async def body() -> None:
        found.begin()
        await found.settled()
        assert found.state.read
        assert [column.type for column in found.state.columns] == ["text", "integer"]
        assert found.state.columns[1].empty == 1667
        assert found.state.columns[1].sure
        view = found.arrange(1, descending=True)
        await found.finish(view)
        assert found.total(view) == (5000, True)
        cells = [cells[1] for cells in rows_of(found, view, 0, 5000)]
        assert cells == sorted((c for c in cells if c), key=lambda c: -int(c or 0)) + [""] * 1667
        for first in (3330, 3333, 4990):
            assert [c[1] for c in rows_of(found, view, first, 20)] == cells[first : first + 20]
        some = found.arrange(text="1-004")
        await found.finish(some)
        assert [cells[0] for cells in rows_of(found, some, 0, 100)] == [f"1-004{n}" for n in range(10)]
        assert found.page(some, 0, 1).rows[0].number == 41
        keyed = await found.find(["RID"], ["1-0077"])
        assert rows_of(found, keyed, 0, 10) == [("1-0077", "77")]
        back = await found.find(["N"], ["5"])
        assert found.total(back)[0] == len([n for n in range(5000) if n % 3 and n % 100 == 5])
        assert found.total(await found.find(["RID"], ["none"])) == (0, True)
        await found.drop(view)
        await found.close()

    in_loop(body())


def test_what_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    path, _ = table(tmp_path, "a,b\n" + "x,y\n" * 500_000)
    found = Records.open(path, "t.csv", tmp_path)
    assert found is not None

    async def body() -> None:
        found.begin()
        view = found.arrange(0)
        await asyncio.sleep(0.3)
        await found.drop(view)
        assert view.done
        await found.close()

    in_loop(body())
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_keys_of_two_columns_are_found_together(tmp_path: Path) -> None:
    path, form = table(tmp_path, "a,b\nx,yz\nxy,z\n,z\n")
    done = do(KeysTask(path=str(path), form=form, out=str(tmp_path / "keys"), columns=(0, 1)))
    assert done.rows == 3


def test_half_characters_numbers_without_end_and_deep_nests_do_no_harm(tmp_path: Path) -> None:
    path, form = table(tmp_path, '{"a\\ud800": 1, "b": "\\udc00x"}\n{"b": ' + "9" * 5000 + '}\n{"b": 2}\n', "t.jsonl")
    assert form.columns == ("b",)
    done = do(ProfileTask(path=str(path), form=form))
    msgspec.json.encode(done)
    assert [problem.line for problem in done.problems] == [2]
    assert done.extra == ("a?",)
    found = Records(path, "t.jsonl", form, tmp_path)
    found._put(0, form.start, form.line)
    assert found.page(found.plain, 0).rows[0].cells == ("?x",)
    deep = tmp_path / "deep.json"
    deep.write_text('[{"a": 1},\n{"a": ' + "[" * 200_000 + "]" * 200_000 + "}]")
    form_ = form_of(deep)
    assert form_ is not None
    done = do(ProfileTask(path=str(deep), form=form_))
    assert done.rows <= 1
    assert done.problems


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(alphabet='{}[]",:a1\\u\n\r \t-.e\ud800tfn', max_size=80).map(
            lambda t: t.encode("utf-8", "surrogatepass")
        ),
    ),
    st.sampled_from(["x.csv", "x.tsv", "x.json", "x.jsonl"]),
)
def test_whatever_a_file_holds_is_read_or_refused_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / name
    path.write_bytes(data)
    form = form_of(path)
    if form is None:
        return
    msgspec.json.encode(form)
    done = do(ProfileTask(path=str(path), form=form))
    msgspec.json.encode(done)
    found = Records.open(path, name, folder)
    assert found is not None
    found.count()
    assert found.state.rows == done.rows
    if found.state.failure is None:
        rows = found.page(found.plain, 0, 1000).rows
        assert len(rows) == done.rows
        assert all(len(row.cells) == len(form.columns) for row in rows)
        for row in rows:
            msgspec.json.encode(row.cells)
        if form.columns:
            out = folder / "out"
            assert do(OrderTask(path=str(path), form=form, out=str(out), column=0)).rows == done.rows
            view = View(out, len(rows), filled=len(rows))
            assert {row.number: row for row in found.page(view, 0, 1000).rows} == {row.number: row for row in rows}
            do(KeysTask(path=str(path), form=form, out=str(folder / "keys"), columns=(0,)))
    do(GraphTask(files=((f"data/{name}", str(path)),)))


@pytest.mark.parametrize("how", ["array", "lines", "csv"])
def test_large_files_are_counted_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr("satchel.core.bags.inside.records.SMALL", 0)
    rows = 20_000
    path = tmp_path / {"array": "t.json", "lines": "t.jsonl", "csv": "t.csv"}[how]
    objects = [json.dumps({"n": n, "é": f'x"\n{n}'}, ensure_ascii=False) for n in range(rows)]
    if how == "array":
        path.write_text("[" + ",".join(objects) + "]", encoding="utf-8")
    elif how == "lines":
        path.write_text("\n".join(objects), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("n", "é"), *((n, f'x"\n{n}') for n in range(rows))])
    found = Records.open(path, path.name, tmp_path)
    assert found is not None
    assert 0 < found.state.rows < rows

    async def body() -> None:
        found.begin()
        await found.settled()
        assert (found.state.rows, found.state.counted, found.state.read) == (rows, True, True)
        assert [column.type for column in found.state.columns] == ["integer", "text"]
        assert len(found._rows) > 5
        for first in (rows - 3, 12_345, 7_000):
            assert rows_of(found, found.plain, first, 2) == [(str(n), f'x"\n{n}') for n in (first, first + 1)]
        view = found.arrange(0, descending=True)
        await found.finish(view)
        assert rows_of(found, view, 0, 1) == [(str(rows - 1), f'x"\n{rows - 1}')]
        await found.close()

    in_loop(body())
