"""Lines of manifests, fetch.txt and bag-info.txt, written and read back, by us and by bagit-py."""

from __future__ import annotations

import io

import bagit
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satchel.core.bags import manifests
from satchel.core.bags.manifests import (
    LONGEST_LINE,
    Entry,
    Fetch,
    Line,
    decode_path,
    encode_path,
    fetch_line,
    info_lines,
    lines,
    manifest_line,
    payload_safe,
    read_entry,
    read_fetch,
    unsafe_path,
)

PATHS = st.text(
    st.one_of(
        st.sampled_from("%/ .\r\n025ADad\u2028\x85"), st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    ),
    min_size=1,
    max_size=30,
).map(lambda text: "data/" + text)
MD5 = "0123456789abcdef" * 2


class Slow(io.RawIOBase):
    """A file that gives as few bytes at a time as it was told."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes, self._at = data, sizes, 0

    def read(self, size: int = -1, /) -> bytes:
        step = self._sizes.pop(0) if self._sizes else size
        piece = self._data[self._at : self._at + max(1, step)]
        self._at += len(piece)
        return piece


@given(PATHS)
@example("data/100%25.png")
@example("data/%0D%0A")
def test_paths_come_back(path):
    encoded = encode_path(path)
    assert "\r" not in encoded
    assert "\n" not in encoded
    assert decode_path(encoded) == path


def test_other_percent_signs_stand_for_themselves():
    assert decode_path("data/50% of a%20b%0a%0D") == "data/50% of a%20b\n\r"


@given(st.lists(PATHS, max_size=8))
def test_manifests_come_back(paths):
    text = "".join(manifest_line(MD5, path) + "\n" for path in paths).encode()
    read = [read_entry(line, "md5") for line in lines(io.BytesIO(text))]
    assert read == [Entry(n, MD5, path) for n, path in enumerate(paths, 1)]


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=40), st.one_of(st.none(), st.integers(0, 10**17)), PATHS),
        max_size=6,
    )
)
def test_fetch_lines_come_back(entries):
    text = "".join(fetch_line("https://h/" + url, length, path) + "\n" for url, length, path in entries)
    read = [read_fetch(line) for line in lines(io.BytesIO(text.encode()))]
    assert [(f.length, f.path) for f in read if isinstance(f, Fetch)] == [(n, p) for _, n, p in entries]
    assert all(isinstance(f, Fetch) and f.url.isascii() and not set(f.url) & set(" \t\r\n") for f in read)


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\n\n", b"b c"]), max_size=12).map(b"".join),
    st.lists(st.integers(1, 4), max_size=30),
)
def test_lines_are_those_of_any_reader_however_they_come(data, sizes):
    expected = io.TextIOWrapper(io.BytesIO(data), "utf-8").read().split("\n")
    if expected[-1] == "":
        expected.pop()
    assert [line.text for line in lines(Slow(data, sizes))] == expected
    assert [line.number for line in lines(Slow(data, list(sizes)))] == list(range(1, len(expected) + 1))


@given(
    st.text(st.sampled_from("aé\n魚\U0001f41f"), max_size=20),
    st.sampled_from(["utf-16", "utf-16-be", "UTF-32", "utf-8"]),
)
def test_lines_in_wide_encodings(text, encoding):
    expected = text.split("\n")
    if expected[-1] == "":
        expected.pop()
    assert [line.text for line in lines(io.BytesIO(text.encode(encoding)), encoding)] == expected


def test_lines_that_are_not_in_the_encoding():
    assert [line.problem for line in lines(io.BytesIO(b"a\n\xff\nb"))] == ["", "is not utf-8", ""]
    assert [line.problem for line in lines(io.BytesIO("a\n".encode("utf-16") + b"\x00"), "utf-16")] == [
        "",
        "is not utf-8",
    ]
    (line,) = lines(io.BytesIO(b"\xef\xbb\xbfa"))
    assert line == Line(1, "a", "", True)


def test_a_line_without_end_takes_no_memory(monkeypatch):
    monkeypatch.setattr(manifests, "LONGEST_LINE", 1000)
    found = list(lines(io.BytesIO(b"first\n" + b"x" * 300_000 + b"\nlast\n")))
    assert [(line.number, line.text) for line in found] == [(1, "first"), (2, ""), (3, "last")]
    assert "longer than" in found[1].problem
    assert LONGEST_LINE > 4096


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "not a checksum"),
        (MD5, "not a checksum"),
        (f"{MD5[:-1]}  data/x", "not md5's length"),
        ("xyz  data/x", "not a checksum"),
    ],
)
def test_lines_that_are_no_entries(text, wrong):
    found = read_entry(Line(7, text), "md5")
    assert isinstance(found, str)
    assert wrong in found


@pytest.mark.parametrize("text", [f"{MD5.upper()}  data/x", f"{MD5}\tdata/x", f"{MD5} *data/x"])
def test_other_ways_to_write_an_entry(text):
    assert read_entry(Line(7, text), "md5") == Entry(7, MD5, "data/x", "*" in text)


@pytest.mark.parametrize("length", ["x", "-1", "1.5", "²", "9" * 5000, "9" * 30])
def test_fetch_lengths_that_are_none(length):
    assert "length" in str(read_fetch(Line(1, f"https://h/x {length} data/x")))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "data/../../x", "data/..", "~root/x", "C:x", "data\\..\\x", "\\\\h\\x", "data/\0x"]
)
def test_paths_that_leave_the_bag(path):
    assert unsafe_path(path)
    assert payload_safe(path)


@pytest.mark.parametrize("path", ["bagit.txt", "x/data/y", "datax/y", "."])
def test_payload_is_below_data(path):
    assert payload_safe(path) == "is not below data/"


@pytest.mark.parametrize("path", ["data/x", "./data/x", "data/..x", "data/a..b/c", "data/~x", "data/x:y"])
def test_paths_that_stay(path):
    assert payload_safe(path) is None


@given(st.lists(st.tuples(st.sampled_from(["Source-Host", "Note", "X-1"]), st.text(max_size=30)), max_size=6))
def test_bag_info_is_read_alike_by_bagit(fields):
    text = "".join(line + "\n" for line in info_lines(fields))
    file = io.StringIO(text)
    assert list(bagit._parse_tags(file)) == [(label, " ".join(value.split())) for label, value in fields]
