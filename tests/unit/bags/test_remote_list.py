"""Files by reference: a list of them is read, and a bag names them in fetch.txt."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.core.bags import making
from satchel.core.bags.making import BagRequest, BagResult
from satchel.core.bags.remote_list import LONGEST, Remote, read_remote
from satchel.core.errors import SatchelError
from satchel.core.jobs.state import local_context
from small_bags import judge

FAR = {"data/far/a b%": b"far away", "data/x": b""}


def entry(path: str, content: bytes, *algorithms: str) -> dict[str, object]:
    sums = {a: hashlib.new(a, content).hexdigest() for a in algorithms or ("md5", "sha256")}
    return {"url": f"https://h/{len(path)}", "length": len(content), "filename": path.removeprefix("data/"), **sums}


def listed(file: Path, text: str) -> list[Remote]:
    file.write_text(text, encoding="utf-8")
    return list(read_remote(file))


ENTRIES = [entry(path, content) for path, content in FAR.items()]
CSV = "url,length,filename,md5,sha256\n" + "".join(
    ",".join(str(value) for value in found.values()) + "\n" for found in ENTRIES
)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ENTRIES),
        json.dumps(ENTRIES, indent=4) + "\n",
        "\ufeff" + json.dumps(ENTRIES),
        "\n".join(json.dumps(found) for found in ENTRIES),
        "".join(json.dumps({**found, "more": [{"a": "]"}]}) for found in ENTRIES),
        CSV,
        CSV.replace(",", "\t"),
        CSV.replace("\n", "\r\n"),
    ],
)
def test_each_form_is_read(tmp_path: Path, text: str) -> None:
    found = listed(tmp_path / "list", text)
    assert [(r.path, r.length) for r in found] == [(p, len(c)) for p, c in FAR.items()]
    assert found[0].sums == {a: hashlib.new(a, FAR["data/far/a b%"]).hexdigest() for a in ("md5", "sha256")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"url": "https://h/x", "filename": "a"}]', "Object 1 of list has no checksum"),
        (json.dumps([ENTRIES[0], {**ENTRIES[1], "url": "/x"}]), "Object 2 of list has no address"),
        (json.dumps([{**ENTRIES[0], "filename": "../a"}]), "has a filename that leaves the bag"),
        (json.dumps([{**ENTRIES[0], "filename": None}]), "has no filename"),
        (json.dumps([{**ENTRIES[0], "length": -1}]), "has a length that is no number of bytes"),
        (json.dumps([{**ENTRIES[0], "length": True}]), "has a length that is no number of bytes"),
        (json.dumps([{**ENTRIES[0], "md5": "12"}]), "has a checksum that is no md5"),
        (json.dumps(ENTRIES)[:-5], "Object 2 of list cannot be read"),
        (json.dumps(ENTRIES) + "x", "Object 3 of list cannot be read"),
        ("[1]", "Object 1 of list cannot be read"),
        ("[" * 100_000, "Object 1 of list cannot be read"),
        ('{"url": "' + "x" * (LONGEST * 2) + '"}', "Object 1 of list"),
        ("url,filename,md5\nhttps://h/x,a,nonsense\n", "Line 2 of list has a checksum that is no md5"),
        ("url,filename,md5\nhttps://h/x,a, b,nonsense\n", "line 2 has more fields than there are heads"),
        ("nonsense\nmore\n", "Line 2 of list has no address"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SatchelError, match=said):
        listed(tmp_path / "list", text)


@settings(max_examples=100, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            ["[", "]", "{", "}", ",", '"', ":", "url", "https://h/x", "filename", "1", "\n", "\\", "é", " "]
        ),
        max_size=30,
    ).map("".join)
)
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    found: list[Remote] = []
    with contextlib.suppress(SatchelError):
        found = listed(tmp_path_factory.mktemp("any") / "list", text)
    assert all(remote.path.startswith("data/") for remote in found)


def make(folder: Path, **how: object) -> BagResult:
    request = BagRequest(path=str(folder), **how)  # type: ignore[arg-type]
    return asyncio.run(making.run(request, local_context(folder.parent / "context")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine/sub").mkdir(parents=True)
    (tmp_path / "mine/sub/near").write_bytes(b"near")
    return tmp_path / "mine"


@pytest.mark.parametrize("how", ["copy", "in-place"])
def test_a_bag_names_remote_files(folder: Path, tmp_path: Path, how: str) -> None:
    (tmp_path / "list.json").write_text(json.dumps(ENTRIES))
    out = None if how == "in-place" else str(tmp_path / "out")
    done = make(folder, how=how, out=out, remote=str(tmp_path / "list.json"))
    assert (done.files, done.remote, done.bytes) == (3, 2, 4 + len(b"far away"))
    bag = Path(done.bag)
    assert "https://h/13 8 data/far/a b%25\n" in (bag / "fetch.txt").read_text()
    found = judge(bag)
    assert (found.sound, found.complete, found.remote, found.warnings) == (True, False, 2, ())
    for path, content in FAR.items():
        (bag / path).parent.mkdir(parents=True, exist_ok=True)
        (bag / path).write_bytes(content)
    assert judge(bag).valid


def test_a_kind_of_checksum_that_not_all_have_is_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps([entry("data/f", b"f", "sha256")]))
    done = make(folder, out=str(tmp_path / "out"), remote=str(tmp_path / "list.json"))
    assert done.algorithms == ("sha256",)
    assert judge(Path(done.bag)).sound
    with pytest.raises(SatchelError, match=r"Not all files of list\.json have a checksum"):
        make(folder, out=str(tmp_path / "other"), remote=str(tmp_path / "list.json"), algorithms=("md5",))
    assert not (tmp_path / "other" / "mine").exists()


@pytest.mark.parametrize("name", ["sub/near", "sub", "sub/near/x"])
def test_a_name_that_is_taken_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "list.json").write_text(json.dumps([entry(name, b"f")]))
    with pytest.raises(SatchelError, match="is in the bag already"):
        make(folder, out=str(tmp_path / "out"), remote=str(tmp_path / "list.json"))
