"""Bags are judged as RFC 8493 says, as bagit-py judges them, and each fault is told where it is."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satchel.core.bags import problems, validate
from satchel.core.bags.digests import hash_file
from satchel.core.bags.validate import ValidateRequest, ValidateResult
from satchel.core.bags.writer import Entry, Inventory, write_tags
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.state import local_context

FILES = {
    "data/records/eye.Study.csv": b"RID\n1-A\n",
    "data/schema.json": b"{}\n",
    "data/assets/Image/1-A/\u00e9ye 1.png": b"\x89PNG",
    "data/empty": b"",
}
REMOTE = "data/assets/Image/1-B/b.png"
ALGORITHMS = ("md5", "sha256")
Spoil = Callable[[Path], object]


def make(folder: Path, files: dict[str, bytes] | None = None, remote: str = "") -> Path:
    """A bag as exports write it."""
    bag = folder / "bag"
    inventory = Inventory(folder / "inventory.sqlite")
    for path, content in (FILES if files is None else files).items():
        (bag / path).parent.mkdir(parents=True, exist_ok=True)
        (bag / path).write_bytes(content)
        inventory.add([Entry(path, len(content), hash_file(bag / path, ALGORITHMS).digests())])
    if remote:
        sums = {a: hashlib.new(a, b"remote").hexdigest() for a in ALGORITHMS}
        inventory.add([Entry(remote, 6, sums, "https://example.org/b.png")])
    (bag / "data").mkdir(parents=True, exist_ok=True)
    write_tags(bag, inventory, [("Source-Host", "example.org")], ALGORITHMS)
    inventory.close()
    return bag


def judge(bag: Path, level: validate.Level = "full") -> ValidateResult:
    context = local_context(bag.parent / "context")
    return asyncio.run(validate.run(ValidateRequest(path=str(bag), level=level), context))


def theirs(bag: Path) -> bool:
    """bagit-py's verdict."""
    try:
        bagit.Bag(str(bag)).validate()
    except (bagit.BagError, OSError, ValueError):  # it comes to grief over some Payload-Oxums
        return False
    return True


def retag(bag: Path) -> None:
    """Write the tag manifests anew, so that a changed tag file is no fault of its own."""
    names = [p.name for p in sorted(bag.iterdir()) if p.is_file() and not p.name.startswith("tagmanifest-")]
    for algorithm in ALGORITHMS:
        sums = [f"{hash_file(bag / name, [algorithm]).digests()[algorithm]}  {name}\n" for name in names]
        (bag / f"tagmanifest-{algorithm}.txt").write_text("".join(sums), encoding="utf-8")


def edit(name: str, change: Callable[[str], str]) -> Spoil:
    def spoil(bag: Path) -> None:
        path = bag / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", newline="")
        retag(bag)

    return spoil


def each_manifest(change: Callable[[str], str]) -> Spoil:
    def spoil(bag: Path) -> None:
        for algorithm in ALGORITHMS:
            edit(f"manifest-{algorithm}.txt", change)(bag)

    return spoil


def test_what_was_written_is_valid(tmp_path: Path) -> None:
    bag = make(tmp_path)
    result = judge(bag)
    assert (result.valid, result.complete, result.errors, result.warnings) == (True, True, (), ())
    assert (result.version, result.algorithms) == ("1.0", ALGORITHMS)
    assert (result.files, result.bytes) == (len(FILES), sum(map(len, FILES.values())))
    assert theirs(bag)


def test_files_that_are_yet_to_be_fetched_make_a_bag_incomplete_not_invalid(tmp_path: Path) -> None:
    bag = make(tmp_path, remote=REMOTE)
    result = judge(bag)
    assert (result.valid, result.sound, result.complete, result.remote) == (False, True, False, 1)
    (problem,) = result.errors
    assert (problem.code, problem.path, problem.line, result.warnings) == ("not-fetched", REMOTE, 1, ())
    (bag / REMOTE).parent.mkdir(parents=True)
    (bag / REMOTE).write_bytes(b"remote")
    result = judge(bag)
    assert (result.valid, result.complete, result.remote) == (True, True, 0)
    assert theirs(bag)
    (bag / REMOTE).write_bytes(b"remotely")
    assert {e.code for e in judge(bag).errors} == {"length", "oxum", "checksum"}


