"""What becomes of the file that the server made: unpacked, checked as anybody's bag, completed, put in its place.

The server is not believed: neither the name that it gives the file, nor what the file says it is.
"""

from __future__ import annotations

import asyncio
import csv
import shutil
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from satchel.core.bags.extract import extract, is_archive
from satchel.core.bags.names import safe_name
from satchel.core.bags.threads import in_thread
from satchel.core.bags.validate import ValidateRequest, ValidateResult
from satchel.core.bags.validate import run as validate
from satchel.core.deriva import snapshots
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.finishing import place, remember
from satchel.core.export.request import AssetProblem, Notice, TableResult
from satchel.core.export.server_side.bringing import Brought
from satchel.core.export.spec.request import OutputResult, SpecRequest, SpecResult
from satchel.core.jobs.context import Context

ENDINGS = {"zip": ".zip", "tar": ".tar", "tgz": ".tgz", "bz2": ".tar.bz2", "xz": ".tar.xz", "none": ""}


@dataclass(frozen=True, slots=True)
class Received:
    """A bag that was looked at."""

    bag: Path
    """Its folder, unpacked."""
    packed: Path | None
    """The archive as it came, where it is to be kept as it is."""
    checked: ValidateResult
    tables: tuple[TableResult, ...]
    outputs: tuple[OutputResult, ...]
    problems: tuple[AssetProblem, ...] = ()


def archive_of(request: SpecRequest, spec: Mapping[str, Any]) -> str:
    """How the result is packed: what is asked for, else what the spec says, else zip, as the service does."""
    if request.archive != "spec":
        return request.archive
    bag = spec.get("bag")
    said = str(bag.get("bag_archiver") or "zip").lower() if isinstance(bag, Mapping) else "none"
    return said if said in ENDINGS else "zip"


def goal_of(request: SpecRequest, spec: Mapping[str, Any], host: str) -> Path:
    """The folder or archive that the export makes: named by the spec or the person, never by the server."""
    bag = spec.get("bag")
    pattern = str(bag.get("bag_name") or "") if isinstance(bag, Mapping) else "files"
    env = {str(k): v for k, v in {**spec.get("env", {}), "hostname": host.partition(":")[0]}.items()}
    more = {"catalog": request.catalog, "rid": request.rid or "", "label": request.label}
    name = _filled(pattern, {**more, **env}) or f"{request.catalog}_{request.label or 'export'}"
    return Path(request.out) / (safe_name(name, "bag") + ENDINGS[archive_of(request, spec)])


def _filled(pattern: str, values: Mapping[str, Any]) -> str:
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        return pattern
    return "".join(text + (str(values.get(name, name)) if name is not None else "") for text, name, _, _ in parts)


async def receive(
    request: SpecRequest, context: Context, brought: Brought, work: Path, kind: str, host: str
) -> Received:
    """Unpack a bag, check it, and fetch its assets where they are wanted.

    Args:
        request: the export's.
        context: its job's.
        brought: the server's file.
        work: the job's hidden folder beside the target.
        kind: how the result is to be packed.
        host: the catalog's.

    Raises:
        SatchelError: it is no archive, or one that leads out of its folder, or no bag that is sound.
    """
    if not await asyncio.to_thread(is_archive, brought.path):
        raise SatchelError(
            Kind.INVALID, f"What {host} made is no archive of a bag.", "Have it made on this computer instead."
        )
    into = work / "inside"
    await asyncio.to_thread(shutil.rmtree, into, ignore_errors=True)
    await asyncio.to_thread(into.mkdir)
    with context.stage("extract", "Unpack it", unit="bytes") as stage:

        def told(size: int, member: str) -> None:
            stage.add(size)
            stage.item = member

        bag = await in_thread(
            context.cancelled, extract, brought.path, into, stop=context.cancelled, told=told, any_size=True
        )
    keep = brought.path if kind != "none" and not request.materialize else None
    return await looked_at(request, context, bag, keep, host)


