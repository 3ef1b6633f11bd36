"""Bags are packed and unpacked whole or not at all, and looked at without being checked."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from bag_maker import make_bag, tree
from satchel.core.bags import inspecting, packing, unpacking
from satchel.core.bags.inspecting import InspectRequest, InspectResult
from satchel.core.bags.packing import ArchiveRequest, ArchiveResult
from satchel.core.bags.unpacking import ExtractRequest, ExtractResult
from satchel.core.bags.workplace import leftovers
from satchel.core.errors import SatchelError
from satchel.core.jobs.state import local_context

HERE = {
    "data/records/eye.Study.csv": b'RID,Note\n1-A,"two\nlines, ""quoted"""\n1-B,\n',
    "data/records/eye.Empty.csv": b"RID\n",
    "data/a b.txt": b"text" * 1000,
    "data/p.png": b"\x89PNG" * 1000,
}
INFO = [
    ("Source-Host", "www.example.org"),
    ("Source-Catalog", "1"),
    ("Source-Snapshot", "33X-ABCD-WXYZ"),
    ("Source-Snapshot-Time", "2024-05-06T07:08:09+00:00"),
    ("Root-RID", "1-ABCD"),
    ("Root-Table", "eye:Study"),
    ("BagIt-Profile-Identifier", "https://example.org/profile.json"),
]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return make_bag(tmp_path / "my bag", HERE, {"data/far": ("https://www.example.org/far", b"far")}, INFO)


def archive(bag: Path, **how: object) -> ArchiveResult:
    request = ArchiveRequest(path=str(bag), **how)  # type: ignore[arg-type]
    return asyncio.run(packing.run(request, local_context(bag.parent / "context")))


def extract(file: Path, into: Path | None = None) -> ExtractResult:
    request = ExtractRequest(path=str(file), into=str(into) if into else None)
    return asyncio.run(unpacking.run(request, local_context(file.parent / "context")))


def look(path: Path) -> InspectResult:
    return asyncio.run(inspecting.run(InspectRequest(path=str(path)), local_context(path.parent / "context")))


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_what_is_packed_comes_out_the_same_and_packs_the_same(bag: Path, tmp_path: Path, kind: str) -> None:
    first = archive(bag, format=kind)
    assert first.archive == str(tmp_path / f"my bag.{kind}")
    assert first.unpacked == sum(len(content or b"") for content in tree(bag).values())
    done = extract(Path(first.archive), tmp_path / "deep" / "out")
    assert done.bag == str(tmp_path / "deep" / "out" / "my bag")
    assert tree(Path(done.bag)) == tree(bag)
    assert (done.files, done.bytes) == (first.files, first.unpacked)
    for path in Path(done.bag).rglob("*"):
        os.utime(path, (1, 1))
    again = archive(Path(done.bag), format=kind, out=str(tmp_path / "again"))
    assert Path(again.archive).read_bytes() == Path(first.archive).read_bytes()
    assert hidden(tmp_path) == hidden(tmp_path / "deep" / "out") == []


def test_nothing_that_is_there_is_written_over(bag: Path, tmp_path: Path) -> None:
    file = Path(archive(bag).archive)
    before = tree(tmp_path)
    with pytest.raises(SatchelError, match="already there"):
        archive(bag)
    with pytest.raises(SatchelError, match="already there"):
        extract(file)
    with pytest.raises(SatchelError, match="inside the bag"):
        archive(bag, out=str(bag / "data" / "self.zip"))
    with pytest.raises(SatchelError, match="There is no folder"):
        archive(bag, out=str(tmp_path / "none" / "x.zip"))
    after = tree(tmp_path)
    assert {path: content for path, content in after.items() if not path.startswith("context")} == {
        path: content for path, content in before.items() if not path.startswith("context")
    }


