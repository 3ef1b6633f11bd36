"""Values on their way out: CSV as PostgreSQL writes it, JSON that reads back, in one piece or in many."""

from __future__ import annotations

import csv
import io
import json
import math
import sqlite3
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from ermrest_eye import ADMIN, Store, column, read, table
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.sandbox.ermrest import compile as compiler
from satchel.sandbox.ermrest import functions, render, types, url
from satchel.sandbox.ermrest.model import ErmrestError, Model, Schema, Table

COLUMNS = ["Text text", "Int int8", "Float float8", "Single float4", "Number numeric", "Flag boolean", "Day date"]
COLUMNS += [
    "Time timestamp",
    "Zoned timestamptz",
    "Doc jsonb",
    "Words text[]",
    "Floats float8[]",
    'It\'s_100%_"x" text',
]

# SQLite's printf ends a text at NUL, which PostgreSQL does not take either; half surrogates are no text.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
FLOATS = st.floats(allow_nan=False)
DOCS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Text": st.none() | TEXTS | st.sampled_from(["", ",", '"', "\r", "\n", "\\.", '~"5', '^"-1', " ", "NULL"]),
            "Int": st.none() | st.integers(-(2**63), 2**63 - 1),
            "Float": st.none() | FLOATS | st.sampled_from([0.1, 1e15, 1e-5, 100.0, math.inf, -math.inf, 5e-324]),
            "Single": st.none() | st.floats(width=32, allow_nan=False),
            "Number": st.none() | st.decimals(allow_infinity=False, allow_nan=False, places=5).map(types.decimal_text),
            "Flag": st.none() | st.booleans(),
            "Day": st.none() | st.dates().map(str),
            "Doc": st.none() | DOCS,
            "Words": st.none()
            | st.lists(st.none() | TEXTS | st.sampled_from(["NULL", "null", "a b", "{}", "\\", '"']), max_size=4),
        }
    ),
    max_size=6,
)


