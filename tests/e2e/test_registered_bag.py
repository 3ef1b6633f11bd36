"""Between the cache and making a bag: one that is registered for this very dataset, version and choice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.minting import BUCKET, Lab, lab
from terminal import Terminal


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(house: Lab) -> None:
    house.forget()


def export(house: Lab, person: Terminal, snapshot: str, *more: str) -> tuple[dict[str, Any], set[str]]:
    """The result of an export, and the codes of its warnings."""
    done = person.run(
        *("export", house.server.host, house.sandbox.catalog, "--rid", house.dataset, "--snapshot", snapshot),
        *("--out", str(person.out), *house.ca(), *house.credential(person), "--json", *more),
    )
    assert done.returncode == 0, done.stdout
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return events[-1], {event["code"] for event in events if event["event"] == "warning"}


@pytest.mark.timeout(300)
def test_a_registered_bag_is_taken_checked_and_kept(house: Lab) -> None:
    minter = house.person()
    made = minter.json(*house.words(minter))
    other = house.person(keys=False)
    result, codes = export(house, other, made["snapshot"])
    assert (result["cached"], result["valid"], result["complete"]) == (True, True, True)
    assert "from-identifier" in codes
    archive = Path(result["archive"])
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == made["checksum"]
    asked = len(house.s3.seen)
    archive.unlink()
    again, codes = export(house, other, made["snapshot"])
    assert again["cached"]
    assert "from-identifier" not in codes
    assert len(house.s3.seen) == asked, "now it comes from the cache"

    for number, more in enumerate((["--untick", "eye:Report"], ["--vocabularies", "used"], ["--no-cache"])):
        out = other.out / str(number)
        out.mkdir()
        result, codes = export(house, other, made["snapshot"], "--out", str(out), *more)
        assert not result["cached"], more
        assert "from-identifier" not in codes


@pytest.mark.timeout(300)
def test_what_is_there_now_is_not_believed(house: Lab) -> None:
    minter = house.person()
    made = minter.json(*house.words(minter))
    client = house.store.client()
    for key in house.store.keys(BUCKET):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"something else")
    client.close()
    other = house.person(keys=False)
    result, codes = export(house, other, made["snapshot"])
    assert (result["cached"], result["valid"]) == (False, True)
    assert "from-identifier" not in codes
