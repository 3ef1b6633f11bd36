"""How an export can fail, by the names that deriva-py has for it, in one family: each says what to do.

deriva-py 1.7.12 raises `DerivaDownloadError`, `...ConfigurationError`, `...AuthenticationError`,
`...AuthorizationError`, `...TimeoutError` and `...BaggingError`, of which none is another's parent, and lets others
escape (KeyError, FileNotFoundError, requests' own). Here all are `SatchelError`s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from satchel.core.deriva.retry import Passing
from satchel.core.errors import Kind, SatchelError


class ExportError(SatchelError):
    """An export that cannot go on. `name` is deriva-py's word for the reason."""

    name = "download"


class ConfigurationError(ExportError):
    """The spec is wrong.

    Args:
        message: what is wrong.
        hint: what to do.
        where: JSON pointer to it.
    """

    name = "configuration"

    def __init__(self, message: str, hint: str = "", where: str = "", detail: str = "") -> None:
        place = f" ({where})" if where else ""
        super().__init__(
            Kind.USAGE, f"{message.rstrip('.')}{place}.", hint or "Check the spec: satchel spec check FILE", detail
        )
        self.where = where


class AuthenticationError(ExportError):
    """The server does not know who asks."""

    name = "authentication"


class AuthorizationError(ExportError):
    """The server knows who asks, and does not allow it."""

    name = "authorization"


class ExportTimeoutError(ExportError):
    """The server took too long, or cut the query."""

    name = "timeout"


class BaggingError(ExportError):
    """What was read cannot be made into a bag."""

    name = "bagging"


_QUERY_LIMIT = re.compile("query run time limit exceeded", re.IGNORECASE)
_SILENT = re.compile(r"fell silent|does not answer within|TimeoutError", re.IGNORECASE)


def named(error: SatchelError, what: str = "", query: str = "") -> SatchelError:
    """The same failure by the name that deriva-py has for it.

    Args:
        error: as the session or the file system has it.
        what: the output or table that was being made, for the hint.
        query: its path on the server, for the details.
    """
    if isinstance(error, ExportError):
        return error
    where = f"{what}: " if what else ""
    detail = "\n".join(filter(None, [error.detail, query if query not in error.detail else ""]))
    text = f"{error.message} {error.detail}"
    if error.kind is Kind.NOT_SIGNED_IN:
        return AuthenticationError(error.kind, where + error.message, error.hint, detail, host=error.host)
    if error.kind is Kind.NOT_ALLOWED:
        closed = f"What {what} reads is closed to you. " if what else ""
        return AuthorizationError(error.kind, where + error.message, closed + error.hint, detail)
    if _QUERY_LIMIT.search(text):
        return ExportTimeoutError(
            error.kind,
            where + error.message,
            "Split the query, or page it (json-stream with paged_query), or choose less at a time.",
            detail,
        )
    if error.kind is Kind.UNREACHABLE and _SILENT.search(text):
        return ExportTimeoutError(
            error.kind, where + error.message, "Raise the read timeout (--timeout SECONDS), or split the query.", detail
        )
    if error.kind in (Kind.DISK_FULL, Kind.FILES):
        return BaggingError(error.kind, error.message, error.hint or "Check the disk and your rights to it.", detail)
    if error.kind is Kind.SERVER and "409" in error.detail[:4] and query:
        return ExportError(
            error.kind,
            where + error.message,
            "The query does not fit the catalog: check its tables and columns, and what stands for its placeholders.",
            detail,
        )
    if error.kind is Kind.NOT_FOUND and query:
        return ExportError(error.kind, where + error.message, error.hint or "Check the query's path.", detail)
    if isinstance(error, Passing):
        return ExportError(error.kind, where + error.message, error.hint, detail)
    return error


@contextmanager
def naming(what: str = "", query: str = "") -> Iterator[None]:
    """Whatever fails inside is raised by its name."""
    try:
        yield
    except SatchelError as error:
        told = named(error, what, query)
        if told is error:
            raise
        raise told from error
