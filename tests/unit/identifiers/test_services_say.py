"""What services may say, however odd: understood as far as it makes sense, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.errors import SatchelError
from satchel.core.identifiers.names import Name
from satchel.core.identifiers.profile import Profile, load, profile_file, save
from satchel.core.identifiers.record import Record, read
from satchel.core.paths import Home

NAME = Name("ark:/57799/b9abc")
SERVICE = "https://ids.example.org/"
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    "location", "locations", "checksums", "checksum", "metadata", "active", "replaces", "replaced_by", "created",
    "created_by", "landing_page", "visible_to",
)  # fmt: skip


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, values)))
def test_any_fields(fields: dict[str, Any]) -> None:
    found = read({"identifier": NAME.id, **fields}, NAME, SERVICE)
    assert found.landing_page.startswith(("https://", "http://"))
    assert found.checksum is None or len(found.checksum.value) in (32, 40, 64, 96, 128)
    assert found.length is None or found.length >= 0
    # It is kept and read back.
    assert msgspec.json.decode(msgspec.json.encode(found), type=Record).locations == found.locations


@given(values)
def test_any_document(document: Any) -> None:
    with pytest.raises(SatchelError):
        read(document, NAME, SERVICE)


def test_the_form_of_old_services() -> None:
    found = read(
        {
            "identifier": "minid:b9abc",
            "locations": [
                {"uri": "https://a.example/x.zip"},
                {"link": "https://b.example/x.zip"},
                "https://c.example/x.zip",
            ],
            "checksum": "ab" * 32,
            "metadata": {"title": "Old", "contentSize": "12"},
        },
        NAME,
        SERVICE,
    )
    assert found.locations == ("https://a.example/x.zip", "https://b.example/x.zip", "https://c.example/x.zip")
    assert (found.sha256, found.length, found.title) == ("ab" * 32, 12, "Old")


def test_the_strongest_checksum_is_used() -> None:
    sums = [{"function": "md5", "value": "0" * 32}, {"function": "SHA-512", "value": "A" * 128}]
    found = read({"identifier": NAME.id, "checksums": sums}, NAME, SERVICE)
    assert found.checksum is not None
    assert (found.checksum.function, found.checksum.value) == ("sha512", "a" * 128)
    assert found.sha256 is None


def test_a_profile(tmp_path: Path) -> None:
    home = Home.under(tmp_path)
    assert load(home) == Profile()
    profile = Profile(bucket="s3://lab", endpoint="https://s3.example.org", test=True, authors=("Eye Lab",))
    save(home, profile)
    assert load(home) == profile
    for wrong in (b"", b"[]", b'{"buckt": "s3://lab"}', b'{"bucket": 7}', b"\xff"):
        profile_file(home).write_bytes(wrong)
        with pytest.raises(SatchelError, match="no profile"):
            load(home)
