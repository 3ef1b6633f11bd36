"""Runs a job of the journal from a terminal, one of any kind, and says how it ended."""

from __future__ import annotations

import msgspec

from satchel.cli.output import Output
from satchel.cli.running import Stop, run
from satchel.core.bags.compare import DiffResult
from satchel.core.bags.inspecting import InspectResult
from satchel.core.bags.making import BagResult
from satchel.core.bags.packing import ArchiveResult
from satchel.core.bags.rebagging import RebagResult
from satchel.core.bags.unpacking import ExtractResult
from satchel.core.bags.validate import ValidateResult
from satchel.core.export.request import ExportResult
from satchel.core.fetching.request import MaterializeResult
from satchel.core.jobs.request import Request, Result
from satchel.core.jobs.run import run_job
from satchel.core.paths import Home


def run_request(request: Request | None, output: Output, resume: str | None = None) -> int:
    """Run a request, or go on with a job, and tell its result. Returns the exit status. Raises SatchelError."""
    home = Home.find()

    async def work(stop: Stop) -> Result:
        _, result = await run_job(request, home, output.hear, resume, stop_state=lambda: stop.state)
        return result

    result = run(work, output)
    output.result(msgspec.to_builtins(result), lambda: words(result))
    return status(result)


def status(result: Result) -> int:
    """0: all is well. 1: a bag that is invalid, or that lacks something."""
    match result:
        case ValidateResult(level="structure"):  # it did not ask for files
            return 0 if result.valid else 1
        case ExportResult() | ValidateResult():
            return 0 if result.valid and result.complete else 1
        case DiffResult():
            return 0 if result.same else 1
        case MaterializeResult():
            return 0 if not result.problem_count and result.valid is not False else 1
    return 0


def words(result: Result) -> str:
    """A result for people."""
    match result:
        case ExportResult():
            from satchel.cli.export import told as exported

            return exported(result)
        case ValidateResult():
            from satchel.cli.validate import told as checked

            return checked(result)
        case MaterializeResult():
            from satchel.cli.materialize import told as fetched

            return fetched(result)
        case ArchiveResult():
            from satchel.cli.packing import packed

            return packed(result)
        case ExtractResult():
            from satchel.cli.packing import unpacked

            return unpacked(result)
        case InspectResult():
            from satchel.cli.inspect import told as looked_at

            return looked_at(result)
        case BagResult():
            from satchel.cli.making import made

            return made(result)
        case RebagResult():
            from satchel.cli.making import changed

            return changed(result)
        case DiffResult():
            from satchel.cli.diff import told as compared

            return compared(result)
    return msgspec.json.format(msgspec.json.encode(result)).decode()
