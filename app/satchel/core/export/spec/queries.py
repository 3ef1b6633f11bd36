"""The queries of a spec: bound to their values in order, then run at once.

An `env` query is waited for, since what follows it may use what it finds; all others are on their way together. What is
written does not depend on which of them answers first.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satchel.core.bags.digests import hash_file
from satchel.core.bags.threads import in_thread
from satchel.core.deriva.ermrest import JSON, JSON_STREAM, Catalog
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.session import LONGEST_PATH
from satchel.core.export.errors import ConfigurationError, naming
from satchel.core.export.request import AssetProblem
from satchel.core.export.spec.asking import Saved, escaped, paging_of, save
from satchel.core.export.spec.assets import Remote, Rows, rows_of
from satchel.core.export.spec.model import ACCEPT, EXTENSIONS, Spec, Step
from satchel.core.export.spec.placeholders import Env
from satchel.core.export.spec.places import checked, extended, joined
from satchel.core.export.spec.request import SpecRequest
from satchel.core.jobs.context import Context, Stage

AT_ONCE = 8
CHAISE_LONGEST = 4000
"""Queries on their way at once."""


@dataclass(slots=True)
class Made:
    """A file that a query or a transform has made."""

    name: str
    """As the spec calls it; transforms name their inputs so."""
    path: str
    """Where it is, below data/ of the bag or below the output folder."""
    length: int
    digests: dict[str, str]
    url: str | None
    content_type: str
    rows: int | None
    ro: bool
    """Whether the research object's manifest tells of it."""


@dataclass
class _Bound:
    """A query with its placeholders filled."""

    number: int
    step: Step
    query: str
    name: str = ""
    path: str = ""
    env: Env | None = None


