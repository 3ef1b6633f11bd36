"""Requests and results: frozen, typed values that can be written to JSON and read back.

A request says everything that a job needs to know and no secret. Subclasses set a tag, which names the kind of job in
the journal and in JSON::

    class ExportRequest(Request, tag="export", frozen=True, kw_only=True): ...
"""

from __future__ import annotations

import msgspec


class Access(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a job reaches a server when the platform's trust and the keyring are not to be used.

    Paths only: what the files hold never enters a request.
    """

    ca: tuple[str, ...] = ()
    """Extra certificate authorities, PEM files."""
    credential: str | None = None
    """A credential file in deriva-py's format, in place of the keyring."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="request"):
    """One thing that a user can start."""

    access: Access = Access()

    @property
    def title(self) -> str:
        """A few words for lists: what this job does to what."""
        raise NotImplementedError


class Result(msgspec.Struct, frozen=True, kw_only=True, tag_field="result"):
    """What a finished job has to say."""
