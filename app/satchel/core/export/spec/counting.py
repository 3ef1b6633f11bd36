"""The dry run of a spec: how many rows and files each query would bring, by the server's own counts. Nothing is read.

A query's path is asked under `/aggregate/`; what an `env` query finds is asked for itself, since others depend on it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from satchel.core.deriva.ermrest import JSON, Catalog
from satchel.core.errors import Kind, SatchelError
from satchel.core.export import choosing
from satchel.core.export.errors import named
from satchel.core.export.spec.asking import escaped
from satchel.core.export.spec.document import Node
from satchel.core.export.spec.findings import Finding
from satchel.core.export.spec.model import EXTENSIONS, Spec, Step
from satchel.core.export.spec.placeholders import Env
from satchel.core.export.spec.places import extended, joined
from satchel.core.export.spec.querypath import PathError, QueryPath, parse

AT_ONCE = 8
DATA = ("/entity/", "/attribute/", "/attributegroup/", "/aggregate/")
ROW_BYTES = 200
"""About how much a row takes as CSV."""


class Count(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one query would bring."""

    where: str
    """JSON pointer to its processor."""
    kind: str
    output: str = ""
    query: str = ""
    rows: int | None = None
    """None: the server did not count it; `problem` says why."""
    exact: bool = True
    """False: at most so many."""
    files: int = 0
    """Of `fetch` and `download`."""
    bytes: int | None = None
    """Of those files, where a column tells."""
    problem: str = ""
    hint: str = ""


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a spec would bring."""

    snapshot: str
    counts: tuple[Count, ...]
    rows: int
    files: int
    bytes: int
    """Of the files whose length is known."""
    seconds: float
    """About how long the files take to fetch; 0 where none are to be."""
    slow: str = ""
    """A sentence where many small files make that slow."""
    problems: int = 0
    """Queries that cannot run."""


def findings_of(found: DryRun, root: Node) -> list[Finding]:
    """What a dry run has found wrong, each at its query.

    Args:
        found: what was counted.
        root: the spec's text, taken apart.
    """
    told = []
    for one in found.counts:
        if not one.problem:
            continue
        pointer = f"{one.where}/processor_params/query_path"
        node = root.nearest(pointer)
        code = "empty-download" if one.kind == "download" and one.rows == 0 else "query-fails"
        code = "env-empty" if one.kind in ("env", "dir") and one.rows == 0 else code
        told.append(
            Finding(
                code=code,
                severity="error",
                message=one.problem,
                pointer=pointer,
                line=node.line,
                column=node.column,
                hint=one.hint,
            )
        )
    return told


async def count(catalog: Catalog, spec: Spec, env: Mapping[str, Any]) -> DryRun:
    """Count what a spec's queries would bring.

    Args:
        catalog: pinned to a snapshot.
        spec: whose.
        env: values that are given beside it.

    Raises:
        SatchelError: the server cannot be asked at all, or a placeholder has no value.
    """
    values = Env(env, spec.env, catalog.host)
    slots = asyncio.Semaphore(AT_ONCE)
    tasks: list[asyncio.Task[Count]] = []
    try:
        for step in spec.queries:
            query = values.fill(step.text("query_path") or "", where=f"{step.where}/processor_params/query_path")
            if step.kind in ("env", "dir"):
                tasks.append(asyncio.create_task(_env(catalog, step, query, values)))
                await asyncio.wait([tasks[-1]])
                continue
            tasks.append(asyncio.create_task(_count(catalog, step, query, _output(step, values), slots)))
        counts = tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    files, size = sum(c.files for c in counts), sum(c.bytes or 0 for c in counts)
    return DryRun(
        snapshot=catalog.snapshot or "",
        counts=counts,
        rows=sum(c.rows or 0 for c in counts if c.kind in EXTENSIONS),
        files=files,
        bytes=size,
        seconds=choosing.seconds(files, size) if files else 0.0,
        slow=choosing.slow(files, size) or "",
        problems=sum(1 for c in counts if c.problem),
    )


def _output(step: Step, values: Env) -> str:
    text = joined(step.text("output_path"), step.text("output_filename"))
    if step.kind not in EXTENSIONS:
        return text
    return extended(values.fill(text, where=f"{step.where}/processor_params/output_path"), EXTENSIONS[step.kind])


async def _env(catalog: Catalog, step: Step, query: str, values: Env) -> Count:
    if not query:
        return Count(where=step.where, kind=step.kind, output=step.text("output_path") or "")
    try:
        answer = await catalog.session.request("GET", catalog.path + escaped(query), accept=JSON)
    except SatchelError as error:
        return _failed(step, query, error)
    rows = answer.json()
    row = rows[0] if isinstance(rows, list) and rows else rows
    found = len(rows) if isinstance(rows, list) else 1
    if isinstance(row, dict):
        keys = step.params.get("query_keys")
        values.update(row if keys is None else {k: row[k] for k in keys if k in row})
    problem = "" if row else "It finds nothing, so it gives no values."
    return Count(where=step.where, kind=step.kind, query=query, rows=found, problem=problem)


async def _count(catalog: Catalog, step: Step, query: str, output: str, slots: asyncio.Semaphore) -> Count:
    if not query:
        return Count(where=step.where, kind=step.kind, output=output, problem="It has no query, so it makes nothing.")
    if step.kind in ("json", "json-stream") and not query.startswith(DATA):
        return await _whole(catalog, step, query, output)
    try:
        path = parse(query)
    except PathError as error:
        return Count(where=step.where, kind=step.kind, output=output, query=query, problem=f"The query: {error}.")
    asked, exact = _aggregate(path)
    length = next((p for p in path.projection if p.name == "length" and p.function is None), None)
    files = step.kind in ("fetch", "download")
    summed = asked
    if files and length is not None:
        where = f"{quote(length.alias, safe='')}:" if length.alias else ""
        summed += f",b:=sum({where}{quote(length.column, safe='')})"
    try:
        async with slots:
            # The columns, the order and the links are asked for as well: one row, so that a wrong name is found now.
            await catalog.session.request("GET", catalog.path + escaped(_one_row(query)), accept=JSON)
            found = await _sums(catalog, summed, asked)
    except SatchelError as error:
        return _failed(step, query, error, output)
    rows = int(found.get("n") or 0)
    if path.api == "aggregate":
        rows = 1
    if path.limit is not None and not step.flag("paged_query", False):
        rows = min(rows, path.limit)
    problem = ""
    if step.kind == "download" and not rows:
        problem = "It downloads nothing: deriva-py and the export service fail here."
    size = found.get("b") if files else None
    return Count(
        where=step.where,
        kind=step.kind,
        output=output,
        query=query,
        rows=rows,
        exact=exact,
        files=rows if files else 0,
        bytes=int(size) if size is not None else (0 if files and not rows else None),
        problem=problem,
        hint="Take it out, or widen its filter." if problem else "",
    )


async def _whole(catalog: Catalog, step: Step, query: str, output: str) -> Count:
    """A resource that is no rows, such as the schema."""
    try:
        await catalog.session.request("GET", catalog.path + escaped(query), accept=JSON)
    except SatchelError as error:
        return _failed(step, query, error, output)
    return Count(where=step.where, kind=step.kind, output=output, query=query, rows=1)


async def _sums(catalog: Catalog, summed: str, asked: str) -> dict[str, Any]:
    """The count with the sum of lengths; without where a column that is no number holds them."""
    try:
        return await catalog.aggregate(escaped(summed))
    except SatchelError as error:
        if summed == asked or error.kind is not Kind.SERVER:
            raise
    return await catalog.aggregate(escaped(asked))


def _aggregate(path: QueryPath) -> tuple[str, bool]:
    """The path that counts, below /aggregate/, and whether it counts exactly what the query brings."""
    base = path.base
    if path.api == "attributegroup":
        keys = path.projection[: path.keys]
        if len(keys) == 1 and keys[0].function is None:
            alias = f"{quote(keys[0].alias, safe='')}:" if keys[0].alias else ""
            return f"{base}/n:=cnt_d({alias}{quote(keys[0].column, safe='')})", True
        return f"{base}/n:=cnt(*)", False
    return f"{base}/n:=cnt(*)", True


def _one_row(query: str) -> str:
    path, _, parameters = query.partition("?")
    if path.startswith("/aggregate/"):
        return query
    kept = [p for p in re.split("[&;]", parameters) if p and not p.lower().startswith("limit=")]
    return f"{path}?{'&'.join([*kept, 'limit=1'])}"


def _failed(step: Step, query: str, error: SatchelError, output: str = "") -> Count:
    told = named(error, "", query)
    return Count(where=step.where, kind=step.kind, output=output, query=query, problem=told.message, hint=told.hint)
