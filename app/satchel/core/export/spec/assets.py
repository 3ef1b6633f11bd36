"""Rows of `fetch` and `download` queries: where the file is, how long, with which checksum, and what it is called."""

from __future__ import annotations

import asyncio
import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from satchel.core.deriva.hatrac import Hatrac
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.errors import ConfigurationError
from satchel.core.export.request import AssetProblem
from satchel.core.export.spec.model import Step
from satchel.core.export.spec.placeholders import Env
from satchel.core.export.spec.places import made_safe, trouble

HEADS = 16
"""Questions about files on their way at once."""
STORE = "/hatrac/"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that a row names."""

    path: str
    """Below data/ of the bag, or below the output folder."""
    url: str
    """Whole, with the host."""
    length: int | None
    sums: dict[str, str]
    content_type: str | None = None
    row: str = ""
    """The row's RID where it has one."""


def rows_of(stream: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON stream."""
    return [json.loads(line) for line in stream.splitlines() if line.strip()]


def absolute(url: str, base: str) -> str:
    """A row's address with its host: one without is the catalog's own (deriva-py's `getExternalUrl`)."""
    parts = urlsplit(url)
    if parts.path.startswith(STORE):
        return base + url if url.startswith(STORE) else url
    if parts.scheme and parts.netloc:
        return url
    return base + ("" if url.startswith("/") else "/") + url


class Rows:
    """Turns rows into files.

    Args:
        step: the processor.
        env: values as they stood when it was reached.
        hatrac: answers what a row does not say.
        need_sums: whether a file without checksum and length is of no use (`fetch`).
    """

    def __init__(self, step: Step, env: Env, hatrac: Hatrac, need_sums: bool) -> None:
        self._step = step
        self._env = env
        self._hatrac = hatrac
        self._need_sums = need_sums
        self.skipped = 0
        """Rows without an address."""
        self.renamed: list[tuple[str, str]] = []
        """Names that would have led out of the bag, and what stands for them."""
        self.problems: list[AssetProblem] = []
        self.asked = 0

    async def read(self, rows: Sequence[Mapping[str, Any]]) -> list[Remote]:
        """The files of rows, in their order; what is missing is asked of the server."""
        slots = asyncio.Semaphore(HEADS)

        async def one(row: Mapping[str, Any]) -> Remote | None:
            url = row.get("url")
            if not url or not isinstance(url, str):
                self.skipped += 1
                return None
            if not self._lacks(row):
                return self._of(row, url, row.get("length"), _sums(row), row.get("content_type"), None)
            async with slots:
                return await self._asked(row, url)

        found = await asyncio.gather(*(one(row) for row in rows))
        return [remote for remote in found if remote is not None]

    def _lacks(self, row: Mapping[str, Any]) -> bool:
        if self._need_sums:
            return not (row.get("length") and (row.get("md5") or row.get("sha256")))
        return not (row.get("filename") or self._step.text("output_filename"))

    async def _asked(self, row: Mapping[str, Any], url: str) -> Remote | None:
        self.asked += 1
        base = self._hatrac.session.base
        try:
            info = await self._hatrac.head(absolute(url, base).removeprefix(base))
        except SatchelError as error:
            if error.kind not in (Kind.NOT_FOUND, Kind.NOT_ALLOWED, Kind.INVALID, Kind.SERVER, Kind.USAGE):
                raise
            reason = {Kind.NOT_FOUND: "missing", Kind.NOT_ALLOWED: "not-allowed"}.get(error.kind, "unusable")
            self.problems.append(self._problem(row, url, reason, error.message))
            return None
        told = {a: s for a, s in (("md5", info.md5), ("sha256", info.sha256)) if s is not None}
        # What the row says counts; the server fills in.
        sums = told | _sums(row)
        length = row.get("length") or info.length
        if self._need_sums and (length is None or not sums):
            what = "length" if length is None else "checksum"
            self.problems.append(self._problem(row, url, "no-checksum", f"Nobody knows the {what} of {url}."))
            return None
        return self._of(row, url, length, sums, row.get("content_type") or info.content_type or None, info.filename)

    def _of(
        self,
        row: Mapping[str, Any],
        url: str,
        length: Any,
        sums: dict[str, str],
        content_type: Any,
        suggested: str | None,
    ) -> Remote:
        name = row.get("filename") or suggested or posixpath.basename(url.partition("?")[0]).partition(":")[0]
        folder = self._env.fill(self._step.text("output_path") or "", row, f"{self._step.where}/processor_params")
        own = self._step.text("output_filename")
        if own:
            name = self._env.fill(own, row, f"{self._step.where}/processor_params/output_filename")
        path = f"{folder}/{name}" if folder else str(name)
        safe = made_safe(path, "file")
        if trouble(path) is not None:
            self.renamed.append((path, safe))
        try:
            size = int(length) if length is not None else None
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"The length of {url[:100]} is {length!r}, which is no number",
                "The column that is called length holds the number of bytes.",
                f"{self._step.where}/processor_params/query_path",
            ) from None
        kind = str(content_type) if content_type else None
        return Remote(safe, absolute(url, self._hatrac.session.base), size, sums, kind, _rid(row))

    def _problem(self, row: Mapping[str, Any], url: str, reason: str, message: str) -> AssetProblem:
        return AssetProblem(
            table=self._step.text("output_path") or self._step.where, rid=_rid(row), url=url, reason=reason,
            message=message,
        )  # fmt: skip


def _sums(row: Mapping[str, Any]) -> dict[str, str]:
    return {a: str(row[a]).strip().lower() for a in ("md5", "sha256") if row.get(a)}


def _rid(row: Mapping[str, Any]) -> str:
    return str(row.get("rid") or row.get("RID") or "")
