"""Identifiers in every form that people paste."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.errors import SatchelError
from satchel.core.identifiers.names import Name, canonical, find, parse, service_address

ID = "ark:/57799/b9abc123xyz"
PAGE = "https://identifiers.fair-research.org/ark:/57799/b9abc123xyz"


@pytest.mark.parametrize(
    "text",
    [
        "minid:b9abc123xyz",
        "MINID:b9abc123xyz",
        " minid:b9abc123xyz\n",
        "ark:/57799/b9abc123xyz",
        "ark:57799/b9abc123xyz",
        "hdl:20.500.12582/b9abc123xyz",
        "https://hdl.handle.net/20.500.12582/b9abc123xyz",
        "https://identifiers.org/minid:b9abc123xyz",
        "http://identifiers.org/minid/b9abc123xyz",
        "https://n2t.net/minid:b9abc123xyz",
        "https://n2t.net/ark:/57799/b9abc123xyz",
        "https://n2t.net/ark%3A/57799/b9abc123xyz?info#top",
        "See <https://n2t.net/minid:b9abc123xyz>.",
        "the data (minid:b9abc123xyz), as published",
        "Lovelace, A. (2026). Eyes. minid:b9abc123xyz.",
        "**ark:/57799/b9abc123xyz**",
    ],
)
def test_every_form_is_the_same_identifier(text: str) -> None:
    assert parse(text) == Name(ID)


def test_a_landing_page_names_its_service() -> None:
    assert parse(PAGE) == Name(ID, "https://identifiers.fair-research.org/")
    here = parse("https://localhost:8443/identifiers/ark:/99999/b9xyz?x=1")
    assert here == Name("ark:/99999/b9xyz", "https://localhost:8443/identifiers/")
    assert here.is_test
    # A page is asked over https however it was written.
    assert parse("http://lab.example.org/minid:b9abc").service == "https://lab.example.org/"


def test_what_people_and_files_see() -> None:
    name = parse(ID)
    assert (name.compact, name.short, name.is_test) == ("minid:b9abc123xyz", "b9abc123xyz", False)
    assert parse("minid.test:b9x1").id == "ark:/99999/b9x1"
    assert parse("hdl:20.500.12633/b9x1").compact == "minid.test:b9x1"
    assert parse("ark:/12148/btv1b8449691v/f29").compact == "ark:/12148/btv1b8449691v/f29"


@pytest.mark.parametrize(
    "text",
    ["", "1-ABCD", "hello", "hallmark:/57799/b9abc", "minid:", "https://example.org/", "ark:/57799/", "minid:../x"],
)
def test_what_is_none(text: str) -> None:
    assert find(text) is None
    with pytest.raises(SatchelError) as refused:
        parse(text)
    assert refused.value.exit_status == 2


@pytest.mark.parametrize(
    "text",
    [
        "https://user:secret@lab.example.org/ark:/57799/b9abc",
        "https://[::1/ark:/57799/b9abc",
        "https://x:0/minid:b9abc",
    ],
)
def test_an_address_that_cannot_be_one_names_no_service(text: str) -> None:
    found = find(text)
    assert found is None or not found.service


@given(st.text(max_size=300))
def test_nothing_breaks_it(text: str) -> None:
    found = find(text)
    if found is not None:
        assert found.id.startswith("ark:/")
        assert ".." not in found.short
        assert not found.service or found.service.startswith("https://")
        assert canonical(found.id) == found.id
        assert find(found.compact) == Name(found.id)


@given(st.from_regex(r"b9[0-9bcdfghjkmnpqrstvwxz]{13}", fullmatch=True), st.sampled_from(["57799", "99999"]))
def test_all_forms_of_one_are_one(name: str, authority: str) -> None:
    kept = Name(f"ark:/{authority}/{name}")
    handle = {"57799": "20.500.12582", "99999": "20.500.12633"}[authority]
    for form in (kept.id, kept.compact, kept.url, f"hdl:{handle}/{name}", f"https://identifiers.org/{kept.compact}"):
        assert parse(form) == kept


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("identifiers.example.org", "https://identifiers.example.org/"),
        ("https://Localhost:8443/identifiers", "https://localhost:8443/identifiers/"),
        ("https://localhost:8443/identifiers/", "https://localhost:8443/identifiers/"),
    ],
)
def test_services(text: str, address: str) -> None:
    assert service_address(text) == address


@pytest.mark.parametrize("text", ["http://example.org/", "https://u:p@example.org/", "https://x/?a=b", "", "ftp://x/"])
def test_what_is_no_service(text: str) -> None:
    with pytest.raises(SatchelError, match="not the address"):
        service_address(text)
