"""Bags that are made to do harm get a sentence, and do none: nothing is written outside, memory stays bounded."""

from __future__ import annotations

import asyncio
import io
import json
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from satchel.core.bags import extract as extracting
from satchel.core.bags import problems
from satchel.core.bags.extract import extract, is_archive
from satchel.core.bags.problems import Findings, visible
from satchel.core.bags.validate import ValidateRequest, run
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.state import local_context
from small_bags import HELLO, judge, put

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
PEAK_MB = 120
"""A process that checks anything here; one that checks a small bag takes about 50."""


def peak(bag: Path, *more: str) -> tuple[dict[str, object], float]:
    """The result of a check in a process of its own, and its largest memory in MB."""
    program = (
        "import asyncio, json, re, sys\n"
        "from pathlib import Path\n"
        "import msgspec\n"
        "from satchel.core.bags.validate import ValidateRequest, run\n"
        "from satchel.core.jobs.state import local_context\n"
        "result = asyncio.run(run(ValidateRequest(path=sys.argv[1]), local_context(Path(sys.argv[2]))))\n"
        # Not getrusage: that begins with what the process that started it had.
        "peak = int(re.search(r'VmHWM:\\s*(\\d+) kB', Path('/proc/self/status').read_text())[1]) / 1024\n"
        "told = msgspec.to_builtins(result)\n"
        "told['errors'] = told['errors'][:5]\n"
        "print(json.dumps([told, peak]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(bag), str(bag.parent / "context"), *more],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    result, megabytes = json.loads(done.stdout)
    return result, megabytes


def fill(path: Path, pieces: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)


@LINUX
@pytest.mark.parametrize(
    "name", ["manifest-sha256.txt", "tagmanifest-sha256.txt", "fetch.txt", "bag-info.txt", "bagit.txt"]
)
def test_a_line_of_many_bytes_takes_no_memory(tmp_path: Path, name: str) -> None:
    """A hole in a file: a line of a billion NULs that takes no disk either, and 200 MB where it is looked at."""
    bag = put(tmp_path / "bag", info="A: b\n", fetch="https://h/x 6 data/hello.txt\n", tags=name.startswith("tag"))
    with (bag / name).open("ab") as file:
        file.truncate(200_000_000)
    result, megabytes = peak(bag)
    assert result["valid"] is False
    assert megabytes < PEAK_MB


@LINUX
def test_a_billion_bytes_of_a_value_take_no_memory(tmp_path: Path) -> None:
    bag = put(tmp_path / "bag", info="A: b\n", tags=False)
    fill(bag / "bag-info.txt", (b"A: b\n" if n == 0 else b" and so on\n" * 100_000 for n in range(30)))
    result, megabytes = peak(bag)
    assert result["valid"] is True
    assert megabytes < PEAK_MB


@LINUX
@pytest.mark.parametrize("what", ["missing", "malformed", "unsafe", "capitals", "one path again and again"])
def test_a_manifest_of_a_million_lines_takes_no_memory(tmp_path: Path, what: str) -> None:
    bag = put(tmp_path / "bag", tags=False)
    lines: dict[str, Callable[[int], bytes]] = {
        "missing": lambda n: b"%064x  data/%08d\n" % (n, n),
        "malformed": lambda n: b"nonsense %d\n" % n,
        "unsafe": lambda n: b"%064x  ../%d\n" % (n, n),
        "capitals": lambda n: b"%064x  data/%s\n" % (n, _capitals(n)),
        "one path again and again": lambda n: b"%064x  data/x\n" % n,
    }
    count = 1_000_000 if what == "missing" else 200_000
    fill(bag / "manifest-sha256.txt", (lines[what](n) for n in range(count)))
    result, megabytes = peak(bag)
    assert result["valid"] is False
    assert isinstance(result["error_count"], int)
    if what != "one path again and again":
        assert result["error_count"] >= count
    assert megabytes < 2.5 * PEAK_MB


def _capitals(n: int) -> bytes:
    return bytes(c - 32 if n >> place & 1 else c for place, c in enumerate(b"abcdefghijklmnopqrst"))


def test_problems_are_kept_up_to_a_size_and_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "_ROOM", 100_000)
    findings = Findings()
    for _ in range(1000):
        findings.error("missing", "x" * 100_000, "y" * 100_000)
    assert findings.error_count == 1000
    assert sum(len(e.path) + len(e.message) for e in findings.errors) < 120_000
    assert "100,000 characters" in findings.errors[0].path


def test_names_that_command_a_terminal_are_shown_not_obeyed(tmp_path: Path) -> None:
    names = ["data/\x1b]0;owned\x07", "data/\x1b[31mred", "data/abc\u202etxt.exe", "data/\u200fb", "data/\x9b31m"]
    bag = put(tmp_path / "bag", dict.fromkeys(names, b"1"))
    assert judge(bag).valid, "a strange name is no fault"
    for name in names:
        (bag / name).unlink()
    result = judge(bag)
    assert sorted(e.path for e in result.errors) == sorted(names), "programs get the name as it is"
    for error in result.errors:
        assert not set(error.message) & set("\x1b\x07\x9b\u202e\u200f"), error.message
    assert "\\x1b[31mred" in "".join(e.message for e in result.errors)


