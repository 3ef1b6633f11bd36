"""Which kinds of job there are, and where their code is. Imported only when a job of the kind is met."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import msgspec

from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context
from satchel.core.jobs.request import Request, Result

Runner = Callable[[Any, Context], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """Where a kind's request, result and runner are, as `module:name`."""

    request: str
    result: str
    runner: str
    leftovers: str = ""
    """A function of request, job id and checkpoints: which folders outside its own the job has left, each of which it
    has made sure of. Empty: jobs of this kind leave nothing elsewhere."""


KINDS: dict[str, JobKind] = {
    "export": JobKind(
        "satchel.core.export.request:ExportRequest",
        "satchel.core.export.request:ExportResult",
        "satchel.core.export.making:run_record",
        "satchel.core.export.leftovers:leftovers",
    ),
    "export-spec": JobKind(
        "satchel.core.export.spec.request:SpecRequest",
        "satchel.core.export.spec.request:SpecResult",
        "satchel.core.export.making:run_spec",
        "satchel.core.export.leftovers:leftovers",
    ),
    "export-dataset": JobKind(
        "satchel.core.export.datasets.request:DatasetRequest",
        "satchel.core.export.datasets.request:DatasetResult",
        "satchel.core.export.datasets.run:run",
        "satchel.core.export.leftovers:leftovers",
    ),
    "clone": JobKind(
        "satchel.core.clone.request:CloneRequest",
        "satchel.core.clone.request:CloneResult",
        "satchel.core.clone.runner:run",
    ),
    "validate": JobKind(
        "satchel.core.bags.validate:ValidateRequest",
        "satchel.core.bags.validate:ValidateResult",
        "satchel.core.bags.validate:run",
    ),
    "materialize": JobKind(
        "satchel.core.fetching.request:MaterializeRequest",
        "satchel.core.fetching.request:MaterializeResult",
        "satchel.core.fetching.materialize:run",
        "satchel.core.fetching.leftovers:leftovers",
    ),
    "holey": JobKind(
        "satchel.core.fetching.request:HoleyRequest",
        "satchel.core.fetching.request:HoleyResult",
        "satchel.core.fetching.holey:run",
    ),
    "archive": JobKind(
        "satchel.core.bags.packing:ArchiveRequest",
        "satchel.core.bags.packing:ArchiveResult",
        "satchel.core.bags.packing:run",
        "satchel.core.bags.workplace:leftovers",
    ),
    "extract": JobKind(
        "satchel.core.bags.unpacking:ExtractRequest",
        "satchel.core.bags.unpacking:ExtractResult",
        "satchel.core.bags.unpacking:run",
        "satchel.core.bags.workplace:leftovers",
    ),
    "inspect": JobKind(
        "satchel.core.bags.inspecting:InspectRequest",
        "satchel.core.bags.inspecting:InspectResult",
        "satchel.core.bags.inspecting:run",
    ),
    "diff": JobKind(
        "satchel.core.bags.compare:DiffRequest",
        "satchel.core.bags.compare:DiffResult",
        "satchel.core.bags.compare:run",
    ),
    "bag": JobKind(
        "satchel.core.bags.making:BagRequest",
        "satchel.core.bags.making:BagResult",
        "satchel.core.bags.making:run",
        "satchel.core.bags.workplace:leftovers",
    ),
    "mint": JobKind(
        "satchel.core.identifiers.minting:MintRequest",
        "satchel.core.identifiers.minting:MintResult",
        "satchel.core.identifiers.mint:run",
    ),
    "check-identifiers": JobKind(
        "satchel.core.identifiers.checking:CheckRequest",
        "satchel.core.identifiers.checking:CheckResult",
        "satchel.core.identifiers.checking:run",
    ),
    "resolve": JobKind(
        "satchel.core.identifiers.request:ResolveRequest",
        "satchel.core.identifiers.request:ResolveResult",
        "satchel.core.identifiers.receive:run",
        "satchel.core.bags.workplace:leftovers",
    ),
    "rebag": JobKind(
        "satchel.core.bags.rebagging:RebagRequest",
        "satchel.core.bags.rebagging:RebagResult",
        "satchel.core.bags.rebagging:run",
    ),
    "localize": JobKind(
        "satchel.core.clone.localize_request:LocalizeRequest",
        "satchel.core.clone.localize_request:LocalizeResult",
        "satchel.core.clone.localize:run",
    ),
}


def _load(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def _kind(name: str) -> JobKind:
    try:
        return KINDS[name]
    except KeyError:
        raise SatchelError(
            Kind.USAGE, f"This version of Satchel does not know jobs of the kind {name!r}.", "A newer version may."
        ) from None


def kind_of(request: Request) -> str:
    """The name of a request's kind."""
    return str(type(request).__struct_config__.tag)


def encode(value: Request | Result) -> bytes:
    """A request or result as JSON."""
    return msgspec.json.encode(value)


def decode_request(data: bytes) -> Request:
    """Read a request back. Raises SatchelError when it is damaged or of an unknown kind."""
    return cast(Request, _decode(data, "request"))


def decode_result(data: bytes) -> Result:
    """Read a result back. Raises SatchelError when it is damaged or of an unknown kind."""
    return cast(Result, _decode(data, "result"))


class _NamedRequest(msgspec.Struct):
    request: str


class _NamedResult(msgspec.Struct):
    result: str


def _decode(data: bytes, field: str) -> Any:
    try:
        # Nothing but the name: a result may have many megabytes, and the window waits while they are read.
        named = _NamedRequest if field == "request" else _NamedResult
        name = getattr(msgspec.json.decode(data, type=named), field)
        return msgspec.json.decode(data, type=_load(getattr(_kind(name), field)))
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise SatchelError(Kind.INVALID, f"A kept {field} cannot be read: {error}.") from error


def runner_of(request: Request) -> Runner:
    """The function that runs a request."""
    return cast(Runner, _load(_kind(kind_of(request)).runner))


def leftovers_of(request: bytes, job: str, kept: Mapping[str, Any]) -> list[Path]:
    """The folders that a job has left outside its own, to be removed when it is discarded.

    Empty for a job that this version cannot read: what it does not understand it leaves alone.

    Args:
        request: the job's, as JSON.
        job: its id.
        kept: its checkpoints.
    """
    try:
        decoded = decode_request(request)
    except SatchelError:
        return []
    where = _kind(kind_of(decoded)).leftovers
    return list(_load(where)(decoded, job, kept)) if where else []
