"""Names of files in bags: whatever a server calls its things, they stay inside and can be written anywhere."""

from __future__ import annotations

import ntpath
import sys
import unicodedata
from pathlib import PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satchel.core.bags.names import LONGEST, Names, safe_name

NASTY = st.lists(
    st.one_of(
        st.sampled_from(
            ["..", "/", "\\", "con", "NUL", ".", " ", "%", "%2e", "\r\n", "~", ":", "\u0338", "\u00a0", "ß"]
        ),
        st.text(max_size=8),
    ),
    max_size=12,
).map("".join)


def reserved(name: str) -> bool:
    """Whether Windows keeps the name for a device."""
    if sys.version_info >= (3, 13):
        return ntpath.isreserved(name)
    return PureWindowsPath(name).is_reserved()


@given(NASTY)
@example("con" + " " * 300 + ".txt")
@example("\udcff" * 300)
@example("a." + "b" * 300)
@example("." + " " * 3 + ".")
@example("\U0001f41f" * 100 + ".png")
@example("COM1 .txt")
def test_one_component_that_every_system_takes(name):
    safe = safe_name(name)
    assert safe
    assert safe not in (".", "..")
    assert not set(safe) & set('/\\:<>"|?*%\r\n\x00')
    assert all(ord(c) >= 0x20 for c in safe)
    assert len(safe.encode()) <= LONGEST
    assert safe == safe.strip().strip(".")
    assert safe == unicodedata.normalize("NFC", safe)
    assert not safe.startswith("~")
    assert not reserved(safe)
    assert safe_name(safe) == safe


@given(NASTY, NASTY)
def test_what_is_used_instead_is_made_safe_too(name, instead):
    safe = safe_name(name, instead)
    assert safe == (safe_name(name) if safe_name(name, "\x01nothing") != "_nothing" else safe_name(instead))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("picture.png", "picture.png"),
        ("Ægir, the 3rd (copy).png", "Ægir, the 3rd (copy).png"),
        ("魚.tif", "魚.tif"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\x", "C__x"),
        ("100% sharp.png", "100_ sharp.png"),
        ("aux.csv", "_aux.csv"),
        ("...", "file"),
        ("a\u202egnp.exe", "a_gnp.exe"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_names_stay_legible(name, safe):
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_ending():
    safe = safe_name("x" * 500 + ".nii.gz")
    assert safe.endswith(".gz")
    assert len(safe) == LONGEST


@given(
    st.lists(
        st.sampled_from(["a.csv", "A.csv", "a (2).csv", "ﬁ.csv", "FI.csv", "é", "e\u0301", "ß", "SS", "ss"]),
        max_size=12,
    )
)
def test_taken_names_differ_where_case_and_forms_do_not_count(wanted):
    names = Names()
    taken = [names.take(name) for name in wanted]
    folded = {unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold()) for name in taken}
    assert len(folded) == len(taken)
    again = Names()
    assert [again.take(name) for name in wanted] == taken


def test_a_dot_in_a_folder_is_no_ending():
    names = Names()
    assert [names.take("data/v1.2/x"), names.take("data/v1.2/X")] == ["data/v1.2/x", "data/v1.2/X (2)"]
