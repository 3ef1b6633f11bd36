"""Addresses of records are understood as browsers show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.deriva.addresses import RecordAddress, record_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://www.eye-ai.org/chaise/record/#1/eye:Subject/RID=1-abcd",
            RecordAddress("www.eye-ai.org", "1", "1-ABCD"),
        ),
        (
            " https://h:8443/chaise/record/#eye-ai@361-FHRB-PTNM/eye:Sub%20ject/RID=1-ABCD?pcid=x ",
            RecordAddress("h:8443", "eye-ai", "1-ABCD", "361-FHRB-PTNM"),
        ),
        (
            "https://h/chaise/recordset/#1/eye:Subject/A=b&RID=1-ABCD@sort(RID)",
            RecordAddress("h", "1", "1-ABCD"),
        ),
        ("https://h/id/1/1-ABCD", RecordAddress("h", "1", "1-ABCD")),
        ("https://h/id/1-ABCD@361-FHRB", RecordAddress("h", "", "1-ABCD", "361-FHRB")),
        ("https://h/ermrest/catalog/1/entity/eye:Subject/RID=1-ABCD", RecordAddress("h", "1", "1-ABCD")),
        ("https://user:secret@h/id/1/1-ABCD", None),
        ("https://h/chaise/recordset/#1/eye:Subject", None),
        ("ftp://h/id/1/1-ABCD", None),
        ("1-ABCD", None),
        ("https://[bad/id/1", None),
    ],
)
def test_what_an_address_says(text: str, expected: RecordAddress | None) -> None:
    assert record_address(text) == expected


@given(st.text(max_size=60))
def test_no_text_is_too_odd(text: str) -> None:
    assert record_address("https://h/" + text) is None or record_address("https://h/" + text).host == "h"  # type: ignore[union-attr]
