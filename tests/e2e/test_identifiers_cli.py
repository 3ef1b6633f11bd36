"""The list of identifiers on the command line: checked, cited, changed; profile and keys; what minting needs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from e2e.minting import BUCKET, Lab, lab
from sandbox_client import Peer
from swift_store import ACCESS, SECRET
from terminal import Terminal


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(house: Lab) -> None:
    house.forget()


def check(house: Lab, person: Terminal, *words: str, status: int = 0) -> dict[str, object]:
    (one,) = person.json("identifiers", "check", *words, *house.ca(), status=status)["checked"]
    return dict(one)


def test_the_list_and_its_checks(house: Lab) -> None:
    minter, other = house.person(), house.person(keys=False)
    assert minter.json("identifiers")["identifiers"] == []
    made = minter.json(*house.words(minter))
    got = other.json("resolve", made["landing_page"], "--out", str(other.out), *house.ca())
    (mine,) = minter.json("identifiers")["identifiers"]
    (theirs,) = other.json("identifiers")["identifiers"]
    assert (mine["role"], mine["dataset"], mine["version"]) == ("minted", house.dataset, house.version)
    assert (theirs["role"], theirs["path"], theirs["state"]) == ("received", got["archive"], "unchecked")
    for person in (minter, other):
        assert check(house, person)["state"] == "good"
        assert check(house, person, made["compact"], "--full")["state"] == "good"
        assert person.json("identifiers")["identifiers"][0]["state"] == "good"
    assert "good" in other.run("identifiers", "list").stdout

    # The object is changed, with the same length; then another length; then it is gone.
    client, (key,) = house.store.client(), house.store.keys(BUCKET)
    body = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    client.put_object(Bucket=BUCKET, Key=key, Body=b"x" + body[1:])
    assert check(house, other)["state"] == "good"  # nobody has read it
    assert check(house, other, "--full", status=1)["state"] == "changed"
    client.put_object(Bucket=BUCKET, Key=key, Body=body + b"x")
    found = check(house, other, status=1)
    assert found["state"] == "changed"
    assert f"{len(body):,} are registered" in str(found["note"])
    client.delete_object(Bucket=BUCKET, Key=key)
    assert check(house, other, status=1)["state"] == "dead"
    assert other.json("identifiers")["identifiers"][0]["note"]
    client.put_object(Bucket=BUCKET, Key=key, Body=body)
    client.close()
    assert check(house, other)["state"] == "good"

    house.server.before = lambda s: "cut" if "/identifiers/ark" in s.path else None
    assert check(house, other)["state"] == "unknown"  # no network, no verdict
    house.server.before = lambda s: web.json_response({}, status=404) if "/identifiers/ark" in s.path else None
    assert check(house, other, status=1)["state"] == "dead"
    house.server.before = lambda _: None

    # Somebody changes what is registered: the shelf remembers what it was.
    with Peer(house.sandbox) as peer:
        peer.ask(
            "PUT", f"/identifiers/{made['identifier']}", {"checksums": [{"function": "sha256", "value": "00" * 32}]}
        )
    assert check(house, other, status=1)["state"] == "changed"
    assert check(house, other, status=1)["state"] == "changed"
    assert other.json("identifiers", "check", "minid:b9other", status=1)["kind"] == "not-found"


def test_changing_what_is_said(house: Lab) -> None:
    minter, user = house.person(), house.person("user")
    made = minter.json(*house.words(minter))
    mine = [*house.ca(), *house.credential(minter)]
    second = f"{house.s3.url}/v1/AUTH_lab/{BUCKET}/copy.zip"
    words = ["identifiers", "update", made["compact"], "--add-location", second]
    refused = user.json(*words, "--service", house.service, *house.ca(), *house.credential(user), status=3)
    assert refused["kind"] == "not-allowed"
    changed = minter.json(*words, *mine)
    assert changed["locations"] == [*made["locations"], second]
    assert check(house, minter)["state"] == "good"
    assert "does not answer" in str(check(house, minter)["note"])  # one of two
    assert (
        minter.json("identifiers", "update", made["compact"], "--remove-location", second, *mine)["locations"]
        == (made["locations"])
    )
    assert minter.json(*words[:3], "--add-location", "file:///etc/passwd", *mine, status=1)["kind"] == "invalid"
    minter.json("identifiers", "update", made["compact"], "--title", "A better title", *mine)
    gone = minter.json(
        "identifiers", "update", made["compact"], "--inactive", "--replaced-by", "minid.test:b9newer", *mine
    )
    assert (gone["active"], gone["replaced_by"], gone["name"]) == (False, "ark:/99999/b9newer", "A better title")
    assert check(house, minter)["state"] == "inactive"
    back = minter.json("identifiers", "update", made["compact"], "--active", "--replaced-by", "", *mine)
    assert (back["active"], back["replaced_by"]) == (True, None)
    assert minter.json("identifiers", "update", made["compact"], *mine, status=2)["kind"] == "usage"
    # What else was said of it is still there.
    with Peer(house.sandbox) as peer:
        said = peer.ask("GET", f"/identifiers/{made['identifier']}", headers={"Accept": "application/json"})
    assert said["metadata"]["Spec_Hash"] == made["spec_hash"]
    assert minter.json("identifiers", "forget", made["compact"])["identifier"] == made["identifier"]
    assert minter.json("identifiers")["identifiers"] == []


def test_citing(house: Lab, tmp_path: Path) -> None:
    minter = house.person()
    made = minter.json(
        *house.words(minter, "--title", "Eyes", "--author", "Lovelace, Ada", "--author", "Hopper, Grace")
    )
    told = minter.run("identifiers", "cite", made["compact"]).stdout
    assert told.startswith("Lovelace, A., & Hopper, G. (20")
    assert made["landing_page"] in told
    assert "@misc{" in minter.run("identifiers", "cite", made["compact"], "--format", "bibtex").stdout
    file = tmp_path / "eyes.ris"
    minter.json("identifiers", "cite", made["compact"], "--format", "ris", "--out", str(file))
    assert "AU  - Hopper, Grace\r\n" in file.read_bytes().decode()
    assert minter.json("identifiers", "cite", made["compact"], "--out", str(file), status=1)["kind"] == "files"
    # Somebody who has it not on a list.
    other = house.person(keys=False)
    assert "Lovelace" in other.json("identifiers", "cite", made["landing_page"], *house.ca())["citation"]
    picture = tmp_path / "code.png"
    minter.json("identifiers", "qr", made["compact"], "--out", str(picture))
    from satchel.core.identifiers.qr import of_picture

    assert of_picture(picture).id == made["identifier"]
    assert other.json("resolve", str(picture), *house.ca())["name"] == "Eyes"
    assert "█" in minter.run("identifiers", "qr", made["compact"]).stdout


def test_the_labs_profile_and_keys_from_the_keyring(house: Lab) -> None:
    """Nothing about the store on the command line: a profile, and keys that were typed once."""
    minter = house.person(keys=False)
    where = house.where()
    minter.json("identifiers", "profile", *where, "--test", "--author", "Lovelace, Ada")
    typed = f"{ACCESS}\n{SECRET}\n\n"
    minter.json("identifiers", "keys", f"s3://{BUCKET}", "--endpoint", house.s3.url, typed=typed)
    assert minter.json("identifiers", "keys", f"s3://{BUCKET}", typed="", status=2)["kind"] == "usage"
    profile = json.loads((minter.out.parent / "home" / "config" / "identifiers.json").read_text())
    assert SECRET not in json.dumps(profile)
    words = ["mint", house.server.host, house.sandbox.catalog, "--dataset", house.dataset, "--version", house.version]
    more = [*house.ca(), *house.credential(minter)]
    made = minter.json(*words, *more)
    assert house.once()["identifier"] == made["identifier"]
    assert made["authors"] == ["Lovelace, Ada"]
    assert minter.json("identifiers", "keys", f"s3://{BUCKET}", "--remove")["removed"] is True
    checks = {c["code"]: c for c in minter.json(*words, "--check", *more, status=1)["checks"]}
    assert "no keys" in checks["store"]["message"]


def test_what_minting_needs(house: Lab) -> None:
    minter = house.person()
    found = minter.json(*house.words(minter, "--check", "--title", "Eyes", "--author", "Lovelace, Ada"))
    marks = {c["code"]: c["mark"] for c in found["checks"]}
    assert found["ready"] is True
    assert marks == {
        "dataset": "ok", "bucket": "ok", "store": "ok", "service": "ok", "record": "ok", "readable": "ok",
        "metadata": "ok",
    }  # fmt: skip
    assert house.store.keys(BUCKET) == []
    assert house.minted() == []

    bare = minter.json(*[w for w in house.words(minter, "--check") if w != "--test"][:7], "--service", house.service,
                       "--check", *house.ca(), *house.credential(minter), status=1)  # fmt: skip
    marks = {c["code"]: (c["mark"], c["hint"]) for c in bare["checks"]}
    assert marks["bucket"][0] == "missing"
    assert "--bucket" in marks["bucket"][1]
    assert marks["metadata"][0] == "warning"

    user = house.person("user")
    (user.out.parent / "aws-credentials").write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = bbbbbb\n"
    )
    found = user.json(*house.words(user, "--check"), status=1)
    marks = {c["code"]: (c["mark"], c["message"]) for c in found["checks"]}
    assert (marks["store"][0], marks["record"][0], marks["service"][0]) == ("missing", "missing", "ok")
    nobody = house.person(keys=False)
    words = [w for w in house.words(nobody, "--check") if w not in house.credential(nobody)]
    found = nobody.json(*words, status=1)
    marks = {c["code"]: (c["mark"], c["hint"]) for c in found["checks"]}
    assert "satchel login" in marks["service"][1]
    assert "satchel login" in marks["record"][1]
    shown = nobody.run(*words)
    assert shown.returncode == 1
    assert "MISSING" in shown.stdout
    assert "satchel identifiers keys" in shown.stdout


def test_a_damaged_list_is_told_in_a_sentence(house: Lab) -> None:
    person = house.person()
    folder = person.out.parent / "home" / "data"
    folder.mkdir(parents=True)
    (folder / "identifiers.sqlite").write_bytes(b"not a database at all" * 100)
    assert person.json("identifiers", status=1)["kind"] == "files"
    (folder / "identifiers.sqlite").unlink()
    assert person.json("identifiers")["identifiers"] == []
    database = sqlite3.connect(folder / "identifiers.sqlite")
    database.execute("INSERT INTO kept (id, role, document, added) VALUES ('x', 'minted', '{\"new\": 1}', 1)")
    database.commit()
    database.close()
    assert person.json("identifiers")["identifiers"] == []  # of a newer version
