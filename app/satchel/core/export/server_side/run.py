"""The job that has the server make an export, follows it, and brings home what it made."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from satchel.core.deriva.authn import Person, still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.finishing import check_folder, made_already, must_be_free
from satchel.core.export.leftovers import KEY, work_folder
from satchel.core.export.server_side import waiting
from satchel.core.export.server_side.answers import Verdict, understand
from satchel.core.export.server_side.bringing import Brought, bring, server_log
from satchel.core.export.server_side.receiving import archive_of, deliver, goal_of, receive
from satchel.core.export.server_side.submission import submission
from satchel.core.export.server_side.waiter import Order
from satchel.core.export.spec.request import SpecRequest, SpecResult
from satchel.core.jobs.context import Context, Stage
from satchel.core.words import duration

BUSY_PAUSE = 15.0
"""Seconds until the server is asked again that makes another export of the same person."""
_URL, _ASKED, _WHO, _MADE = "server-url", "server-asked", "as", "server-made"


async def run(request: SpecRequest, context: Context) -> SpecResult:
    """Have the server make an export.

    Interrupted, it goes on where it was: while the server works the very same export is followed, and what was
    downloaded is not downloaded again.

    Raises:
        SatchelError: something that the person must know or do.
    """
    if (made := await asyncio.to_thread(made_already, SpecResult, context)) is not None:
        return made
    if not isinstance(request.spec.get("bag"), dict):
        raise SatchelError(
            Kind.USAGE,
            "The server makes bags for Satchel, and this spec describes none.",
            'Give it a "bag", or have its files made on this computer.',
        )
    check_folder(request.out)
    async with Session.open(request.host, request.access, log=context.log) as session:
        with context.stage("catalog", "Ask the server for the catalog") as stage:
            person = await _same_person(session, context)
            catalog = await Catalog(session, request.catalog).pin(context.recall("snapshot") or request.snapshot)
            if catalog.snapshot is None:
                raise SatchelError(Kind.SERVER, f"{request.host} does not say which snapshot is the newest.")
            context.checkpoint("snapshot", catalog.snapshot)
            stage.note = f"snapshot {catalog.snapshot}"
        export = _ServerSide(request, context, session, catalog.snapshot, person)
        return await export.run()


async def _same_person(session: Session, context: Context) -> Person | None:
    person = await still_signed_in(session)
    now = [person.id, person.name] if person is not None else ["", "nobody"]
    before = context.recall(_WHO, now)
    if before[0] != now[0]:
        raise SatchelError(
            Kind.NOT_SIGNED_IN,
            f"This export was begun as {before[1]}; now you are {now[1]} to {session.host}, who may see other rows.",
            "Sign in as before and resume, or begin a new export.",
        )
    context.checkpoint(_WHO, now)
    return person


class _ServerSide:
    """One export."""

    def __init__(
        self, request: SpecRequest, context: Context, session: Session, snapshot: str, person: Person | None
    ) -> None:
        self.request, self.context, self.session = request, context, session
        self.snapshot, self.person = snapshot, person
        self.spec = submission(request, snapshot, session.base)

    async def run(self) -> SpecResult:
        request, context = self.request, self.context
        goal = goal_of(request, self.spec, self.session.host)
        must_be_free(goal)
        work = work_folder(goal, context.job_id)
        context.checkpoint(KEY, [str(work)])
        await asyncio.to_thread(work.mkdir, parents=True, exist_ok=True)
        brought = await self._brought(work / "came")
        kind, host = archive_of(request, self.spec), self.session.host
        received = await receive(request, context, brought, work, kind, host)
        result = await deliver(request, context, received, goal, kind, self.snapshot)
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        return result

    async def _brought(self, target: Path) -> Brought:
        """What the server made, here. Where it is gone from there meanwhile, it is made again."""
        for attempt in range(2):
            verdict = await self._made()
            assert verdict.url is not None  # noqa: S101 - else there was an error
            try:
                await server_log(self.session, verdict.url, self.context)
                return await bring(self.session, verdict.url, target, self.context)
            except SatchelError as error:
                if error.kind is not Kind.NOT_FOUND or attempt:
                    raise
                self.context.log(f"{error.message} It is made again.", "warning")
                self._forget()
        raise AssertionError("either way out is above")

    def _forget(self) -> None:
        self.context.checkpoint(_MADE, None)
        waiting.forget(self.context.folder)

    async def _made(self) -> Verdict:
        """Wait until the server has made it."""
        kept = self.context.recall(_MADE)
        if kept:
            return Verdict(url=kept["url"], others=tuple(kept["others"]))
        host, folder = self.session.host, self.context.folder
        with self.context.stage("server", f"{host} makes the export; it does not tell how far it is") as stage:
            while True:
                if not await asyncio.to_thread(waiting.is_waiting, folder) and waiting.kept_answer(folder) is None:
                    if waiting.begun(folder) is not None:
                        self._lost()
                    await self._ask(stage)
                else:
                    self.context.log(f"Your export is still running on {host}; following it.")
                answer = await waiting.listen(folder, lambda seconds: _tick(stage, seconds))
                if answer is None:
                    self._lost()
                    continue
                verdict = understand(answer, host)
                if verdict.busy:
                    await self._wait_for_other(stage)
                    continue
                if verdict.error is not None:
                    waiting.forget(folder)
                    raise verdict.error
                stage.note = f"ready after {duration(answer.seconds)}"
                self.context.checkpoint(_MADE, {"url": verdict.url, "others": list(verdict.others)})
                return verdict

    async def _ask(self, stage: Stage) -> None:
        request, folder = self.request, self.context.folder
        stage.item = "Asking"
        waiting.forget(folder)
        order = Order(
            folder=str(folder),
            host=self.session.host,
            access=request.access,
            kind="bdbag",
            spec=self.spec,
        )
        self.context.checkpoint(_ASKED, time.time())
        await waiting.start(order)

    def _lost(self) -> None:
        """Whoever waited was ended, with the computer most likely; the server's answer went nowhere."""
        self.context.warn(
            "server-answer-lost",
            f"Nobody was there when {self.session.host} answered, so the export is asked for again.",
            hint="The server has no way to find an export again whose answer was missed.",
        )
        waiting.forget(self.context.folder)

    async def _wait_for_other(self, stage: Stage) -> None:
        self.context.warn(
            "server-busy",
            f"{self.session.host} makes another export of yours; this one begins when that has ended.",
        )
        waiting.forget(self.context.folder)
        stage.item = "Waiting for another export of yours to end"
        await asyncio.sleep(BUSY_PAUSE)


def _tick(stage: Stage, seconds: float) -> None:
    stage.item = f"{duration(seconds)}; it goes on when this window is closed"


def still_running(folder: Path) -> bool:
    """Whether a server still works for the job that has this folder. For lists of jobs."""
    return waiting.is_waiting(folder)
