"""The one error that leaves the core: what happened, why, and what the user can do."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What sort of trouble it is; decides the exit status and which help the window offers."""

    USAGE = "usage"
    """The request or spec itself is wrong."""
    NOT_SIGNED_IN = "not-signed-in"
    NOT_ALLOWED = "not-allowed"
    NOT_FOUND = "not-found"
    UNREACHABLE = "unreachable"
    """Unknown host, refused or timed-out connection."""
    UNTRUSTED = "untrusted"
    """The server's certificate is not trusted."""
    SERVER = "server"
    """The server answered with an error or with something that makes no sense."""
    DISK_FULL = "disk-full"
    FILES = "files"
    """A local file or folder: exists already, read-only, unreadable."""
    INVALID = "invalid"
    """Data that was checked and found wrong."""
    CANCELLED = "cancelled"
    INTERNAL = "internal"
    """A fault of Satchel's own."""


_EXIT = {Kind.USAGE: 2, Kind.NOT_SIGNED_IN: 3, Kind.NOT_ALLOWED: 3, Kind.CANCELLED: 4}


class SatchelError(Exception):
    """A failure told to a person.

    Args:
        kind: the sort of trouble.
        message: one sentence: what is wrong and where (host, table and column, file and line).
        hint: what the person can do now; empty when there is nothing.
        detail: technical text for "details" and logs (a server's own words); never a secret.
        host: for `NOT_SIGNED_IN`, where one has to sign in.
    """

    def __init__(self, kind: Kind, message: str, hint: str = "", detail: str = "", *, host: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.detail = detail
        self.host = host

    @property
    def exit_status(self) -> int:
        """The command line's exit status for this failure (DESIGN.md, "The command line")."""
        return _EXIT.get(self.kind, 1)
