"""A forecast that a person looks at and changes: read once, told anew for every other choice of strategies."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from satchel.core.clone.bagreading import read_bag
from satchel.core.clone.forecast import Forecast
from satchel.core.clone.forecasting import Large, Outcomes, destination, measure, policies, told
from satchel.core.clone.gate import Gate
from satchel.core.clone.person import same_person
from satchel.core.clone.plan import strategy_of
from satchel.core.clone.reading import REACH, Reading, read
from satchel.core.clone.request import CloneRequest
from satchel.core.deriva.session import Session
from satchel.core.jobs.state import JobContext, local_context
from satchel.core.jobs.views import StageView
from satchel.core.paths import Home

PREFIX = "forecast-"


class Foretelling:
    """One clone's forecast. `open` it once, `tell` it for each choice, `close` it at the end.

    Args:
        request: source and selection are read once; strategies and destination may be others in `tell`.
        home: whose cache folder holds what is read.
    """

    def __init__(self, request: CloneRequest, home: Home) -> None:
        self.request = request
        self._home = home
        self._folder: Path | None = None
        self._stack = AsyncExitStack()
        self._context: JobContext | None = None
        self._reading: Reading | None = None
        self._large = Large({}, ())
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Read what has to be known of the source; `stage` tells how far that is.

        Raises:
            SatchelError: no such record, no right to it, a server that fails.
        """

        def make() -> Path:
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._home.private(self._home.cache)))

        self._folder = await asyncio.to_thread(make)
        context = self._context = local_context(self._folder)
        request, gate = self.request, Gate(self.request.concurrency)
        try:
            if request.from_bag is None:
                session = await self._stack.enter_async_context(
                    Session.open(request.host, request.access, log=gate.hears(context.log))
                )
                await same_person(session, context, "source")
                opening = read(session, request, context, self._folder / REACH)
            else:
                opening = read_bag(request, context, lambda: None)
            self._reading = await self._stack.enter_async_context(opening)
            with context.stage("sizes", "Look for what is large"):
                self._large = await measure(self._reading, gate)
        except BaseException:
            await self.close()
            raise

    def stage(self) -> StageView | None:
        """The phase under way; None when nothing is. Any thread."""
        context = self._context
        stages = [stage.look() for stage in context.stages] if context is not None else []
        return next((stage for stage in reversed(stages) if stage.state == "begun"), None)

    async def tell(self, request: CloneRequest, *, there: bool = True) -> Forecast:
        """What the clone would do with these strategies, at this destination.

        Args:
            request: with the source and the selection that were read.
            there: look at the destination as well; otherwise nothing is said of it.

        Raises:
            SatchelError: the destination cannot be asked.
        """
        async with self._turn:  # the trial of strategies changes the keys for its time
            if self._reading is None:
                raise AssertionError("the forecast is not open")
            plan = self._reading.plan
            keys = tuple(replace(each, strategy=strategy_of(request, each.key)) for each in plan.keys)
            reading = replace(self._reading, plan=replace(plan, keys=keys))
            outcome = await asyncio.to_thread(Outcomes, reading.keys, reading.plan, reading.dangling)
            if not there:
                return told(request, reading, outcome, self._large, ([], False))
            async with Session.open(request.destination, request.destination_access) as session:
                found, taken = await destination(session, request)
            found += await policies(request, reading)
            return told(request, reading, outcome, self._large, (found, taken))

    async def close(self) -> None:
        """End it and remove its folder. What is being worked out is waited for."""
        async with self._turn:
            self._reading = None
            await self._stack.aclose()
            folder, self._folder = self._folder, None
            if folder is not None:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
