"""What goes wrong on real networks, on demand: latency, a narrow line, refusals, connections cut in mid-body."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

_SLICE = 16 * 1024


@dataclass
class Faults:
    """The switches. Rates are between 0 and 1; bandwidth is in bytes a second for each answer, 0 for all there is."""

    latency: float = 0.0
    """Seconds before each answer begins."""
    bandwidth: float = 0.0
    fail: float = 0.0
    """Share of requests that get 503 and do nothing."""
    cut: float = 0.0
    """Share of answers whose connection is dropped in mid-body."""
    seed: int = 0
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - it plays bad luck, it guards nothing

    @property
    def any(self) -> bool:
        """Whether any switch is on."""
        return bool(self.latency or self.bandwidth or self.fail or self.cut)

    async def before(self) -> web.Response | None:
        """To be awaited before a request is answered; an answer that takes its place, or None."""
        if self.latency:
            await asyncio.sleep(self.latency)
        if self.fail and self.random.random() < self.fail:
            return web.Response(
                status=503, text="The service is temporarily unavailable. Detail: the sandbox was told to fail\n"
            )
        return None

    def wrap(self, writer: AbstractStreamWriter) -> None:
        """Make an answer's writer slow or short, as the switches say."""
        budget: int | None = None
        if self.cut and self.random.random() < self.cut:
            budget = self.random.randrange(0, 60_000)
        if budget is None and not self.bandwidth:
            return
        write, transport = writer.write, writer.transport
        eof = writer.write_eof

        async def cut() -> None:
            if transport is not None:
                transport.abort()
            raise ConnectionResetError("the sandbox was told to cut this connection")

        async def slow_write(chunk: bytes, *arguments: object, **options: object) -> None:
            nonlocal budget
            view = memoryview(chunk).cast("B")
            step = _SLICE if self.bandwidth else max(1, len(view))
            for start in range(0, len(view), step):
                piece = bytes(view[start : start + step])
                if budget is not None and len(piece) >= budget:
                    await write(piece[: budget // 2], *arguments, **options)
                    await cut()
                if budget is not None:
                    budget -= len(piece)
                await write(piece, *arguments, **options)
                if self.bandwidth:
                    await asyncio.sleep(len(piece) / self.bandwidth)

        async def slow_eof(chunk: bytes = b"") -> None:
            if budget is not None:
                # A short answer is cut as well: half of it goes out.
                if chunk:
                    await write(bytes(chunk)[: len(chunk) // 2])
                await cut()
            elif chunk and self.bandwidth:
                await slow_write(chunk)
                await eof()
            else:
                await eof(chunk)

        writer.write = slow_write  # type: ignore[method-assign,assignment]
        writer.write_eof = slow_eof  # type: ignore[method-assign]
