"""Looking into a bag: its tree, its files, its tables and what links them."""

from __future__ import annotations

import asyncio
import json
import threading
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.core.bags.inside.opening import Bytes, Gone, Inside, Picture, Text, open_inside
from satchel.core.bags.inside.plain import one_line, visible
from satchel.core.bags.inside.records import Records
from satchel.core.bags.inside.tree import AT_ONCE, Tree, _listed, _to_fetch
from satchel.core.bags.reading import open_bag
from satchel.core.errors import SatchelError
from small_bags import put

STUDIES = b"RID,Title\n1-AAAA,One\n1-BBBB,Two\n"
SUBJECTS = b"RID,Study,Part_Of\n2-AAAA,1-AAAA,\n2-BBBB,1-AAAA,2-AAAA\n2-CCCC,1-BBBB,2-AAAA\n"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))


def looked(path: Path, body: Callable[[Inside], Awaitable[None]]) -> None:
    async def whole() -> None:
        inside = await open_inside(str(path))
        try:
            await body(inside)
        finally:
            await inside.close()
        assert not inside.work.exists(), "nothing is left behind"

    asyncio.run(whole())


def zipped(bag: Path, folder: str = "bag/") -> Path:
    archive = bag.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(bag.rglob("*")):
            if path.is_file():
                file.write(path, f"{folder}{path.relative_to(bag).as_posix()}")
    return archive


def deriva_bag(folder: Path, schema: bool = False) -> Path:
    files = {"data/records/eye.Study.csv": STUDIES, "data/records/eye.Subject.csv": SUBJECTS}
    if schema:
        files["data/schema.json"] = json.dumps(SCHEMA).encode()
    return put(folder, files)


def column(name: str) -> dict[str, Any]:
    return {"name": name, "type": {"typename": "text"}}


def reference(own: str, table: str) -> dict[str, Any]:
    return {
        "foreign_key_columns": [{"schema_name": "eye", "table_name": "Subject", "column_name": own}],
        "referenced_columns": [{"schema_name": "eye", "table_name": table, "column_name": "RID"}],
    }


SCHEMA = {
    "schemas": {
        "eye": {
            "tables": {
                "Study": {"column_definitions": [column("RID"), column("Title")]},
                "Subject": {
                    "column_definitions": [column("RID"), column("Study"), column("Part_Of")],
                    "foreign_keys": [reference("Study", "Study"), reference("Study", "Elsewhere")],
                },
                "Elsewhere": {"column_definitions": [column("RID")]},
            }
        }
    }
}


