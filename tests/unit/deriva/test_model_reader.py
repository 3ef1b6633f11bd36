"""Tables are told apart as deriva-py tells them apart, and paths hold any name."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from deriva.core.ermrest_model import Model as DerivaModel
from hypothesis import given
from hypothesis import strategies as st

from catalog_maker import T, model_of, schema_document
from satchel.core.deriva import paths, snapshots
from satchel.core.deriva.model_reader import read_model
from satchel.core.deriva.names import TableName
from satchel.core.errors import SatchelError


def ref(column: str, table: str = "s:A"):
    return ((column,), table, ("RID",))


ASSOCIATIONS = {
    "pure": (T(columns=["X", "Y"], keys=[["X", "Y"]], refs=[ref("X"), ref("Y")]), True),
    "with a column of its own": (T(columns=["X", "Y", "N"], keys=[["X", "Y"]], refs=[ref("X"), ref("Y")]), True),
    "with a third reference": (
        T(columns=["X", "Y", "Z"], keys=[["X", "Y"]], refs=[ref("X"), ref("Y"), ref("Z")]),
        True,
    ),
    "composite": (
        T(
            columns=["P", "Q", "Y"],
            keys=[["P", "Q", "Y"]],
            refs=[(("P", "Q"), "s:A", ("J", "K")), ref("Y")],
        ),
        True,
    ),
    "qualified": (T(columns=["X", "Y", "N"], keys=[["X", "Y", "N"]], refs=[ref("X"), ref("Y")]), False),
    "of three": (T(columns=["X", "Y", "Z"], keys=[["X", "Y", "Z"]], refs=[ref("X"), ref("Y"), ref("Z")]), False),
    "overlapping": (
        T(columns=["X", "Y", "Z"], keys=[["X", "Y", "Z"]],
          refs=[(("X", "Y"), "s:A", ("J", "K")), (("Y", "Z"), "s:A", ("J", "K"))]),
        False,
    ),
    "without a key": (T(columns=["X", "Y"], refs=[ref("X"), ref("Y")]), False),
    "one reference": (T(columns=["X", "Y"], keys=[["X", "Y"]], refs=[ref("X")]), False),
}  # fmt: skip


@pytest.mark.parametrize("name", ASSOCIATIONS)
def test_associations_are_deriva_pys(name):
    table, expected = ASSOCIATIONS[name]
    tables = {"s:A": T(columns=["J", "K"], keys=[["J", "K"]]), "s:B": table}
    assert model_of(tables).tables[TableName("s", "B")].is_association is expected
    document = schema_document(tables)
    document.setdefault("acls", {})
    theirs = DerivaModel(None, document).schemas["s"].tables["B"]
    assert bool(theirs.is_association(pure=False)) is expected


def test_assets_name_their_columns():
    document = schema_document({"s:A": T(asset=True), "s:B": T(columns=["u", "len"])})
    column = document["schemas"]["s"]["tables"]["B"]["column_definitions"][5]
    column["annotations"] = {"tag:isrd.isi.edu,2017:asset": {"byte_count_column": "len", "md5": False}}
    model = read_model(document)
    a, b = (model.tables[TableName("s", name)].asset for name in "AB")
    assert (a.url, a.filename, a.length, a.md5, a.sha256) == ("URL", "Filename", "Length", "MD5", None)
    assert (b.url, b.filename, b.length, b.md5) == ("u", None, "len", None)


def test_rights_are_kept():
    model = model_of({"s:A": T(columns=["X", "Y"], select=None, hidden_columns=["X"]), "s:B": T(select=False)})
    a, b = (model.tables[TableName("s", name)] for name in "AB")
    assert a.selectable
    assert not a.column("X").selectable
    assert a.column("Y").selectable
    assert not b.selectable


@pytest.mark.parametrize("document", [None, [], {}, {"schemas": 1}, {"schemas": {"s": {"tables": {"t": {}}}}}])
def test_what_is_no_schema_is_told(document):
    with pytest.raises(SatchelError, match=r"www\.example\.org"):
        read_model(document, "www.example.org")


@given(st.text(min_size=1), st.text())
def test_escaped_names_and_values_come_back(column, value):
    name, _, text = paths.equals(column, value).partition("=")
    assert (unquote(name), unquote(text)) == (column, value)
    assert set(paths.escape(value)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%")


@given(st.lists(st.text(max_size=40), max_size=200), st.integers(1, 500))
def test_batches_lose_nothing_and_fit(values, limit):
    batches = list(paths.batches(values, limit))
    assert [value for batch in batches for value in batch] == values
    assert all(len(batch) == 1 or len(",".join(map(paths.escape, batch))) <= limit for batch in batches)


def test_snapshots_are_times():
    # Recorded from a real server: the catalog's snaptime, and the same moment in an entity tag.
    when = datetime(2026, 11, 21, 0, 12, 48, 927819, tzinfo=UTC)
    assert snapshots.moment("361-FHRH-AM4P") == when
    assert snapshots.identifier(when) == "361-FHRH-AM4P"
    assert snapshots.microseconds("361-FHRB-PTNM") < snapshots.microseconds("361-FHRH-AM4P")


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_snapshots_come_back(when):
    when = when.replace(tzinfo=UTC)
    assert snapshots.moment(snapshots.identifier(when)) == when


@pytest.mark.parametrize("text", ["", "---", "36U", "a b"])
def test_what_is_no_snapshot_is_refused(text):
    with pytest.raises(ValueError):
        snapshots.microseconds(text)
