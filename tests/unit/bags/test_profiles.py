"""BagIt profiles: every rule that a bag breaks is told; the package bagit-profile is a witness."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bagit
import bagit_profile
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satchel.core.bags import profile_web
from satchel.core.bags.profiles import LARGEST, built_in, parse, profile_file
from satchel.core.bags.validate import Level, ValidateRequest, ValidateResult, run
from satchel.core.errors import SatchelError
from satchel.core.jobs.state import local_context
from tls_server import serve

HERE = "https://example.org/profile.json"
PLAIN: dict[str, Any] = {
    "BagIt-Profile-Info": {
        "BagIt-Profile-Identifier": HERE,
        "BagIt-Profile-Version": "1.4.0",
        "Source-Organization": "Example",
        "External-Description": "for tests",
        "Version": "1",
    },
    "Bag-Info": {},
    "Manifests-Required": ["sha256"],
    "Accept-BagIt-Version": ["0.97"],
}
INFO = {"BagIt-Profile-Identifier": HERE, "Contact-Name": ["Ada", "Grace"], "Source-Organization": "Example"}


def make(folder: Path) -> Path:
    bag = folder / "bag"
    (bag / "src").mkdir(parents=True)
    (bag / "a.csv").write_text("RID\n")
    (bag / "src" / "b.py").write_text("")
    bagit.make_bag(str(bag), INFO, checksums=["sha256"])
    (bag / "notes").mkdir()
    (bag / "notes" / "n.txt").write_text("x")
    return bag


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("profiles"))


def judge(bag: Path, profile: str, folder: Path, level: Level = "full", **more: Any) -> ValidateResult:
    request = ValidateRequest(path=str(bag), level=level, profile=profile, **more)
    return asyncio.run(run(request, local_context(folder / "context")))


def changed(**rules: Any) -> dict[str, Any]:
    profile = copy.deepcopy(PLAIN)
    profile.update({key.replace("_", "-").replace("fetch-txt", "fetch.txt"): value for key, value in rules.items()})
    return profile


# Rules, a part of the sentence for what is broken ("" where nothing is), and whether the witness knows the rule.
RULES: list[tuple[dict[str, Any], str, bool]] = [
    (changed(), "", True),
    (changed(Bag_Info={"source-organization": {"required": True}}), "", False),
    (changed(Bag_Info={"Source-Organization": {"required": True, "values": ["Example", "Other"]}}), "", True),
    (changed(Bag_Info={"Source-Organization": {"required": True, "values": ["Other"]}}), "allows 'Other'", True),
    (changed(Bag_Info={"Bag-Size": {"required": True}}), "has no Bag-Size", True),
    (changed(Bag_Info={"Contact-Name": {"repeatable": False}}), "2 times", True),
    (changed(Bag_Info={"Contact-Name": {"values": ["Ada"]}}), "'Grace'", False),
    (changed(Manifests_Required=["md5"]), "no manifest-md5.txt", True),
    (changed(Manifests_Allowed=["sha256", "sha512"]), "", True),
    (changed(Manifests_Required=[], Manifests_Allowed=["sha512"]), "not allow manifest-sha256.txt", True),
    (changed(Manifests_Allowed=["sha512"]), "contradicts itself", True),
    (changed(Tag_Manifests_Required=["sha256"]), "", True),
    (changed(Tag_Manifests_Required=["md5"]), "no tagmanifest-md5.txt", True),
    (changed(Tag_Manifests_Allowed=["md5"]), "not allow tagmanifest-sha256.txt", True),
    (changed(Tag_Files_Required=["notes/n.txt"]), "", True),
    (changed(Tag_Files_Required=["notes/m.txt"]), "no notes/m.txt", True),
    (changed(Tag_Files_Required=["../../etc/passwd"]), "no ../../etc/passwd", False),
    (changed(Tag_Files_Allowed=["notes/*"]), "", True),
    (changed(Tag_Files_Allowed=["other/*"]), "not allow the tag file notes/n.txt", True),
    (changed(Tag_Files_Required=["notes/n.txt"], Tag_Files_Allowed=["x"]), "contradicts itself", True),
    (changed(Accept_BagIt_Version=["1.0"]), "accepts BagIt 1.0", True),
    (changed(Payload_Files_Required=["data/a.csv", "data/src/"]), "", False),
    (changed(Payload_Files_Required=["data/none.csv"]), "no data/none.csv", False),
    (changed(Payload_Files_Required=["data/none/"]), "no data/none/", False),
    (changed(Payload_Files_Allowed=["data/*.csv", "data/src/*"]), "", False),
    (changed(Payload_Files_Allowed=["data/*.csv"]), "not allow the payload file data/src/b.py", False),
    (changed(**{"Fetch.txt-Required": True}), "no fetch.txt", False),
    (changed(**{"Data-Empty": True}), "payload of nothing", False),
]


@pytest.mark.parametrize(("profile", "says", "witnessed"), RULES, ids=range(len(RULES)))
def test_each_rule(tmp_path: Path, bag: Path, profile: dict[str, Any], says: str, witnessed: bool) -> None:
    file = tmp_path / "p.json"
    file.write_text(json.dumps(profile))
    result = judge(bag, str(file), tmp_path)
    broken = [error.message for error in result.errors]
    assert result.profiles == (HERE,)
    if says:
        assert any(says in message for message in broken), broken
        assert {error.code for error in result.errors} == {"profile"}
        assert result.complete, "a profile says nothing of that"
    else:
        assert broken == []
    if witnessed:
        logging.getLogger().setLevel(logging.CRITICAL)
        their = bagit_profile.Profile(HERE, json.dumps(profile))
        assert their.validate(bagit.Bag(str(bag))) == result.valid


def test_a_bag_must_name_the_profile(tmp_path: Path, bag: Path) -> None:
    other = copy.deepcopy(PLAIN)
    other["BagIt-Profile-Info"]["BagIt-Profile-Identifier"] = "https://example.org/other.json"
    file = tmp_path / "p.json"
    file.write_text(json.dumps(other))
    (error,) = judge(bag, str(file), tmp_path).errors
    assert "names another profile" in error.message
    other["BagIt-Profile-Info"]["BagIt-Profile-Identifier"] = HERE.replace("https", "http")
    file.write_text(json.dumps(other))
    assert judge(bag, str(file), tmp_path).valid, "a profile that moved to https is the same"


def test_a_rule_that_is_newer_than_its_profile_is_advice(tmp_path: Path, bag: Path) -> None:
    profile = changed(Payload_Files_Allowed=["data/none"])
    profile["BagIt-Profile-Info"]["BagIt-Profile-Version"] = "1.3.0"
    (tmp_path / "p.json").write_text(json.dumps(profile))
    result = judge(bag, str(tmp_path / "p.json"), tmp_path)
    assert result.valid
    assert ["Payload-Files-Allowed" in w.message for w in result.warnings if w.code == "profile"] == [True]


@pytest.mark.parametrize(
    ("rules", "kind", "says"),
    [
        ({"Serialization": "required", "Accept-Serialization": ["application/zip"]}, "zip", ""),
        ({"Serialization": "required", "Accept-Serialization": ["application/x-tar+gzip"]}, "gztar", ""),
        ({"Serialization": "required", "Accept-Serialization": ["application/zip"]}, "gztar", "does not accept"),
        ({"Serialization": "optional", "Accept-Serialization": ["application/x-tar"]}, "tar", ""),
        ({"Serialization": "forbidden"}, "zip", "forbids archives"),
    ],
)
def test_how_it_is_packed(tmp_path: Path, bag: Path, rules: dict[str, Any], kind: str, says: str) -> None:
    import shutil

    archive = shutil.make_archive(str(tmp_path / "packed"), kind, bag.parent, "bag")
    (tmp_path / "p.json").write_text(json.dumps({**PLAIN, **rules}))
    messages = [e.message for e in judge(Path(archive), str(tmp_path / "p.json"), tmp_path).errors]
    assert all(says in m for m in messages)
    assert bool(messages) == bool(says)
    folder = judge(bag, str(tmp_path / "p.json"), tmp_path)
    assert folder.valid
    assert [w.code for w in folder.warnings] == (["profile"] if rules["Serialization"] == "required" else [])


def test_bdbags_own_profiles_need_no_network(tmp_path: Path) -> None:
    address = "https://raw.githubusercontent.com/fair-research/bdbag/master/profiles/bdbag-profile.json"
    bag = tmp_path / "bag"
    bag.mkdir()
    (bag / "x").write_text("x")
    bagit.make_bag(str(bag), {"BagIt-Profile-Identifier": address}, checksums=["md5", "sha256"])
    for name in ("bdbag", address, "bag"):
        result = judge(bag, name, tmp_path)
        assert (result.valid, result.profiles) == (True, (address.replace("https", "http"),))
    messages = [e.message for e in judge(bag, "bdbag-ro", tmp_path).errors]
    assert any("metadata/manifest.json" in m for m in messages)
    assert built_in("bdbag-x") is None


def test_a_bag_that_names_none_cannot_be_checked_against_its_own(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    bag.mkdir()
    (bag / "x").write_text("x")
    bagit.make_bag(str(bag))
    (error,) = judge(bag, "bag", tmp_path).errors
    assert "names no profile" in error.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"BagIt-Profile-Info": []}',
        b'{"BagIt-Profile-Info": {}}',
        json.dumps(changed(Serialization="perhaps")).encode(),
        json.dumps(changed(Manifests_Required="md5")).encode(),
        json.dumps(changed(Bag_Info={"A": 1})).encode(),
        json.dumps(changed(Bag_Info={"A": {"required": 1}})).encode(),
        json.dumps(changed(**{"Allow-Fetch.txt": False, "Fetch.txt-Required": True})).encode(),
        b" " * (LARGEST + 1),
    ],
    ids=lambda content: content[:20].decode("latin-1"),
)
def test_what_is_no_profile_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(SatchelError, match=r"p\.json is no BagIt profile|p\.json, A is no BagIt profile"):
        profile_file(tmp_path / "p.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*PLAIN, "Serialization", "Data-Empty", "Tag-Files-Allowed"]), JSON))
def test_whatever_a_profile_holds_is_read_or_refused(found: dict[str, Any]) -> None:
    with contextlib.suppress(SatchelError):
        assert parse(json.dumps({**PLAIN, **found}).encode(), "p", ()).identifier


# -- the web ----------------------------------------------------------------------------------------------------------


def application() -> web.Application:
    async def plain(_: web.Request) -> web.Response:
        return web.json_response(PLAIN)

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b" " * (LARGEST + 10))

    def turn(where: Callable[[web.Request], str]) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            raise web.HTTPFound(where(request))

        return answer

    app = web.Application()
    app.router.add_get("/p.json", plain)
    app.router.add_get("/large", large)
    app.router.add_get("/moved", turn(lambda _: "/p.json"))
    app.router.add_get("/plainly", turn(lambda r: f"http://{r.host}/p.json"))
    app.router.add_get("/round", turn(lambda _: "/round"))
    return app


async def test_a_profile_from_the_web(tmp_path: Path) -> None:
    async with serve(application(), tmp_path) as served:
        at = f"https://{served.host}"
        for path in ("/p.json", "/moved"):
            profile = await profile_web.fetch_profile(at + path, ca=[served.ca], trusted=True)
            assert profile.identifier == HERE
        for path, says in (
            ("/none", "404"),
            ("/large", "more than"),
            ("/plainly", "https addresses"),
            ("/round", "from one address to the next"),
        ):
            with pytest.raises(SatchelError, match=says):
                await profile_web.fetch_profile(at + path, ca=[served.ca], trusted=True)
        with pytest.raises(SatchelError, match="cannot be reached"):
            await profile_web.fetch_profile(f"{at}/p.json", trusted=True)
        for host in (served.host, served.host.replace("localhost", "127.0.0.1")):
            with pytest.raises(SatchelError, match="cannot be reached") as caught:
                await profile_web.fetch_profile(f"https://{host}/p.json", ca=[served.ca], trusted=False)
            assert "open Internet" in caught.value.detail


@pytest.mark.parametrize(
    "address", ["http://example.org/p", "file:///etc/passwd", "https://u:p@example.org/", "https:///"]
)
async def test_no_other_address_is_asked(address: str) -> None:
    with pytest.raises(SatchelError, match="https addresses"):
        await profile_web.fetch_profile(address, trusted=True)