@given(st.text())
def test_whatever_is_shown_commands_nothing(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert not any(c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160) for c in visible(text))


@pytest.mark.parametrize("line", ["data/a\0b", "\0", "data/\0"])
def test_nul_bytes_are_a_sentence(tmp_path: Path, line: str) -> None:
    bag = put(tmp_path / "bag", manifest="{data/hello.txt}  data/hello.txt\n{data/hello.txt}  " + line + "\n")
    (error,) = judge(bag).errors
    assert (error.code, error.line) == ("unsafe-path", 2)
    assert "NUL" in error.message


@pytest.mark.parametrize("kind", ["file", "folder", "loop", "bag", "tag file", "tag folder", "manifest", "payload"])
def test_links_lead_nowhere(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "hello.txt").write_bytes(HELLO["data/hello.txt"])
    bag = put(tmp_path / "bag", extra={"meta/a.txt": b"x"}, info="A: b\n")
    match kind:
        case "file":
            (bag / "data/hello.txt").unlink()
            (bag / "data/hello.txt").symlink_to(secret / "hello.txt")
        case "folder":
            (bag / "data/more").symlink_to(secret)
        case "loop":
            (bag / "data/more").symlink_to(bag / "data")
        case "bag":
            (bag / "data/more").symlink_to(bag)
        case "tag file":
            (bag / "bag-info.txt").rename(secret / "bag-info.txt")
            (bag / "bag-info.txt").symlink_to(secret / "bag-info.txt")
        case "tag folder":
            (bag / "meta").rename(secret / "meta")
            (bag / "meta").symlink_to(secret / "meta")
        case "manifest":
            (bag / "manifest-sha256.txt").rename(secret / "m")
            (bag / "manifest-sha256.txt").symlink_to(secret / "m")
        case "payload":
            (bag / "data").rename(secret / "data")
            (bag / "data").symlink_to(secret / "data")
    result = judge(bag)
    assert not result.valid
    assert "link" in {e.code for e in result.errors}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for place, code in (("data/pipe", "not-a-file"), ("bagit.txt", "not-a-bag"), ("bag-info.txt", "missing")):
        bag = put(tmp_path / place.replace("/", "-"), info="A: b\n")
        (bag / place).unlink(missing_ok=True)
        os.mkfifo(bag / place)
        assert code in {e.code for e in judge(bag).errors}


def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    bag = put(tmp_path / "bag")
    for name in (b"data/\xff\xfe", b"manifest-\xff.txt", b"tagmanifest-\xff.txt", b"\xff"):
        (Path(os.fsdecode(os.fsencode(bag) + b"/" + name))).write_bytes(b"")
    (error,) = judge(bag).errors
    assert error.code == "unexpected"
    assert "not text" in error.message


@pytest.mark.parametrize(
    "encoding", ["idna", "punycode", "unicode_escape", "rot13", "zip", "undefined", "utf-7", "x" * 500]
)
def test_encodings_that_are_none(tmp_path: Path, encoding: str) -> None:
    bag = put(tmp_path / "bag", declaration=f"BagIt-Version: 1.0\nTag-File-Character-Encoding: {encoding}\n")
    result = judge(bag)
    assert result.valid == (encoding == "utf-7")


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["bagit.txt", "bag-info.txt", "manifest-md5.txt", "fetch.txt", "tagmanifest-md5.txt"]),
    content=st.binary(max_size=200)
    | st.lists(
        st.sampled_from(
            [b"0" * 32, b"  ", b"data/x", b"../", b"/", b"\n", b"\r", b"\0", b"%0A", b"https://h/", b" - "]
        ),
        max_size=20,
    ).map(b"".join),
    encoding=st.sampled_from(["UTF-8", "UTF-16", "utf-7", "ISO-8859-1", "cp037"]),
)
def test_any_bytes_in_a_tag_file_get_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes, encoding: str
) -> None:
    bag = put(tmp_path_factory.mktemp("any") / "bag", algorithms=("md5",), encoding=encoding, tags=False)
    (bag / name).write_bytes(content)
    result = judge(bag)
    assert result.valid == (result.error_count == 0)
    assert all(e.message.endswith(".") and e.code for e in (*result.errors, *result.warnings))


# -- archives ---------------------------------------------------------------------------------------------------------


