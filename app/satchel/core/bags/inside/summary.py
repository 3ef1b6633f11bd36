"""All tables of a bag described: what each column holds, what is damaged, what links them. For `satchel inspect`."""

from __future__ import annotations

import threading
from pathlib import Path

from satchel.core.bags.digests import StoppedError
from satchel.core.bags.inside.described import Described
from satchel.core.bags.inside.form import form_of
from satchel.core.bags.inside.opening import open_inside
from satchel.core.bags.inside.order import Writer
from satchel.core.bags.inside.tasks import Link, ProfileTask
from satchel.core.bags.inside.work import Teller, profile
from satchel.core.bags.threads import in_thread
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context, Stage


class _Told(Teller):
    def __init__(self, stage: Stage, stop: threading.Event) -> None:
        super().__init__()
        self._stage, self._stop = stage, stop

    def step(self, rows: int, size: int, found: Writer | None = None) -> None:
        """Looks whether to go on."""
        if self._stop.is_set():
            raise StoppedError


async def describe(path: str, context: Context) -> tuple[tuple[Described, ...], tuple[Link, ...]]:
    """Read all records of a bag.

    Raises:
        SatchelError: it cannot be looked into.
    """
    inside = await open_inside(path)
    try:
        if inside.kind == "tar":
            raise SatchelError(Kind.USAGE, f"{Path(path).name} is a tar archive.", "Extract it first: satchel extract.")
        found = await inside.graph()
        described = []
        with context.stage("describe", "Read the records", total=len(found.tables), unit="tables") as stage:
            told = _Told(stage, context.cancelled)

            def one(table: str, name: str) -> Described | None:
                place = inside.place(table)
                form = form_of(place) if place is not None else None
                if place is None or form is None:
                    return None
                done = profile(ProfileTask(path=str(place), form=form), told)
                return Described(
                    path=table,
                    name=name,
                    rows=done.rows,
                    columns=done.columns,
                    problems=done.problems,
                    problem_count=done.problem_count,
                )

            for table in found.tables:
                stage.item = table.name
                made = await in_thread(context.cancelled, one, table.path, table.name)
                if made is not None:
                    described.append(made)
                stage.add(1)
        return tuple(described), found.links
    finally:
        await inside.close()
