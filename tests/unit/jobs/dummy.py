"""A kind of job for tests: it counts, asks, hangs, fails or sleeps as told."""

from __future__ import annotations

import asyncio
import time

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Request, Result


class DummyRequest(Request, tag="dummy", frozen=True, kw_only=True):
    what: str = "count"
    units: int = 10

    @property
    def title(self) -> str:
        return f"Dummy {self.what}"


class DummyResult(Result, tag="dummy", frozen=True, kw_only=True):
    done: int
    answer: str = ""


async def run(request: DummyRequest, context: Context) -> DummyResult:
    answer = ""
    begun = context.recall("done", 0)
    with context.stage("count", "Count", total=request.units, unit="rows") as stage:
        stage.add(begun)
        part = stage.part("eye:Subject", request.units)
        for n in range(begun, 0 if request.what == "socket" else request.units):
            part.add(1)
            if request.what == "slow":
                context.checkpoint("done", n + 1)
                await asyncio.sleep(0.02)
            if request.what == "swell":
                context.checkpoint(f"page {n}", "x" * 10_000)
                await asyncio.sleep(0.005)
        if request.what == "hang":
            await asyncio.sleep(3600)
        if request.what == "thread":
            await asyncio.to_thread(_wait, context)
        if request.what == "socket":
            reader, writer = await asyncio.open_connection("127.0.0.1", request.units)
            try:
                await reader.read()
            finally:
                writer.close()
        if request.what == "warn":
            context.warn("odd", "This is odd.", where="eye:Subject")
            context.checkpoint("warned", True)
            context.warn("odd", "This is odd.", where="eye:Image")
            if not context.resumed:
                raise SatchelError(Kind.SERVER, "The first time it fails.")
        if request.what == "secret":
            context.log("Authorization: Bearer abcdef0123456789")
            raise SatchelError(Kind.SERVER, "It failed.", "", "Cookie: webauthn=abcdef0123456789")
        if request.what == "ask":
            answer = await context.ask("go", "Go on?", ("Yes", "No"), "No")
        if request.what == "fail":
            context.warn("careful", "This will fail.", where="eye:Subject")
            raise SatchelError(Kind.SERVER, "It failed.", "Try again.")
        if request.what == "full":
            raise OSError(28, "No space left on device", "/some/file")
        if request.what == "bug":
            raise ZeroDivisionError("a bug")
    return DummyResult(done=stage.done, answer=answer)


def _wait(context: Context) -> None:
    while not context.cancelled.wait(0.05):
        time.sleep(0)


registry.KINDS["dummy"] = registry.JobKind(f"{__name__}:DummyRequest", f"{__name__}:DummyResult", f"{__name__}:run")
