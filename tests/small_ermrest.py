"""As much of ERMrest as reading a catalog's references takes, on tables of `catalog_maker`, failing at will.

For tests of the parts that read; what a whole server does is the sandbox's to show.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from catalog_maker import SYSTEM, VOCABULARY, T, schema_document

SNAPSHOT = "361-FHRB-PTNM"
_ATTRIBUTE = re.compile(
    r"([^/]+)/"
    r"(?:([^/]+)::null::/|([^/=]+)=(?:any\(([^)]*)\)|([^/]*))/)?"
    r"([^@]+)@sort\((\w+)\)(?:@after\(([^)]*)\))?\?limit=(\d+)"
)


class SmallErmrest:
    """One catalog, number 1, with one snapshot."""

    def __init__(self, tables: dict[str, T], *, fail: float = 0.0, cut: float = 0.0, seed: int = 1):
        self.tables = tables
        self.fail, self.cut = fail, cut
        self.dice = random.Random(seed)
        self.asked: list[str] = []
        self.busy = asyncio.Event()
        """Set when `patience` requests have come."""
        self.patience = 0
        self.forbidden: set[str] = set()
        self.lies: dict[str, int] = {}
        self.collation: Callable[[str], Any] = str
        """What RIDs are sorted by."""
        self.application = web.Application()
        self.application.router.add_get("/{rest:.*}", self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path
        self.asked.append(path)
        if len(self.asked) == self.patience:
            self.busy.set()
        if self.dice.random() < self.fail:
            return web.Response(status=503, text="The service is temporarily unavailable.")
        status, document = self.document(path)
        if status != 200:
            return web.Response(status=status, text=str(document))
        body = json.dumps(document).encode()
        if self.dice.random() < self.cut:
            response = web.StreamResponse(
                headers={"Content-Length": str(len(body)), "Content-Type": "application/json"}
            )
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            request.transport.close()
            return response
        return web.Response(body=body, content_type="application/json")

    def document(self, path: str) -> tuple[int, Any]:
        match = re.fullmatch(r"/ermrest/catalog/1(@[^/]*)?(/.*)?", path)
        if not match:
            return 404, "Resource not found. Detail: catalog"
        if match[1] not in (None, f"@{SNAPSHOT}"):
            return 409, "Request conflicts with state of server. Detail: Requested catalog revision is prior to any."
        rest = match[2] or ""
        if not rest:
            return 200, {"id": "1", "snaptime": SNAPSHOT, "annotations": {}, "rights": {}, "features": {}}
        if rest == "/schema":
            return 200, schema_document(self.tables)
        if rest.startswith("/entity_rid/"):
            return self._entity_rid(unquote(rest.removeprefix("/entity_rid/")))
        if rest.startswith("/aggregate/"):
            return self._count(rest.removeprefix("/aggregate/"))
        return self._attribute(rest.removeprefix("/attribute/"))

    def _entity_rid(self, rid: str) -> tuple[int, Any]:
        for name, table in self.tables.items():
            if any(row["RID"] == rid for row in table.rows):
                schema, table_name = name.split(":")
                return 200, {"RID": rid, "schema_name": schema, "table_name": table_name}
        return 404, f"Resource not found. Detail: entity with RID={rid}"

    def _count(self, path: str) -> tuple[int, Any]:
        name = unquote(path.split("/")[0])
        if name in self.forbidden:
            return 403, f"Access forbidden. Detail: select access on :{name}"
        return 200, [{"n": self.lies.get(name, len(self._visible(name)))}]

    def _attribute(self, path: str) -> tuple[int, Any]:
        match = _ATTRIBUTE.fullmatch(path)
        if not match:
            return 400, f"Request malformed. Detail: {path}"
        name = unquote(match[1])
        rows = sorted(self._visible(name), key=lambda row: self.collation(row["RID"]))
        if match[2]:
            rows = [row for row in rows if row.get(unquote(match[2])) is None]
        if match[3]:
            values = [match[5]] if match[4] is None else match[4].split(",")
            rows = [row for row in rows if row.get(unquote(match[3])) in map(unquote, values)]
        columns = [piece.rpartition(":=") for piece in match[6].split(",")]
        there = {*SYSTEM, *self.tables[name].columns, *(VOCABULARY if self.tables[name].vocabulary else ())}
        there |= {"URL", "Filename", "Length", "MD5"} if self.tables[name].asset else set()
        if missing := {unquote(column) for _, _, column in columns} - there:
            return 409, f"Request conflicts with state of server. Detail: Requested column {missing} does not exist."
        if match[8] is not None:
            after = self.collation(unquote(match[8]))
            rows = [row for row in rows if self.collation(row["RID"]) > after]
        shown = rows[: int(match[9])]
        return 200, [{short or column: row.get(unquote(column)) for short, _, column in columns} for row in shown]

    def _visible(self, name: str) -> list[dict[str, Any]]:
        return [row for row in self.tables[name].rows if not row.get("_unseen")]
