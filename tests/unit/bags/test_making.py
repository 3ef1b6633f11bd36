"""Bags are made of folders and changed, and bdbag and our own check call them valid."""

from __future__ import annotations

import asyncio
from pathlib import Path

import bagit
import pytest

from bag_maker import make_bag, tree
from satchel.core.bags import making, rebagging, validate
from satchel.core.bags.making import MOVING, TAGS, BagRequest, BagResult
from satchel.core.bags.rebagging import RebagRequest, RebagResult
from satchel.core.bags.validate import ValidateRequest, ValidateResult
from satchel.core.errors import SatchelError
from satchel.core.jobs.state import local_context

FILES = {"a.txt": b"a", "deep/er/b c.bin": b"b" * 3_000_000, "data/own": b"own", "bag-info.txt": b"mine", "ü": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "empty").mkdir()
    return folder


def make(folder: Path, **how: object) -> BagResult:
    request = BagRequest(path=str(folder), **how)  # type: ignore[arg-type]
    return asyncio.run(making.run(request, local_context(folder.parent / "context")))


def change(bag: Path, **how: object) -> RebagResult:
    request = RebagRequest(path=str(bag), **how)  # type: ignore[arg-type]
    return asyncio.run(rebagging.run(request, local_context(bag.parent / "context")))


def check(bag: Path) -> ValidateResult:
    return asyncio.run(validate.run(ValidateRequest(path=str(bag)), local_context(bag.parent / "context")))


def payload(bag: Path) -> dict[str, bytes | None]:
    return tree(bag / "data")


@pytest.mark.parametrize("how", ["copy", "link", "in-place"])
def test_a_bag_of_a_folder(folder: Path, tmp_path: Path, how: str) -> None:
    out = None if how == "in-place" else str(tmp_path / "out")
    done = make(folder, how=how, out=out, info=(("Contact-Name", "Ada"),), algorithms=("sha256", "sha512"))
    bag = Path(done.bag)
    assert bag == (folder if how == "in-place" else tmp_path / "out" / "pictures")
    assert payload(bag) == FILES
    assert (done.files, done.bytes, done.empty_folders) == (len(FILES), sum(map(len, FILES.values())), 1)
    assert "Contact-Name: Ada\n" in (bag / "bag-info.txt").read_text()
    assert sorted(p.name for p in bag.glob("manifest-*")) == ["manifest-sha256.txt", "manifest-sha512.txt"]
    found = check(bag)
    assert (found.valid, found.complete, found.errors, found.warnings) == (True, True, (), ())
    bagit.Bag(str(bag)).validate()
    if how != "in-place":
        assert tree(folder) == FILES
        same = (folder / "a.txt").samefile(bag / "data/a.txt")
        assert same == (how == "link")
        assert {p.name for p in bag.parent.iterdir()} == {"pictures", "context"}


