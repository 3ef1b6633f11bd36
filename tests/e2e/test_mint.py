"""Minting end to end: from the demo's dataset to another person's machine; once only, whatever is killed or cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.minting import Lab, lab
from sandbox_client import Peer
from terminal import bdbag_accepts, unpack


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(house: Lab) -> None:
    house.forget()


def test_from_a_dataset_to_somebody_elses_machine(house: Lab) -> None:
    minter = house.person()
    made = minter.json(*house.words(minter, "--title", "Eyes of a pilot", "--author", "Lovelace, Ada", "--materialize"))
    assert (made["reused"], made["replaced"]) == (False, None)
    record = house.once()
    assert made["identifier"] == record["identifier"]
    assert record["metadata"]["title"] == "Eyes of a pilot"
    assert record["metadata"]["RID"] == f"{house.dataset}@{made['snapshot']}"
    assert record["checksums"] == [{"function": "sha256", "value": made["checksum"]}]

    other = house.person(keys=False)
    for front in (house.server, house.s3):
        front.seen.clear()
    told = other.json("resolve", house.row()["Minid"], "--out", str(other.out), "--open", *house.ca())
    assert (told["valid"], told["complete"], told["error_count"]) == (True, True, 0)
    assert told["checksum"] == made["checksum"]
    archive = Path(told["archive"])
    assert archive.stat().st_size == made["length"]
    bdbag_accepts(unpack(archive, other.out / "open"))
    # Nobody was asked who they are.
    assert not [s for front in (house.server, house.s3) for s in front.seen if "Authorization" in s.headers]


def test_again_gives_the_same_at_once_and_another_spec_a_new_one(house: Lab) -> None:
    minter = house.person()
    first = minter.json(*house.words(minter))
    uploads = house.s3.count("PUT", "/bags/")
    again = minter.json(*house.words(minter))
    assert (again["reused"], again["identifier"]) == (True, first["identifier"])
    somebody = house.person()
    theirs = somebody.json(*house.words(somebody))
    assert (theirs["reused"], theirs["identifier"]) == (True, first["identifier"])
    assert house.s3.count("PUT", "/bags/") == uploads
    house.once()

    other = minter.run(*house.words(minter, "--vocabularies", "used"))
    assert other.returncode == 0
    assert f"takes the place of {first['compact']}" in other.stdout
    assert "another choice" in other.stderr
    old, new = house.minted()
    assert (old["identifier"], old["replaced_by"]) == (first["identifier"], new["identifier"])
    assert new["replaces"] == old["identifier"]
    assert house.row()["Minid"].endswith(new["identifier"])
    back = minter.json("resolve", first["identifier"], "--service", house.service, *house.ca())
    assert back["replaced_by"] == new["identifier"]


@pytest.mark.parametrize("layout", ["complete", "deriva-ml"])
def test_the_service_is_asked_by_checksum(house: Lab, layout: str) -> None:
    """The record is lost, so nothing but the bytes tells that there is an identifier: two people make the same ones."""
    first = house.person()
    made = first.json(*house.words(first, "--layout", layout, "--materialize"))
    house.once()
    with Peer(house.sandbox) as peer:
        path = f"/ermrest/catalog/{house.sandbox.catalog}/attributegroup/deriva-ml:Dataset_Version/RID;Minid"
        peer.ask("PUT", path, [{"RID": house.row()["RID"], "Minid": None}])
    second = house.person()
    again = second.json(*house.words(second, "--layout", layout, "--materialize"))
    assert (again["identifier"], again["reused"], again["checksum"]) == (made["identifier"], True, made["checksum"])
    house.once()
    if layout == "deriva-ml":
        assert made["locations"][0].endswith(f"/Dataset_{house.dataset}.zip")


@pytest.mark.parametrize(
    "words",
    [
        ["--server-side", "--materialize"],
        ["--server-side", "--vocabularies", "used"],
        ["--layout", "deriva-ml", "--untick", "eye:Clinic"],
    ],
)
def test_choices_that_do_not_go_together_are_refused(house: Lab, words: list[str]) -> None:
    minter = house.person()
    assert minter.json(*house.words(minter, *words), status=2)["kind"] == "usage"
    assert house.minted() == []


def test_what_is_meant_for_few_is_not_made_public(house: Lab) -> None:
    minter = house.person()
    made = minter.json(*house.words(minter, "--visible-to", "admin"))
    puts = [seen for seen in house.s3.seen if seen.method == "PUT" and ".zip" in seen.path]
    assert puts
    assert not [seen for seen in puts if "x-amz-acl" in {name.lower() for name in seen.headers}]
    nobody = house.person(keys=False)
    assert nobody.json("resolve", made["landing_page"], *house.ca(), status=1)["kind"] == "not-found"
    words = ["resolve", made["landing_page"], *house.ca(), *house.credential(minter)]
    assert minter.json(*words)["identifier"] == made["identifier"]


def versions(house: Lab, dataset: str) -> list[dict[str, str]]:
    with Peer(house.sandbox) as peer:
        path = f"/ermrest/catalog/{house.sandbox.catalog}/entity/deriva-ml:Dataset_Version/Dataset={dataset}@sort(RID)"
        return list(peer.get(path))


def test_a_dataset_is_released_and_gets_an_identifier(house: Lab) -> None:
    """Those that are nested with it get their next version, too, as deriva-ml has it; each bound to a snapshot."""
    minter = house.person()
    before = {one["Version"] for one in versions(house, house.dataset)}
    words = [w for w in house.words(minter) if w not in ("--version", house.version)]
    made = minter.json(*words, "--release", "minor", "--describe", "More eyes")
    major, minor, _ = house.version.split(".")
    assert made["version"] == f"{major}.{int(minor) + 1}.0"
    assert made["version"] not in before
    row = next(one for one in versions(house, house.dataset) if one["Version"] == made["version"])
    assert (row["Description"], row["Snapshot"], row["Minid"]) == ("More eyes", made["snapshot"], made["landing_page"])
    with Peer(house.sandbox) as peer:
        base = f"/ermrest/catalog/{house.sandbox.catalog}/entity/deriva-ml"
        (dataset,) = peer.get(f"{base}:Dataset/RID={house.dataset}")
        nested = peer.get(f"{base}:Dataset_Dataset/Dataset={house.dataset}")
    assert dataset["Version"] == row["RID"]
    assert nested
    for one in nested:
        newest = versions(house, one["Nested_Dataset"])[-1]
        assert (newest["Description"], newest["Snapshot"]) == ("More eyes", made["snapshot"])
    user = house.person("user")
    told = user.json(
        *[w for w in house.words(user) if w not in ("--version", house.version)], "--release", "patch", status=3
    )
    assert "may not release" in told["message"]


def registered(house: Lab, **more: Any) -> dict[str, Any]:
    """An identifier that other software has minted for the version, and written into its row."""
    with Peer(house.sandbox) as peer:
        metadata = {"title": "Theirs", "RID": f"{house.dataset}@{house.row()['Snapshot']}"}
        made = peer.ask(
            "POST",
            "/identifiers/namespace/minid-test/identifier",
            {"location": ["https://x.example/a.zip"], "checksums": [{"function": "sha256", "value": "00" * 32}],
             "metadata": metadata, **more},
        )  # fmt: skip
        path = f"/ermrest/catalog/{house.sandbox.catalog}/attributegroup/deriva-ml:Dataset_Version/RID;Minid"
        landing = f"{house.service}{made['identifier']}"
        peer.ask("PUT", path, [{"RID": house.row()["RID"], "Minid": landing}])
    return dict(made)


def test_one_that_other_software_has_minted_is_kept_unless_it_is_to_be_replaced(house: Lab) -> None:
    theirs = registered(house)
    minter = house.person()
    kept = minter.run(*house.words(minter))
    assert kept.returncode == 0
    assert "minted by other software" in kept.stderr
    assert "--replace" in kept.stderr
    assert house.row()["Minid"].endswith(theirs["identifier"])
    made = minter.json(*house.words(minter, "--replace"))
    assert made["reused"] is False
    old = next(one for one in house.minted() if one["identifier"] == theirs["identifier"])
    assert old["replaced_by"] == made["identifier"]
    assert house.row()["Minid"] == made["landing_page"]


@pytest.mark.parametrize("how", ["withdrawn", "gone"])
def test_one_that_is_of_no_use_any_more_gives_way(house: Lab, how: str) -> None:
    theirs = registered(house)
    with Peer(house.sandbox) as peer:
        if how == "withdrawn":
            peer.ask("PUT", f"/identifiers/{theirs['identifier']}", {"active": False})
        else:
            path = f"/ermrest/catalog/{house.sandbox.catalog}/attributegroup/deriva-ml:Dataset_Version/RID;Minid"
            nowhere = f"{house.service}ark:/99999/b9nobody"
            peer.ask("PUT", path, [{"RID": house.row()["RID"], "Minid": nowhere}])
    minter = house.person()
    made = minter.json(*house.words(minter))
    assert made["reused"] is False
    assert house.row()["Minid"] == made["landing_page"]


def test_where_the_catalog_keeps_the_hash_of_the_spec(house: Lab) -> None:
    """As deriva-ml has it since 2026: the row alone tells that nothing has to be done."""
    with Peer(house.sandbox) as peer:
        path = f"/ermrest/catalog/{house.sandbox.catalog}/schema/deriva-ml/table/Dataset_Version/column"
        peer.ask("POST", path, {"name": "Minid_Spec_Hash", "type": {"typename": "text"}, "nullok": True})
    minter = house.person()
    made = minter.json(*house.words(minter))
    assert house.row()["Minid_Spec_Hash"] == made["spec_hash"]
    again = minter.json(*house.words(minter))
    assert (again["reused"], again["identifier"]) == (True, made["identifier"])
    other = minter.json(*house.words(minter, "--vocabularies", "used"))
    assert (other["reused"], other["replaced"]) == (False, made["compact"])
    assert house.row()["Minid_Spec_Hash"] == other["spec_hash"] != made["spec_hash"]
    # The service does not answer: the row is enough, and it is said that nobody could look.
    house.server.before = lambda s: "cut" if "/identifiers/ark" in s.path else None
    told = minter.run(*house.words(minter, "--vocabularies", "used"))
    assert told.returncode == 0, told.stderr
    assert other["compact"] in told.stdout
    assert "could not be looked up" in told.stderr
