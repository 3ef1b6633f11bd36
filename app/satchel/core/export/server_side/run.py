"""The job that has the server make an export, follows it, and brings home what it made."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from satchel.core.bags.extract import extract
from satchel.core.bags.threads import in_thread
from satchel.core.bags.writer import Inventory
from satchel.core.deriva.authn import Person, still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.finishing import check_folder, made_already, must_be_free
from satchel.core.export.leftovers import KEY, work_folder
from satchel.core.export.server_side import waiting
from satchel.core.export.server_side.answers import Verdict, understand
from satchel.core.export.server_side.bringing import Brought, bring, server_log
from satchel.core.export.server_side.parts import can_split, merge, outputs, part_of
from satchel.core.export.server_side.receiving import archive_of, deliver, goal_of, looked_at, receive
from satchel.core.export.server_side.submission import submission
from satchel.core.export.server_side.waiter import Order
from satchel.core.export.spec.request import SpecRequest, SpecResult
from satchel.core.jobs.context import Context, Stage
from satchel.core.words import duration

BUSY_PAUSE = 15.0
"""Seconds until the server is asked again that makes another export of the same person."""
_ASKED, _WHO, _MADE, _PARTS, _DONE = "server-asked", "as", "server-made", "server-parts", "server-parts-done"


class GaveUpError(SatchelError):
    """Something between here and the server gave up waiting for it."""


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
            host=session.host,
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
        kind, host = archive_of(request, self.spec), self.session.host
        if context.recall(_PARTS) is None:
            try:
                brought = await self._brought(self.spec, "", work / "came")
            except GaveUpError as error:
                if not can_split(self.spec):
                    raise
                self._split(error)
            else:
                received = await receive(request, context, brought, work, kind, host)
        if context.recall(_PARTS) is not None:
            bag = await self._in_parts(work)
            received = await looked_at(request, context, bag, None, host)
        result = await deliver(request, context, received, goal, kind, self.snapshot)
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        return result

    # -- in parts -------------------------------------------------------------------------------------------------

    def _split(self, error: SatchelError) -> None:
        """What cannot be had as a whole is had in two halves, and so on."""
        number = len(outputs(self.spec))
        self.context.warn("server-in-parts", f"{error.message} The export is made in parts.")
        self.context.checkpoint(_PARTS, [[0, number // 2], [number // 2, number]])

    async def _in_parts(self, work: Path) -> Path:
        """Have the parts made one after the other, and one bag of them. Returns its folder."""
        context = self.context
        todo: list[list[int]] = [list(pair) for pair in context.recall(_PARTS)]
        done: list[str] = list(context.recall(_DONE) or [])
        while todo:
            first, end = todo[0]
            tag = f"-{first}-{end}"
            try:
                brought = await self._brought(part_of(self.spec, first, end), tag, work / f"came{tag}")
            except GaveUpError:
                if end - first < 2:
                    raise
                middle = (first + end) // 2
                todo[0:1] = [[first, middle], [middle, end]]
                context.checkpoint(_PARTS, todo)
                continue
            into = work / f"part{tag}"
            await asyncio.to_thread(shutil.rmtree, into, ignore_errors=True)
            await asyncio.to_thread(into.mkdir)
            stop = context.cancelled
            bag = await in_thread(stop, extract, brought.path, into, stop=stop, any_size=True)
            await asyncio.to_thread(brought.path.unlink)
            done.append(str(bag.relative_to(work)))
            todo.pop(0)
            context.checkpoint(_DONE, done)
            context.checkpoint(_PARTS, todo)
        with context.stage("merge", "Put the parts together"):
            return await in_thread(context.cancelled, self._merged, work, done)

    def _merged(self, work: Path, done: list[str]) -> Path:
        bag = work / "inside" / Path(done[0]).name
        whole = work / ".merged"
        if bag.exists():  # it was put together before an interruption
            return bag
        shutil.rmtree(whole, ignore_errors=True)
        file = self.context.folder / "parts.sqlite"
        for old in self.context.folder.glob("parts.sqlite*"):
            old.unlink()
        said = self.spec["bag"].get("bag_algorithms")
        algorithms = [str(a) for a in said] if isinstance(said, list) and said else ["sha256"]
        inventory = Inventory(file)
        try:
            merge([work / name for name in done], whole, inventory, algorithms, self.context.cancelled)
        finally:
            inventory.close()
        bag.parent.mkdir(exist_ok=True)
        whole.rename(bag)
        return bag

    # -- one export -----------------------------------------------------------------------------------------------

    async def _brought(self, spec: dict[str, Any], tag: str, target: Path) -> Brought:
        """What the server made, here. Where it is gone from there meanwhile, it is made again."""
        for attempt in range(2):
            verdict = await self._made(spec, tag)
            assert verdict.url is not None  # noqa: S101 - else there was an error
            try:
                await server_log(self.session, verdict.url, self.context)
                return await bring(self.session, verdict.url, target, self.context)
            except SatchelError as error:
                if error.kind is not Kind.NOT_FOUND or attempt:
                    raise
                self.context.log(f"{error.message} It is made again.", "warning")
                self._forget(tag)
        raise AssertionError("either way out is above")

    def _forget(self, tag: str) -> None:
        self.context.checkpoint(_MADE + tag, None)
        waiting.forget(self.context.folder)

    async def _made(self, spec: dict[str, Any], tag: str) -> Verdict:
        """Wait until the server has made it."""
        kept = self.context.recall(_MADE + tag)
        if kept:
            return Verdict(url=kept["url"], others=tuple(kept["others"]))
        host, folder = self.session.host, self.context.folder
        if self.context.recall(_ASKED, tag) != tag:  # of another part, whose answer has been dealt with
            waiting.forget(folder)
        what = "a part of the export" if tag else "the export"
        with self.context.stage("server", f"{host} makes {what}; it does not tell how far it is") as stage:
            while True:
                if not await asyncio.to_thread(waiting.is_waiting, folder) and waiting.kept_answer(folder) is None:
                    if waiting.begun(folder) is not None:
                        self._lost()
                    await self._ask(spec, tag, stage)
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
                    error = verdict.error
                    if verdict.given_up:
                        raise GaveUpError(error.kind, error.message, error.hint, error.detail)
                    raise error
                stage.note = f"ready after {duration(answer.seconds)}"
                self.context.checkpoint(_MADE + tag, {"url": verdict.url, "others": list(verdict.others)})
                waiting.forget(folder)
                return verdict

    async def _ask(self, spec: dict[str, Any], tag: str, stage: Stage) -> None:
        request, folder = self.request, self.context.folder
        stage.item = "Asking"
        waiting.forget(folder)
        order = Order(
            folder=str(folder),
            host=self.session.host,
            access=request.access,
            kind="bdbag",
            spec=spec,
        )
        self.context.checkpoint(_ASKED, tag)
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