@pytest.mark.parametrize("after", ["reading", "one", "all", "data", "tags"])
def test_a_bag_in_place_is_finished_after_it_was_cut(folder: Path, monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    """As if the power went at a moment of the moving: what is there then is gone on with."""

    class Cut(BaseException):
        pass

    moved: list[str] = []
    rename = Path.rename
    tops = len(list(folder.iterdir()))

    def cut(self: Path, target: Path) -> Path:
        limit = {"reading": 0, "one": 1, "all": tops, "data": tops + 1, "tags": tops + 3}[after]
        if len(moved) >= limit:
            raise Cut
        moved.append(self.name)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(Cut):
        make(folder, how="in-place")
    monkeypatch.undo()
    assert not (folder / "bagit.txt").exists()
    assert sorted(c for c in tree(folder).values() if c in FILES.values()) == sorted(FILES.values())
    done = make(folder, how="in-place")
    assert (done.files, done.bytes) == (len(FILES), sum(map(len, FILES.values())))
    assert payload(folder) == FILES
    assert check(folder).valid
    assert not (folder / MOVING).exists()
    assert not (folder / TAGS).exists()


def test_what_cannot_be_a_bag_is_told_and_nothing_is_made(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    with pytest.raises(SatchelError, match="inside the folder"):
        make(folder, out=str(folder / "deep"))
    with pytest.raises(SatchelError, match="missing"):
        make(folder)
    with pytest.raises(SatchelError, match="does not exist"):
        make(tmp_path / "none", out=out)
    with pytest.raises(SatchelError, match="stays where it is"):
        make(folder, out=out, how="in-place")
    with pytest.raises(SatchelError, match="cannot be the name"):
        make(folder, out=out, info=(("a:b", "c"),))
    with pytest.raises(SatchelError, match="computed"):
        make(folder, out=out, info=(("Payload-Oxum", "1.1"),))
    (folder / "link").symlink_to("/etc/passwd")
    for how in ("copy", "in-place"):
        before = tree(folder)
        with pytest.raises(SatchelError, match="is a link"):
            make(folder, out=out if how == "copy" else None, how=how)
        assert tree(folder) == before
    (folder / "link").unlink()
    make(folder, out=out)
    with pytest.raises(SatchelError, match="already there"):
        make(folder, out=out)
    make(folder, how="in-place")
    with pytest.raises(SatchelError, match="is a bag already"):
        make(folder, how="in-place")


def test_bag_info_is_changed_and_damage_stays_visible(tmp_path: Path) -> None:
    far = {"data/far": ("https://example.org/far", b"far")}
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"}, far, [("X", "1"), ("Y", "2"), ("X", "3"), ("Z", "4")])
    done = change(bag, info=(("x", "new"), ("W", "5")), remove=("Z",))
    assert done.written == ("bag-info.txt", "tagmanifest-md5.txt", "tagmanifest-sha256.txt")
    assert (bag / "bag-info.txt").read_text() == "x: new\nY: 2\nPayload-Oxum: 4.2\nW: 5\n"
    found = check(bag)
    assert (found.sound, found.complete, found.remote) == (True, False, 1)
    (bag / "fetch.txt").write_bytes((bag / "fetch.txt").read_bytes() + b"\n")
    (bag / "data/a").write_bytes(b"b")
    change(bag, info=(("X", "newer"),))
    found = check(bag)
    assert {error.path for error in found.errors} == {"fetch.txt", "data/a", "data/far"}


def test_manifests_are_made_anew(tmp_path: Path) -> None:
    far = {"data/far": ("https://example.org/far", b"far")}
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"}, far, [("X", "1")])
    (bag / "data/a").write_bytes(b"other")
    (bag / "data/new").write_bytes(b"new")
    (bag / "meta").mkdir()
    (bag / "meta/note.xml").write_bytes(b"<note/>")
    with (bag / "tagmanifest-md5.txt").open("a") as file:
        file.write("00000000000000000000000000000000  meta/note.xml\n")
    with pytest.raises(SatchelError, match="have no sha512"):
        change(bag, remanifest=True, algorithms=("sha512",))
    done = change(bag, remanifest=True, algorithms=("sha256",))
    assert (done.files, done.bytes) == (2, 8)
    found = check(bag)
    assert (found.sound, found.algorithms, found.remote, found.files) == (True, ("sha256",), 1, 2)
    assert not (bag / "tagmanifest-md5.txt").exists()
    assert "meta/note.xml" in (bag / "tagmanifest-sha256.txt").read_text()
    assert "X: 1\nPayload-Oxum: 11.3\n" in (bag / "bag-info.txt").read_text()
    (bag / "data/far").write_bytes(b"far")
    change(bag, remanifest=True, algorithms=("sha512",))
    assert not (bag / "fetch.txt").exists()
    assert (check(bag).complete, check(bag).algorithms) == (True, ("sha512",))


def test_a_change_that_makes_no_sense_changes_nothing(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"})
    before = tree(bag)
    for how in ({}, {"algorithms": ("md5",)}, {"info": (("a:b", "c"),)}, {"remanifest": True, "algorithms": ("crc",)}):
        with pytest.raises(SatchelError):
            change(bag, **how)
    assert tree(bag) == before