def zeros(archive: Path, megabytes: int) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file, file.open("bag/zeros", "w") as member:
        for _ in range(megabytes):
            member.write(bytes(1 << 20))
    return archive


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def test_what_grows_beyond_reason_is_stopped_unless_a_person_agrees(
    tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracting, "FREE_OF_RATIO", 10 << 20)
    archive = zeros(tmp_path / "bomb.zip", 60)
    with pytest.raises(SatchelError, match="100 times its size") as caught:
        extract(archive, into)
    assert caught.value.kind is Kind.INVALID
    assert "--any-size" in caught.value.hint
    assert sum(p.stat().st_size for p in into.rglob("*") if p.is_file()) <= 11 << 20
    (tmp_path / "again").mkdir()
    extract(archive, tmp_path / "again", any_size=True)
    assert (tmp_path / "again/bag/zeros").stat().st_size == 60 << 20


@pytest.mark.parametrize("answer", ["stop", "unpack"])
async def test_a_person_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(extracting, "FREE_OF_RATIO", 10 << 20)
    archive = zeros(tmp_path / "bomb.zip", 30)
    context = local_context(tmp_path / "context")
    asked: list[str] = []

    async def ask(question: str, text: str, choices: tuple[str, ...], default: str) -> str:
        asked.append(f"{question} {default} {text}")
        await asyncio.sleep(0)
        return answer

    monkeypatch.setattr(context, "ask", ask)
    if answer == "stop":
        with pytest.raises(SatchelError, match="100 times"):
            await run(ValidateRequest(path=str(archive)), context)
    else:
        assert not (await run(ValidateRequest(path=str(archive)), context)).valid, "it is no bag all the same"
    (question,) = asked
    assert question.startswith("unpack-large stop ")
    assert not (tmp_path / "context" / "unpacked").exists()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("first", [True, False])
def test_a_header_of_gigabytes_is_not_read(tmp_path: Path, into: Path, kind: bytes, first: bool) -> None:
    """It says 8 GB; tarfile would try to take them all."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, 8 << 30
    plain = tarfile.TarInfo("bag/bagit.txt")
    raw = (b"" if first else plain.tobuf(tarfile.GNU_FORMAT)) + header.tobuf(tarfile.GNU_FORMAT) + bytes(10_000)
    archive = tmp_path / "b.tar"
    archive.write_bytes(raw)
    with pytest.raises(SatchelError, match="is not an archive" if first else "damaged"):
        extract(archive, into)


def test_a_list_of_members_of_gigabytes_is_not_read(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bag/bagit.txt", b"x")
    raw = bytearray(archive.read_bytes())
    struct.pack_into("<I", raw, raw.rindex(b"PK\x05\x06") + 12, 1 << 31)
    archive.write_bytes(raw)
    with pytest.raises(SatchelError, match=r"is not an archive|list of members"):
        extract(archive, into)


def test_xz_that_wants_all_memory_is_no_archive(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    try:
        content = lzma.compress(bytes(100_000), filters=filters)
    except MemoryError:
        pytest.skip("this computer cannot make one")
    (tmp_path / "b.xz").write_bytes(content)
    assert not is_archive(tmp_path / "b.xz")


def test_an_archive_in_a_bag_is_simply_a_file(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../out", bytes(1 << 20))
    bag = put(tmp_path / "bag", {"data/quine.zip": inner.getvalue()})
    with zipfile.ZipFile(tmp_path / "bag.zip", "w") as file:
        for path in sorted(bag.rglob("*")):
            file.write(path, f"bag/{path.relative_to(bag)}")
    result = judge(tmp_path / "bag.zip")
    assert (result.valid, result.files) == (True, 1)
    assert not (tmp_path / "out").exists()


def test_members_that_lie_about_their_size(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "b.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bag/a", bytes(1 << 20))
    raw = bytearray(archive.read_bytes())
    struct.pack_into("<I", raw, raw.rindex(b"PK\x01\x02") + 24, 10)
    archive.write_bytes(raw)
    with pytest.raises(SatchelError, match="damaged"):
        extract(archive, into)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 2000), piece=st.binary(min_size=1, max_size=8), kind=st.sampled_from(["zip", "tar", "tgz"]))
@example(place=529, piece=b"\x01", kind="zip")
def test_an_archive_that_was_spoilt_never_crashes_it(
    tmp_path_factory: pytest.TempPathFactory, place: int, piece: bytes, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("spoilt")
    archive = folder / f"b.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("bag/bagit.txt", b"x" * 50)
            file.writestr("bag/data/é", os.urandom(300))
    else:
        with tarfile.open(archive, "w:gz" if kind == "tgz" else "w") as tar:
            info = tarfile.TarInfo("bag/data/" + "é" * 80)
            info.size = 300
            tar.addfile(info, io.BytesIO(os.urandom(300)))
    raw = bytearray(archive.read_bytes())
    at = place % len(raw)
    raw[at : at + len(piece)] = piece
    archive.write_bytes(raw)
    (folder / "into").mkdir()
    try:
        extract(archive, folder / "into")
    except SatchelError as error:
        assert error.message.endswith((".", "!"))  # noqa: PT017
    assert sorted(p.name for p in folder.iterdir()) == [archive.name, "into"]
