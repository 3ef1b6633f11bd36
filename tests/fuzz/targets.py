"""What is fuzzed: functions of bytes that end well, or with a sentence, whatever the bytes are.

Each reads them as a kind of file that comes from outside. A `SatchelError` is a good end; anything else that is raised,
and any broken promise (a path that leads out, memory without bound), is a find.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from satchel.core.bags.baginfo import read_info
from satchel.core.bags.declaration import Declaration, read_declaration
from satchel.core.bags.extract import extract
from satchel.core.bags.inspecting import InspectRequest, rows_of
from satchel.core.bags.inspecting import run as inspect
from satchel.core.bags.manifests import Entry, Fetch, lines, payload_safe, read_entry, read_fetch
from satchel.core.bags.problems import Findings, visible
from satchel.core.bags.profiles import profile_file
from satchel.core.bags.remote_list import read_remote
from satchel.core.errors import SatchelError
from satchel.core.fetching.sources import address
from satchel.core.jobs.state import local_context

ENCODINGS = ("utf-8", "utf-16", "utf-32", "iso-8859-1", "utf-16-le", "gb18030", "utf-7")
_STOP = threading.Event()
_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="satchel-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tag_lines(data: bytes) -> None:
    """Lines of manifests and fetch.txt in any encoding."""
    encoding = ENCODINGS[data[0] % len(ENCODINGS)] if data else "utf-8"
    for number, line in enumerate(lines(io.BytesIO(data[1:]), encoding)):
        assert line.number >= number
        for old in (False, True):
            entry = read_entry(line, "sha256", old=old)
            if isinstance(entry, Entry):
                assert len(entry.digest) == 64
            found = read_fetch(line, old=old)
            if isinstance(found, Fetch):
                with contextlib.suppress(SatchelError):
                    assert address(found.url, "example.org").startswith(("https://", "http://"))
                if payload_safe(found.path) is None:
                    assert ".." not in found.path.split("/")
                    assert not found.path.startswith("/")


def declaration(data: bytes) -> None:
    """bagit.txt."""
    with _folder() as folder:
        (folder / "bagit.txt").write_bytes(data)
        findings = Findings()
        if read_declaration(folder, findings) is None:
            assert findings.error_count


def bag_info(data: bytes) -> None:
    """bag-info.txt."""
    with _folder() as folder:
        (folder / "bag-info.txt").write_bytes(data[1:])
        first = data[0] if data else 0
        declared = Declaration((1, 0) if first < 128 else (0, 97), ENCODINGS[first % len(ENCODINGS)])
        info = read_info(folder, declared, Findings(), _STOP)
        for label, value, line in info.fields:
            assert line > 0
            assert "\x1b" not in visible(label + value)


def remote_list(data: bytes) -> None:
    """Lists of files by reference."""
    with _folder() as folder, contextlib.suppress(SatchelError):
        (folder / "list").write_bytes(data)
        for remote in read_remote(folder / "list"):
            assert payload_safe(remote.path) is None


def profile(data: bytes) -> None:
    """BagIt profiles."""
    with _folder() as folder, contextlib.suppress(SatchelError):
        (folder / "profile.json").write_bytes(data)
        profile_file(folder / "profile.json")


def archive(data: bytes) -> None:
    """zip, tar, tgz, tar.bz2 and tar.xz."""
    with _folder() as folder:
        (folder / "archive").write_bytes(data)
        (folder / "into").mkdir()
        with contextlib.suppress(SatchelError):
            extract(folder / "archive", folder / "into")
        with contextlib.suppress(SatchelError):
            asyncio.run(inspect(InspectRequest(path=str(folder / "archive")), local_context(folder / "context")))
        shutil.rmtree(folder / "context")
        assert {path.name for path in folder.iterdir()} <= {"archive", "into"}
        assert not any(path.is_symlink() for path in (folder / "into").rglob("*"))


def records(data: bytes) -> None:
    """Rows of CSV files are counted."""
    assert rows_of(io.BytesIO(data), _STOP) <= data.count(b"\n") + 1


TARGETS: dict[str, Callable[[bytes], None]] = {
    "tag_lines": tag_lines,
    "declaration": declaration,
    "bag_info": bag_info,
    "remote_list": remote_list,
    "profile": profile,
    "archive": archive,
    "records": records,
}


def seeds(target: str) -> list[bytes]:
    """What a kind of file looks like, to begin with."""
    zeros = b"0" * 64
    match target:
        case "tag_lines":
            line = zeros.decode() + "  data/a%25b\nhttps://h/x 1 data/a\n"
            return [bytes([n]) + line.encode(encoding) for n, encoding in enumerate(ENCODINGS)]
        case "declaration":
            return [b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", b"\xef\xbb\xbfbagit-version : 0.97\r"]
        case "bag_info":
            return [b"\0Payload-Oxum: 1.2\nA: b\n  c\r\nBag-Count: 1 of ?\n", b"\xffA : b\rC:d\n"]
        case "remote_list":
            row = {"url": "https://h/x", "length": 1, "filename": "a", "sha256": zeros.decode()}
            return [json.dumps([row]).encode(), b"url,filename,sha256\nhttps://h/x,a," + zeros + b"\n"]
        case "profile":
            found = {
                "BagIt-Profile-Info": {"BagIt-Profile-Identifier": "https://h/p"},
                "Bag-Info": {"A": {"required": True, "values": ["b"]}},
                "Manifests-Required": ["md5"],
                "Accept-BagIt-Version": ["1.0"],
            }
            return [json.dumps(found).encode()]
        case "archive":
            return list(_archives())
    return [b'a,b\n"1\n2",3\n']


def _archives() -> list[bytes]:
    import tarfile
    import zipfile

    found = []
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bag/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        packed.writestr("bag/data/a", b"a" * 100)
    found.append(out.getvalue())
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
            info = tarfile.TarInfo("bag/bagit.txt")
            info.size = 5
            tar.addfile(info, io.BytesIO(b"Bag\n\n"))
            link = tarfile.TarInfo("bag/data/link")
            link.type, link.linkname = tarfile.SYMTYPE, "../../.."
            tar.addfile(link)
        found.append(out.getvalue())
    return found