@dataclass
class Queries:
    """The queries of one run.

    Args:
        request: of the job.
        spec: what is asked.
        catalog: where, as it is or at a snapshot.
        payload: the folder that files go below.
        algorithms: of their checksums.
        context: of the job.
        reading: in which way the catalog is read; part of the checkpoints' names.
    """

    request: SpecRequest
    spec: Spec
    catalog: Catalog
    payload: Path
    algorithms: Sequence[str]
    context: Context
    reading: str
    outputs: list[Made] = field(default_factory=list)
    listed: list[Remote] = field(default_factory=list)
    """By `fetch`, in the order of the spec and the rows."""
    fetched: list[Remote] = field(default_factory=list)
    """By `download`."""
    problems: list[AssetProblem] = field(default_factory=list)
    rows: int = 0
    _taken: dict[str, _Bound] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env = Env(self.request.env, self.spec.env, self.catalog.host)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self, stage: Stage) -> None:
        """Ask them all. Raises SatchelError by its name; the first failure ends the others."""
        made: dict[int, Made | list[Remote]] = {}
        tasks: list[asyncio.Task[None]] = []
        try:
            for number, step in enumerate(self.spec.queries):
                if step.impl:
                    raise ConfigurationError(
                        f"{step.impl} is a class of somebody's own, which Satchel does not run",
                        "Run this spec with deriva-download-cli.",
                        f"{step.where}/processor_type",
                    )
                if step.kind in ("env", "dir"):
                    await self._inline(step, stage)
                    continue
                bound = self._bind(number, step)
                if bound is not None:
                    tasks.append(asyncio.create_task(self._one(bound, made, stage)))
                else:
                    stage.add(1)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for number in sorted(made):
            found = made[number]
            if isinstance(found, Made):
                self.outputs.append(found)
                self.rows += found.rows or 0
            elif self.spec.queries[number].kind == "fetch":
                self.listed += found
            else:
                self.fetched += found

    # -- in order --------------------------------------------------------------------------------------------------

    async def _inline(self, step: Step, stage: Stage) -> None:
        query = self._query(step)
        if query:
            stage.item = query[:100]
            with naming(f"{step.kind} ({step.where})", query):
                answer = await self.catalog.session.request("GET", self.catalog.path + escaped(query), accept=JSON)
                found = answer.json()
            self._learn(step, found[0] if isinstance(found, list) and found else found)
        if step.kind == "dir":
            path = self.env.fill(joined(step.text("output_path"), step.text("output_filename")), where=step.where)
            (self.payload / checked(path, f"{step.where}/processor_params/output_path")).mkdir(
                parents=True, exist_ok=True
            )
        stage.add(1)

    def _learn(self, step: Step, row: Any) -> None:
        if not row:
            self.context.warn(
                "env-empty",
                f"The env query {step.where} has found nothing, so it gives no values.",
                where=step.where,
            )
            return
        keys = step.params.get("query_keys")
        if keys is None:
            self.env.update(row)
            return
        missing = [k for k in keys if k not in row]
        if missing:
            raise ConfigurationError(
                f"The answer has no column {missing[0]}",
                f"It has {', '.join(map(str, row))}.",
                f"{step.where}/processor_params/query_keys",
            )
        self.env.update({key: row[key] for key in keys})

    def _query(self, step: Step) -> str:
        where = f"{step.where}/processor_params/query_path"
        query = self.env.fill(step.text("query_path") or "", where=where)
        if query and not query.startswith("/"):
            raise ConfigurationError(f"The query {query[:60]!r} does not begin with a slash", "", where)
        return query

    def _fits(self, step: Step, query: str) -> bool:
        """A query that Chaise would leave out is run and told; one that no server takes is left out aloud."""
        size = len((self.catalog.path + escaped(query)).partition("?")[0])
        where = f"{step.where}/processor_params/query_path"
        if size > LONGEST_PATH:
            output = step.text("output_path") or step.where
            message = (
                f"The query of {output} has {size:,} characters, and servers take {LONGEST_PATH:,}: it is left out."
            )
            hint = "Split it, or select by a foreign key instead of naming all rows."
            self.context.warn("too-long-path", message, where=where, hint=hint)
            self.problems.append(AssetProblem(table=output, rid="", url="", reason="unusable", message=message))
            return False
        if len(query) - 1 > CHAISE_LONGEST:
            self.context.warn(
                "long-path",
                f"The query of {step.text('output_path') or step.where} has {len(query):,} characters. Chaise's Export "
                "button would have left it out without a word; here it is run.",
                where=step.where,
            )
        return True

    def _bind(self, number: int, step: Step) -> _Bound | None:
        query = self._query(step)
        if not query:
            self.context.warn("no-query", f"{step.where} has no query, so it makes nothing.", where=step.where)
            return None
        if not self._fits(step, query):
            return None
        bound = _Bound(number, step, query)
        if step.kind not in EXTENSIONS:
            # What rows call their files is filled in later, with the values as they are now.
            bound.env = Env(self.env.values(), {}, self.catalog.host)
            return bound
        where = f"{step.where}/processor_params/output_path"
        filled = self.env.fill(joined(step.text("output_path"), step.text("output_filename")), where=where)
        bound.name = extended(filled, EXTENSIONS[step.kind])
        path = checked(bound.name, where)
        before = self._taken.get(path)
        if before is not None:
            if (before.query, before.step.kind) == (query, step.kind):
                return None
            stem, dot, ending = path.rpartition(".")
            n = 2
            while (moved := f"{stem} ({n}){dot}{ending}") in self._taken:
                n += 1
            self.context.warn(
                "same-name",
                f"Two outputs are called {path}; the second ({step.where}) is {moved}, so that none is lost.",
                where=step.where,
            )
            path = moved
        bound.path = path
        self._taken[path] = bound
        return bound

    # -- at once ---------------------------------------------------------------------------------------------------

    async def _one(self, bound: _Bound, made: dict[int, Made | list[Remote]], stage: Stage) -> None:
        what = bound.path or f"{bound.step.kind} ({bound.step.where})"
        async with self._slots:
            stage.item = what
            with naming(what, bound.query):
                if bound.path:
                    found = await self._file(bound)
                    if found is not None:
                        made[bound.number] = found
                else:
                    made[bound.number] = await self._remotes(bound)
        stage.add(1)

    async def _file(self, bound: _Bound) -> Made | None:
        step = bound.step
        target = self.payload / bound.path
        saved = await self._saved(bound, target, ACCEPT[step.kind], self.algorithms)
        if saved is None:
            return None
        return Made(
            name=bound.name,
            path=bound.path,
            length=saved.length,
            digests={a: saved.digests[a] for a in self.algorithms},
            url=f"{self.catalog.url}{bound.query}",
            content_type=ACCEPT[step.kind],
            rows=saved.rows,
            ro=step.flag("ro_file_provenance", self.spec.bag is not None),
        )

    async def _saved(self, bound: _Bound, target: Path, accept: str, algorithms: Sequence[str]) -> Saved | None:
        """Ask, unless an earlier run of the job has."""
        key = f"query/{self.reading}/{bound.number}"
        kinds = {*algorithms, "sha256"}
        kept = self.context.recall(key)
        if kept is not None and kept["query"] == bound.query:
            if kept["bytes"] is None:
                return None
            found = await in_thread(self.context.cancelled, _as_it_was, target, kept, kinds, self.context)
            if found is not None:
                return found
        params = bound.step.params
        paging = paging_of(
            bound.query,
            bound.step.kind,
            bound.step.flag("paged_query", False),
            params.get("paged_query_size"),
            params.get("paged_query_sort_columns"),
        )
        saved = await save(self.catalog, bound.query, accept, target, sorted(kinds), self.context, paging)
        self.context.checkpoint(
            key,
            {
                "query": bound.query,
                "bytes": saved.length if saved else None,
                "sha256": saved.digests["sha256"] if saved else None,
                "rows": saved.rows if saved else None,
            },
        )
        return saved

    async def _remotes(self, bound: _Bound) -> list[Remote]:
        step = bound.step
        file = self.context.folder / f"rows-{self.reading}-{bound.number}.json"
        saved = await self._saved(bound, file, JSON_STREAM, ())
        if saved is None:
            return []
        rows = rows_of(await asyncio.to_thread(file.read_bytes))
        assert bound.env is not None  # noqa: S101 - bound so
        reader = Rows(step, bound.env, Hatrac(self.catalog.session), need_sums=step.kind == "fetch")
        found = await reader.read(rows)
        self._tell(step, rows, reader)
        self.problems += reader.problems
        return found

    def _tell(self, step: Step, rows: Sequence[dict[str, Any]], reader: Rows) -> None:
        if reader.skipped:
            columns = ", ".join(rows[0]) if rows else ""
            named = any("url" in row for row in rows)
            if not named:
                self.problems.append(
                    AssetProblem(
                        table=step.text("output_path") or step.where,
                        rid="",
                        url="",
                        reason="unusable",
                        message=f"The rows of {step.where} have no column url (but {columns}).",
                    )
                )
            self.context.warn(
                "no-url",
                f"{reader.skipped:,} of {len(rows):,} rows of {step.where} name no file"
                + ("." if named else f": they have no column url (but {columns})."),
                where=step.where,
                hint="" if named else "Name the columns in the query: url:=..., length:=..., filename:=..., md5:=...",
            )
        if reader.renamed:
            was, now = reader.renamed[0]
            self.context.warn(
                "name-changed",
                f"{len(reader.renamed):,} files have names that cannot be kept in a bag, such as {was[:60]!r}: "
                f"it is {posixpath.basename(now)[:60]!r} there.",
                where=step.where,
            )


def _as_it_was(target: Path, kept: dict[str, Any], kinds: set[str], context: Context) -> Saved | None:
    """What an earlier run has written, where it is still that."""
    if not target.is_file() or target.stat().st_size != kept["bytes"]:
        return None
    hashers = hash_file(target, kinds, stop=context.cancelled)
    digests = hashers.digests()
    if digests["sha256"] != kept["sha256"]:
        return None
    return Saved(hashers.length, digests, kept["rows"])
