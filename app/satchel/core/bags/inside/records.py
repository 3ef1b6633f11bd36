"""A file of records as a table: any page of it at once, however large it is.

The first page is read where the file begins. How many rows there are, and where to find those further on, is worked out
behind it: a place for each quarter of a megabyte is kept, so ten million rows cost some ten thousand numbers.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from satchel.core.bags.inside import order
from satchel.core.bags.inside.blocks import BLOCK, Block, DamagedError, blocks, record_at, values
from satchel.core.bags.inside.cells import display
from satchel.core.bags.inside.columns import Column, Profile
from satchel.core.bags.inside.form import Form, form_of
from satchel.core.bags.inside.helper import work_out
from satchel.core.bags.inside.tasks import CountTask, Done, KeysTask, OrderTask, Problem, ProfileTask, Progress
from satchel.core.bags.inside.work import key_text
from satchel.core.errors import SatchelError

PAGE = 200
LONGEST_CELL = 100_000
"""Characters of a cell that are given to be shown."""
_KEPT = 8
"""Blocks whose rows are kept in memory."""
SMALL = 1 << 20
"""Bytes of a file that is counted here; a larger one by another process."""
SAMPLE = 1000
"""Rows of which types are guessed before all were read."""


class Row(NamedTuple):
    """A row to be shown."""

    number: int
    """In its file, from 1."""
    cells: tuple[str | None, ...]
    """Texts; None where there is no value."""


class Page(NamedTuple):
    """Some rows of a view."""

    first: int
    rows: tuple[Row, ...]


@dataclass(slots=True)
class State:
    """What is known of a file by now. Written by one thread, read by any."""

    rows: int = 0
    """Found so far."""
    counted: bool = False
    """That is all."""
    columns: tuple[Column, ...] = ()
    read: bool = False
    """All rows were read: types and counts are sure."""
    reading: float = 0.0
    """How much of the file that reading has behind it, 0 to 1."""
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    extra: tuple[str, ...] = ()
    """Keys of JSON objects that are not shown, for the begin of the file does not have them."""
    failure: SatchelError | None = None
    """Why no more rows can be read."""


@dataclass(slots=True, eq=False)
class View:
    """Rows in an order, all or some of them."""

    file: Path | None = None
    """Of their places; None: as in the file."""
    count: int = 0
    """Of an order: rows that are there so far."""
    done: bool = True
    filled: int = 0
    descending: bool = False
    column: int = -1
    text: str = ""
    progress: float = 0.0
    failure: SatchelError | None = None
    """Why it could not be made."""
    task: asyncio.Task[Any] | None = None
    title: str = ""
    """What was looked for, where it is not the filter: "Rows of eye.Image with Subject 1-ABCD"."""


@dataclass(eq=False)
class Records:
    """A file of records that is open.

    Args:
        path: on the disk.
        name: for people.
        form: how it is written.
        folder: for orders and keys; emptied by whoever gave it.
    """

    path: Path
    name: str
    form: Form
    folder: Path
    state: State = field(default_factory=State)
    plain: View = field(default_factory=View)
    _rows: array[int] = field(default_factory=lambda: array("Q"))
    _offsets: array[int] = field(default_factory=lambda: array("Q"))
    _lines: array[int] = field(default_factory=lambda: array("Q"))
    _kept: OrderedDict[int, list[list[Any]]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _number: int = 0
    _keys: dict[tuple[int, ...], asyncio.Task[Path]] = field(default_factory=dict)
    _arranging: asyncio.Task[Any] | None = None
    _work: set[asyncio.Task[Any]] = field(default_factory=set)
    _size: int = 1

    @classmethod
    def open(cls, path: Path, name: str, folder: Path) -> Records | None:
        """Open a file; None where it holds no records. Reads its begin only. Blocking.

        Raises:
            SatchelError: it is damaged at its begin.
            OSError: it cannot be read.
        """
        form = form_of(path)
        if form is None:
            return None
        made = cls(path, name, form, folder)
        made._size = max(1, path.stat().st_size)
        made._put(0, form.start, form.line)
        guess = Profile(form.columns)
        with path.open("rb") as file:
            try:
                first = next(blocks(file, form), None)
            except DamagedError as error:
                made.state.failure = error
                first = None
        if first is not None:
            made.state.rows = first.rows
            guess.add(values(first, form)[:SAMPLE])
        made.state.columns = guess.columns()
        return made

    def begin(self, turns: asyncio.Semaphore | None = None) -> None:
        """Count the rows and make sure of the columns, behind what is shown. Call it in the engine's loop.

        Args:
            turns: how many files may be read at once to make sure of their columns.
        """
        self._spawn(self._count_and_read(turns or asyncio.Semaphore(1)))

    async def settled(self) -> None:
        """Wait until all that was begun is done."""
        await asyncio.gather(*self._work, return_exceptions=True)

    async def close(self) -> None:
        """Give up whatever is worked out, and wait until that has ended."""
        self._stop.set()
        work = list(self._work) + list(self._keys.values())
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _count_and_read(self, turns: asyncio.Semaphore) -> None:
        try:
            if self._size <= SMALL:
                await asyncio.to_thread(self.count)
            else:
                # In another process: what counts holds Python for milliseconds, again and again.
                counted = await work_out(CountTask(path=str(self.path), form=self.form), self._told)
                self.state.rows, self.state.counted = max(self.state.rows, counted.rows), True
            async with turns:
                done = await work_out(ProfileTask(path=str(self.path), form=self.form), self._told)
        except SatchelError as error:
            # A file that is damaged somewhere still says which rows come before that.
            self.state.failure, self.state.counted = self.state.failure or error, True
            return
        self._read(done)

    def count(self) -> None:
        """Find all rows. Blocking."""
        state = self.state
        try:
            with self.path.open("rb") as file:
                for block in blocks(file, self.form):
                    if self._stop.is_set():
                        return
                    self._put(block.row, block.offset, block.line)
                    state.rows = max(state.rows, block.row + block.rows)
        except DamagedError as error:
            state.failure = error
        except OSError as error:
            state.failure = unreadable(self.name, error)
        state.counted = True

    def _put(self, row: int, offset: int, line: int) -> None:
        with self._lock:
            if not self._rows or row > self._rows[-1]:
                self._rows.append(row)
                self._offsets.append(offset)
                self._lines.append(line)

    def _told(self, progress: Progress) -> None:
        state = self.state
        for row, offset, line in progress.points:
            self._put(row, offset, line)
        if not state.counted:
            state.rows = max(state.rows, progress.rows)
        state.reading = min(1.0, progress.bytes / self._size)

    def _read(self, done: Done) -> None:
        state = self.state
        state.columns, state.problems, state.problem_count = done.columns, done.problems, done.problem_count
        state.extra, state.rows = done.extra, done.rows
        state.counted = state.read = True
        state.reading = 1.0

    # -- rows ---------------------------------------------------------------------------------------------------------

    def total(self, view: View) -> tuple[int, bool]:
        """How many rows a view has so far, and whether those are all."""
        if view.file is None:
            return self.state.rows, self.state.counted
        return view.count, view.done

    def page(self, view: View, first: int, count: int = PAGE) -> Page:
        """Some rows of a view, fewer where there are no more. Blocking.

        Raises:
            SatchelError: the file is damaged there, or cannot be read.
        """
        try:
            if view.file is None:
                found = list(enumerate(self._from_file(first, count), first))
            else:
                found = self._from_order(view, first, count)
            return Page(first, tuple(Row(number + 1, tuple(map(_cell, row))) for number, row in found))
        except OSError as error:
            raise unreadable(self.name, error) from error

    def _from_file(self, first: int, count: int) -> list[list[Any]]:
        found: list[list[Any]] = []
        with self._lock:
            place = bisect_right(self._rows, first) - 1
            row, offset, line = self._rows[place], self._offsets[place], self._lines[place]
        kept = self._kept.get(offset)
        if kept is not None and row + len(kept) >= first + count:
            return kept[first - row : first - row + count]
        with self.path.open("rb") as file:
            for block in blocks(file, self.form, offset=offset, row=row, line=line, size=BLOCK):
                if block.row + block.rows > first:
                    rows = self._rows_of(block)
                    found += rows[max(0, first - block.row) : first + count - block.row]
                if len(found) >= count:
                    break
        return found

    def _rows_of(self, block: Block) -> list[list[Any]]:
        with self._lock:
            rows = self._kept.get(block.offset)
            if rows is None or len(rows) != block.rows:
                rows = values(block, self.form)
                self._kept[block.offset] = rows
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return rows

    def _from_order(self, view: View, first: int, count: int) -> list[tuple[int, list[Any]]]:
        assert view.file is not None  # noqa: S101 - for the type checker
        if not view.descending:
            places = order.read(view.file, first, count)
        else:
            # The order's rows with values backwards, then those without, which are last either way.
            places = []
            if first < view.filled:
                last = view.filled - first
                places = order.read(view.file, max(0, last - count), min(count, last))[::-1]
            if len(places) < count:
                places += order.read(view.file, first + len(places), count - len(places))
        with self.path.open("rb") as file:
            return [(row, record_at(file, self.form, offset)) for row, offset in places]

    # -- orders -------------------------------------------------------------------------------------------------------

    def _new_file(self, kind: str) -> Path:
        with self._lock:
            self._number += 1
            return self.folder / f"{kind}-{id(self):x}-{self._number}"

    def arrange(self, column: int = -1, *, descending: bool = False, text: str = "", only: int = -1) -> View:
        """Begin to sort or filter; the view fills while it is looked at. Call it in the engine's loop.

        What was begun before and is not done is given up.

        Args:
            column: by which to sort; -1: as in the file.
            descending: the largest first; rows without a value are last in any case.
            text: only rows that hold it, in upper or lower case.
            only: the column that must hold it; -1: any.
        """
        if self._arranging is not None and not self._arranging.done():
            self._arranging.cancel()
        if column < 0 and not text.strip():
            return self.plain
        view = View(self._new_file("order"), done=False, descending=descending, column=column, text=text)
        type_ = self.state.columns[column].type if column >= 0 else "text"
        task = OrderTask(
            path=str(self.path), form=self.form, out=str(view.file), column=column, type=type_, text=text, only=only
        )
        view.task = self._arranging = self._spawn(self._arrange(view, task))
        return view

    async def finish(self, view: View) -> None:
        """Wait until a view is whole. Raises SatchelError when it cannot be made."""
        if view.task is not None:
            await asyncio.wait([view.task])
        if view.failure is not None:
            raise view.failure

    async def _arrange(self, view: View, task: OrderTask) -> None:
        def told(progress: Progress) -> None:
            view.progress = min(1.0, progress.bytes / self._size)
            view.count = max(view.count, progress.found)

        try:
            done = await work_out(task, told)
            view.filled, view.count = done.filled, done.rows
        except SatchelError as error:
            view.failure = error
        finally:
            view.done = True

    async def drop(self, view: View) -> None:
        """A view is not wanted any more: stop making it."""
        if view.task is not None and not view.task.done():
            view.task.cancel()
            await asyncio.wait([view.task])
        if view.file is not None:
            await asyncio.to_thread(_remove, view.file)

    # -- keys ---------------------------------------------------------------------------------------------------------

    async def find(self, columns: Sequence[str], wanted: Sequence[str], title: str = "") -> View:
        """The rows with some values in some columns; an index is made when it is first wanted.

        Raises:
            SatchelError: there is no such column, or the file cannot be read.
        """
        places = tuple(self.form.columns.index(name) for name in columns)
        if places not in self._keys or (self._keys[places].done() and _failed(self._keys[places])):
            self._keys[places] = asyncio.create_task(self._make_keys(places))
        database = await asyncio.shield(self._keys[places])
        view = View(self._new_file("found"), title=title)
        view.count = view.filled = await asyncio.to_thread(_look_up, database, key_text(list(wanted)), view.file)
        return view

    async def _make_keys(self, places: tuple[int, ...]) -> Path:
        out = self._new_file("keys")
        await work_out(KeysTask(path=str(self.path), form=self.form, out=str(out), columns=places))
        return out


def _remove(file: Path) -> None:
    for ending in ("", ".sort", ".empty"):
        Path(f"{file}{ending}").unlink(missing_ok=True)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


def _look_up(database: Path, key: str, out: Path | None) -> int:
    assert out is not None  # noqa: S101 - for the type checker
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    writer = order.Writer(out)
    try:
        if key:
            writer.extend(db.execute("SELECT row, offset FROM k WHERE key = ? ORDER BY row", (key,)))
        return writer.count
    finally:
        writer.close()
        db.close()


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    text = display(value)
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")  # JSON may say half a character
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


def unreadable(name: str, error: OSError) -> SatchelError:
    """A sentence for a file that cannot be read."""
    from satchel.core.errors import Kind

    return SatchelError(Kind.FILES, f"{name} cannot be read: {error.strerror}.", "Is it still where it was?")


__all__ = ["Page", "Records", "Row", "State", "View"]