class Things:
    """A catalog with one table of all kinds of values."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.model = Model(acls={"owner": ["test1"]}, schemas={"s": Schema("S", "s")})
        self.table: Table = table("Thing", [], [])
        self.table.schema = "s"
        self.table.columns += [column(text, 10 + i) for i, text in enumerate(COLUMNS)]
        self.model.schemas["s"].tables["Thing"] = self.table
        self.store = Store(self.connection, self.model)

    def fill(self, rows: list[dict[str, Any]]) -> None:
        self.connection.execute(f'DELETE FROM "{self.table.phys}"')
        when = "2026-11-21T00:12:47.5+00:00"
        self.store.insert(
            self.table,
            [
                [
                    f"{i:04d}",
                    when,
                    when,
                    None,
                    None,
                    *(stored(row.get(c.name), c.type.base) for c in self.table.columns[5:]),
                ]
                for i, row in enumerate(rows)
            ],
        )

    def read(self, resource: str, media: str = render.JSON) -> str:
        return read(self.connection, self.model, resource, media=media).decode()


def stored(value: Any, base: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list) and base != "jsonb":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if base == "jsonb":
        return types.jsonb_text(value)
    return int(value) if isinstance(value, bool) else value


@pytest.fixture(scope="module")
def things() -> Iterator[Things]:
    made = Things()
    yield made
    made.connection.close()


@settings(max_examples=200, deadline=None)
@given(rows=ROWS)
def test_csv_reads_back(things: Things, rows: list[dict[str, Any]]) -> None:
    things.fill(rows)
    text = things.read("entity/s:Thing@sort(RID)", render.CSV)
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    header, body = found[0], found[1:]
    assert header == [c.name for c in things.table.columns]
    assert len(body) == len(rows)
    for row, cells in zip(rows, body, strict=True):
        got = dict(zip(header, cells, strict=True))
        assert got["Text"] == (row["Text"] or "")
        assert got["Int"] == ("" if row["Int"] is None else str(row["Int"]))
        if row["Float"] is None:
            assert got["Float"] == ""
        else:
            assert float(got["Float"]) == row["Float"]
            assert not got["Float"].endswith(".0")
        if row["Single"] is not None:
            assert struct.pack("<f", float(got["Single"])) == struct.pack("<f", row["Single"] or 0.0)
        assert got["Number"] == (row["Number"] or "")
        assert got["Flag"] == {None: "", True: "t", False: "f"}[row["Flag"]]
        assert got["Day"] == (row["Day"] or "")
        if row["Doc"] is not None:
            assert json.loads(got["Doc"]) == row["Doc"]
        if row["Words"] is None:
            assert got["Words"] == ""
        else:
            assert array(got["Words"]) == row["Words"]


def array(text: str) -> list[str | None]:
    """A PostgreSQL array literal of texts, read by its documented rules."""
    assert text[0] == "{"
    assert text[-1] == "}"
    found: list[str | None] = []
    at = 1
    while at < len(text) - 1:
        if text[at] == '"':
            word = ""
            at += 1
            while text[at] != '"':
                at += text[at] == "\\"
                word += text[at]
                at += 1
            found.append(word)
            at += 1
        else:
            end = min(i for i in (text.find(",", at), len(text) - 1) if i > 0)
            found.append(None if text[at:end].upper() == "NULL" else text[at:end])
            at = end
        assert text[at] in ",}"
        at += 1
    return found


@settings(max_examples=200, deadline=None)
@given(rows=ROWS)
def test_json_reads_back(things: Things, rows: list[dict[str, Any]]) -> None:
    things.fill(rows)
    found = json.loads(things.read("entity/s:Thing@sort(RID)"))
    stream = things.read("entity/s:Thing@sort(RID)", render.STREAM)
    assert [json.loads(line) for line in stream.split("\n")[:-1]] == found
    assert len(found) == len(rows)
    for row, got in zip(rows, found, strict=True):
        for name in ("Text", "Int", "Flag", "Day", "Doc", "Words"):
            assert got[name] == row[name]
        if row["Float"] is not None and math.isinf(row["Float"]):
            assert got["Float"] == ("Infinity" if row["Float"] > 0 else "-Infinity")
        else:
            assert got["Float"] == row["Float"]
        assert (got["Number"] is None) == (row["Number"] is None)


def test_null_and_empty_differ(things: Things) -> None:
    things.fill([{"Text": None}, {"Text": ""}, {"Text": "\\."}, {"Text": 'a"b'}, {"Text": " "}])
    assert things.read("attribute/s:Thing/Text", render.CSV) == ('Text\n\n""\n"\\."\n"a""b"\n \n')
    assert things.read("attribute/s:Thing/Text,Int", render.CSV) == 'Text,Int\n,\n"",\n\\.,\n"a""b",\n ,\n'


def test_names_are_quoted_where_they_must(things: Things) -> None:
    things.fill([{}])
    text = things.read("attribute/s:Thing/a%2C%22%25s:=Int,It%27s%5F100%25%5F%22x%22", render.CSV)
    assert text == '"a,""%s","It\'s_100%_""x"""\n,\n'
    text = things.read("attribute/s:Thing/a%2C%22%25s:=Int")
    assert json.loads(text) == [{'a,"%s': None}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (100.0, "100"),
        (100000000000000.0, "100000000000000"),
        (1000000000000000.0, "1e+15"),
        (1234567890123456.0, "1.234567890123456e+15"),
        (0.0001, "0.0001"),
        (1e-05, "1e-05"),
        (1 / 3, "0.3333333333333333"),
        (-2.5e-07, "-2.5e-07"),
        (1e100, "1e+100"),
    ],
)
def test_floats_as_postgresql_prints_them(things: Things, value: float, text: str) -> None:
    things.fill([{"Float": value}])
    assert things.read("attribute/s:Thing/Float", render.CSV) == f"Float\n{text}\n"
    assert things.read("attribute/s:Thing/Float") == f'[{{"Float":{text}}}]\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (16777216.0, "1.6777216e+07"), (123456.0, "123456"), (1e6, "1e+06"), (1e-5, "1e-05")],
)
def test_singles_as_postgresql_prints_them(things: Things, value: float, text: str) -> None:
    things.fill([{"Single": value}])
    assert things.read("attribute/s:Thing/Single", render.CSV) == f"Single\n{text}\n"


def test_arrays_may_be_json_in_csv(things: Things) -> None:
    things.fill([{"Words": ["a", None, 'b"']}, {"Words": []}, {"Floats": [1.0, 2.5]}])
    assert things.read("attribute/s:Thing/Words,Floats?arrays=json", render.CSV) == (
        'Words,Floats\n"[""a"",null,""b\\""""]",\n[],\n,"[1,2.5]"\n'
    )
    assert things.read("attribute/s:Thing/Words,Floats@sort(Floats)?limit=1") == '[{"Words":null,"Floats":[1,2.5]}]\n'
    assert things.read("attribute/s:Thing/Floats", render.CSV) == 'Floats\n\n\n"{1,2.5}"\n'