def test_the_tree_says_what_is_here_to_be_fetched_missing_and_not_listed(tmp_path: Path) -> None:
    bag = put(
        tmp_path / "bag",
        {"data/a/1.txt": b"one", "data/a/b/2.txt": b"four", "data/far.bin": b"x", "data/lost": b"y"},
        fetch="https://example.org/far 99 data/far.bin\n",
    )
    (bag / "data/far.bin").unlink()
    (bag / "data/lost").unlink()
    (bag / "data/a/more.txt").write_bytes(b"more")
    (bag / "data/link").symlink_to("/etc/passwd")

    async def body(inside: Inside) -> None:
        await inside.ready()
        root = await inside.children()
        assert [(n.name, n.folder, n.size, n.files, n.state) for n in root.nodes] == [
            ("a", True, 11, 3, "here"),
            ("far.bin", False, 99, 0, "remote"),
            ("lost", False, None, 0, "missing"),
        ]
        assert (root.total, root.complete) == (3, True)
        below = await inside.children("data/a")
        assert [(n.path, n.state) for n in below.nodes] == [
            ("data/a/b", "here"),
            ("data/a/1.txt", "here"),
            ("data/a/more.txt", "unlisted"),
        ]
        assert (await inside.children("data/none")).nodes == ()
        assert [n.path for n in (await inside.children(text="2.T")).nodes] == ["data/a/b/2.txt"]
        assert await inside.show("data/far.bin") == Gone("data/far.bin", "remote", 99)
        assert isinstance(await inside.show("data/link"), Gone), "no link is followed"
        assert isinstance(await inside.show("data/../../etc/passwd"), Gone)

    looked(bag, body)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(alphabet="ad/.%25~0D\\\r é", max_size=10).map(lambda t: f"data/{t}"), max_size=6),
    st.sampled_from(["1.0", "0.97"]),
)
def test_plain_lines_and_others_are_read_alike(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], version: str
) -> None:
    folder = tmp_path_factory.mktemp("bag")
    (folder / "bagit.txt").write_text(f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n")
    manifest = "".join(f"{'0' * 64}  {path}\n" for path in paths)
    (folder / "manifest-sha256.txt").write_text(manifest, encoding="utf-8", newline="")
    (folder / "fetch.txt").write_text("".join(f"http://x 5 {path}\n" for path in paths), encoding="utf-8", newline="")
    bag = open_bag(folder)
    slow = {entry.path for entry in bag.entries("sha256") if not isinstance(entry, str)}
    assert {path for path, _, _ in _listed(bag, "sha256")} == slow
    assert [(path, size) for path, _, size in _to_fetch(bag)] == [
        (found.path, found.length) for found in bag.fetches() if not isinstance(found, tuple)
    ]


def test_an_archive_lists_what_is_to_be_fetched_too(tmp_path: Path) -> None:
    bag = put(tmp_path / "bag", {"data/a": b"x", "data/b": b"yy"}, fetch="https://example.org/b 2 data/b\n")
    (bag / "data/b").unlink()
    (bag / "data/more").write_bytes(b"")

    async def body(inside: Inside) -> None:
        found = await inside.children()
        assert [(n.name, n.state) for n in found.nodes] == [("a", "here"), ("b", "remote"), ("more", "unlisted")]

    looked(zipped(bag), body)


def test_a_folder_of_many_files_comes_in_parts(tmp_path: Path) -> None:
    many = AT_ONCE + 20
    bag = put(tmp_path / "bag", {f"data/{n:05}.txt": b"" for n in range(many)} | {"data/z/x": b""})
    tree = Tree(tmp_path / "tree.sqlite")
    try:
        tree.of_folder(open_bag(bag), threading.Event())
        first = tree.children("data")
        assert (len(first.nodes), first.total, first.nodes[0].name) == (AT_ONCE, many + 1, "z")
        rest = tree.children("data", AT_ONCE)
        names = [node.name for node in (*first.nodes, *rest.nodes)]
        assert names == ["z", *(f"{n:05}.txt" for n in range(many))]
    finally:
        tree.close()


def test_what_lies_deeper_than_any_disk_allows_is_listed_all_the_same(tmp_path: Path) -> None:
    path = "data/" + "a/" * 5000 + "x"
    bag = put(tmp_path / "bag", manifest=f"{'0' * 64}  {path}\n", tags=False)
    tree = Tree(tmp_path / "tree.sqlite")
    try:
        tree.of_folder(open_bag(bag), threading.Event())
        (found,) = tree.records(["x"], 10)
        assert found.path == path
    finally:
        tree.close()


@pytest.mark.parametrize("form", ["folder", "zip", "zip without a folder"])
def test_each_file_is_shown_as_what_it_is(tmp_path: Path, form: str) -> None:
    bag = put(
        tmp_path / "bag",
        {
            "data/t.csv": b"a,b\n1,2\n",
            "data/p.png": b"\x89PNG",
            "data/notes.txt": "é\x1b[31m\u202egpj.exe\r\n".encode(),
            "data/what": bytes(range(256)) * 100,
            "data/utf16.txt": "\ufeffhello".encode("utf-16-le"),
            "data/schema.json": b'{"schemas": {}}',
        },
        info="Source-Organization: Here\n",
    )
    path = bag if form == "folder" else zipped(bag, "bag/" if form == "zip" else "")

    async def body(inside: Inside) -> None:
        await inside.ready()
        assert ("Source-Organization", "Here") in inside.info
        assert [n.name for n in (await inside.children()).nodes] == [
            "notes.txt", "p.png", "schema.json", "t.csv", "utf16.txt", "what",
        ]  # fmt: skip
        table = await inside.show("data/t.csv")
        assert isinstance(table, Records)
        assert table is await inside.show("data/t.csv")
        assert table.page(table.plain, 0).rows[0].cells == ("1", "2")
        assert await inside.show("data/p.png") == Picture("data/p.png", b"\x89PNG")
        text = await inside.show("data/notes.txt")
        assert isinstance(text, Text)
        assert text.text == "é␛[31m‹RLO›gpj.exe\n"
        assert text.next is None
        other = await inside.show("data/utf16.txt")
        assert isinstance(other, Text)
        assert other.text == "hello"
        schema = await inside.show("data/schema.json")
        assert isinstance(schema, Text)
        what = await inside.show("data/what")
        assert isinstance(what, Bytes)
        assert what.size == 25_600
        assert what.dump.splitlines()[4].startswith("00000040  40 41 42")
        assert what.dump.splitlines()[4].endswith("@ABCDEFGHIJKLMNO")

    looked(path, body)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_nothing_that_is_shown_can_move_or_turn_other_text(text: str) -> None:
    shown = visible(text)
    assert not any((ord(sign) < 32 and sign not in "\n\t") or 0x7F <= ord(sign) < 0xA0 for sign in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("sign", ["a", "é", "€", "😀"])
def test_a_long_text_comes_in_parts_without_breaking_a_character(tmp_path: Path, sign: str) -> None:
    text = "x" + sign * 400_000
    bag = put(tmp_path / "bag", {"data/long.txt": text.encode()})

    async def body(inside: Inside) -> None:
        found = await inside.show("data/long.txt")
        assert isinstance(found, Text)
        pieces = [found.text]
        assert found.next is not None
        while found.next is not None:
            found = await inside.more_text("data/long.txt", found.next)
            pieces.append(found.text)
        assert "".join(pieces) == text

    looked(bag, body)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_large_bag_is_listed_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr("satchel.core.bags.inside.opening.LARGE_LISTS", 10)
    monkeypatch.setattr("satchel.core.bags.inside.opening.LARGE_ZIP", 10)
    bag = deriva_bag(tmp_path / "bag")

    async def body(inside: Inside) -> None:
        await inside.ready()
        assert inside.tree.files == 2
        root = await inside.children()
        assert [(n.name, n.files, n.size) for n in root.nodes] == [("records", 2, len(STUDIES) + len(SUBJECTS))]
        assert isinstance(await inside.show("data/records/eye.Study.csv"), Records)

    looked(bag if form == "folder" else zipped(bag), body)


@pytest.mark.parametrize(("form", "schema"), [("folder", True), ("zip", True), ("folder", False), ("zip", False)])
def test_links_are_found_and_followed(tmp_path: Path, form: str, schema: bool) -> None:
    bag = deriva_bag(tmp_path / "bag", schema)
    path = bag if form == "folder" else zipped(bag)

    async def body(inside: Inside) -> None:
        found = await inside.graph()
        assert [(t.name, t.rows) for t in found.tables] == [
            ("eye:Study" if schema else "eye.Study", 2),
            ("eye:Subject" if schema else "eye.Subject", 3),
        ]
        links = {(link.columns, link.target, link.guessed) for link in found.links}
        expected = {(("Study",), "data/records/eye.Study.csv", not schema)}
        if not schema:
            expected.add((("Part_Of",), "data/records/eye.Subject.csv", True))
        assert links == expected
        link = next(link for link in found.links if link.columns == ("Study",))
        records, view = await inside.follow(link, ["1-BBBB"])
        assert [row.cells for row in records.page(view, 0).rows] == [("1-BBBB", "Two")]
        records, view = await inside.back(link, ["1-AAAA"])
        assert [row.cells[0] for row in records.page(view, 0).rows] == ["2-AAAA", "2-BBBB"]
        assert view.title == "Study 1-AAAA"

    looked(path, body)


def test_what_a_crash_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    bag = deriva_bag(tmp_path / "bag")
    left = tmp_path / "home" / "cache" / "look-left"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "order-1").write_bytes(b"x")

    async def body(inside: Inside) -> None:
        assert not left.exists()
        other = await open_inside(str(bag))
        assert inside.work.is_dir()
        await other.close()

    looked(bag, body)


def test_what_cannot_be_looked_into_is_said(tmp_path: Path) -> None:
    async def opened(path: Path) -> None:
        inside = await open_inside(str(path))
        try:
            await inside.ready()
        finally:
            await inside.close()

    (tmp_path / "x.txt").write_text("x")
    for path, sentence in (
        (tmp_path / "none", "There is no"),
        (tmp_path / "x.txt", "is no bag"),
        (tmp_path, "not a bag"),
    ):
        with pytest.raises(SatchelError, match=sentence):
            asyncio.run(opened(path))
    archive = zipped(deriva_bag(tmp_path / "bag"))
    data = bytearray(archive.read_bytes())
    place = data.index(b"RID,Study,Part_Of") if b"RID,Study,Part_Of" in data else data.index(b"eye.Subject.csv") + 20
    data[place : place + 8] = b"\xff" * 8
    archive.write_bytes(data)

    async def body(inside: Inside) -> None:
        with pytest.raises(SatchelError, match="damaged"):
            await inside.show("data/records/eye.Subject.csv")

    looked(archive, body)


def test_a_link_or_a_bomb_in_an_archive_is_not_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("satchel.core.bags.inside.opening.LARGEST_MEMBER", 1 << 16)
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("b/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        file.writestr("b/data/bomb.txt", b"0" * 10_000_000)
        file.writestr("b/data/../../../evil.txt", b"evil")
        link = zipfile.ZipInfo("b/data/link")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")

    async def body(inside: Inside) -> None:
        await inside.ready()
        assert [n.name for n in (await inside.children()).nodes] == ["bomb.txt", "link"]
        with pytest.raises(SatchelError, match=r"too much to be taken out"):
            await inside.show("data/bomb.txt")
        assert isinstance(await inside.show("data/link"), Gone)

    looked(archive, body)