async def looked_at(request: SpecRequest, context: Context, bag: Path, keep: Path | None, host: str) -> Received:
    """Fetch the assets of an unpacked bag where they are wanted, and check it.

    Args:
        request: the export's.
        context: its job's.
        bag: the folder.
        keep: its archive, where that is to be delivered as it came.
        host: the catalog's.

    Raises:
        SatchelError: it is no bag that is sound.
    """
    problems: tuple[AssetProblem, ...] = ()
    if request.materialize:
        problems = await _materialize(request, context, bag, host)
    checked = await validate(ValidateRequest(path=str(bag), level="full"), context)
    if not checked.sound and not problems:
        first = checked.errors[0].message if checked.errors else ""
        raise SatchelError(
            Kind.INVALID,
            f"The bag that {host} made is not valid: {first}",
            "Have it made again, or on this computer.",
            "\n".join(problem.message for problem in checked.errors[:20]),
        )
    tables, outputs = await in_thread(context.cancelled, _contents, bag)
    return Received(bag, keep, checked, tables, outputs, problems)


async def _materialize(request: SpecRequest, context: Context, bag: Path, host: str) -> tuple[AssetProblem, ...]:
    from satchel.core.fetching.materialize import run as materialize
    from satchel.core.fetching.request import MaterializeRequest

    choice = request.assets
    wanted = MaterializeRequest(
        access=request.access, path=str(bag), only=choice.patterns, largest=choice.largest, hosts=(host,)
    )
    found = await materialize(wanted, context)
    return tuple(
        AssetProblem(table="", rid="", url=problem.url, reason=_reason(problem.code), message=problem.message)
        for problem in found.problems
    )


def _reason(code: str) -> str:
    return {"not-found": "missing", "not-signed-in": "not-allowed"}.get(code, code)


async def deliver(
    request: SpecRequest, context: Context, received: Received, goal: Path, kind: str, snapshot: str
) -> SpecResult:
    """Give the result its name.

    Raises:
        SatchelError: something has this name already, or it cannot be written.
    """
    result = _result(received, context, goal, kind, snapshot)
    stop = context.cancelled
    made = received.packed
    if kind == "none":
        made = received.bag
    elif made is None:
        from satchel.core.bags.archive import pack

        made = goal.parent / received.bag.parent.parent.name / ".packed"
        made.unlink(missing_ok=True)
        packing: Any = kind
        with context.stage("pack", "Pack the bag", unit="bytes") as stage:

            def told(size: int, member: str) -> None:
                stage.item = member
                stage.add(size)

            when = snapshots.moment(snapshot)
            part = made.with_name(".packing")
            name = received.bag.name
            await in_thread(stop, pack, received.bag, made, packing, name, when, stop=stop, told=told, temporary=part)
    with context.stage("finish", "Put it in its place"):
        await in_thread(stop, place, made, goal, remember(context, result))
    return result


def _result(received: Received, context: Context, goal: Path, kind: str, snapshot: str) -> SpecResult:
    warnings = getattr(context, "warnings", ())
    return SpecResult(
        bag=str(goal) if kind == "none" else None,
        archive=None if kind == "none" else str(goal),
        snapshot=snapshot,
        valid=received.checked.sound,
        complete=not received.problems,
        cached=False,
        rows=sum(table.rows for table in received.tables),
        bytes=received.checked.bytes,
        tables=received.tables,
        outputs=received.outputs,
        problems=received.problems,
        warnings=tuple(Notice(code=w.code, message=w.message, where=w.where, hint=w.hint) for w in warnings),
    )


def _contents(bag: Path) -> tuple[tuple[TableResult, ...], tuple[OutputResult, ...]]:
    """The tables among a bag's files, with their rows, and all files of records."""
    tables, outputs = [], []
    data = bag / "data"
    for file in sorted(data.rglob("*")):
        if not file.is_file() or file.is_symlink() or file.suffix not in (".csv", ".json"):
            continue
        path, size = file.relative_to(data).as_posix(), file.stat().st_size
        rows = _rows(file) if file.suffix == ".csv" else None
        outputs.append(OutputResult(path=path, bytes=size, rows=rows))
        if rows is not None:
            tables.append(TableResult(table=path, rows=rows, bytes=size))
    return tuple(tables), tuple(outputs)


def _rows(file: Path) -> int | None:
    """Records of a CSV file without its header; None where it is none."""
    limit = csv.field_size_limit()
    csv.field_size_limit(1 << 30)
    try:
        with file.open(newline="", encoding="utf-8", errors="replace") as lines:
            return max(0, sum(1 for _ in csv.reader(lines)) - 1)
    except csv.Error:
        return None
    finally:
        csv.field_size_limit(limit)


__all__ = ["Received", "archive_of", "deliver", "goal_of", "looked_at", "receive"]