def test_times(things: Things) -> None:
    things.fill([{"Time": "2024-01-02T03:04:05.5", "Zoned": "2024-01-02T03:04:05+00:00"}])
    assert things.read("attribute/s:Thing/Time,Zoned,RCT", render.CSV) == (
        "Time,Zoned,RCT\n2024-01-02 03:04:05.5,2024-01-02 03:04:05+00,2026-11-21 00:12:47.5+00\n"
    )
    for same in ("2024-01-02T03%3A04%3A05Z", "2024-01-02%2004%3A04%3A05%2B01", "2024-01-01%2023%3A04%3A05.000-0400"):
        assert things.read(f"aggregate/s:Thing/Zoned={same}/n:=cnt(*)") == '[{"n":1}]\n'
    assert things.read("aggregate/s:Thing/Zoned::gt::2024-01-02/n:=cnt(*)") == '[{"n":1}]\n'
    assert things.read("aggregate/s:Thing/Zoned::lt::2024-01-02/n:=cnt(*)") == '[{"n":0}]\n'


def test_numerics_compare_as_numbers(things: Things) -> None:
    things.fill([{"Number": text} for text in ("9", "10", "-3.50", "0.1", "1000000000000000000000.5")] + [{}])
    assert things.read("attribute/s:Thing/Number@sort(Number)", render.CSV).split() == (
        ["Number", "-3.50", "0.1", "9", "10", "1000000000000000000000.5"]
    )
    assert things.read("attribute/s:Thing/Number::gt::9/Number@sort(Number)", render.CSV).split() == (
        ["Number", "10", "1000000000000000000000.5"]
    )
    assert things.read("aggregate/s:Thing/Number=-3.5/n:=cnt(*)") == '[{"n":1}]\n'
    assert things.read("aggregate/s:Thing/s:=sum(Number),hi:=max(Number),a:=avg(Number)") == (
        '[{"s":1000000000000000000016.10,"hi":1000000000000000000000.5,"a":200000000000000000003.22}]\n'
    )


def test_arrays_match_by_element(things: Things) -> None:
    things.fill([{"Words": ["a", "b"]}, {"Words": ["b"]}, {"Words": []}, {}])

    def count(condition: str) -> Any:
        return json.loads(things.read(f"aggregate/s:Thing/{condition}/n:=cnt(*)"))[0]["n"]

    assert count("Words=b") == 2
    assert count("Words=any(a,z)") == 1
    assert count("Words=all(a,b)") == 1
    assert count("!Words=a") == 2
    assert count("Words::gt::a") == 2
    assert count("Words::null::") == 1


def test_sums_of_large_integers(things: Things) -> None:
    things.fill([{"Int": 2**63 - 1}, {"Int": 2**63 - 1}, {"Int": -4}, {}])
    # 2**64 - 6, and a third of it: 16 digits are enough, so there are none after the point.
    assert things.read("aggregate/s:Thing/s:=sum(Int),a:=avg(Int)") == (
        '[{"s":18446744073709551610,"a":6148914691236517203}]\n'
    )


@pytest.mark.parametrize(
    ("total", "count", "text"),
    [(48, 8, "6.0000000000000000"), (7, 8, "0.87500000000000000000"), (10, 3, "3.3333333333333333"), (0, 4, None)],
)
def test_averages_have_postgresql_digits(total: int, count: int, text: str | None) -> None:
    found = types.average(Decimal(total), count)
    assert Decimal(found) == (Decimal(text) if text else 0)
    if text:
        assert found == text


def test_bins(things: Things) -> None:
    things.fill(
        [{"Float": v, "Day": d} for v, d in ((-1.0, "2020-01-01"), (0.0, "2020-01-03"), (9.9, None), (10.0, None))]
    )
    assert things.read("attributegroup/s:Thing/b:=bin(Float;4;0;10);n:=cnt(*)@sort(b)") == (
        '[{"b":[0, null, 0.0],"n":1},\n {"b":[1, 0, 2.5],"n":1},\n '
        '{"b":[4, 7.5, 10],"n":1},\n {"b":[5, 10.0, null],"n":1}]\n'
    )
    found = json.loads(things.read("attributegroup/s:Thing/b:=bin(Day;2;2020-01-01;2020-01-05);n:=cnt(*)@sort(b)"))
    assert [row["b"][0] for row in found] == [None, 1, 2]


