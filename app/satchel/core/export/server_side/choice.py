"""Here or on the server: which is proposed, and why."""

from __future__ import annotations

from dataclasses import dataclass

from satchel.core.words import size

AT_ONCE = 6
"""Queries that this program has on their way at once; the service makes them one after the other."""
SERVER_QUERY = 0.05
"""Seconds that a query takes on the server itself, about."""
SERVER_BYTES = 20e6
"""Bytes a second that the service writes, hashes and packs, about."""
LINE_BYTES = 5e6
"""Bytes a second over the line, where nothing is known of it."""
PACKED = 0.15
"""What packing leaves of CSV, about."""
PATIENCE = 600.0
"""Seconds that the service works on an export, unless its administrator has said otherwise."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beforehand."""

    queries: int
    bytes: int
    """Of CSV."""
    asset_bytes: int
    """That are put into the bag."""
    latency: float
    service: bool
    """The server has an export service."""
    materialize: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """Where to make it."""

    where: str
    """`here` or `server`."""
    reason: str
    seconds_here: float
    seconds_server: float


def propose(facts: Facts) -> Proposal:
    """Propose where an export is made."""
    assets = facts.asset_bytes / LINE_BYTES
    here = facts.queries * (facts.latency + SERVER_QUERY / 2) / AT_ONCE + facts.bytes / LINE_BYTES + assets
    server = (
        facts.queries * SERVER_QUERY
        + facts.bytes / SERVER_BYTES
        + facts.bytes * PACKED / LINE_BYTES
        + facts.latency * 6
        + assets
    )
    if not facts.service:
        return Proposal("here", "The server has no export service.", here, server)
    if facts.materialize and facts.asset_bytes:
        reason = (
            "The files go into the bag, and the server only lists them: "
            f"{size(facts.asset_bytes)} come to this computer either way."
        )
        return Proposal("here", reason, here, server)
    working = server - facts.bytes * PACKED / LINE_BYTES
    if working > PATIENCE * 0.7:
        return Proposal(
            "here", "The server ends exports that take it longer than about ten minutes; this one may.", here, server
        )
    if here > 30 and server < here * 0.6:
        reason = (
            f"{facts.queries:,} queries over a line with {facts.latency * 1000:.0f} ms each way and "
            f"{size(facts.bytes)} take longer than one packed download. The server does not tell how far it is."
        )
        return Proposal("server", reason, here, server)
    return Proposal(
        "here",
        "It is as fast, shows how far it is, can be stopped at once and goes on where it was after a break.",
        here,
        server,
    )
