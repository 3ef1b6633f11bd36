"""`satchel jobs`: what runs, what has ended, what can be gone on with; those of the window too."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import msgspec

from satchel.cli.output import Output
from satchel.cli.parser import Parser
from satchel.cli.tables import columns
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.journal import Entry, Journal
from satchel.core.jobs.past import past_view
from satchel.core.jobs.views import ALIVE, RESUMABLE, JobView
from satchel.core.paths import Home
from satchel.core.words import count, duration

ACTIONS = ("list", "show", "resume", "cancel", "discard")
CANCEL_SECONDS = 30.0
"""How long another process may take to cancel a job before its state is told as it is."""
_LOOK_SECONDS = 0.1


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_argument(
        "action", nargs="?", choices=ACTIONS, default="list", help="what to do (default list); all others need an ID"
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="the job's id, as `satchel jobs list` shows it")
    parser.add_argument("--log", action="store_true", help="with show: all lines of the job's log")
    parser.add_argument(
        "--keep", action="store_true", help="with discard of a clone: leave the catalog that it made on its server"
    )
    parser.set_defaults(run=jobs)


def jobs(options: Namespace, output: Output) -> int:
    """Do what is asked with a job."""
    if options.action == "list":
        if options.id:
            raise SatchelError(
                Kind.USAGE, "`list` takes no id.", f"`satchel jobs show {options.id}` tells of that one."
            )
        return _list(output)
    if not options.id:
        raise SatchelError(
            Kind.USAGE, f"The id of the job to {options.action} is missing.", "`satchel jobs list` shows all."
        )
    if options.action == "resume":
        from satchel.cli.job import run_request

        return run_request(None, output, resume=options.id)
    return {"show": _show, "cancel": _cancel, "discard": _discard}[options.action](options, output)


@contextmanager
def _journal() -> Iterator[Journal]:
    journal = Journal(Home.find())
    try:
        yield journal
    finally:
        journal.close()


def _list(output: Output) -> int:
    with _journal() as journal:
        entries = journal.jobs()
    values = [
        {
            "id": e.id,
            "kind": e.kind,
            "title": e.title,
            "state": e.state,
            "created": e.created,
            "started": e.started,
            "ended": e.ended,
            "seconds": e.seconds,
            "warnings": e.warnings,
            "resumable": e.state in RESUMABLE,
        }
        for e in entries
    ]

    def text() -> str:
        if not entries:
            return "There are no jobs."
        rows = [(e.id, e.state, _when(e.created), e.title) for e in entries]
        return columns([("job", "state", "begun", "what"), *rows])

    output.result({"result": "jobs", "jobs": values}, text)
    return 0


def _show(options: Namespace, output: Output) -> int:
    with _journal() as journal:
        view = past_view(journal, journal.job(options.id))
        lines = journal.log_lines(options.id) if options.log else []
    values: dict[str, Any] = {
        "result": "job",
        **{k: v for k, v in msgspec.to_builtins(view).items() if k != "result"},
        "outcome": msgspec.to_builtins(view.result) if view.result is not None else None,
        "resumable": view.state in RESUMABLE,
    }
    if options.log:
        values["log"] = [{"at": line.at, "level": line.level, "message": line.message} for line in lines]

    def text() -> str:
        told = [_text(view)]
        told += [f"{_when(line.at)} {line.level:<7} {line.message}" for line in lines]
        return "\n".join(told)

    output.result(values, text)
    return 0


def _cancel(options: Namespace, output: Output) -> int:
    with _journal() as journal:
        state = journal.job(options.id).state
        if state not in ALIVE:
            raise SatchelError(
                Kind.USAGE,
                f"Job {options.id} does not run: it is {state}.",
                f"`satchel jobs discard {options.id}` forgets it." if state in RESUMABLE else "",
            )
        journal.ask_cancel(options.id)
        deadline = time.monotonic() + CANCEL_SECONDS
        while (state := journal.job(options.id).state) in ALIVE:
            if time.monotonic() > deadline:
                raise SatchelError(
                    Kind.INTERNAL,
                    f"Job {options.id} was asked to stop and has not done so yet.",
                    "Look at it again later, or end the program that runs it.",
                )
            time.sleep(_LOOK_SECONDS)
    said = f"Job {options.id} is {state}."
    output.result({"result": "cancel", "id": options.id, "state": state}, lambda: said)
    return 0


def _discard(options: Namespace, output: Output) -> int:
    with _journal() as journal:
        entry = journal.job(options.id)  # that there is one
        if entry.kind == "clone" and entry.state in RESUMABLE and not options.keep:
            _tell_of_a_catalog(entry, journal.kept(options.id))
        journal.discard(options.id)
    said = f"Job {options.id} is forgotten, with what it left behind."
    output.result({"result": "discard", "id": options.id}, lambda: said)
    return 0


def _tell_of_a_catalog(entry: Entry, kept: dict[str, Any]) -> None:
    """A clone that did not end has made a catalog, which would be nobody's any more. Raises SatchelError."""
    from satchel.core.clone.removing import leftover
    from satchel.core.clone.request import CloneRequest
    from satchel.core.jobs import registry

    request = registry.decode_request(entry.request)
    left = leftover(request, kept) if isinstance(request, CloneRequest) else None
    if left is not None and left.made:
        raise SatchelError(
            Kind.USAGE,
            f"Job {entry.id} has made {left}.",
            f"`satchel clone --delete {entry.id}` deletes both; "
            f"`satchel jobs discard {entry.id} --keep` forgets the job and leaves the catalog to you.",
        )


def _text(view: JobView) -> str:
    from satchel.cli.job import words
    from satchel.core.flows.command import command_line

    lines = [f"{view.title}", f"job {view.id}, {view.state}, begun {_when(view.created)}, {duration(view.seconds)}"]
    if view.request is not None:
        with suppress(TypeError):  # a kind of job that only the window has
            lines.append(command_line(view.request))
    for stage in view.stages:
        figures = count(stage.done, stage.unit) if stage.total is None else f"{stage.done:,} of {stage.total:,}"
        over = stage.note or figures if stage.state == "ended" else f"{figures} (not ended)"
        lines.append(f"  {stage.title}: {over}, {duration(stage.seconds)}")
    for warning in view.warnings:
        lines.append(f"Warning: {warning.message}")
    if view.warning_count > len(view.warnings):
        lines.append(f"Warnings in all: {view.warning_count:,}")
    if view.error is not None:
        lines.append(f"{view.error.message} {view.error.hint}".strip())
    if view.result is not None:
        lines.append(words(view.result))
    if view.state in RESUMABLE:
        lines.append(f"`satchel jobs resume {view.id}` goes on where it stopped.")
    return "\n".join(lines)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
