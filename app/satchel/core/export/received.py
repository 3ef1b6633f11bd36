"""What an export has to say of a bag that somebody else has made and that was downloaded."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TypeVar
from zipfile import BadZipFile, ZipFile

from satchel.core.bags.inspecting import InspectRequest
from satchel.core.bags.inspecting import run as inspect
from satchel.core.bags.names import safe_name
from satchel.core.bags.threads import in_thread
from satchel.core.bags.validate import ValidateRequest
from satchel.core.bags.validate import run as validate
from satchel.core.errors import SatchelError
from satchel.core.export.request import ExportResult, TableResult
from satchel.core.export.spec.request import SpecResult
from satchel.core.jobs.context import Context

R = TypeVar("R", ExportResult, SpecResult)


async def result_of(
    kind: type[R], archive: Path, out: Path, snapshot: str, context: Context
) -> tuple[R, Path, str] | None:
    """Check a downloaded archive, in full, and say what is in it.

    Args:
        kind: of result.
        archive: the file.
        out: the folder that the export's result goes into.
        snapshot: that it is of.
        context: the job's.

    Returns:
        The result, the archive's place in the folder, and its name; None where it is no sound bag.
    """
    try:
        checked = await validate(ValidateRequest(path=str(archive), level="full"), context)
        if not checked.sound:
            return None
        seen = await inspect(InspectRequest(path=str(archive)), context)
        name = await in_thread(context.cancelled, _top, archive)
    except (SatchelError, BadZipFile):
        return None
    tables = tuple(TableResult(table=t.name.replace(".", ":", 1), rows=t.rows, bytes=0) for t in seen.tables)
    goal = out / f"{safe_name(name, 'bag')}.zip"
    result = kind(
        bag=None,
        archive=str(goal),
        snapshot=snapshot,
        valid=True,
        complete=checked.complete or checked.sound,
        cached=True,
        rows=sum(table.rows for table in tables),
        bytes=checked.bytes,
        tables=tables,
    )
    return result, goal, goal.name


def _top(archive: Path) -> str:
    """The name of the bag's folder inside."""
    with ZipFile(archive) as file:
        return next((PurePosixPath(name).parts[0] for name in file.namelist() if PurePosixPath(name).parts), "bag")
