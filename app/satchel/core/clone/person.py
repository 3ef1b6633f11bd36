"""Who asks: what one person sees must not be mixed with what another does."""

from __future__ import annotations

from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context


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
    before = context.recall(f"as/{side}", now)
    if before[0] != now[0]:
        raise SatchelError(
            Kind.NOT_SIGNED_IN,
            f"This clone was begun as {before[1]}; now you are {now[1]} to {session.host}.",
            "Sign in as before and resume, or begin a new clone.",
        )
    context.checkpoint(f"as/{side}", now)
    return str(now[0])
