"""What is worked out in a process of its own, so that the window stays quick: types, sorting, filtering, keys, links.

A task goes in as a line of JSON, progress and the result come out as lines of JSON (`satchel.core.bags.inside.work`).
"""

from __future__ import annotations

import msgspec

from satchel.core.bags.inside.columns import Column
from satchel.core.bags.inside.form import Form


class Problem(msgspec.Struct, frozen=True):
    """Something wrong in a file of records."""

    line: int
    message: str
    """A sentence with the line's number."""


class Task(msgspec.Struct, frozen=True, kw_only=True, tag_field="task"):
    """Something to be worked out."""


class CountTask(Task, frozen=True, kw_only=True, tag="count"):
    """Find all rows of a file."""

    path: str
    form: Form


class ProfileTask(Task, frozen=True, kw_only=True, tag="profile"):
    """Read all of a file: what its columns hold, how many rows, what is damaged."""

    path: str
    form: Form


class OrderTask(Task, frozen=True, kw_only=True, tag="order"):
    """Write the places of rows in another order, or of some of them, to the file `out` (see `order.py`)."""

    path: str
    form: Form
    out: str
    column: int = -1
    """By which to sort; -1: as they are in the file."""
    type: str = "text"
    """Of that column."""
    text: str = ""
    """Only rows that hold it, in upper or lower case; empty: all."""
    only: int = -1
    """The column that must hold the text; -1: any."""


class KeysTask(Task, frozen=True, kw_only=True, tag="keys"):
    """Write a database in which rows are found by the values of some columns."""

    path: str
    form: Form
    out: str
    columns: tuple[int, ...]


class TreeTask(Task, frozen=True, kw_only=True, tag="tree"):
    """Write the index of a bag's files (`satchel.core.bags.inside.tree`)."""

    path: str
    """A folder or a zip file."""
    out: str
    tags: str
    """Where to put tag files of an archive."""


class GraphTask(Task, frozen=True, kw_only=True, tag="graph"):
    """Find the tables of a bag and what links them."""

    files: tuple[tuple[str, str], ...]
    """Paths in the bag and on the disk; an empty one where the file is not at hand."""
    schema: str = ""
    """The file of the catalog's schema; empty: there is none."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a task is."""

    rows: int = 0
    bytes: int = 0
    found: int = 0
    """Rows that the order holds so far, where it can be read already."""
    points: tuple[tuple[int, int, int], ...] = ()
    """Places from which rows are found that were found since: row, offset, line."""


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task found."""

    rows: int = 0
    filled: int = 0
    """Of an order: how many of its rows, the first ones, have a value in the sorted column."""
    columns: tuple[Column, ...] = ()
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    extra: tuple[str, ...] = ()
    """Keys of JSON objects that are no columns."""
    root: str = ""
    """The folder in a zip file that is the bag."""
    tables: tuple[Table, ...] = ()
    links: tuple[Link, ...] = ()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A file of records."""

    path: str
    name: str
    """`schema.table` where the schema knows it, otherwise the file's."""
    rows: int | None = None
    """None: not counted."""
    columns: tuple[str, ...] = ()
    note: str = ""
    """Why it cannot be read, should that be so."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Values of some columns of a table are those of another table's."""

    table: str
    """Its path."""
    columns: tuple[str, ...]
    target: str
    """The other's path."""
    target_columns: tuple[str, ...]
    guessed: bool = False
    """Told from the values, not by the schema."""

    @property
    def said(self) -> str:
        """For people."""
        return f"{', '.join(self.columns)} → {', '.join(self.target_columns)}"


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task could not be done."""

    kind: str
    message: str
    hint: str = ""
    detail: str = ""


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that comes out."""

    progress: Progress | None = None
    done: Done | None = None
    failed: Failed | None = None


AnyTask = CountTask | ProfileTask | OrderTask | KeysTask | TreeTask | GraphTask
