"""Who the person is, for their bags."""

from __future__ import annotations

from pathlib import Path

import pytest

from satchel.core.errors import SatchelError
from satchel.core.paths import Home
from satchel.core.person import Profile, checked, load, save


def test_it_is_kept_and_becomes_fields(tmp_path: Path) -> None:
    home = Home.under(tmp_path)
    assert load(home) == Profile()
    assert load(home).fields() == ()
    kept = save(home, Profile(name=" Ada  Lovelace ", orcid="https://orcid.org/0000-0002-1825-0097", email="a@b.org"))
    assert kept == load(home) == Profile(name="Ada Lovelace", orcid="0000-0002-1825-0097", email="a@b.org")
    assert kept.fields() == (
        ("Contact-Name", "Ada Lovelace"),
        ("Contact-Orcid", "0000-0002-1825-0097"),
        ("Contact-Email", "a@b.org"),
    )
    (home.config / "person.json").write_text("{")
    assert load(home) == Profile()


@pytest.mark.parametrize("orcid", ["0000-0002-1825-0098", "1234", "0000-0002-1825-009", "0000-0002-1694-233"])
def test_a_mistyped_orcid_is_found_by_its_checksum(orcid: str) -> None:
    with pytest.raises(SatchelError, match="is not an ORCID"):
        checked(Profile(orcid=orcid))


def test_an_orcid_may_end_in_x() -> None:
    assert checked(Profile(orcid="0000000216942 33x".replace(" ", ""))).orcid == "0000-0002-1694-233X"


def test_an_address_has_an_at() -> None:
    with pytest.raises(SatchelError, match="e-mail"):
        checked(Profile(email="ada"))
