"""ERMrest's resources over HTTP: from a raw path to a catalog's store or the query compiler, and back as a response."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import unquote

from aiohttp import web

from . import compile as compiler
from . import ddl, documents, forms, functions, history, inputs, policy, render, rids, rows, url
from .ast import Query
from .catalog import Catalog, Transaction
from .model import Client, ErmrestError, Model, Table
from .problems import conflict, forbidden, malformed, unsupported
from .rights import Rights, label
from .statement import Compiled
from .store import CATALOG_ACLS, Store, check_id

T = TypeVar("T")
PATIENCE = 0.1
"""Seconds that a reader waits for another one's slow query before it goes on beside it."""
QUERY_SECONDS = 15.0
"""How long the real server lets a query run."""
DATA = ("entity", "attribute", "attributegroup", "aggregate")
_ACLS = {
    "table": frozenset(CATALOG_ACLS) - {"create"},
    "column": frozenset({"select", "insert", "update", "write", "enumerate"}),
    "foreignkey": frozenset({"insert", "update", "write", "enumerate"}),
}
_LONG_BODY = 64 * 1024
_STREAMED_FROM = 4 << 20
"""Bytes of a body, or of the answer to it, beyond which it is on disk and not in memory."""
_PIECE = 256 * 1024
LATEST = (1 << 63) - 1
"""The last snapshot number there is."""
_NOT_FOUND = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not "
    "found on the server. If you entered the URL manually please check your spelling and try again.</p>\n"
)


class NoRouteError(Exception):
    """The path is none of ERMrest's: the web framework in front of the real one answers in HTML."""


def _answer_to(error: sqlite3.OperationalError) -> Exception:
    """What a client is told of a statement that SQLite gave up; the error itself where it is nobody's business."""
    text = str(error)
    if "interrupted" in text:
        return malformed("Query run time limit exceeded.")
    if "user-defined" in text:
        return functions.refusal() or error
    if "too" in text or "limit" in text or "parser stack" in text:
        return unsupported(f"The query is more than the sandbox can take: {text}.")
    return error


def missing(detail: str) -> ErmrestError:
    """404."""
    return ErmrestError(404, "Resource not found.", detail)


