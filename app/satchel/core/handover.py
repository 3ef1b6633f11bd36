"""What a process of ours is given by the one that started it, beside the environment: how to open the person's vault.

It goes through the pipe between the two and is written nowhere. The jobs that start processes know nothing of vaults,
and the vaults nothing of jobs: this stands between them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_offer: Callable[[], dict[str, Any] | None] | None = None
_take: Callable[[dict[str, Any] | None], None] | None = None
_received: dict[str, Any] | None = None


def offer(give: Callable[[], dict[str, Any] | None]) -> None:
    """Name the function that says what other processes are to be given. It must not block."""
    global _offer
    _offer = give


def collect() -> dict[str, Any] | None:
    """What a process that is started, or runs already, is to be given now; None: nothing."""
    return _offer() if _offer is not None else None


def on_arrival(take: Callable[[dict[str, Any] | None], None]) -> None:
    """Name the function that hears what arrives; it is called at once with what has."""
    global _take
    _take = take
    if _received is not None:
        take(_received)


def receive(given: dict[str, Any] | None) -> None:
    """Something has arrived. Any thread."""
    global _received
    if given is None:
        return
    _received = given
    if _take is not None:
        _take(given)
