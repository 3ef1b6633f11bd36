"""Pages of rows in JSON and CSV: passed on as they came, digested alike, changed where they must be."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_maker import T, model_of
from satchel.core.clone.csvrows import CsvCodec, field_of, header_of, records, split_fields, value_of
from satchel.core.clone.rows import RowCodec, RowsError

COLUMNS = ("A b", 'Said "so"', "é")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
values = st.none() | texts


def json_codec() -> RowCodec:
    (table,) = model_of({"s:T": T(columns=COLUMNS)})
    return RowCodec(table)


def row(rid: str, *given: str | None) -> dict[str, str | None]:
    return {"RID": rid, "RCT": "t", "RMT": "m", "RCB": "c", "RMB": "n", **dict(zip(COLUMNS, given, strict=True))}


rows = st.lists(st.tuples(values, values, values), min_size=1, max_size=6).map(
    lambda some: [row(f"1-{n:03}", *each) for n, each in enumerate(some)]
)


@given(rows)
def test_json_goes_on_as_it_came(given_rows):
    body = json.dumps(given_rows, indent=1, ensure_ascii=False).encode()
    rids = [r["RID"] for r in given_rows]
    page = json_codec().page([body], rids)
    assert page.body == body
    assert page.rids == rids


@given(rows, st.randoms())
def test_the_digest_minds_values_and_not_the_order_nor_who_changed_a_row(given_rows, dice):
    codec = json_codec()
    whole = codec.page([json.dumps(given_rows).encode()], None).digest
    other = [{**r, "RMT": "later", "RMB": "somebody"} for r in given_rows]
    dice.shuffle(other)
    assert codec.page([json.dumps(other).encode()], None).digest == whole
    other[0] = {**other[0], "é": (other[0]["é"] or "") + "x"}
    assert codec.page([json.dumps(other).encode()], None).digest != whole


@given(rows, st.data())
def test_rows_that_are_not_wanted_are_dropped_and_their_digest_with_them(given_rows, data):
    codec = json_codec()
    wanted = [r for r in given_rows if data.draw(st.booleans())]
    page = codec.page([json.dumps(given_rows).encode()], [r["RID"] for r in wanted])
    assert json.loads(page.body) == wanted
    assert page.digest == codec.page([json.dumps(wanted).encode()], None).digest


def test_a_page_that_lacks_a_row_or_is_something_else_is_none():
    codec = json_codec()
    body = json.dumps([row("1-A", None, None, None)]).encode()
    for bodies, wanted in (([body], ["1-A", "1-B"]), ([b'{"a": 1}'], None), ([b'[{"RID": "1"}]'], None)):
        with pytest.raises(RowsError):
            codec.page(bodies, wanted)


def test_what_must_change_changes_and_all_else_stays_to_the_digit():
    codec = json_codec()
    body = b'[{"RID":"1-A","RCT":"t","RMT":1,"RCB":null,"RMB":2,'
    body += b'"A b":"/x","Said \\"so\\"":1.10,"\xc3\xa9":12345678901234567890}]'
    page = codec.page([body], None, ("A b", lambda value: f"https://h{value}"))
    assert b'"A b":"https://h/x"' in page.body
    assert b":1.10," in page.body
    assert b":12345678901234567890}" in page.body
    assert codec.page([page.body], None).digest == page.digest


def as_csv(given_rows) -> bytes:
    """As ERMrest writes it: null is empty, an empty text is quoted."""
    lines = [header_of(given_rows[0])]
    lines += [b",".join(map(field_of, r.values())) + b"\n" for r in given_rows]
    return b"".join(lines)


@given(rows)
def test_csv_is_read_as_it_is_meant(given_rows):
    body = as_csv(given_rows)
    found = list(records(io.BytesIO(body)))
    assert b"".join(found) == body
    read = [[value_of(field) for field in split_fields(record)] for record in found[1:]]
    assert read == [list(r.values()) for r in given_rows]
    plain = list(csv.reader(io.StringIO(body.decode(), newline="")))[1:]
    assert plain == [[value or "" for value in r.values()] for r in given_rows]


@given(rows, st.data())
def test_csv_pages_do_as_json_pages_do(given_rows, data):
    body = as_csv(given_rows)
    codec = CsvCodec(header_of(given_rows[0]))
    wanted = [r for r in given_rows if data.draw(st.booleans())]
    page = codec.page([body], [r["RID"] for r in wanted])
    assert page.body == (as_csv(wanted) if wanted else codec.header)
    whole = codec.page([body], None)
    assert whole.body == body
    parts = codec.split(body)
    assert codec.join(raw for _, raw in parts) == body
    null = codec.digest([codec.nulled(r, ("é",)) for r in codec.decode(body)])
    assert null == codec.page([as_csv([{**r, "é": None} for r in given_rows])], None).digest
    changed = codec.page([body], None, ("é", lambda value: None if value is None else value + "!"))
    expected = [{**r, "é": None if r["é"] is None else r["é"] + "!"} for r in given_rows]
    assert changed.digest == codec.page([as_csv(expected)], None).digest
    other_order = [dict(reversed(r.items())) for r in given_rows]
    assert codec.page([as_csv(other_order)], None).digest == whole.digest


def test_a_record_that_does_not_end_is_told():
    with pytest.raises(RowsError):
        list(records(io.BytesIO(b'a,b\n"x,1\n')))


def test_the_digest_minds_the_moment_and_not_the_zone_in_which_a_server_tells_it():
    (table,) = model_of({"s:T": T(columns=("When", "Value", "Text"))})
    types = {"When": "timestamptz", "Value": "float8"}
    columns = tuple(replace(column, typename=types.get(column.name, column.typename)) for column in table.columns)
    codec = RowCodec(replace(table, columns=columns))

    def digest(when: str, value: str, text: str) -> int:
        body = f'[{{"RID":"1","RCT":"t","RMT":"","RCB":null,"RMB":"","When":{when},"Value":{value},"Text":{text}}}]'
        return codec.page([body.encode()], None).digest

    one = digest('"2024-01-01T12:00:00.5+00:00"', "0.1", '"0.1"')
    assert digest('"2024-01-01T04:00:00.500000-08:00"', "0.10000000000000001", '"0.1"') == one
    assert digest('"2024-01-01T12:00:00.5-08:00"', "0.1", '"0.1"') != one
    assert digest('"2024-01-01T12:00:00.5+00:00"', "0.2", '"0.1"') != one
    assert digest('"2024-01-01T12:00:00.5+00:00"', "0.1", '"0.10000000000000001"') != one
    assert digest("null", "null", "null") != one
    assert digest('"infinity"', '"NaN"', "null") == digest('"infinity"', '"NaN"', "null")