class ErmrestService:
    """Everything under `/ermrest`.

    Args:
        folder: holds the catalogs.
        threads: how many requests are worked on at once.
        seconds: after which a query is cut; 0 for never.
        conflicts: refuse who writes to a catalog while somebody else does, as the real one does now and then.
    """

    def __init__(
        self, folder: Path, *, threads: int = 32, seconds: float = QUERY_SECONDS, conflicts: bool = False
    ) -> None:
        self.store = Store(folder)
        self.seconds = seconds
        self.conflicts = conflicts
        self._turn = threading.Semaphore(1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="ermrest")
        # Writers wait for each other; readers must not have to wait for a thread because of that.
        self._writers = ThreadPoolExecutor(threads, thread_name_prefix="ermrest-write")

    async def close(self) -> None:
        """Finish what is being written and close the files."""
        for pool in (self._pool, self._writers):
            pool.shutdown(wait=True, cancel_futures=True)
        self.store.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One thread at a time renders rows, for several only hinder each other; but nobody waits long for one."""
        mine = self._turn.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if mine:
                self._turn.release()

    async def _in_thread(self, work: Callable[[], T], *, writing: bool = False) -> T:
        def guarded() -> T:
            try:
                return work()
            except sqlite3.OperationalError as error:
                raise _answer_to(error) from error
            except UnicodeEncodeError:
                raise malformed("A text has a half of a surrogate pair, which is no character.") from None
            except OverflowError:
                raise malformed("A number is out of range.") from None

        return await asyncio.get_running_loop().run_in_executor(self._writers if writing else self._pool, guarded)

    async def handle(self, request: web.Request, client: Client) -> web.StreamResponse:
        """Answer a request; errors are answers too."""
        try:
            return await self._route(request, client)
        except NoRouteError:
            return web.Response(status=404, text=_NOT_FOUND, content_type="text/html", charset="utf-8")
        except ErmrestError as error:
            return web.Response(status=error.status, text=error.body, content_type="text/plain")

    async def _route(self, request: web.Request, client: Client) -> web.StreamResponse:
        raw, _, query = request.raw_path.partition("?")
        parts = raw.removeprefix("/ermrest").strip("/").split("/")
        match parts:
            case [""]:
                return web.json_response({"version": "0.5.0", "features": documents.FEATURES})
            case ["catalog"]:
                return await self._catalogs(request, client)
            case ["alias", *rest]:
                return await self._aliases(request, client, [unquote(r) for r in rest])
            case ["catalog", named, *rest]:
                return await self._in_catalog(request, client, unquote(named), rest, query)
        raise NoRouteError

    async def _catalogs(self, request: web.Request, client: Client) -> web.StreamResponse:
        if request.method != "POST":
            raise ErmrestError(405, "Method not allowed.", f"{request.method} on catalogs")
        if client.id is None:
            raise ErmrestError(401, "Access requires authentication.", "catalog")
        if "admin" not in client.attributes:
            raise ErmrestError(403, "Access forbidden.", "catalog")
        given = _json(await request.read())
        if not isinstance(given, dict | None):
            raise malformed("A catalog is described by an object.")
        catalog = await self._in_thread(lambda: self.store.create_catalog(client, given))
        return web.json_response({"id": catalog.id}, status=201, headers={"Location": f"/ermrest/catalog/{catalog.id}"})

    async def _aliases(self, request: web.Request, client: Client, rest: list[str]) -> web.StreamResponse:
        if client.id is None:
            raise ErmrestError(401, "Access requires authentication.", "alias")
        if request.method in ("POST", "PUT") and len(rest) <= 1:
            given = _json(await request.read()) or {}
            name = rest[0] if rest else given.get("id") if isinstance(given, dict) else None
            if not isinstance(name, str) or not name:
                raise malformed("An alias needs an id.")
            check_id(name)
            if not isinstance(given, dict) or not isinstance(given.get("alias_target"), str | None):
                raise malformed("The target of an alias is the id of a catalog.")
            self._own_target(given.get("alias_target"), client)
            self.store.set_alias(name, given.get("alias_target"))
            return web.json_response({"id": name}, status=201, headers={"Location": f"/ermrest/catalog/{name}"})
        if len(rest) != 1:
            raise NoRouteError
        target = self.store.alias(rest[0])
        if request.method == "DELETE":
            self._own_target(target, client)
            self.store.drop_alias(rest[0])
            return web.Response(status=204)
        if request.method == "GET":
            if target is None:
                raise missing(f"alias {rest[0]}")
            return web.json_response({"id": rest[0], "alias_target": target})
        raise ErmrestError(405, "Method not allowed.", request.method)

    def _own_target(self, target: str | None, client: Client) -> None:
        if target is not None and not Rights(self.store.catalog(target).model, client).catalog("owner"):
            raise forbidden(client, f"owner access on catalog {target}")

    # -- inside a catalog -----------------------------------------------------------------------------------------

    async def _in_catalog(
        self, request: web.Request, client: Client, named: str, rest: list[str], query: str
    ) -> web.StreamResponse:
        name, at_sign, revision = named.partition("@")
        catalog = self.store.catalog(name)
        at: int | None = None
        model = catalog.model
        if at_sign:
            at = rids.decode(revision)
            at = at if at is None else min(at, LATEST)
            if at is None or len(revision.replace("-", "")) < 6:
                raise conflict(f'Requested catalog revision "{revision}" is prior to any known revision.')
            model = catalog.model_at(at)
        live = at is None
        if request.method not in ("GET", "HEAD") and not live:
            raise ErmrestError(403, "Access forbidden.", "modification to catalog at previous revision")
        rights = Rights(model, client)
        if not rights.catalog("enumerate"):
            raise forbidden(client, f"enumerate access on catalog/{catalog.id}")
        resource = Resource(self, request, client, catalog, name, model, at)
        match rest:
            case [] | [""]:
                return await resource.catalog_itself()
            case ["schema", *parts]:
                return await resource.schema([unquote(p) for p in parts])
            case ["annotation" | "acl" | "acl_binding", *_]:
                return await resource.schema_part(model, "catalog", [unquote(p) for p in rest])
            case ["entity_rid", rid]:
                return await resource.entity_rid(unquote(rid))
            case [api, *parts] if api in DATA and parts:
                parsed = url.parse(api, "/".join(parts), query)
                return await resource.data(parsed)
            case ["history", span]:
                return await resource.history(unquote(span))
            case ["textfacet" | "history" | "attributebinary", *_]:
                raise unsupported(
                    "The sandbox does not amend history." if rest[0] == "history" else f"It has no {rest[0]} resource."
                )
        raise NoRouteError


def _json(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise malformed(f"Deserialization failed: {error}.") from None


class Resource:
    """One request inside a catalog."""

    def __init__(
        self,
        service: ErmrestService,
        request: web.Request,
        client: Client,
        catalog: Catalog,
        name: str,
        model: Model,
        at: int | None,
    ) -> None:
        self.service = service
        self.request = request
        self.client = client
        self.catalog = catalog
        self.name = name
        self.model = model
        self.at = at
        self.rights = Rights(model, client)
        self.printer = documents.Printer(model, client, at is None)

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        service = self.service
        return await service._in_thread(
            lambda: self.catalog.write(self.client, work, seconds=service.seconds, alone=service.conflicts),
            writing=True,
        )

    def _etag(self, *more: str) -> str:
        words = "|".join([self.client.id or "", *sorted(self.client.attributes), *more])
        who = hashlib.md5(words.encode(), usedforsecurity=False).hexdigest()[:22]
        moment = self.at if self.at is not None else self.catalog.last
        return f'"{who};{self.request.headers.get("Accept", "*/*")};{rids.encode(moment)}"'

    def _preconditions(self) -> tuple[str, web.Response | None]:
        """The ETag, and the answer where a precondition already decides it."""
        raw = self.request.raw_path.partition("?")[0]
        etag = self._etag(raw)
        headers = self.request.headers
        wanted = headers.get("If-None-Match")
        if wanted and self.request.method in ("GET", "HEAD") and _matches(wanted, etag):
            return etag, web.Response(status=304, headers={"ETag": etag})
        wanted = headers.get("If-Match")
        if wanted and wanted.strip() != "*" and not _matches(wanted, etag):
            return etag, web.Response(
                status=412, text="Resource state does not match requested preconditions.\n", content_type="text/plain"
            )
        return etag, None

    def _json(self, value: Any, status: int = 200) -> web.Response:
        etag, decided = self._preconditions()
        if decided is not None and self.request.method in ("GET", "HEAD"):
            return decided
        return web.json_response(
            value, status=status, headers={"ETag": etag, "Vary": "cookie"}, dumps=lambda v: json.dumps(v) + "\n"
        )

    def _method(self) -> ErmrestError:
        return ErmrestError(405, "Method not allowed.", f"{self.request.method} is not supported here")

    # -- the catalog itself ---------------------------------------------------------------------------------------

    async def catalog_itself(self) -> web.StreamResponse:
        """GET and DELETE of `/ermrest/catalog/N`."""
        if self.request.method == "DELETE":
            if not self.rights.catalog("owner"):
                raise forbidden(self.client, f"owner access on /ermrest/catalog/{self.catalog.id}")
            await self.service._in_thread(lambda: self.service.store.delete_catalog(self.name))
            return web.Response(status=204)
        if self.request.method not in ("GET", "HEAD"):
            raise self._method()
        live = self.at is None
        moment = self.catalog.last if self.at is None else min(self.at, self.catalog.last)
        found: dict[str, Any] = {
            "snaptime": rids.encode(moment),
            "annotations": self.model.annotations,
            "rights": {
                "create": live and self.rights.catalog("create"),
                "owner": live and self.rights.catalog("owner"),
            },
            "features": documents.FEATURES,
            "id": self.name,
            "is_persistent": True,
        }
        if self.printer.owner:
            found["acls"] = self.model.acls
        target = self.service.store.alias(self.name)
        if target is not None:
            found["alias_target"] = target
        return self._json(found)

    async def history(self, span: str) -> web.StreamResponse:
        """`/history/FROM,UNTIL`: GET tells the range, DELETE forgets what had ended before it."""
        low, comma, high = span.partition(",")
        bounds = [None if text == "" else rids.decode(text) for text in (low, high)]
        if not comma or any(text and bound is None for text, bound in zip((low, high), bounds, strict=True)):
            raise malformed(f"History range {span!r} is not FROM,UNTIL.")
        if not self.rights.catalog("owner"):
            raise forbidden(self.client, f"owner access on catalog/{self.catalog.id}")
        if self.at is not None:
            raise conflict("History is that of the live catalog.")
        if self.request.method in ("GET", "HEAD"):
            return self._json(history.span(self.catalog, *bounds))
        if self.request.method != "DELETE":
            raise self._method()
        if bounds[0] is not None:
            raise malformed("History truncation requires an empty lower time bound.")
        if (until := bounds[1]) is None:
            raise malformed("History truncation requires an upper time bound.")
        await self.service._in_thread(lambda: self.catalog.truncate(self.client, until))
        return web.Response(status=204)

    async def entity_rid(self, rid: str) -> web.StreamResponse:
        """`/entity_rid/RID`: which table has the row."""
        if self.request.method not in ("GET", "HEAD"):
            raise self._method()

        def look() -> dict[str, Any] | None:
            with self.catalog.reading() as db:
                for table in self.model.tables():
                    column = table.column("RID")
                    if column is None or self.rights.table(table, "select") is False:
                        continue
                    query = url.parse("attribute", f"{_quote(table.schema)}:{_quote(table.name)}/RID={_quote(rid)}/RID")
                    compiled = compiler.select(query, self.model, self.client, self.at)
                    if db.execute(compiled.sql, compiled.params).fetchone() is not None:
                        return {"RID": rid, "schema_name": table.schema, "table_name": table.name}
            return None

        found = await self.service._in_thread(look)
        if found is None:
            raise missing(f"entity with RID={rid}")
        return self._json(found)

    # -- rows -----------------------------------------------------------------------------------------------------

    async def data(self, query: Query) -> web.StreamResponse:
        """The data resources."""
        method = self.request.method
        if method == "GET":
            return await self._read(query)
        if method == "HEAD":
            raise ErmrestError(500, "Internal server error.", "HEAD is not supported")
        _, decided = self._preconditions()
        if decided is not None:
            return decided
        if method == "DELETE":
            return await self._delete(query)
        if method in ("POST", "PUT"):
            return await self._put_rows(query)
        raise self._method()

    async def _read(self, query: Query) -> web.StreamResponse:
        media = render.negotiate(self.request.headers.get("Accept"), query)
        etag, decided = self._preconditions()
        if decided is not None:
            decided.headers["Vary"] = "cookie, accept"
            return decided
        catalog, service = self.catalog, self.service
        opened: list[sqlite3.Connection] = []

        def begin() -> tuple[Iterator[bytes], list[bytes], bool]:
            with service.turn():
                return begin_in_turn()

        def begin_in_turn() -> tuple[Iterator[bytes], list[bytes], bool]:
            compiled = compiler.select(query, self.model, self.client, self.at)
            db = catalog.borrow()
            opened.append(db)
            catalog.limit(db, service.seconds)
            summary = any(p.function in url.SUMMARIES for p in (*query.keys, *query.columns))
            if self.at is not None and not summary and catalog.unchanged_since(db, compiled.tables, self.at):
                compiled = compiler.select(query, self.model, self.client, None)
            pieces = render.rows(compiled, db.cursor(), media)
            first: list[bytes] = []
            for piece in pieces:
                first.append(piece)
                if len(first) > 2:
                    return pieces, first, False
            return pieces, first, True

        def produce() -> bytes | None:
            with service.turn():
                # JSON is one statement to the real server, and the others are read through a cursor, each step of
                # which has the whole time.
                if media != render.JSON:
                    catalog.limit(opened[0], service.seconds)
                return next(pieces, None)

        headers = {"ETag": etag, "Vary": "cookie, accept", "Content-Type": media}
        disposition = render.disposition(query, media)
        if disposition:
            headers["Content-Disposition"] = disposition
        try:
            pieces, first, whole = await service._in_thread(begin)
            if whole:
                return web.Response(body=b"".join(first), headers=headers)
            response = web.StreamResponse(headers=headers)
            response.enable_chunked_encoding()
            await response.prepare(self.request)
            try:
                for piece in first:
                    await response.write(piece)
                while (chunk := await service._in_thread(produce)) is not None:
                    await response.write(chunk)
                await response.write_eof()
            except (ErmrestError, sqlite3.Error) as error:
                # It is too late for an error's status: an answer that is not whole must not look whole.
                if self.request.transport is not None:
                    self.request.transport.abort()
                raise ConnectionResetError(f"an answer was given up: {error}") from error
            return response
        finally:
            for db in opened:
                catalog.give_back(db)

    async def _delete(self, query: Query) -> web.StreamResponse:
        def work(transaction: Transaction) -> None:
            compiled = compiler.targets(query, transaction.model, self.client)
            table = compiled.table
            if table is None:
                raise malformed("No table is named.")
            if compiled.forbidden and transaction.db.execute(compiled.forbidden, compiled.params).fetchone():
                raise forbidden(self.client, f"delete access on {label(table)}")
            ids = [row[0] for row in transaction.db.execute(compiled.sql, compiled.params)]
            if not ids:
                raise missing("entities matching request path")
            if query.api == "entity":
                rows.delete(transaction, table, ids)
            else:
                names = {name for name, _ in compiled.columns}
                places = {n: None for n, c in enumerate(table.columns) if c.name in names}
                rows.rewrite(transaction, table, dict.fromkeys(ids, places))

        await self._write(work)
        return web.Response(status=204)

    def _written_table(self, query: Query) -> Table:
        if query.elements:
            raise conflict("Rows can be written through a plain table only.")
        return compiler.root_table(query, self.model, self.client)

    async def _put_rows(self, query: Query) -> web.StreamResponse:
        table = self._written_table(query)
        media = inputs.media_type(self.request.headers.get("Content-Type"))
        if self.request.method == "POST":
            if query.api != "entity":
                raise self._method()
            self.rights.enforce(table, "insert")
        else:
            self.rights.enforce(table, "update")
        if query.api not in ("entity", "attributegroup"):
            raise self._method()
        prepare = self._entity_work if query.api == "entity" else self._group_work
        with _spool() as body, _spool() as answer:
            size = await self._receive(body)
            if size > _LONG_BODY:
                # Others are answered while this is taken apart.
                work = await self.service._in_thread(lambda: prepare(query, table, media, body, answer))
            else:
                work = prepare(query, table, media, body, answer)
            await self._write(work)
            kind = {"csv": "text/csv", "json": "application/json", "json-stream": "application/x-json-stream"}[media]
            return await self._give(answer, {"Content-Type": kind, "Vary": "cookie, accept"})

    async def _receive(self, body: BinaryIO) -> int:
        """Take in the request's body, on disk where it is long. Returns its length; raises ErmrestError 413."""
        size = 0
        async for piece in self.request.content.iter_chunked(_PIECE):
            size += len(piece)
            if size > self.request.client_max_size:
                raise ErmrestError(
                    413, "Request body too large.", f"The sandbox takes {self.request.client_max_size} bytes."
                )
            body.write(piece)
        body.seek(0)
        return size

    async def _give(self, answer: BinaryIO, headers: dict[str, str]) -> web.StreamResponse:
        """Answer with what has been written to a file."""
        size = answer.tell()
        answer.seek(0)
        if size <= _PIECE:
            return web.Response(body=answer.read(), headers=headers)
        response = web.StreamResponse(headers=headers)
        response.content_length = size
        await response.prepare(self.request)
        while piece := answer.read(_PIECE):
            await response.write(piece)
        await response.write_eof()
        return response

    def _columns_of(self, query: Query, option: str, table: Table) -> frozenset[str]:
        names = frozenset(query.options.get(option) or ())
        for name in names:
            if table.column(name) is None:
                raise conflict(f"Requested column {name} does not exist in table {table.name}.")
        return names

    def _entity_work(
        self, query: Query, table: Table, media: str, body: BinaryIO, answer: BinaryIO
    ) -> Callable[[Transaction], None]:
        defaults = self._columns_of(query, "defaults", table)
        nondefaults = self._columns_of(query, "nondefaults", table)
        nondefaults &= {"RID", "RCT", "RMT", "RCB", "RMB"}
        if nondefaults - {"RID", "RCT"} and not self.rights.table(table, "owner"):
            nondefaults &= {"RID", "RCT"}
        skip = query.option("onconflict") == "skip"
        defaults |= {c.name for c in table.columns if c.name not in ddl.SYSTEM and not self.printer.sees(table, c)}
        optional = frozenset({"RID", "RCT", "RMT", "RCB", "RMB"} - nondefaults) | defaults
        updating = self.request.method == "PUT"
        key = [n for n in _natural_key(table) if n not in ddl.SYSTEM and n not in defaults]
        stream = inputs.distinct(_given(media, body, [c.name for c in table.columns], optional), key)
        # What is short is looked at before others have to wait for it; what is long is not held in memory.
        given = list(stream) if updating or _length(body) <= _STREAMED_FROM else None

        def work(transaction: Transaction) -> None:
            target = rows.find(transaction.model, table.schema, table.name)
            if updating and given is not None:
                natural = [name for name in _natural_key(target) if name not in ddl.SYSTEM]
                if not natural:
                    raise conflict("Entity PUT requires at least one client-managed key for input correlation.")
                targets = [(c.name, c.name) for c in target.columns if c.name not in (*ddl.SYSTEM, *natural)]
                found = rows.update(
                    transaction,
                    target,
                    given,
                    [(name, name) for name in natural],
                    targets,
                    text_input=media == "csv",
                    allowed=self._allowed(transaction, target, [c for c, _ in targets]),
                )
                hit = set(found)
                fresh = [row for place, row in enumerate(given) if place not in hit]
                rows.insert(transaction, target, fresh, text_input=media == "csv", gaps_are_null=True)
                self._enforce_references(transaction, target, "update" if found else "insert")
                names = [*natural, *(c for c, _ in targets)]
                shown = [{name: row.get(name) for name in names} for row in given]
                answer.write(_print_plain(media, shown, names))
                return
            made = rows.insert(
                transaction,
                target,
                stream if given is None else given,
                defaults=defaults,
                nondefaults=nondefaults,
                skip_conflicts=skip,
                text_input=media == "csv",
                gaps_are_null=True,
            )
            self._enforce_references(transaction, target, "insert")
            for piece in self._print_inserted(transaction, target, made, media):
                transaction.renew()
                answer.write(piece)

        return work

    def _allowed(
        self, transaction: Transaction, table: Table, names: list[str]
    ) -> Callable[[Sequence[int]], None] | None:
        """What raises 403 when the client may not change columns of some rows; None where it may of all."""
        refused = compiler.refused_updates(transaction.model, self.client, table, names)
        if refused is None:
            return None

        def check(ids: Sequence[int]) -> None:
            sql = refused.sql.replace("{ids}", ",".join(map(str, ids)))
            if transaction.db.execute(sql, refused.params).fetchone() is not None:
                raise forbidden(self.client, f"update access on one or more rows in table {label(table)}")

        return check

    def _enforce_references(
        self, transaction: Transaction, table: Table, right: str, names: set[str] | None = None
    ) -> None:
        """Raise 403 when a row that this transaction has written refers to where the client may not let it refer.

        `names` are the columns that were written, None for all.
        """
        for key in table.foreign_keys:
            if names is not None and names.isdisjoint(key.columns):
                continue
            refused = compiler.refused_references(transaction.model, self.client, table, key, right, transaction.now)
            if refused and transaction.db.execute(refused.sql, refused.params).fetchone() is not None:
                raise forbidden(self.client, f"{right} access on foreign key {':'.join(key.constraint)}")

    def _print_inserted(
        self, transaction: Transaction, table: Table, made: rows.Inserted, media: str
    ) -> Iterator[bytes]:
        natural = _natural_key(table)
        names = [*natural, *(c.name for c in table.columns if c.name not in natural)]
        names = [
            *natural,
            *[n for n in names if n in ddl.SYSTEM],
            *[n for n in names if n not in (*natural, *ddl.SYSTEM)],
        ]
        columns = [c for name in names if (c := table.column(name))]
        if media != "json":
            columns += [c for name in ddl.SYSTEM if (c := table.column(name))]
        listed = ", ".join(f"{c.phys} AS c{n}" for n, c in enumerate(columns))
        where = f"_id BETWEEN {made.first} AND {made.last} AND _to IS NULL"
        compiled = Compiled(
            f"SELECT {listed} FROM {table.phys} WHERE {where} ORDER BY _id", {}, [(c.name, c.type) for c in columns], []
        )
        kind = {"csv": render.CSV, "json": render.JSON, "json-stream": render.STREAM}[media]
        return render.rows(compiled, transaction.db.cursor(), kind)

    def _group_work(
        self, query: Query, table: Table, media: str, body: BinaryIO, answer: BinaryIO
    ) -> Callable[[Transaction], None]:
        if self.request.method != "PUT":
            raise self._method()
        keys = [(p.alias or p.name.parts[-1], p.name.parts[-1]) for p in query.keys]
        targets = [(p.alias or p.name.parts[-1], p.name.parts[-1]) for p in query.columns]
        if not targets:
            raise malformed("Grouped attribute update requires at least one target attribute.")
        for _, name in (*keys, *targets):
            column = table.column(name)
            if column is None:
                raise conflict(f"Requested column {name} does not exist in table {table.name}.")
        for _, name in targets:
            column = table.column(name)
            if column is not None:
                self.rights.enforce_column(table, column, "update")
        names = [name for name, _ in (*keys, *targets)]
        given = list(_given(media, body, names, frozenset()))

        def work(transaction: Transaction) -> None:
            target = rows.find(transaction.model, table.schema, table.name)
            found = rows.update(
                transaction,
                target,
                given,
                keys,
                targets,
                text_input=media == "csv",
                allowed=self._allowed(transaction, target, [c for _, c in targets]),
            )
            self._enforce_references(transaction, target, "update", {c for _, c in targets})
            shown = [{name: given[place].get(name) for name in names} for place in found]
            answer.write(_print_plain(media, shown, names))

        return work

    # -- the model ------------------------------------------------------------------------------------------------

    async def schema(self, parts: list[str]) -> web.StreamResponse:
        """`/schema` and below."""
        from .resources import ModelResource

        return await ModelResource(self).route([p for p in parts if p != ""])

    async def schema_part(self, thing: Any, kind: str, parts: list[str]) -> web.StreamResponse:
        """Annotations, ACLs, bindings of the catalog."""
        from .resources import ModelResource

        return await ModelResource(self).part(lambda model: model, kind, parts, "catalog")

    @staticmethod
    def acl_names(kind: str) -> frozenset[str]:
        """The ACLs that a kind of model element has."""
        return _ACLS.get(kind, frozenset(CATALOG_ACLS))

    @staticmethod
    def check_binding(model: Model, table: Table, binding: Any, kind: str) -> None:
        """Refuse a binding that does not make sense on a table, or on a foreign key that refers to it."""
        form = forms.reference_binding if kind == "foreignkey" else forms.row_binding
        form(binding, "it")
        policy.check(model, table, binding)


