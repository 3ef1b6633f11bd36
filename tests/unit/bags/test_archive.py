"""Archives are the same bytes for the same bag, wherever and whenever they are packed."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core.bags import deflate
from satchel.core.bags.archive import ENDINGS, members, pack
from satchel.core.bags.deflate import Deflater
from satchel.core.bags.digests import StoppedError

WHEN = datetime(2026, 11, 21, 3, 4, 5, 678901, UTC)
GOLDEN = {
    "zip": "4578f4fc19171a70b03889d088ae62aa9427c2919dc231044acc77b29301e95d",
    "tgz": "4fe340694599a3f3e4cff61e3e53d3b380fab32bb781695090c96e663c104ad0",
}
"""Of `fill`, with the pinned deflate. They change only when archives are made anew on purpose: docs/bag.md."""


def fill(folder: Path, *, backwards: bool = False) -> Path:
    """A bag-like folder, the same every time, made in one order or the other."""
    bag = folder / "1_Study_1-ABCD"
    row = '1-%04X,2026-11-21 00:00:00+00,L,"a, b",魚,%d\n'
    files = {
        "bagit.txt": b"BagIt-Version: 1.0\n",
        "data/records/eye.Image.csv": "".join(row % (n, n * n % 977) for n in range(60_000)).encode(),
        "data/records/eye.Ünïcode 魚.csv": b"RID\n",
        "data/assets/Image/1-000A/" + "long " * 38 + ".png": hashlib.shake_128(b"x").digest(1_300_000),
        "data/empty": b"",
    }
    for name in sorted(files, reverse=backwards):
        path = bag / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    return bag


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    return fill(tmp_path_factory.mktemp("bag"))


@pytest.fixture(scope="module")
def packed(bag, tmp_path_factory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("out")
    for kind, ending in ENDINGS.items():
        pack(bag, out / f"x{ending}", kind, bag.name, WHEN)
    return {kind: out / f"x{ending}" for kind, ending in ENDINGS.items()}


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_the_bytes_are_those_of_every_other_machine(packed, kind):
    assert digest(packed[kind]) == GOLDEN[kind]


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_nothing_of_the_files_circumstances_goes_in(packed, kind, tmp_path):
    other = fill(tmp_path / "elsewhere", backwards=True)
    for path in [*other.rglob("*"), other]:
        path.chmod(0o700)
        os.utime(path, (1, 1))
    pack(other, tmp_path / "y", kind, other.name, WHEN)
    assert digest(tmp_path / "y") == digest(packed[kind])


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_nothing_of_the_process_goes_in(packed, kind, bag, tmp_path):
    code = (
        "import os,sys; os.umask(0o077); from datetime import *; from pathlib import Path\n"
        "from satchel.core.bags.archive import pack\n"
        f"pack(Path({str(bag)!r}), Path('y'), {kind!r}, {bag.name!r}, datetime.fromisoformat({WHEN.isoformat()!r}))"
    )
    env = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)
    assert digest(tmp_path / "y") == digest(packed[kind])


def test_zip_members(packed, bag):
    with zipfile.ZipFile(packed["zip"]) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
        assert [i.filename for i in infos] == [f"{bag.name}/{m}" for m in members(bag)]
        assert {i.date_time for i in infos} == {(2026, 11, 21, 3, 4, 4)}
        assert {i.external_attr >> 16 for i in infos} == {0o100644}
        assert {i.create_system for i in infos} == {3}
        assert {(i.extra, i.comment) for i in infos} == {(b"", b"")}
        stored = {i.filename for i in infos if i.compress_type == zipfile.ZIP_STORED}
        assert stored == {f"{bag.name}/{m}" for m in members(bag) if m.endswith(".png")}
        for info in infos:
            assert archive.read(info) == (bag.parent / info.filename).read_bytes()


def test_tgz_members(packed, bag):
    header = packed["tgz"].read_bytes()[:10]
    assert header == b"\x1f\x8b\x08\0" + bytes(4) + b"\0\xff"
    with tarfile.open(packed["tgz"]) as archive:
        infos = archive.getmembers()
        assert [i.name for i in infos] == [f"{bag.name}/{m}" for m in members(bag)]
        assert {(i.mtime, i.mode, i.uid, i.gid, i.uname, i.gname) for i in infos} == {
            (int(WHEN.timestamp()), 0o644, 0, 0, "", "")
        }
        for info in infos:
            file = archive.extractfile(info)
            assert file is not None
            assert file.read() == (bag.parent / info.name).read_bytes()
    assert packed["tgz"].stat().st_size < sum(p.stat().st_size for p in bag.rglob("*")) / 2


@pytest.mark.parametrize("tool", [["unzip", "-tqq"], ["tar", "tzf"], ["gzip", "-t"]])
def test_other_programs_read_them(packed, tool):
    kind = "zip" if tool[0] == "unzip" else "tgz"
    try:
        done = subprocess.run([*tool, packed[kind]], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"no {tool[0]} here")
    assert done.returncode == 0, done.stderr


def test_a_file_over_four_gigabytes_is_announced_as_zip64(tmp_path):
    """Sparse, and stopped as soon as its header is written: what matters is that the length has room."""
    bag = tmp_path / "b"
    bag.mkdir()
    with (bag / "big.png").open("wb") as file:
        file.truncate(5 << 30)
    stop, kept = threading.Event(), []

    def told(size: int, member: str) -> None:
        if not stop.is_set():
            stop.set()
            kept.append((tmp_path / "part").read_bytes()[:200])

    # The header leaves the writer's buffer with the first megabyte, whose turn comes after the second is read.
    seen = []

    def second(size: int, member: str) -> None:
        seen.append(size)
        if len(seen) == 3:
            told(size, member)

    with pytest.raises(StoppedError):
        pack(bag, tmp_path / "b.zip", "zip", "b", WHEN, temporary=tmp_path / "part", stop=stop, told=second)
    (version,) = struct.unpack("<H", kept[0][4:6])
    (compressed, whole) = struct.unpack("<LL", kept[0][18:26])
    assert (version, compressed, whole) == (45, 0xFFFFFFFF, 0xFFFFFFFF)
    assert struct.unpack("<H", kept[0][30 + len("b/big.png") :][:2]) == (1,)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b"]


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_stopped_or_failed_it_leaves_nothing(bag, kind, tmp_path):
    stop, seen = threading.Event(), []

    def told(size: int, member: str) -> None:
        seen.append(size)
        if sum(seen) > 2_000_000:
            stop.set()

    with pytest.raises(StoppedError):
        pack(bag, tmp_path / "x", kind, "b", WHEN, stop=stop, told=told)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="no space"):
        pack(bag, tmp_path / "x", kind, "b", WHEN, told=lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_overwritten(bag, there, tmp_path):
    target = tmp_path / "x.zip"
    if there == "file":
        target.write_bytes(b"mine")
    elif there == "folder":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        pack(bag, target, "zip", "b", WHEN)
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]
    assert there != "file" or target.read_bytes() == b"mine"


def test_what_a_killed_run_left_is_overwritten(bag, packed, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(b"x" * 10_000_000)
    before = []
    pack(bag, tmp_path / "x.zip", "zip", bag.name, WHEN, temporary=part, before=lambda p: before.append(digest(p)))
    assert digest(tmp_path / "x.zip") == digest(packed["zip"]) == before[0]
    assert not part.exists()


@given(
    st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), max_size=12),
    st.integers(1, 30),
)
def test_deflate_gives_back_what_went_in(pieces, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deflate, "BLOCK", block)
        patch.setattr(deflate, "_STORED", 7)
        deflater, out = Deflater(), b""
        for stored, data in pieces:
            out += deflater.switch(stored=stored) + deflater.compress(data)
        out += deflater.flush()
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(out) == b"".join(data for _, data in pieces)
    assert inflater.eof
    assert not inflater.unused_data


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(1, 40))
def test_the_pieces_in_which_it_comes_do_not_matter(pieces, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deflate, "BLOCK", block)
        whole, other = Deflater(), Deflater()
        one = whole.compress(b"".join(pieces)) + whole.flush()
        many = b"".join(other.compress(piece) for piece in pieces) + other.flush()
    assert one == many


def test_gzip_of_more_than_a_block(packed, bag):
    with gzip.open(packed["tgz"]) as file:
        assert len(file.read()) % tarfile.RECORDSIZE == 0
