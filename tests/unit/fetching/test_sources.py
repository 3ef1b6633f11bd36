"""Addresses out of bags: what is refused, what is private, and that nothing else ever comes of them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from satchel.core.errors import SatchelError
from satchel.core.fetching.sources import address, host_of, is_private, literal
from satchel.core.fetching.web import Guard

pieces = st.sampled_from(
    ["https:", "http:", "s3:", "file:", "//", "/", "\\", "@", ":", "#", "?", "%", "[", "]", "::1", "127.0.0.1", "..",
     "example.org", "443", "99999", " ", "\n", "\r\nHost: x", "\x00", "\u202e", "\ud800", "ü", "Ⅷ", "。", "xn--", "-"]
)  # fmt: skip
addresses = st.lists(pieces | st.text(max_size=3), max_size=12).map("".join)


@given(addresses | pieces.flatmap(lambda piece: st.text().map(lambda text: f"https://{piece}{text}")))
def test_any_text_is_a_sound_address_or_refused(text: str) -> None:
    try:
        found = address(text, "www.example.org")
    except SatchelError as error:
        told = error.message
        found = ""
    if not found:
        assert told.endswith(".")
        assert len(told) < 400
        return
    split = urlsplit(found)
    assert split.scheme in ("https", "http")
    assert split.username is None
    assert found.isascii()
    assert found.isprintable()
    assert " " not in found
    made = URL(found, encoded=True)
    assert made.host == split.hostname
    assert made.port == (split.port or (443 if split.scheme == "https" else 80))
    assert host_of(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.org/a b#part", "https://example.org/a%20b"),
        ("/hatrac/x:1", "https://www.example.org/hatrac/x:1"),
        ("s3://bucket/a/key?1", "https://bucket.s3.amazonaws.com/a/key%3F1"),
        ("s3://dotted.bucket/key", "https://s3.amazonaws.com/dotted.bucket/key"),
        ("HTTPS://Example.org/ü", "https://Example.org/%C3%BC"),
        ("https://example.org", "https://example.org/"),
        ("https://example.org?a/b", "https://example.org/?a/b"),
    ],
)
def test_addresses_are_made_ready(text: str, expected: str) -> None:
    assert address(text, "www.example.org") == expected


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::", "::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
     "ff02::1", "no address"],
)  # fmt: skip
def test_private_addresses(ip: str) -> None:
    assert is_private(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet(ip: str) -> None:
    assert not is_private(ip)


def test_a_named_host_is_let_through_at_its_port_and_its_addresses_alone() -> None:
    guard = Guard(["inside.example.org:8443", "127.0.0.1:9000"], everything=False)
    guard.resolved("inside.example.org", 8443, ["10.0.0.1"])
    guard.resolved("evil.example.org", 8443, ["10.0.0.2"])
    assert guard.permits("10.0.0.1", 8443)
    assert not guard.permits("10.0.0.1", 22)
    assert not guard.permits("10.0.0.2", 8443)
    assert guard.permits("127.0.0.1", 9000)
    assert not guard.permits("127.0.0.1", 9001)
    assert literal("example.org") is None
    assert {literal(text) for text in ("127.1", "2130706433", "0x7f.1", "127.0.0.1")} == {"127.0.0.1"}
