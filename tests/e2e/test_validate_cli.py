"""`satchel validate` as scripts and people use it: folders and archives, JSON and words, profiles and bombs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from satchel.core.jobs.request import Request
from small_bags import HELLO, put, write_tags

KINDS = {"zip": "zip", "tar": "tar", "tgz": "gztar", "tar.bz2": "bztar", "tar.xz": "xztar"}


def satchel(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "satchel", "validate", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "SATCHEL_HOME": str(home / "home"), "PYTHONIOENCODING": "utf-8"},
    )


def told(home: Path, *words: str) -> tuple[dict[str, Any], int]:
    done = satchel(home, *words, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == ""
    return events[-1], done.returncode


def test_the_result_is_as_documented(tmp_path: Path) -> None:
    bag = put(tmp_path / "bag", info="Bagging-Date: once\n", manifest="{data/hello.txt} *data/hello.txt\nnonsense\n")
    (bag / "data/more").write_bytes(b"")
    result, status = told(tmp_path, str(bag))
    assert (result["event"], result["valid"], result["complete"], status) == ("result", False, False, 1)
    assert [(e["code"], e["path"], e["line"]) for e in result["errors"]] == [
        ("malformed", "manifest-sha256.txt", 2),
        ("unexpected", "data/more", None),
    ]
    assert {(w["code"], w["path"]) for w in result["warnings"]} == {
        ("md5sum", "manifest-sha256.txt"),
        ("bagging-date", "bag-info.txt"),
    }
    assert all(problem["message"].endswith(".") for problem in (*result["errors"], *result["warnings"]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_checked_as_its_folder_is(tmp_path: Path, kind: str) -> None:
    put(tmp_path / "in" / "bag")
    made = Path(shutil.make_archive(str(tmp_path / "made"), KINDS[kind], tmp_path / "in", "bag"))
    archive = made.rename(tmp_path / f"bag.{kind}")
    result, status = told(tmp_path, str(archive))
    assert (result["valid"], result["complete"], result["files"], status) == (True, True, 1, 0)
    assert result["path"] == str(archive)
    (tmp_path / "in" / "bag" / "data" / "hello.txt").write_bytes(b"hallo\n")
    made = Path(shutil.make_archive(str(tmp_path / "made"), KINDS[kind], tmp_path / "in", "bag"))
    result, status = told(tmp_path, str(made))
    assert ([e["code"] for e in result["errors"]], status) == (["checksum"], 1)
    assert not list((tmp_path / "home").rglob("unpacked"))


def test_what_is_no_bag_and_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK nothing")
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("bag/../../slipped", b"x")
    with tarfile.open(tmp_path / "link.tgz", "w:gz") as tar:
        link = tarfile.TarInfo("bag/l")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    for name in ("x.zip", "slip.zip", "link.tgz", "none"):
        result, status = told(tmp_path, str(tmp_path / name))
        assert (result["event"], status) == ("error", 1)
        assert result["message"].endswith(".")
    assert not (tmp_path.parent / "slipped").exists()
    assert not list(tmp_path.rglob("slipped"))


def test_names_are_shown_safely_to_people_and_whole_to_programs(tmp_path: Path) -> None:
    name = "data/\x1b]0;owned\x07\u202egnp.exe"
    bag = put(tmp_path / "bag", {name: b"1", **HELLO})
    (bag / name).unlink()
    done = satchel(tmp_path, str(bag))
    assert not set(done.stdout + done.stderr) & set("\x1b\x07\u202e")
    assert "\\x1b]0;owned\\x07\\u202egnp.exe is in a manifest but not in the bag." in done.stdout
    result, _ = told(tmp_path, str(bag))
    assert result["errors"][0]["path"] == name


def test_a_profile_is_checked_as_well(tmp_path: Path) -> None:
    address = "https://raw.githubusercontent.com/fair-research/bdbag/master/profiles/bdbag-profile.json"
    info = f"BagIt-Profile-Identifier: {address}\nPayload-Oxum: 6.1\n"
    bag = put(tmp_path / "in" / "bag", info=info, algorithms=("md5", "sha256"))
    archive = shutil.make_archive(str(tmp_path / "bag"), "zip", tmp_path / "in", "bag")
    for profile in ("bdbag", "bag", address):
        result, status = told(tmp_path, archive, "--profile", profile)
        assert (result["valid"], result["warnings"], status) == (True, [], 0)
    (bag / "tagmanifest-md5.txt").unlink()
    write_tags(bag)
    done = satchel(tmp_path, str(bag), "--profile", "bdbag")
    assert done.returncode == 1
    assert "There is no tagmanifest-md5.txt, which the profile requires." in done.stdout
    result, status = told(tmp_path, str(bag), "--profile", "http://example.org/p.json")
    assert (result["event"], status) == ("error", 1)
    assert "https" in result["message"]


def test_every_request_can_be_kept_and_read_back() -> None:
    import msgspec

    from satchel.core.bags.validate import ValidateRequest

    request: Request = ValidateRequest(path="/b", profile="bag", ca=("/c",), any_size=True)
    assert msgspec.json.decode(msgspec.json.encode(request), type=ValidateRequest) == request
