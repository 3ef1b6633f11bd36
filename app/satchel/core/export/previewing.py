"""A preview that a person looks at and changes: its folder, its progress, and the session that answers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from pathlib import Path

from satchel.core.export.choosing import AssetTotals
from satchel.core.export.preview import Preview, PreviewCost, PreviewSession
from satchel.core.export.request import AssetChoice, ExportRequest, Offers
from satchel.core.jobs.state import JobContext, local_context
from satchel.core.jobs.views import StageView
from satchel.core.paths import Home

PREFIX = "preview-"
OLD = 24 * 3600.0
"""Seconds after which a folder that nobody has written to is nobody's any more."""


class Previewing:
    """One record's preview. `open` it once, ask it as often as you like, `close` it at the end.

    Args:
        request: host, catalog, record, snapshot and offers.
        home: whose cache folder holds what is read.
    """

    def __init__(self, request: ExportRequest, home: Home) -> None:
        self.request = request
        self._home = home
        self._folder: Path | None = None
        self._session: PreviewSession | None = None
        self._context: JobContext | None = None

    async def open(self) -> None:
        """Read what the rule needs to know; `stage` tells how far that is.

        Raises:
            SatchelError: no such record, no right to it, a server that fails.
        """

        def make() -> Path:
            _sweep(self._home)
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._home.private(self._home.cache)))

        self._folder = await asyncio.to_thread(make)
        self._context = local_context(self._folder)
        try:
            self._session = await PreviewSession.open(self.request, self._context)
        except BaseException:
            await self.close()
            raise

    def stage(self) -> StageView | None:
        """The phase under way; None when nothing is. Any thread."""
        context = self._context
        stages = [stage.look() for stage in context.stages] if context is not None else []
        return next((stage for stage in reversed(stages) if stage.state == "begun"), None)

    async def solve(self, offers: Offers, *, costs: bool = True) -> Preview:
        """See `PreviewSession.solve`."""
        return await self._open_session().solve(offers, costs=costs)

    async def totals(self, offers: Offers, choice: AssetChoice) -> AssetTotals:
        """See `PreviewSession.totals`."""
        return await self._open_session().totals(offers, choice)

    async def cost(self, offers: Offers, table: str) -> PreviewCost:
        """See `PreviewSession.cost`."""
        return await self._open_session().cost(offers, table)

    def _open_session(self) -> PreviewSession:
        if self._session is None:
            raise AssertionError("the preview is not open")
        return self._session

    async def close(self) -> None:
        """End it and remove its folder. What is being asked is waited for."""
        session, self._session = self._session, None
        folder, self._folder = self._folder, None
        if session is not None:
            await session.end()
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _sweep(home: Home) -> None:
    """Remove what previews have left that were not closed: the program was killed, or the computer."""
    for old in home.cache.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > OLD:
                shutil.rmtree(old, ignore_errors=True)