def test_links_and_half_fetched_bags_are_not_packed(bag: Path, tmp_path: Path) -> None:
    (bag / ".satchel-fetch").mkdir()
    with pytest.raises(SatchelError, match="was not finished"):
        archive(bag)
    (bag / ".satchel-fetch").rmdir()
    (bag / "data" / "link").symlink_to("/etc/passwd")
    with pytest.raises(SatchelError, match=r"data/link in .* is a link"):
        archive(bag)
    assert not (tmp_path / "my bag.zip").exists()


@pytest.mark.parametrize("evil", ["../up", "/abs", "bag/../../up", "bag/data/../../../up", "C:/x", "bag\\..\\..\\up"])
def test_hostile_archives_leave_nothing(tmp_path: Path, evil: str) -> None:
    file = tmp_path / "in" / "evil.tar"
    file.parent.mkdir()
    with tarfile.open(file, "w") as out:
        for name in ("bag/bagit.txt", evil):
            info = tarfile.TarInfo(name)
            info.size = 4
            out.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(SatchelError):
        extract(file, tmp_path / "out")
    assert tree(tmp_path / "out") == {}
    assert hidden(tmp_path / "out") == []


def test_what_is_no_bags_archive_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr("folder/file", "text")
    (tmp_path / "b.zip").write_bytes(b"no archive")
    for name, words in (("a.zip", "not a bag"), ("b.zip", "not an archive"), ("c.zip", "There is no")):
        with pytest.raises(SatchelError, match=words):
            extract(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_stopped_job_leaves_nothing_and_a_killed_one_is_cleaned(bag: Path, tmp_path: Path) -> None:
    file = Path(archive(bag).archive)
    context = local_context(tmp_path / "stopped")
    context.cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(unpacking.run(ExtractRequest(path=str(file), into=str(tmp_path / "out")), context))
    assert list((tmp_path / "out").iterdir()) == []
    # A killed one leaves its hidden folder, which is its job's to discard, and nobody else's.
    ours = tmp_path / "out" / ".my bag.zip.JOB.satchel"
    ours.mkdir()
    other = tmp_path / "out" / ".my bag.zip.OTHER.satchel"
    other.mkdir()
    kept = {"leftovers": [str(ours), str(other), str(bag), "relative", 7]}
    assert leftovers(None, "JOB", kept) == [ours]
    assert leftovers(None, "", kept) == []


@pytest.mark.parametrize("kind", ["folder", "zip", "tgz"])
def test_a_bag_is_described(bag: Path, kind: str) -> None:
    path = bag if kind == "folder" else Path(archive(bag, format=kind).archive)
    found = look(path)
    assert found.kind == {"folder": "folder", "zip": "zip", "tgz": "tar"}[kind]
    assert (found.version, found.encoding, found.algorithms) == ("1.0", "UTF-8", ("md5", "sha256"))
    assert (found.files, found.remote, found.remote_bytes) == (5, 1, 3)
    assert found.missing == (1 if kind == "folder" else None)
    assert found.bytes == sum(map(len, HERE.values())) + 3
    assert found.info[: len(INFO)] == tuple(INFO)
    assert found.profile == "https://example.org/profile.json"
    assert found.origin is not None
    assert (found.origin.host, found.origin.catalog, found.origin.rid) == ("www.example.org", "1", "1-ABCD")
    assert [(table.name, table.rows) for table in found.tables] == [("eye.Empty", 0), ("eye.Study", 2)]


def test_any_bag_is_described_and_what_is_none_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "old"
    (old / "data").mkdir(parents=True)
    (old / "bagit.txt").write_text("BagIt-Version: 0.93\r\nTag-File-Character-Encoding: UTF-8\r\n")
    (old / "manifest-md5.txt").write_bytes(b"d41d8cd98f00b204e9800998ecf8427e  data/a\r\rd41d  data/b\r\nd41d data/c")
    found = look(old)
    assert (found.version, found.files, found.bytes, found.origin, found.tables) == ("0.93", 3, None, None, ())
    for name in ("none", "plain"):
        (tmp_path / "plain").mkdir(exist_ok=True)
        with pytest.raises(SatchelError):
            look(tmp_path / name)
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SatchelError):
        look(tmp_path / "cut.zip")
