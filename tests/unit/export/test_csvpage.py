"""Pages of CSV are taken as they are, and only when they hold exactly the rows that were asked for."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from satchel.core.export.csvpage import PageError, check, columns_of, first_record_end

Row = list[str | None]


def field(value: str | None) -> str:
    """A field as PostgreSQL writes it: nothing for null, and quotes where they are needed or the text is empty."""
    if value is None:
        return ""
    if value == "" or any(c in value for c in ',"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def written(rows: list[Row]) -> bytes:
    return "".join(",".join(map(field, row)) + "\n" for row in rows).encode()


texts = st.text(
    st.one_of(st.sampled_from('",\n\r\t;\\ ab魚é'), st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    max_size=8,
)
rids = st.from_regex(r"[1-9][0-9A-Z]{0,3}-[0-9A-Z]{1,4}", fullmatch=True)


@st.composite
def tables(draw, least: int = 0) -> tuple[list[str], list[str], list[Row]]:
    """Column names with RID somewhere among them, RIDs, and rows."""
    names = draw(st.lists(texts.filter(lambda name: name not in ("", "RID")), max_size=4, unique=True))
    place = draw(st.sampled_from([0, 0, len(names)]))
    keys = draw(st.lists(rids, min_size=least, max_size=5, unique=True))
    others = draw(
        st.lists(
            st.lists(st.none() | texts, min_size=len(names), max_size=len(names)),
            min_size=len(keys),
            max_size=len(keys),
        )
    )
    rows: list[Row] = [[*row[:place], key, *row[place:]] for key, row in zip(keys, others, strict=True)]
    return [*names[:place], "RID", *names[place:]], keys, rows


@given(tables())
def test_any_table_comes_through_unchanged(table):
    names, keys, rows = table
    header, body = written([names]), written(rows)
    page = check(header + body, keys)
    assert (page.header, page.body, page.rows) == (header, body, len(keys))
    assert columns_of(page.header) == names
    assert check(header + body, keys, page.header) == page


@given(st.lists(texts, min_size=1, max_size=4), st.binary(max_size=20))
def test_the_first_record_ends_where_it_ends(names, behind):
    header = written([names])
    assert first_record_end(header + behind) == len(header)


@given(tables(least=1), st.data())
@example((["RID", "a"], ["1-A"], [["1-A", "x\ny"]]), None)
def test_a_page_that_was_cut_is_refused_wherever_it_was_cut(table, data):
    names, keys, rows = table
    whole = written([names]) + written(rows)
    cuts = range(len(whole)) if data is None else [data.draw(st.integers(0, len(whole) - 1))]
    for cut in cuts:
        with pytest.raises(PageError):
            check(whole[:cut], keys)


@given(tables())
def test_a_header_that_was_cut_is_refused(table):
    header = written([table[0]])
    assume(header)
    for cut in range(len(header)):
        with pytest.raises(PageError):
            check(header[:cut], [])


@given(tables(least=1), tables(least=1), st.data())
def test_other_rows_than_those_asked_for_are_refused(table, other, data):
    names, keys, rows = table
    header = written([names])
    place = data.draw(st.integers(0, len(rows) - 1))
    stranger = data.draw(rids.filter(lambda rid: rid != keys[place]))
    strange = [*rows[place]]
    strange[names.index("RID")] = stranger
    pages = [
        [*rows[:place], *rows[place + 1 :]],
        [*rows[: place + 1], *rows[place:]],
        [*rows[:place], strange, *rows[place + 1 :]],
    ]
    if len(rows) > 1:
        pages.append(rows[::-1])
    for page in pages:
        with pytest.raises(PageError):
            check(header + written(page), keys)
    if other[0] != names:
        with pytest.raises(PageError, match="columns"):
            check(written([other[0]]) + written(other[2]), other[1], header)


@given(tables(least=1), st.data())
def test_a_row_without_all_its_fields_is_refused(table, data):
    names, keys, rows = table
    assume(len(names) > 1)
    place = data.draw(st.integers(0, len(rows) - 1))
    last = names.index("RID") != len(names) - 1
    short = rows[place][:-1] if last else rows[place][1:]
    body = written([*rows[:place], short, *rows[place + 1 :]])
    assume(names[0] != "RID" or b'"' not in body)  # there, only the RIDs are looked at, for speed
    with pytest.raises(PageError):
        check(written([names]) + body, keys)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (b"", "no column RID"),
        (b"<!DOCTYPE html>\n<p>Sign in</p>\n", "no column RID"),
        (b'{"RID": "1-A"}\n', "no column RID"),
        (b"Name\nx\n", "no column RID"),
        (b"RID", "middle of its header"),
        (b"\xff\xfeRID\n1-A\n", "no column RID"),
        (b"Name,RID\n\xff,1-A\n", "not UTF-8"),
        (b"RID\n", "0 rows where 1 "),
        (b"RID\n1-A\n1-B\n", "2 rows where 1"),
        (b"RID\n1-B\n", "'1-B' where '1-A'"),
        (b"RID,a\n1-A,x", "in the middle of a row"),
        (b'RID,a\n1-A,"x\n', "no CSV"),
        (b'a,RID\n"x"y,1-A\n', "no CSV"),
        (b"RID,a\n1-A\n", "a row has 1 fields where there are 2 columns"),
    ],
)
def test_what_is_no_such_page_is_told_in_words(page, says):
    with pytest.raises(PageError, match=says):
        check(page, ["1-A"])
