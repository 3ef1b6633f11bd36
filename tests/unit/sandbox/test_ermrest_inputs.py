"""CSV bodies are read piece by piece, and it makes no difference where the pieces end."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.sandbox.ermrest import inputs
from satchel.sandbox.ermrest.model import ErmrestError

CELLS = st.text(st.sampled_from('ab",\n\r é山'), max_size=6)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=12), piece=st.integers(1, 9), end=st.sampled_from(["\n", "\r\n"])
)
def test_records_over_the_ends_of_pieces(rows: list[tuple[str, str]], piece: int, end: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerows([("A", "B"), *rows])
    patch = pytest.MonkeyPatch()
    patch.setattr(inputs, "_PIECE", piece)
    try:
        found = list(inputs.read_csv(io.BytesIO(out.getvalue().encode()), ["A", "B"], frozenset()))
    finally:
        patch.undo()
    assert found == [{"A": a, "B": b} for a, b in rows]


def test_what_is_wrong_is_told_with_its_record() -> None:
    body = b"A,B\n" + b'1,"x\ny"\n' * 3 + b"only one\n"
    rows = inputs.read_csv(io.BytesIO(body), ["A", "B"], frozenset())
    with pytest.raises(ErmrestError, match="record 5"):
        list(rows)
    with pytest.raises(ErmrestError, match="Bad CSV input"):
        list(inputs.read_csv(io.BytesIO(b"A\n\xff\n"), ["A"], frozenset()))
