"""The process that waits for the server: `satchel await-export`, started by a job and outliving it.

The service answers when the bag is ready, minutes later, and tells nobody else. So whoever asks must stay; the window
may be closed meanwhile. What to ask comes in as one line of JSON; what came of it is written into the job's folder.
While this process lives it holds a lock there. No secret comes in or goes out: it finds the sign-in where the job does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.server_side.answers import PATH, Answer
from satchel.core.files import write_atomically
from satchel.core.jobs import lease
from satchel.core.jobs.request import Access
from satchel.core.jobs.trouble import explain
from satchel.core.loops import new_loop

ANSWER, LOCK, BEGAN = "answer.json", "waiting.lock", "began"
LONGEST = 6 * 3600.0
"""Seconds. The service's own limit is ten minutes unless its administrator has said otherwise."""
MOST_BODY = 1 << 20


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask."""

    folder: str
    """Of the job; it exists."""
    host: str
    access: Access
    kind: str
    """`bdbag`, or `file` for a spec without a bag."""
    spec: dict[str, Any]
    longest: float = LONGEST


def main() -> int:
    """Ask, wait, write down, end."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    folder = Path(order.folder)
    held = lease.take(folder / LOCK, "export")
    try:
        # Whoever started this has seen its words; from here on nobody reads them.
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        began = time.monotonic()
        write_atomically(folder / BEGAN, f"{time.time()} {os.getpid()}\n".encode())
        with asyncio.Runner(loop_factory=new_loop) as runner:
            answer = runner.run(_ask(order, folder, began))
        with contextlib.suppress(OSError):  # the job was discarded meanwhile
            write_atomically(folder / ANSWER, msgspec.json.encode(answer))
    finally:
        held.release()
    return 0


async def _ask(order: Order, folder: Path, began: float) -> Answer:
    work = asyncio.create_task(_post(order))
    try:
        while not work.done():
            left = order.longest - (time.monotonic() - began)
            if left <= 0 or not await asyncio.to_thread(folder.exists):
                raise SatchelError(
                    Kind.UNREACHABLE, f"{order.host} has not answered within {order.longest / 3600:.0f} hours."
                )
            await asyncio.wait([work], timeout=min(5.0, left))
        status, kind, body = work.result()
    except Exception as error:
        told = explain(error)
        seconds = time.monotonic() - began
        return Answer(fault=told.kind.value, message=told.message, hint=told.hint, detail=told.detail, seconds=seconds)
    finally:
        work.cancel()
    return Answer(status=status, kind=kind, body=body, seconds=time.monotonic() - began)


async def _post(order: Order) -> tuple[int, str, str]:
    once = Policy(tries=1)
    async with Session.open(order.host, order.access, policy=once, inactivity=order.longest) as session:
        answer = await session.request(
            "POST", f"{PATH}/{order.kind}", json=order.spec, idempotent=False, also=range(400, 600)
        )
    return answer.status, answer.headers.get("content-type", ""), answer.text[:MOST_BODY]


if __name__ == "__main__":
    sys.exit(main())