def test_records_as_aggregates(things: Things) -> None:
    things.fill([{"Text": "x"}, {"Text": "x"}, {"Text": None}])
    assert (
        things.read("aggregate/s:Thing/a:=array(Text),d:=array_d(Text)") == '[{"a":["x", "x", null],"d":["x", null]}]\n'
    )
    (found,) = json.loads(things.read("aggregate/s:Thing/a:=array(*)"))
    assert [row["RID"] for row in found["a"]] == ["0000", "0001", "0002"]
    assert set(found["a"][0]) == {c.name for c in things.table.columns}


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^a.c$", "abc", True),
        (r"\mcat\M", "a cat!", True),
        (r"\mcat\M", "concat", False),
        ("[[:alpha:]]+[[:digit:]]", "é5", True),
        ("^[^[:space:]]+$", "a b", False),
        ("[]x]", "]", True),
        ("a$", "a\n", False),
        ("[[]", "[", True),
    ],
)
def test_regular_expressions_of_postgresql(pattern: str, text: str, matches: bool) -> None:
    assert bool(functions.regexp(pattern, False).search(text)) is matches


def test_bad_regular_expressions() -> None:
    for pattern in ("[", "(", "*a", "[[:nope:]]", "a{2,1}"):
        with pytest.raises(ErmrestError) as caught:
            functions.regexp(pattern, False)
        assert caught.value.status == 409


def test_many_rows_come_in_small_chunks(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"Text": "x" * (i % 97), "Int": i, "Float": i / 7} for i in range(5000)]
    things.fill(rows)
    wanted = things.read("attribute/s:Thing/Text,Int,Float@sort(Int)", render.CSV)
    assert wanted.count("\n") == 5001
    assert [row["Int"] for row in csv.DictReader(io.StringIO(wanted))] == [str(i) for i in range(5000)]
    for resource in (
        "attribute/s:Thing/Text,Int,Float",
        "attribute/s:Thing/Int::geq::0/Text,Int,Float@sort(Int)",
        "attribute/s:Thing/RID,Text,Int,Float@sort(RID)@after(0041)?limit=4000",
        "entity/s:Thing@sort(RID::desc::)",
        "entity/s:Thing@sort(RID)@before(4000)?limit=3000",
    ):
        for media in render.MEDIA:
            with monkeypatch.context() as patch:
                compiled = compiler.select(url.parse(*split(resource)), things.model, ADMIN)
                chunks = list(render.rows(compiled, things.connection.cursor(), media))
                assert len(chunks) > 3
                assert max(map(len, chunks)) < 2 * render.CHUNK
                whole = b"".join(chunks)
                patch.setattr(render, "_REMEMBERED", 100)
                assert b"".join(render.rows(compiled, things.connection.cursor(), media)) == whole
                compiled.batches = None
                assert b"".join(render.rows(compiled, things.connection.cursor(), media)) == whole


def split(resource: str) -> tuple[str, str, str]:
    api, _, rest = resource.partition("/")
    path, _, query = rest.partition("?")
    return api, path, query


def test_an_unfinished_answer_leaves_no_transaction(things: Things) -> None:
    things.connection.commit()
    things.fill([{"Int": i} for i in range(1000)])
    things.connection.commit()
    compiled = compiler.select(url.parse("entity", "s:Thing", ""), things.model, ADMIN)
    body = render.rows(compiled, things.connection.cursor(), render.JSON)
    next(body)
    assert things.connection.in_transaction
    body.close()
    assert not things.connection.in_transaction


@pytest.mark.parametrize(
    ("header", "query", "media"),
    [
        (None, "", render.JSON),
        ("*/*", "", render.JSON),
        ("text/csv", "", render.CSV),
        ("text/csv;q=0.5, application/x-json-stream;q=0.9", "", render.STREAM),
        ("text/html, text/csv; q=0", "", render.JSON),
        ("application/json", "accept=csv", render.CSV),
        ("text/csv", "accept=application%2Fx-json-stream", render.STREAM),
        ("text/csv", "accept=image%2Fpng", render.CSV),
    ],
)
def test_media_negotiation(header: str | None, query: str, media: str) -> None:
    assert render.negotiate(header, url.parse("entity", "t", query)) == media


def test_file_names_are_encoded() -> None:
    query = url.parse("entity", "t", "download=Gr%C3%B6%C3%9Fe%2F%22x%22")
    assert render.disposition(query, render.STREAM) == "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe%2F%22x%22.json"
