"""Archives are unpacked whole or not at all, and never beyond their folder."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.core.bags.digests import StoppedError
from satchel.core.bags.extract import extract
from satchel.core.errors import Kind, SatchelError


def a_zip(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def a_tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def outside(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in tmp_path.iterdir() if p.suffix not in (".zip", ".tgz", ".tar") and p.name != "into")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_comes_out_as_it_went_in(tmp_path: Path, into: Path, mode: str) -> None:
    content = os.urandom(3_000_000)
    archive = a_tar(
        tmp_path / "b.tar", (member("bag/bagit.txt"), b"x"), (member("bag/data/ä b.bin"), content), mode=mode
    )
    told: list[int] = []
    bag = extract(archive, into, told=lambda size, _: told.append(size))
    assert bag == into / "bag"
    assert (bag / "data" / "ä b.bin").read_bytes() == content
    assert sum(told) == len(content) + 1


def test_a_zip_comes_out_with_or_without_a_folder_of_its_own(tmp_path: Path, into: Path) -> None:
    bag = extract(a_zip(tmp_path / "b.zip", **{"bagit.txt": b"x", "data/a": b"1"}), into)
    assert bag == into
    assert (bag / "data/a").read_bytes() == b"1"


def test_what_macos_adds_is_no_part_of_it(tmp_path: Path, into: Path) -> None:
    files = {"bag/bagit.txt": b"x", "__MACOSX/bag/._bagit.txt": b"y", ".DS_Store": b"z"}
    assert extract(a_zip(tmp_path / "b.zip", **files), into) == into / "bag"


@pytest.mark.parametrize("name", ["../x", "bag/../../x", "/x", "C:\\x", "bag/..\\x", "~/x", "bag/\\..\\..\\x"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, into: Path, name: str) -> None:
    archives = [a_zip(tmp_path / "b.zip", **{name: b"1"}), a_tar(tmp_path / "b.tgz", (member(name), b"1"))]
    for archive in archives:
        with pytest.raises(SatchelError, match="not unpacked") as caught:
            extract(archive, into)
        assert caught.value.kind is Kind.INVALID
    assert outside(tmp_path) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, into: Path, kind: bytes) -> None:
    archive = a_tar(tmp_path / "b.tgz", (member("bag/l", kind, "/etc"), b""), (member("bag/l/x"), b"1"))
    with pytest.raises(SatchelError, match=r"is a link|neither a file nor a folder"):
        extract(archive, into)
    assert not any(p.is_symlink() for p in into.rglob("*"))


def test_a_link_in_a_zip_is_refused(tmp_path: Path, into: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        info = zipfile.ZipInfo("bag/l")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc")
    with pytest.raises(SatchelError, match="is a link"):
        extract(tmp_path / "b.zip", into)


def test_the_same_name_twice_is_refused(tmp_path: Path, into: Path) -> None:
    archive = a_tar(tmp_path / "b.tgz", (member("bag/a"), b"1"), (member("bag/./a"), b"2"))
    with pytest.raises(SatchelError, match="twice"):
        extract(archive, into)


def test_a_file_that_is_a_folder_as_well_is_refused(tmp_path: Path, into: Path) -> None:
    archive = a_tar(tmp_path / "b.tgz", (member("bag/a"), b"1"), (member("bag/a/b"), b"2"))
    with pytest.raises(SatchelError, match="as a file and as a folder"):
        extract(archive, into)


def test_what_would_fill_the_disk_is_stopped(tmp_path: Path, into: Path) -> None:
    """A hundred megabytes of nothing pack into a hundred kilobytes; there is room for fifty."""
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bag/zeros", b"\0" * (100 << 20))
    assert (tmp_path / "b.zip").stat().st_size < 1 << 20
    room = 50 << 20
    with pytest.raises(SatchelError) as caught:
        extract(tmp_path / "b.zip", into, reserve=shutil.disk_usage(into).free - room)
    assert caught.value.kind is Kind.DISK_FULL
    assert sum(p.stat().st_size for p in into.rglob("*") if p.is_file()) <= room


@pytest.mark.parametrize("ending", ["zip", "tgz"])
def test_a_damaged_archive_is_said_to_be_damaged(tmp_path: Path, into: Path, ending: str) -> None:
    content = os.urandom(400_000)
    archive = tmp_path / f"b.{ending}"
    if ending == "zip":
        a_zip(archive, **{"bag/bagit.txt": content})
        raw = bytearray(archive.read_bytes())
        raw[2000:2010] = b"0123456789"
    else:
        a_tar(archive, (member("bag/bagit.txt"), content))
        raw = bytearray(archive.read_bytes()[:-5000])
    archive.write_bytes(raw)
    with pytest.raises(SatchelError, match="damaged"):
        extract(archive, into)


def test_an_encrypted_zip_is_refused(tmp_path: Path, into: Path) -> None:
    archive = a_zip(tmp_path / "b.zip", **{"bag/a": b"1"})
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(raw)
    with pytest.raises(SatchelError, match="is encrypted"):
        extract(archive, into)


def test_a_zip_of_many_members_behind_something_else_is_read_piece_by_piece(tmp_path: Path, into: Path) -> None:
    """As one that unpacks itself: places in the list count from where the zip begins."""
    names = [f"bag/data/{n}/é{n}" for n in range(2_500)]
    plain = a_zip(tmp_path / "plain.zip", **{name: name.encode() for name in names})
    archive = tmp_path / "b.zip"
    archive.write_bytes(b"#!/bin/sh\n" * 100 + plain.read_bytes())
    bag = extract(archive, into)
    assert {path.relative_to(into).as_posix() for path in bag.rglob("*") if path.is_file()} == set(names)
    assert (into / names[-1]).read_bytes() == names[-1].encode()


def test_a_member_without_a_name_is_refused(tmp_path: Path, into: Path) -> None:
    archive = a_zip(tmp_path / "b.zip", **{"bag/a": b"1", "xyz": b"2"})
    archive.write_bytes(archive.read_bytes().replace(b"xyz", b"\0yz"))
    with pytest.raises(SatchelError, match="has no name"):
        extract(archive, into)


def test_a_file_that_is_no_archive_and_an_archive_that_is_no_bag(tmp_path: Path, into: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"not at all")
    with pytest.raises(SatchelError, match="is not an archive"):
        extract(tmp_path / "b.zip", into)
    with pytest.raises(SatchelError, match="no bag"):
        extract(a_zip(tmp_path / "b.zip", a=b"1", b=b"2"), into)


def test_it_can_be_stopped(tmp_path: Path, into: Path) -> None:
    stop = threading.Event()
    archive = a_zip(tmp_path / "b.zip", **{"bag/a": os.urandom(5 << 20)})
    with pytest.raises(StoppedError):
        extract(archive, into, stop=stop, told=lambda *_: stop.set())


@given(
    names=st.lists(st.text("ab/.\\~C:é\0", min_size=1, max_size=8), min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE]), min_size=4, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_in_it_nothing_gets_out(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], kinds: list[bytes]
) -> None:
    base = tmp_path_factory.mktemp("x")
    into = base / "deep" / "into"
    into.mkdir(parents=True)
    members = [(member(name, kind, "../.."), b"") for name, kind in zip(names, kinds, strict=False)]
    archive = a_tar(base / "b.tar", *members, mode="w")
    with contextlib.suppress(SatchelError):
        extract(archive, into)
    assert sorted(p.name for p in base.iterdir()) == ["b.tar", "deep"]
    assert [p.name for p in (base / "deep").iterdir()] == ["into"]
    assert not any(p.is_symlink() for p in into.rglob("*"))