def _matches(header: str, etag: str) -> bool:
    return etag in [tag.strip() for tag in header.split(",")] or header.strip() == "*"


def _quote(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _natural_key(table: Table) -> list[str]:
    """Columns of the keys other than RID, in table order."""
    members = {name for key in table.keys if key.columns != ("RID",) for name in key.columns}
    return [c.name for c in table.columns if c.name in members]


def _spool() -> BinaryIO:
    """A file that is in memory while it is short."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=_STREAMED_FROM))


def _length(file: BinaryIO) -> int:
    """How long a file is that stands at its beginning."""
    length = file.seek(0, 2)
    file.seek(0)
    return length


def _given(media: str, body: BinaryIO, columns: list[str], optional: frozenset[str]) -> Iterable[dict[str, Any]]:
    if media == "json":
        return inputs.read_json(body.read())
    if media == "json-stream":
        return inputs.read_json_stream(body)
    return inputs.read_csv(body, columns, optional)


def _print_plain(media: str, shown: list[dict[str, Any]], names: list[str]) -> bytes:
    """Input rows given back."""
    if media == "json":
        return json.dumps(shown, default=str).encode() + b"\n"
    if media == "json-stream":
        return b"".join(json.dumps(row, default=str).encode() + b"\n" for row in shown)
    lines = [",".join(render.csv_text(name) for name in names)]
    for row in shown:
        lines.append(",".join("" if row[n] is None else render.csv_text(str(row[n])) for n in names))
    return ("\n".join(lines) + "\n").encode()
