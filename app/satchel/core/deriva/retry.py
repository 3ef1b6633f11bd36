"""When a request is tried again, after what pause, and how often.

Servers that are busy, proxies in front of them and networks fail for moments; people should not hear of it. What is
tried again is logged, and after `TRIES` the last failure is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from satchel.core.errors import SatchelError

if TYPE_CHECKING:
    from tenacity import RetryCallState

TRIES = 12
"""With one answer in four failing, twelve in a row fail once in ten million requests."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 20.0
LONGEST_RETRY_AFTER = 120.0
"""Seconds. A server that asks for more is told of instead."""

T = TypeVar("T")


class Log(Protocol):
    """Takes a line and its level, as `Context.log` does."""

    def __call__(self, message: str, level: str = "info") -> None:
        """Write a line."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How stubborn a session is. Tests shorten the pauses."""

    tries: int = TRIES
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE


PATIENT = Policy()
"""For jobs."""
BRISK = Policy(tries=6, longest_pause=2.0)
"""For somebody who waits in front of a window."""


class Passing(SatchelError):  # noqa: N818 - a kind of failure, named for what matters
    """A failure that may pass, so that it is worth trying again.

    Args:
        error: what to tell when it does not pass.
        after: seconds that the server asks to wait, if it does.
    """

    def __init__(self, error: SatchelError, after: float | None = None) -> None:
        super().__init__(error.kind, error.message, error.hint, error.detail)
        self.after = after


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait by a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date); None without a sensible one."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())


async def patiently(policy: Policy, what: str, log: Log | None, do: Callable[[], Awaitable[T]]) -> T:
    """Do something again while it fails with `Passing`; the last failure comes out.

    Args:
        policy: how often and how long.
        what: names the thing in the log.
        log: told of every repetition.
        do: the thing.
    """
    try:
        return await do()  # nearly always: what follows costs as much as a small request
    except Passing as failure:
        first: Passing | None = failure

    async def again() -> T:
        nonlocal first
        if first is not None:
            failure, first = first, None
            raise failure
        return await do()

    from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    backoff = wait_random_exponential(multiplier=policy.first_pause, max=policy.longest_pause)

    def pause(state: RetryCallState) -> float:
        failure = _failure(state)
        asked = failure.after if failure is not None and failure.after is not None else 0.0
        return max(asked, policy.first_pause / 2 + backoff(state))

    def give_up(state: RetryCallState) -> bool:
        failure = _failure(state)
        impatient = failure is not None and failure.after is not None and failure.after > LONGEST_RETRY_AFTER
        return impatient or stop_after_attempt(policy.tries)(state)

    def tell(state: RetryCallState) -> None:
        failure = _failure(state)
        if log is not None and failure is not None:
            seconds = state.next_action.sleep if state.next_action else 0.0
            log(
                f"{what}: {failure.message} Try {state.attempt_number} of {policy.tries}; again in {seconds:.1f} s.",
                "debug",
            )

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(Passing), wait=pause, stop=give_up, before_sleep=tell, reraise=True
    )
    return await retrying(again)


def _failure(state: RetryCallState) -> Passing | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, Passing) else None
