"""Runs a job of the journal from a terminal, one of any kind, and says how it ended."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec

from satchel.cli.output import Lists, Output
from satchel.cli.running import Stop, run
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
    output.result(_values(result), lambda: words(result), _lists(result))
    return status(result)


def _lists(result: Result) -> Lists | None:
    """What is on disk and not in the result: all problems of a bag, where there are very many."""
    found: Any = result
    if _kind(result) == "resolve":
        found = found.validation
    elif _kind(result) != "validate":
        return None
    if found is None or not found.store:
        return None
    from satchel.core.bags.reports import problems

    return {
        "errors": map(msgspec.to_builtins, problems(found, "error")),
        "warnings": map(msgspec.to_builtins, problems(found, "warning")),
    }


def _values(result: Result) -> dict[str, Any]:
    """A result for JSON; one that was opened says what `satchel validate` says beside its own."""
    values: dict[str, Any] = msgspec.to_builtins(result)
    if _kind(result) == "resolve" and values.get("validation"):
        values = {**values.pop("validation"), **values}
    return values


_WORDS = {
    "export": "satchel.cli.export:told",
    "export-spec": "satchel.cli.export_spec:told",
    "export-dataset": "satchel.cli.export_dataset:told",
    "clone": "satchel.cli.clone:told",
    "validate": "satchel.cli.validate:told",
    "materialize": "satchel.cli.materialize:told",
    "archive": "satchel.cli.packing:packed",
    "extract": "satchel.cli.packing:unpacked",
    "inspect": "satchel.cli.inspect:told",
    "bag": "satchel.cli.making:made",
    "rebag": "satchel.cli.making:changed",
    "diff": "satchel.cli.diff:told",
    "holey": "satchel.cli.holey:told",
    "resolve": "satchel.cli.identifiers:told",
    "localize": "satchel.cli.localize:told",
    "mint": "satchel.cli.mint:told",
    "check-identifiers": "satchel.cli.shelf:checked",
}
"""What puts a result of a kind into words. By name: a command imports nothing of the others, and begins sooner."""


def status(result: Result) -> int:
    """0: all is well. 1: a bag that is invalid, or that lacks something."""
    found: Any = result
    match _kind(result):
        case "validate" if found.level == "structure":  # it did not ask for files
            return 0 if found.valid else 1
        case "export" | "export-spec" | "export-dataset" | "validate":
            return 0 if found.valid and found.complete else 1
        case "clone":
            return 0 if found.verified or found.forecast is not None else 1
        case "resolve":
            return status(found.validation) if found.validation is not None else 0
        case "check-identifiers":
            return 1 if found.bad else 0
        case "diff":
            return 0 if found.same else 1
        case "materialize" if found.problems and not found.fetched and found.problem_count == len(found.problems):
            # As where a server is asked for a catalog: nothing at all can be had without a sign-in.
            return 3 if all(problem.code == "sign-in-needed" for problem in found.problems) else 1
        case "holey":
            return 1 if found.problem_count else 0
        case "materialize":
            return 0 if not found.problem_count and found.valid is not False else 1
        case "localize":
            return 0 if not found.failed else 1
    return 0


def words(result: Result) -> str:
    """A result for people."""
    place = _WORDS.get(_kind(result))
    if place is None:
        return msgspec.json.format(msgspec.json.encode(result)).decode()
    module, name = place.split(":")
    return str(getattr(import_module(module), name)(result))


def _kind(result: Result) -> str:
    return str(type(result).__struct_config__.tag)
