"""Who asks: what one person sees must not be mixed with what another does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context

REACH = "reach.sqlite"
"""What was read of the source, in the job's folder."""
GATHERED = "gathered"
"""The checkpoint that says that all of it was read under a sign-in that was good to the end."""


async def same_person(session: Session, context: Context, side: str) -> str:
    """Make sure that a job that is gone on with is gone on with by the same person.

    Args:
        session: to the server.
        context: of the job.
        side: `source` or `destination`.

    Returns:
        The person's id; empty for nobody.

    Raises:
        SatchelError: it is another person, or the sign-in has run out.
    """
    person = await still_signed_in(session)
    now = [person.id, person.name] if person is not None else ["", "nobody"]
    now.append(session.proof(context.job_id))
    before = context.recall(f"as/{side}", now)
    if before[0] != now[0]:
        raise SatchelError(
            Kind.NOT_SIGNED_IN,
            f"This clone was begun as {before[1]}; now you are {now[1]} to {session.host}.",
            "Sign in as before and resume, or begin a new clone.",
            host=session.host,
        )
    if side == "source" and before[2] != now[2] and not context.recall(GATHERED):
        # What was read under a sign-in that may have run out in mid-read is read again.
        await asyncio.to_thread(_forget, context.folder)
    context.checkpoint(f"as/{side}", now)
    return str(now[0])


def _forget(folder: Path) -> None:
    for file in folder.glob(f"{REACH}*"):
        file.unlink()
