"""Looking around: rows page by page, filters that mean what was typed, pictures of bounded size, records by RID."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from catalog_maker import T, schema_document
from satchel.core.deriva import browse, paths
from satchel.core.deriva.names import TableName
from satchel.core.errors import Kind, SatchelError
from tls_server import serve

SUBJECT = TableName("eye", "Subject")
TABLES = {
    "eye:Subject": T(columns=["Name", "Secret"], hidden_columns=["Secret"]),
    "eye:Hidden": T(select=False),
}
ROWS = [{"RID": f"1-{n:03}", "Name": name} for n, name in enumerate(["Anna", "a.b", "A+B", None, "Éva", "bob"] * 40)]


class Server:
    """Two catalogs; the second has the record 2-ELSE, the third may not be seen."""

    def __init__(self):
        self.asked: list[str] = []
        self.application = web.Application()
        self.application.router.add_get("/{rest:.*}", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        path = request.raw_path
        self.asked.append(path)
        if path == "/ermrest/":
            return web.json_response({"version": "0.5.0", "features": {}})
        if path == "/hatrac/big":
            return web.Response(body=b"x" * 5000)
        match = re.fullmatch(r"/ermrest/catalog/(\d+)(/.*)?", path)
        if not match or int(match[1]) > 3:
            return web.Response(status=404, text="Resource not found. Detail: catalog")
        if match[1] == "3":
            return web.Response(status=403, text="Access forbidden. Detail: enumerate access")
        rest = match[2] or ""
        if not rest:
            annotations = {"tag:isrd.isi.edu,2019:chaise-config": {"navbarBrandText": "Eyes"}}
            return web.json_response({"id": match[1], "snaptime": "361-FHRB-PTNM", "annotations": annotations})
        if rest == "/schema":
            return web.json_response(schema_document(TABLES))
        if rest.startswith("/entity_rid/"):
            rid = rest.removeprefix("/entity_rid/")
            if (match[1], rid) in (("1", "1-001"), ("2", "2-ELSE")):
                return web.json_response({"RID": rid, "schema_name": "eye", "table_name": "Subject"})
            return web.Response(status=404, text=f"Resource not found. Detail: entity with RID={rid}")
        return self.rows(rest)

    def rows(self, path: str) -> web.Response:
        found = re.fullmatch(
            r"/attribute/eye:Subject(?:/(.*))?/([^/]*)@sort\(RID\)(?:@after\(([^)]*)\))?\?limit=(\d+)", path
        )
        assert found, path
        assert "Secret" not in path
        rows = ROWS
        if found[1]:
            filters = [part.split("::ciregexp::") for part in found[1].split(";")]
            rows = [
                row for row in rows if any(re.search(unquote(p), row.get(c) or "", re.IGNORECASE) for c, p in filters)
            ]
        if found[3]:
            rows = [row for row in rows if row["RID"] > found[3]]
        columns = found[2].split(",")
        return web.json_response([{c: row.get(c) for c in columns} for row in rows[: int(found[4])]])


@asynccontextmanager
async def opened(folder: Path):
    server = Server()
    async with (
        serve(server.application, folder) as served,
        await browse.open_catalog(served.host, "1", served.access) as catalog,
    ):
        catalog.server, catalog.access = server, served.access
        yield catalog


async def test_rows_come_page_by_page_until_there_are_no_more(tmp_path: Path):
    async with opened(tmp_path) as catalog:
        assert catalog.info.title == "Eyes"
        after, rids, pages = None, [], 0
        while True:
            page = await browse.rows(catalog, SUBJECT, after=after, limit=100)
            rids += [row.rid for row in page.rows]
            pages += 1
            if page.next is None:
                break
            after = page.next
    assert rids == [row["RID"] for row in ROWS]
    assert pages == 3
    assert "Secret" not in [column.name for column in page.columns]
    name = [column.name for column in page.columns].index("Name")
    last = page.rows[-1]
    assert (last.rid, last.cells[name], last.values[name]) == ("1-239", "bob", "bob")
    assert [row.cells[name] for row in page.rows if row.values[name] is None] == [""] * 7


@pytest.mark.parametrize(
    ("typed", "names"),
    [("ann", {"Anna"}), (".", {"a.b"}), ("+", {"A+B"}), ("zzz", set()), ("B", {"a.b", "A+B", "bob"})],
)
async def test_a_filter_means_what_was_typed(tmp_path: Path, typed, names):
    async with opened(tmp_path) as catalog:
        page = await browse.rows(catalog, SUBJECT, filter_text=typed, limit=500)
    column = [c.name for c in page.columns].index("Name")
    assert {row.values[column] for row in page.rows} == names


@given(st.text(min_size=1), st.text())
def test_a_literal_matches_itself_and_nothing_else(text, other):
    pattern = re.compile(paths.literal(text))
    assert pattern.fullmatch(text)
    assert (pattern.search(other) is not None) == (text in other)


async def test_a_hidden_table_is_told_without_asking(tmp_path: Path):
    async with opened(tmp_path) as catalog:
        with pytest.raises(SatchelError) as caught:
            await browse.rows(catalog, TableName("eye", "Hidden"))
    assert caught.value.kind is Kind.NOT_ALLOWED


async def test_a_file_that_is_too_large_is_not_shown(tmp_path: Path):
    async with opened(tmp_path) as catalog:
        assert await browse.thumbnail(catalog, "/hatrac/big") == b"x" * 5000
        with pytest.raises(SatchelError, match="larger"):
            await browse.thumbnail(catalog, "/hatrac/big", max_bytes=4999)


async def test_a_record_is_found_here_or_said_to_be_elsewhere(tmp_path: Path):
    async with opened(tmp_path) as catalog:
        found = await browse.find(catalog, " 1-001 ")
        assert (found.rid, found.table, found.title) == ("1-001", SUBJECT, "Subject 1-001")
        with pytest.raises(SatchelError) as caught:
            await browse.find(catalog, "2-else")
        assert "catalog 2" in caught.value.hint
        with pytest.raises(SatchelError) as caught:
            await browse.find(catalog, "9-NONE")
        assert caught.value.kind is Kind.NOT_FOUND


async def test_catalogs_are_found_by_their_numbers(tmp_path: Path):
    server = Server()
    async with serve(server.application, tmp_path) as served:
        found = await browse.list_catalogs(served.host, served.access)
    assert [(entry.id, entry.title, entry.accessible) for entry in found] == [
        ("1", "Eyes", True),
        ("2", "Eyes", True),
        ("3", "catalog 3", False),
    ]
    assert len(server.asked) < 60


async def test_a_catalog_that_is_not_there_is_told(tmp_path: Path):
    async with serve(Server().application, tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await browse.open_catalog(served.host, "7", served.access)
    assert caught.value.kind is Kind.NOT_FOUND
    assert "no catalog 7" in caught.value.message


async def test_a_server_of_another_kind_is_told(tmp_path: Path):
    async def page(request):
        return web.Response(text="<html><title>Welcome</title></html>", content_type="text/html")

    application = web.Application()
    application.router.add_get("/{rest:.*}", page)
    async with serve(application, tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await browse.list_catalogs(served.host, served.access)
    assert "web page" in caught.value.message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("a\nb", "a\nb"),
        (True, "true"),
        (1.5, "1.5"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (["é"], '["é"]'),
    ],
)
def test_values_are_shown_as_people_read_them(value, shown):
    assert browse.display(value) == shown
