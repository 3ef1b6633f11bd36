"""Names of tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.deriva.names import TableName


@given(st.text(min_size=1).filter(lambda s: ":" not in s), st.text(min_size=1))
def test_what_is_written_is_read_back(schema: str, table: str) -> None:
    assert TableName.parse(str(TableName(schema, table))) == TableName(schema, table)


@pytest.mark.parametrize("text", ["Subject", ":Subject", "eye:", ""])
def test_a_name_without_both_parts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="schema:table"):
        TableName.parse(text)


def test_reserved_characters_are_escaped_in_urls() -> None:
    assert TableName("eye", "Site Room/é").path == "eye:Site%20Room%2F%C3%A9"
