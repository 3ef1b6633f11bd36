# ruff: noqa: E501 - a table of kinds, a line each
"""What RFC 8493 and the drafts before it (0.93 to 0.97) say, one kind of bag after the other.

Each kind has a verdict: what must be told as an error, what as a warning, and whether bagit-python agrees; where it
does not, docs/validation.md says why.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_bags import HELLO, judge, put, theirs

OLD = ("0.93", "0.94", "0.95", "0.96", "0.97")
ALL = (*OLD, "1.0")
Make = Callable[[Path, str], Path]
SUM = "{data/hello.txt}"
LINE = f"{SUM}  data/hello.txt\n"
NFC, NFD = unicodedata.normalize("NFC", "data/Núñez"), unicodedata.normalize("NFD", "data/Núñez")

AGREED = True
# Name, how it is made, versions, errors, warnings, whether bagit-python's verdict is the same (None: not asked).
KINDS: list[tuple[str, Make, tuple[str, ...], set[str], set[str], bool | None]] = [
    ("basic", lambda at, v: put(at, version=v), ALL, set(), set(), AGREED),
    ("no tag manifest", lambda at, v: put(at, version=v, tags=False), ALL, set(), set(), AGREED),
    ("crlf", lambda at, v: put(at, version=v, end="\r\n"), ALL, set(), set(), AGREED),
    ("cr", lambda at, v: put(at, version=v, end="\r"), ALL, set(), set(), AGREED),
    ("no end of the last line", lambda at, v: put(at, version=v, manifest=LINE.strip()), ALL, set(), set(), AGREED),
    ("space in a name", lambda at, v: put(at, {"data/a b.txt": b"1"}, version=v), ALL, set(), set(), AGREED),
    ("other alphabets", lambda at, v: put(at, {"data/魚/é.txt": b"1"}, version=v), ALL, set(), set(), AGREED),
    ("latin-1", lambda at, v: put(at, version=v, encoding="ISO-8859-1", info="A: é\n"), ALL, set(), set(), AGREED),
    ("utf-16", lambda at, v: put(at, version=v, encoding="UTF-16", info="A: é\n"), ALL, set(), set(), None),
    ("several algorithms", lambda at, v: put(at, version=v, algorithms=("md5", "sha512")), ALL, set(), set(), AGREED),
    ("a newer algorithm", lambda at, v: put(at, version=v, algorithms=("sha3_256",)), OLD, set(), {"manifest-name"}, AGREED),
    ("a newer algorithm", lambda at, v: put(at, version=v, algorithms=("sha3_256",), tags=False), ("1.0",), {"manifest-name"}, set(), False),
    ("an algorithm in capitals", lambda at, v: _rename(put(at, version=v, tags=False), "manifest-sha256.txt", "manifest-SHA-256.txt"), ("1.0",), {"manifest-name"}, set(), None),
    ("old algorithms", lambda at, v: put(at, version=v, algorithms=("md5", "sha1")), OLD, set(), set(), AGREED),
    ("old algorithms", lambda at, v: put(at, version=v, algorithms=("md5", "sha1")), ("1.0",), set(), {"weak-algorithm"}, AGREED),
    ("an old algorithm beside a strong one", lambda at, v: put(at, version=v, algorithms=("md5", "sha512")), ALL, set(), set(), AGREED),
    ("a short blake2", lambda at, v: put(at, version=v, tags=False, algorithms=("sha512",), extra={"manifest-blake2b256.txt": f"{hashlib.blake2b(b'hello' + bytes([10]), digest_size=32).hexdigest()}  data/hello.txt\n".encode()}), ALL, set(), set(), None),
    ("a wrong blake2", lambda at, v: put(at, version=v, tags=False, algorithms=("sha512",), extra={"manifest-blake2b256.txt": b"0" * 64 + b"  data/hello.txt\n"}), ALL, {"checksum"}, set(), None),
    ("utf-16, big end first, no mark", lambda at, v: _wide(put(at, version=v, tags=False), "utf-16-be"), ALL, set(), set(), None),
    ("utf-16, little end first, no mark", lambda at, v: _wide(put(at, version=v, tags=False), "utf-16-le"), ALL, set(), set(), None),
    ("forms in fetch.txt", lambda at, v: put(at, {NFC: b"1"}, version=v, fetch=f"https://h/ 1 {NFD}\n"), ALL, set(), {"name-form"}, None),
    ("a bare percent in fetch.txt", lambda at, v: put(at, {"data/5%": b"1"}, version=v, fetch="https://h/ 1 data/5%\n"), ("1.0",), {"percent"}, set(), None),
    ("percents in an address", lambda at, v: put(at, version=v, fetch="https://h/a%20b 6 data/hello.txt\n"), ALL, set(), set(), AGREED),
    ("an address without its kind", lambda at, v: put(at, version=v, fetch="/hatrac/x 6 data/hello.txt\n"), ("1.0",), set(), {"relative-url"}, None),
    ("an address without its kind", lambda at, v: put(at, version=v, fetch="/hatrac/x 6 data/hello.txt\n"), OLD, set(), set(), None),
    ("fetch twice", lambda at, v: put(at, version=v, fetch="https://h/x 6 data/hello.txt\nhttps://i/x - data/hello.txt\n"), ALL, set(), {"listed-twice"}, None),
    ("fetch twice, otherwise", lambda at, v: put(at, version=v, fetch="https://h/x 6 data/hello.txt\nhttps://h/x 7 data/hello.txt\n"), ALL, {"contradiction"}, {"listed-twice"}, None),
    ("fetch of a tag file", lambda at, v: put(at, version=v, fetch="https://h/x 6 bagit.txt\n"), ALL, {"unsafe-path"}, set(), None),
    ("a percent that escapes nothing", lambda at, v: put(at, {"data/50% b": b"2"}, version=v, manifest="{data/50% b}  data/50% b\n"), ("1.0",), {"percent"}, set(), False),
    ("more is escaped than should be", lambda at, v: put(at, {"data/a b": b"2"}, version=v, manifest="{data/a b}  data/a%20b\n"), ("1.0",), {"percent", "missing", "unexpected"}, set(), None),
    ("small letters escape, too", lambda at, v: put(at, {"data/a\nb%": b"2"}, version=v, manifest="{data/a\nb%}  data/a%0ab%25\n"), ("1.0",), set(), set(), None),
    ("a folder is listed", lambda at, v: put(at, {"data/x/y": b"1"}, version=v, manifest=f"{{data/x/y}}  data/x/y\n{'0' * 64}  data/x\n"), ALL, {"missing"}, set(), None),
    ("an empty third line", lambda at, v: put(at, declaration=f"BagIt-Version: {v}\nTag-File-Character-Encoding: UTF-8\n\n"), ("1.0",), {"malformed"}, set(), False),
    ("an empty third line", lambda at, v: put(at, declaration=f"BagIt-Version: {v}\nTag-File-Character-Encoding: UTF-8\n\n"), OLD, set(), {"declaration-form"}, AGREED),
    ("tag files that no tag manifest lists", lambda at, v: _untag(put(at, version=v, info="A: b\n"), "bag-info.txt"), ("1.0",), set(), {"not-in-tags"}, AGREED),
    ("tag manifests differ", lambda at, v: _tag(put(at, version=v, algorithms=("md5", "sha256"), extra={}), "notes.txt", b"x"), ("1.0",), set(), {"not-in-tags"}, AGREED),
    ("tag manifests differ", lambda at, v: _tag(put(at, version=v, algorithms=("md5", "sha256"), extra={}), "notes.txt", b"x"), OLD, set(), set(), AGREED),
    ("still to be fetched", lambda at, v: put(at, version=v, manifest=f"{LINE}{'0' * 64}  data/x\n", fetch="https://h/x - data/x\n"), ALL, {"not-fetched"}, set(), AGREED),
    ("fetch of what one manifest lacks", lambda at, v: _short(put(at, {"data/a": b"", **HELLO}, version=v, algorithms=("sha256", "sha1"), tags=False, fetch="https://h/a 0 data/a\n")), ("1.0",), {"not-in-manifest"}, set(), None),
    ("empty line", lambda at, v: put(at, version=v, manifest=LINE + "\n"), OLD, set(), set(), AGREED),
    ("empty line", lambda at, v: put(at, version=v, manifest=LINE + "\n"), ("1.0",), set(), {"empty-line"}, AGREED),
    ("tag folder", lambda at, v: put(at, version=v, extra={"meta/a.txt": b"x"}), ALL, set(), set(), AGREED),
    ("same field again", lambda at, v: put(at, version=v, info="A: 1\nA: 2\nA: 1\n"), ALL, set(), set(), AGREED),
    ("a bag in a bag", lambda at, v: put(at, {"data/b/bagit.txt": b"x", "data/b/data/x": b"1"}, version=v), ALL, set(), set(), AGREED),
    ("percent", lambda at, v: put(at, {"data/%7Ea": b"1", "data/50% b": b"2"}, version=v, manifest="{data/%7Ea}  data/%7Ea\n{data/50% b}  data/50% b\n"), OLD, set(), set(), AGREED),
    ("percent", lambda at, v: put(at, {"data/%7Ea": b"1", "data/50% b": b"2"}, version=v), ("1.0",), set(), set(), False),
    ("line ends in a name", lambda at, v: put(at, {"data/a\rb\nc": b"1"}, version=v), ALL, set(), set(), AGREED),
    # -- advice
    ("dot slash", lambda at, v: put(at, version=v, manifest=f"{SUM}  ./data/hello.txt\n"), ALL, set(), {"relative-path"}, AGREED),
    ("md5sum", lambda at, v: put(at, version=v, manifest=f"{SUM} *data/hello.txt\n"), ALL, set(), {"md5sum"}, AGREED),
    ("twice", lambda at, v: put(at, version=v, manifest=LINE * 2), OLD, set(), {"listed-twice"}, AGREED),
    ("capitals", lambda at, v: put(at, version=v, manifest=f"{LINE}{SUM}  data/HELLO.txt\n"), ALL, set(), {"name-case"}, False),
    ("both capitals are here", lambda at, v: put(at, {"data/a": b"1", "data/A": b"2"}, version=v), ALL, set(), {"name-case"}, AGREED),
    ("form", lambda at, v: put(at, {NFC: b"1"}, version=v, manifest=f"{{{NFC}}}  {NFC}\n{{{NFC}}}  {NFD}\n"), ALL, set(), {"name-form"}, None),
    ("another form", lambda at, v: put(at, {NFD: b"1"}, version=v, manifest=f"{{{NFD}}}  {NFC}\n"), ALL, set(), {"name-form"}, AGREED),
    ("system file", lambda at, v: put(at, {"data/Thumbs.db": b"1", **HELLO}, version=v), ALL, set(), {"system-file"}, AGREED),
    ("one manifest lacks it", lambda at, v: _short(put(at, {"data/a": b"", **HELLO}, version=v, algorithms=("md5", "sha1"), tags=False)), OLD, set(), {"not-in-manifest"}, AGREED),
    ("unknown algorithm too", lambda at, v: put(at, version=v, tags=False, extra={"manifest-x1.txt": b"00 data/hello.txt\n"}), ALL, set(), {"unknown-algorithm"}, AGREED),
    ("a tag file that begins like a manifest", lambda at, v: put(at, version=v, tags=False, extra={"manifest-of-my-own.txt": b"x\n"}), ALL, set(), set(), None),
    ("unknown tag manifest", lambda at, v: put(at, version=v, tags=False, extra={"tagmanifest-x1.txt": b"00 bagit.txt\n00 manifest-sha256.txt\n"}), ALL, set(), {"unknown-algorithm"}, None),
    ("unknown tag manifest lists what is missing", lambda at, v: put(at, version=v, tags=False, extra={"tagmanifest-x1.txt": b"00 none.txt\n"}), ALL, {"missing"}, {"unknown-algorithm"}, None),
    ("bag count", lambda at, v: put(at, version=v, info="Bag-Count: 3 of 2\n"), ALL, set(), {"bag-count"}, AGREED),
    ("bag count unknown", lambda at, v: put(at, version=v, info="Bag-Count: 3 of ?\n"), ALL, set(), set(), AGREED),
    ("bagging date", lambda at, v: put(at, version=v, info="Bagging-Date: yesterday\n"), ALL, set(), {"bagging-date"}, AGREED),
    ("old declaration", lambda at, v: put(at, declaration=f"BagIt-version: {v}\nTag-File-Character-Encoding: UTF-8\n"), OLD, set(), {"declaration-form"}, None),
    ("newer", lambda at, v: put(at, version="1.1"), ("1.0",), set(), {"version"}, AGREED),
    ("bdbag's fetch.txt", lambda at, v: put(at, {"data/50% b": b"2"}, version=v, fetch="https://h/ 1 data/50%25 b\n", manifest="{data/50% b}  data/50% b\n"), OLD, set(), {"name-form"}, None),
    # -- errors
    ("twice", lambda at, v: put(at, version=v, manifest=LINE * 2), ("1.0",), {"listed-twice"}, set(), AGREED),
    ("twice, otherwise", lambda at, v: put(at, version=v, manifest=f"{LINE}{'0' * 64}  data/hello.txt\n"), ALL, {"contradiction"}, set(), AGREED),
    ("one manifest lacks it", lambda at, v: _short(put(at, {"data/a": b"", **HELLO}, version=v, algorithms=("sha256", "sha1"), tags=False)), ("1.0",), {"not-in-manifest"}, set(), False),
    ("unknown algorithm alone", lambda at, v: _rename(put(at, version=v, tags=False), "manifest-sha256.txt", "manifest-x1.txt"), ALL, {"unknown-algorithm"}, {"unknown-algorithm"}, AGREED),
    ("space in the declaration", lambda at, v: put(at, declaration="BagIt-Version : 1.0\nTag-File-Character-Encoding: UTF-8\n"), ("1.0",), {"malformed"}, set(), False),
    ("space after the version", lambda at, v: put(at, declaration="BagIt-Version: 1.0 \nTag-File-Character-Encoding: UTF-8\n"), ("1.0",), {"malformed"}, set(), None),
    ("three lines", lambda at, v: put(at, declaration=f"BagIt-Version: {v}\nTag-File-Character-Encoding: UTF-8\nA: b\n"), ALL, {"malformed"}, set(), None),
    ("other order", lambda at, v: put(at, declaration=f"Tag-File-Character-Encoding: UTF-8\nBagIt-Version: {v}\n"), ALL, {"malformed"}, set(), None),
    ("no version", lambda at, v: put(at, declaration="BagIt-Version: .97\nTag-File-Character-Encoding: UTF-8\n"), ALL, {"malformed"}, set(), AGREED),
    ("marked", lambda at, v: put(at, declaration=f"\ufeffBagIt-Version: {v}\nTag-File-Character-Encoding: UTF-8\n"), ALL, {"malformed"}, set(), AGREED),
    ("marked manifest", lambda at, v: put(at, version=v, manifest=f"\ufeff{LINE}"), ALL, {"byte-order-mark"}, set(), False),
    ("payload in tags", lambda at, v: _tag(put(at, version=v), "data/hello.txt"), ALL, {"payload-in-tags"}, set(), None),
    ("tags in tags", lambda at, v: _tag(put(at, version=v, algorithms=("md5", "sha256")), "tagmanifest-md5.txt"), ("1.0",), {"tagmanifest-in-tags"}, set(), False),
    ("manifest not in tags", lambda at, v: _untag(put(at, version=v), "manifest-sha256.txt"), ("1.0",), {"manifest-not-in-tags"}, set(), False),
    ("manifest not in tags", lambda at, v: _untag(put(at, version=v), "manifest-sha256.txt"), OLD, set(), set(), AGREED),
    ("no colon", lambda at, v: put(at, version=v, info="nonsense\n"), ALL, {"malformed"}, set(), AGREED),
    ("separators", lambda at, v: put(at, version=v, info="A : b\nC:d\nE\t:\tf\n"), ("1.0",), {"malformed"}, set(), False),
    ("separators", lambda at, v: put(at, version=v, info="A : b\nC:d\nE\t:\tf\n"), OLD, set(), set(), AGREED),
    ("oxum twice", lambda at, v: put(at, version=v, info="Payload-Oxum: 6.1\nPayload-Oxum: 6.1\n"), ("1.0",), {"repeated"}, set(), None),
    ("oxum of other bytes", lambda at, v: put(at, version=v, info="Payload-Oxum: 7.1\n"), ALL, {"oxum"}, set(), AGREED),
    ("oxum of other files", lambda at, v: put(at, version=v, info="Payload-Oxum: 6.2\n"), ALL, {"oxum"}, set(), AGREED),
    ("oxum that is none", lambda at, v: put(at, version=v, info="Payload-Oxum: many\n"), ALL, {"malformed"}, set(), None),
    ("fetch of nothing listed", lambda at, v: put(at, version=v, fetch="https://h/x 1 data/x\n"), ALL, {"not-listed", "not-fetched"}, set(), None),
    ("fetch without a length", lambda at, v: put(at, version=v, fetch="https://h/x data/hello.txt\n"), ALL, {"malformed"}, set(), None),
    ("fetch of another length", lambda at, v: put(at, version=v, fetch="https://h/x 7 data/hello.txt\n"), ALL, {"length"}, set(), None),
    ("fetch of no length", lambda at, v: put(at, version=v, fetch="https://h/x - data/hello.txt\n"), ALL, set(), set(), AGREED),
    ("folder listed", lambda at, v: put(at, version=v, manifest=f"{LINE}{SUM}  data/x/\n"), ALL, {"unsafe-path"}, set(), AGREED),
    ("no data", lambda at, v: _without_data(put(at, {}, version=v)), ALL, {"no-payload"}, set(), None),
    ("system file is missing", lambda at, v: put(at, version=v, manifest=f"{LINE}{SUM}  data/.DS_Store\n"), ALL, {"missing"}, {"system-file"}, AGREED),
]  # fmt: skip


def _short(bag: Path) -> Path:
    path = bag / "manifest-sha1.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    return bag


def _rename(bag: Path, before: str, after: str) -> Path:
    (bag / before).rename(bag / after)
    return bag


def _without_data(bag: Path) -> Path:
    (bag / "data").rmdir()
    return bag


def _wide(bag: Path, encoding: str) -> Path:
    """The same in UTF-16, with no mark that tells the order of its bytes."""
    declaration = bag / "bagit.txt"
    declaration.write_text(declaration.read_text().replace("UTF-8", "UTF-16"))
    manifest = bag / "manifest-sha256.txt"
    manifest.write_bytes(manifest.read_text().encode(encoding))
    return bag


def _tag(bag: Path, path: str, content: bytes | None = None) -> Path:
    if content is not None:
        (bag / path).write_bytes(content)
    digest = hashlib.sha256((bag / path).read_bytes()).hexdigest()
    with (bag / "tagmanifest-sha256.txt").open("a") as file:
        file.write(f"{digest}  {path}\n")
    return bag


def _untag(bag: Path, name: str) -> Path:
    path = bag / "tagmanifest-sha256.txt"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if name not in line))
    return bag


CASES = [
    pytest.param(make, version, errors, warnings, agreed, id=f"{name}-{version}")
    for name, make, versions, errors, warnings, agreed in KINDS
    for version in (versions if len(versions) < 4 else (versions[0], *versions[-2:]))
]


@pytest.mark.parametrize(("make", "version", "errors", "warnings", "agreed"), CASES)
def test_a_kind_of_bag(
    tmp_path: Path, make: Make, version: str, errors: set[str], warnings: set[str], agreed: bool | None
) -> None:
    bag = make(tmp_path / "bag", version)
    result = judge(bag)
    told = [(e.code, e.message) for e in (*result.errors, *result.warnings)]
    assert {e.code for e in result.errors} == errors, told
    assert {w.code for w in result.warnings} == warnings, told
    assert result.valid == (not errors)
    if agreed is not None:
        assert (theirs(bag) == result.valid) == agreed


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "sub/._x", "desktop.ini"])
def test_a_system_file_that_held_nothing_is_not_missed(tmp_path: Path, name: str) -> None:
    bag = put(tmp_path / "bag", {**HELLO, f"data/{name}": b""}, info="Payload-Oxum: 6.2\n")
    (bag / "data" / name).unlink()
    result = judge(bag)
    assert (result.valid, result.complete) == (True, True)
    assert [w.code for w in result.warnings] == ["system-file", "missing"]


def test_twins_with_other_checksums_are_two_files(tmp_path: Path) -> None:
    bag = put(tmp_path / "bag", manifest=f"{LINE}{'0' * 64}  data/HELLO.txt\n")
    result = judge(bag)
    assert [e.code for e in result.errors] == ["missing"]
    (warning,) = result.warnings
    assert "data/HELLO.txt and data/hello.txt" in warning.message


@pytest.mark.parametrize(
    ("oxum", "length", "warned"),
    [("9.2", "3", False), ("9.2", "-", False), ("7.2", "-", False), ("8.2", "3", True), ("9.3", "-", True)],
)
def test_an_oxum_counts_what_is_still_to_be_fetched(tmp_path: Path, oxum: str, length: str, warned: bool) -> None:
    bag = put(
        tmp_path / "bag",
        info=f"Payload-Oxum: {oxum}\n",
        manifest=f"{LINE}{'0' * 64}  data/x\n",
        fetch=f"https://h/x {length} data/x\n",
    )
    result = judge(bag)
    assert (result.valid, result.sound, result.complete, result.remote) == (False, True, False, 1)
    assert [e.code for e in result.errors] == ["not-fetched"]
    assert [w.code for w in result.warnings] == ["oxum"] * warned


def test_complete_is_as_section_3_has_it(tmp_path: Path) -> None:
    changed = put(tmp_path / "changed")
    (changed / "data/hello.txt").write_bytes(b"hallo\n")
    assert (judge(changed).valid, judge(changed).complete) == (False, True)
    more = put(tmp_path / "more")
    (more / "data/more").write_bytes(b"")
    assert (judge(more).valid, judge(more).complete) == (False, False)


NAMES = st.text(
    st.sampled_from("aAbé魚%\r\n ~*\\0123459D\u0301\u202e") | st.characters(exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=12,
).filter(lambda name: "/" not in name and name.strip() == name and name not in (".", "..") and ".." not in name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique_by=lambda n: unicodedata.normalize("NFC", n).casefold()),
    version=st.sampled_from(["0.97", "1.0"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["UTF-8", "utf-8", "UTF-16", "UTF-32"]),
)
def test_a_bag_of_any_names_is_valid(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], version: str, end: str, encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    files = {f"data/{name}": name.encode() for name in names}
    bag = put(folder / "bag", files, version=version, end=end, encoding=encoding, tags=False)
    result = judge(bag)
    assert (result.valid, result.complete) == (True, True), result.errors
    first = bag / next(iter(files))
    first.write_bytes(first.read_bytes() + b"x")
    assert not judge(bag).valid


@settings(max_examples=80, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            ["A", "Payload-Oxum", ":", ": ", " ", "\t", "\n", "\r", "6.1", "\0", "Bag-Count", "1 of 2", "é"]
        ),
        max_size=25,
    ).map("".join),
    version=st.sampled_from(["0.97", "1.0"]),
)
def test_any_bag_info_gets_a_verdict(tmp_path_factory: pytest.TempPathFactory, text: str, version: str) -> None:
    bag = put(tmp_path_factory.mktemp("info") / "bag", info=text, version=version)
    result = judge(bag)
    assert all(problem.path == "bag-info.txt" for problem in (*result.errors, *result.warnings))
    if not theirs(bag):
        assert not result.valid