FAULTS: dict[str, tuple[Spoil, str, str]] = {
    "changed": (lambda bag: (bag / "data/schema.json").write_bytes(b"{ \n"), "checksum", "data/schema.json"),
    "longer": (lambda bag: (bag / "data/empty").write_bytes(b"x"), "checksum", "data/empty"),
    "missing": (lambda bag: (bag / "data/schema.json").unlink(), "missing", "data/schema.json"),
    "unexpected": (lambda bag: (bag / "data/more").write_bytes(b""), "unexpected", "data/more"),
    "tag changed": (lambda bag: (bag / "bag-info.txt").write_text("A: b\n"), "checksum", "bag-info.txt"),
    "tag missing": (lambda bag: (bag / "bag-info.txt").unlink(), "missing", "bag-info.txt"),
    "no declaration": (lambda bag: (bag / "bagit.txt").unlink(), "not-a-bag", "bagit.txt"),
    "no version": (edit("bagit.txt", lambda t: t.replace("1.0", "one")), "malformed", "bagit.txt"),
    "no encoding": (edit("bagit.txt", lambda t: t.splitlines()[0] + "\n"), "malformed", "bagit.txt"),
    "strange encoding": (edit("bagit.txt", lambda t: t.replace("UTF-8", "XYZ")), "malformed", "bagit.txt"),
    "no manifest": (
        lambda bag: [(bag / f"manifest-{a}.txt").unlink() for a in ALGORITHMS] and retag(bag),
        "no-manifest",
        "",
    ),
    "no payload": (lambda bag: shutil.rmtree(bag / "data"), "no-payload", "data"),
    "in one manifest alone": (
        edit("manifest-md5.txt", lambda t: "".join(t.splitlines(keepends=True)[1:])),
        "not-in-manifest",
        "data/assets/Image/1-A/\u00e9ye 1.png",
    ),
    "in no manifest": (
        each_manifest(lambda t: "".join(line for line in t.splitlines(keepends=True) if "schema" not in line)),
        "unexpected",
        "data/schema.json",
    ),
    "oxum": (
        edit("bag-info.txt", lambda t: t.replace("Payload-Oxum: ", "Payload-Oxum: 9")),
        "oxum",
        "bag-info.txt",
    ),
    "above its folder": (
        each_manifest(lambda t: t + f"{'0' * 32}  data/../../outside\n"),
        "unsafe-path",
        "data/../../outside",
    ),
    "absolute": (each_manifest(lambda t: t + f"{'0' * 32}  /etc/passwd\n"), "unsafe-path", "/etc/passwd"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_and_told_where_it_is(tmp_path: Path, name: str) -> None:
    spoil, code, path = FAULTS[name]
    bag = make(tmp_path)
    spoil(bag)
    result = judge(bag)
    assert not result.valid
    assert (code, path) in [(e.code, e.path) for e in result.errors], result.errors
    assert all(e.message.endswith(".") for e in result.errors)
    assert result.error_count == len(result.errors)
    assert theirs(bag) == (name == "in one manifest alone"), "which RFC 8493 forbids, and bagit-py lets pass"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense", "malformed"),
        ("zz data/x", "malformed"),
        (f"{'0' * 32}", "malformed"),
        (f"{'0' * 31}  data/x", "malformed"),
        (f"{'0' * 32}  bagit.txt", "unsafe-path"),
        (f"{'0' * 32}  ~root/x", "unsafe-path"),
        (f"{'0' * 32}  C:\\x", "unsafe-path"),
        (f"{'0' * 32}  data/..", "unsafe-path"),
    ],
)
def test_a_manifests_line_that_is_none_is_told_by_its_number(tmp_path: Path, line: str, code: str) -> None:
    bag = make(tmp_path)
    edit("manifest-md5.txt", lambda text: text + line + "\n")(bag)
    (fault,) = [e for e in judge(bag).errors if e.line]
    assert (fault.code, fault.line) == (code, len(FILES) + 1)
    assert f"Line {len(FILES) + 1} of manifest-md5.txt" in fault.message


@pytest.mark.parametrize(
    "form",
    [
        each_manifest(lambda text: text.replace("\n", "\r\n")),
        each_manifest(lambda text: text.replace("  ", " *")),
        each_manifest(lambda text: text.replace("  ", "\t")),
        each_manifest(lambda text: "".join(line[:32].upper() + line[32:] for line in text.splitlines(True))),
        each_manifest(lambda text: text.replace("  data/", "  ./data/")),
        edit("bag-info.txt", lambda text: text + "Long: begins\n  and goes on\n\tand on\nlong: again\n"),
    ],
    ids=["crlf", "star", "tab", "upper case", "dot", "bag-info"],
)
def test_other_forms_of_the_same_are_as_good(tmp_path: Path, form: Spoil) -> None:
    bag = make(tmp_path)
    form(bag)
    result = judge(bag)
    assert (result.valid, result.complete, result.errors) == (True, True, ())
    assert theirs(bag)


