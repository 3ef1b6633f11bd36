"""A server that gives the rows of `catalog_maker`'s tables as CSV, as ERMrest does, and fails at will."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from catalog_maker import SYSTEM, T

_QUERY = re.compile(
    r"/ermrest/catalog/1(?:@[^/]*)?/entity/([^/@]+)"
    r"(?:/RID=any\(([^)]*)\)|/RID=([^@/]*)|/(RID::null::))?"
    r"@sort\(RID\)(?:@after\(([^)]*)\))?\?limit=(none|\d+)"
)


class RowServer:
    """Catalog 1. What it has been asked for and what of it has arrived is counted by row."""

    def __init__(self, tables: dict[str, T], *, fail: float = 0.0, cut: float = 0.0, seed: int = 1) -> None:
        self.tables = tables
        self.fail, self.cut = fail, cut
        self.dice = random.Random(seed)
        self.requests = 0
        self.given: Counter[str] = Counter()
        """RIDs in answers that went out whole."""
        self.spoil: Callable[[str, bytes], bytes] = lambda _table, page: page
        """Makes another page of a page."""
        self.enough = asyncio.Event()
        """Set when `patience` requests have come; answers to later ones never come."""
        self.patience: int | None = None
        self.application = web.Application()
        self.application.router.add_get("/{rest:.*}", self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self.patience is not None and self.requests > self.patience:
            self.enough.set()
            await asyncio.sleep(3600)
        await asyncio.sleep(self.dice.random() * 0.004)
        if self.dice.random() < self.fail:
            return web.Response(status=503, text="The service is temporarily unavailable.")
        query = _QUERY.fullmatch(request.raw_path)
        if query is None:
            return web.Response(status=400, text=f"Request malformed. Detail: {request.raw_path}")
        name = unquote(query[1])
        rows = sorted(self.tables[name].rows, key=lambda row: row["RID"])
        if query[2] is not None:
            wanted = set(map(unquote, query[2].split(",")))
            rows = [row for row in rows if row["RID"] in wanted]
        if query[3] is not None:
            rows = [row for row in rows if row["RID"] == unquote(query[3])]
        if query[4] is not None:
            rows = []
        if query[5] is not None:
            rows = [row for row in rows if row["RID"] > unquote(query[5])]
        if query[6] != "none":
            rows = rows[: int(query[6])]
        body = self.spoil(name, self.header(name) + self.lines(name, rows))
        if self.dice.random() < self.cut:
            response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "text/csv"})
            await response.prepare(request)
            await response.write(body[: self.dice.randrange(len(body))])
            request.transport.close()
            return response
        self.given.update(row["RID"] for row in rows)
        return web.Response(body=body, content_type="text/csv")

    def whole(self, name: str) -> bytes:
        """A table's file as it shall be."""
        return self.header(name) + self.lines(name, sorted(self.tables[name].rows, key=lambda row: row["RID"]))

    def header(self, name: str) -> bytes:
        return (",".join(map(_field, [*SYSTEM, *self.tables[name].columns])) + "\n").encode()

    def lines(self, name: str, rows: list[dict[str, str | None]]) -> bytes:
        columns = [*SYSTEM, *self.tables[name].columns]
        return "".join(",".join(_field(row.get(c)) for c in columns) + "\n" for row in rows).encode()


def _field(value: str | None) -> str:
    if value is None:
        return ""
    quoted = value == "" or any(c in value for c in ',"\r\n')
    return '"' + value.replace('"', '""') + '"' if quoted else value