def test_names_in_another_form_of_unicode_are_found(tmp_path: Path) -> None:
    bag = make(tmp_path)
    path = bag / "data/assets/Image/1-A/\u00e9ye 1.png"
    path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    result = judge(bag)
    assert (result.valid, result.complete) == (True, True)
    assert [w.code for w in result.warnings] == ["name-form"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    bag = make(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(FILES["data/schema.json"])
    (bag / "data/schema.json").unlink()
    (bag / "data/schema.json").symlink_to(secret)
    (bag / "data/there").symlink_to(tmp_path)
    result = judge(bag)
    assert not result.valid
    assert {e.path for e in result.errors if e.code == "link"} == {"data/schema.json", "data/there"}


def test_no_link_leads_a_manifest_out_of_the_bag(tmp_path: Path) -> None:
    bag = make(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (bag / "bag-info.txt").rename(tmp_path / "elsewhere" / "bag-info.txt")
    (bag / "bag-info.txt").symlink_to(tmp_path / "elsewhere" / "bag-info.txt")
    result = judge(bag)
    assert not result.valid
    assert ("link", "bag-info.txt") in [(e.code, e.path) for e in result.errors]


def test_a_level_looks_at_no_more_than_it_says(tmp_path: Path) -> None:
    bag = make(tmp_path)
    (bag / "data/schema.json").write_bytes(b"[]\n")
    assert [judge(bag, level).valid for level in ("structure", "completeness", "fast", "full")] == [
        True,
        True,
        True,
        False,
    ]
    (bag / "data/schema.json").write_bytes(b"longer than before")
    assert [judge(bag, level).valid for level in ("structure", "completeness", "fast")] == [True, True, False]
    (bag / "data/schema.json").unlink()
    assert [judge(bag, level).valid for level in ("structure", "completeness")] == [True, False]
    assert judge(bag, "structure").complete is False, "nobody looked"


def test_a_bag_that_says_what_it_lacks_is_not_complete(tmp_path: Path) -> None:
    bag = make(tmp_path)
    edit("bag-info.txt", lambda text: text + "Incomplete: 2 of 3 assets\n   are missing\n")(bag)
    result = judge(bag)
    assert (result.valid, result.complete) == (True, False)
    assert [w.message for w in result.warnings] == ["The bag says that it lacks something: 2 of 3 assets are missing."]


@pytest.mark.parametrize("what", ["nothing", "unreadable"])
def test_what_is_not_there_is_a_sentence(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "unreadable":
        path.write_bytes(b"not an archive")
    with pytest.raises(SatchelError) as caught:
        judge(path)
    assert caught.value.kind in (Kind.FILES, Kind.INVALID)
    assert caught.value.message.endswith(".")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["bagit.txt", "bag-info.txt", "manifest-md5.txt", "fetch.txt", "tagmanifest-md5.txt"]),
    place=st.integers(0, 400),
    cut=st.integers(0, 40),
    insert=st.binary(max_size=12)
    | st.sampled_from([b"\n", b"\r", b"%", b"\xff", b"../", b"\0", b"\xef\xbb\xbf", b"  "]),
    new=st.booleans(),
)
def test_tag_files_that_were_spoilt_never_crash_it_and_never_pass_unseen(
    tmp_path: Path, name: str, place: int, cut: int, insert: bytes, new: bool
) -> None:
    """Whatever bytes a tag file holds: a verdict; and where bagit-py finds a fault, so do we."""
    shutil.rmtree(tmp_path / "bag", ignore_errors=True)
    (tmp_path / "inventory.sqlite").unlink(missing_ok=True)
    bag = make(tmp_path, remote="" if name != "fetch.txt" else REMOTE)
    content = (bag / name).read_bytes()
    spoilt = content[:place] + insert + content[place + cut :]
    (bag / name).write_bytes(spoilt)
    if new and not name.startswith("tag"):
        retag(bag)
    result = judge(bag)
    assert result.valid == (result.error_count == 0)
    if spoilt != content and not new and not name.startswith("tag"):
        assert not result.valid, "a tag manifest tells that it was changed"
    if name != "fetch.txt" and not theirs(bag):
        assert not result.valid


def test_many_problems_are_counted_and_the_first_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "MOST_TOLD", 5)
    bag = make(tmp_path)
    for n in range(9):
        (bag / "data" / f"more-{n}").write_bytes(b"")
    result = judge(bag, "completeness")
    assert (len(result.errors), result.error_count) == (5, 9)


async def test_it_stops_when_asked_and_can_begin_anew(tmp_path: Path) -> None:
    bag = make(tmp_path, {f"data/{n}": os.urandom(100_000) for n in range(100)})
    context = local_context(tmp_path / "context")
    task = asyncio.create_task(validate.run(ValidateRequest(path=str(bag)), context))
    while not any(stage.name == "checksums" for stage in context.stages):  # noqa: ASYNC110 - a thread writes it
        await asyncio.sleep(0)
    context.cancelled.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    result = await validate.run(ValidateRequest(path=str(bag)), local_context(tmp_path / "context"))
    assert (result.valid, result.files) == (True, 100)
