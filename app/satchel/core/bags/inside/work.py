"""The process that works out tasks: `satchel look-worker`.

It reads one task from standard input, tells on standard output how far it is and what it found, and ends when it is
done, or at once when standard input ends: then nobody waits for it any more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sqlite3
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from satchel.core.bags.inside import order
from satchel.core.bags.inside.blocks import LARGE, Block, DamagedError, blocks, records, values
from satchel.core.bags.inside.cells import display
from satchel.core.bags.inside.columns import Profile
from satchel.core.bags.inside.form import Form
from satchel.core.bags.inside.tasks import (
    AnyTask,
    CountTask,
    Done,
    Failed,
    Frame,
    GraphTask,
    KeysTask,
    OrderTask,
    Problem,
    ProfileTask,
    Progress,
    TreeTask,
)
from satchel.core.bags.inside.tree import Tree
from satchel.core.bags.reading import open_bag
from satchel.core.errors import SatchelError

NICE = 5
ROOM = "Make room on the disk that holds temporary files."
EVERY = 0.1
"""Seconds between two lines of progress."""
MOST_PROBLEMS = 100
MOST_EXTRA = 100
LONGEST_KEY = 1000
"""Characters of a text by which it is sorted; texts that begin alike beyond that stay in the file's order."""
SORT_CACHE = 64 << 10
"""Kilobytes that the database may hold in memory while it sorts."""


class Teller:
    """Tells how far it is, not too often."""

    def __init__(self, out: IO[bytes] | None = None) -> None:
        self._out, self._said = out, 0.0
        self._points: list[tuple[int, int, int]] = []

    def point(self, block: Block) -> None:
        """A place from which rows are found."""
        self._points.append((block.row, block.offset, block.line))

    def step(self, rows: int, size: int, found: order.Writer | None = None) -> None:
        """So many rows and bytes were read."""
        now = time.monotonic()
        if now - self._said < EVERY:
            return
        self._said = now
        points, self._points = tuple(self._points), []
        self.send(Frame(progress=Progress(rows=rows, bytes=size, found=found.flush() if found else 0, points=points)))

    def last(self, rows: int) -> None:
        """All was read."""
        self._said = 0.0
        self.step(rows, 0)

    def send(self, frame: Frame) -> None:
        """Write a line."""
        if self._out is not None:
            self._out.write(msgspec.json.encode(frame) + b"\n")
            self._out.flush()


def main() -> int:
    """Do the task that the first line of standard input says."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if os.name == "posix":
        os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    line = orders.readline()
    if not line:
        return 2

    def watch() -> None:
        orders.read()
        os._exit(3)

    threading.Thread(target=watch, name="orders", daemon=True).start()
    teller = Teller(out)
    try:
        frame = Frame(done=do(msgspec.json.decode(line, type=AnyTask), teller))
    except SatchelError as error:
        frame = Frame(failed=Failed(kind=error.kind, message=error.message, hint=error.hint, detail=error.detail))
    except zipfile.BadZipFile as error:
        hint = "Fetch or copy it again."
        frame = Frame(failed=Failed(kind="invalid", message="The archive is damaged.", hint=hint, detail=str(error)))
    except sqlite3.Error as error:
        text = "There is no room for sorting." if "full" in str(error) else "Sorting or searching failed."
        frame = Frame(failed=Failed(kind="files", message=text, hint=ROOM, detail=str(error)))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise_ = Failed(kind="disk-full", message="There is no room for sorting.", hint=ROOM)
            teller.send(Frame(failed=raise_))
            return 0
        name = Path(str(error.filename)).name if error.filename else "The file"
        frame = Frame(failed=Failed(kind="files", message=f"{name} cannot be read: {error.strerror}.", hint=""))
    with contextlib.suppress(OSError):
        teller.send(frame)
    return 0


def do(task: AnyTask, teller: Teller) -> Done:
    """Do a task. Raises SatchelError, OSError, sqlite3.Error."""
    if isinstance(task, CountTask):
        return _count(task, teller)
    if isinstance(task, ProfileTask):
        return profile(task, teller)
    if isinstance(task, OrderTask):
        return _order(task, teller)
    if isinstance(task, KeysTask):
        return _keys(task, teller)
    if isinstance(task, TreeTask):
        return _tree(task)
    assert isinstance(task, GraphTask)  # noqa: S101 - for the type checker
    from satchel.core.bags.inside.links import graph

    return graph(task, teller)


def _tree(task: TreeTask) -> Done:
    path, never, root = Path(task.path), threading.Event(), ""
    tree = Tree(Path(task.out))
    try:
        if path.is_dir():
            tree.of_folder(open_bag(path), never)
        else:
            root = tree.of_zip(path, Path(task.tags), never)
        return Done(rows=tree.files, root=root)
    finally:
        tree.close()


def _count(task: CountTask, teller: Teller) -> Done:
    rows = 0
    with Path(task.path).open("rb") as file:
        for block in blocks(file, task.form):
            teller.point(block)
            rows = block.row + block.rows
            teller.step(rows, block.offset + len(block.data))
    teller.last(rows)
    return Done(rows=rows)


def profile(task: ProfileTask, teller: Teller) -> Done:
    """What the columns hold, how many rows there are, and what is damaged."""
    path, form = Path(task.path), task.form
    seen = Profile(form.columns)
    damage = _Damage(path.name)
    rows = 0
    extra: dict[str, None] = {}
    with path.open("rb") as file:
        try:
            for block in blocks(file, form, size=LARGE):
                found = _whole(block, form, damage, extra)
                if found:
                    seen.add(found)
                rows = block.row + block.rows
                teller.step(rows, block.offset + len(block.data))
        except DamagedError as error:
            damage.add(error.line, error.message)
    teller.last(rows)
    return Done(
        rows=rows,
        columns=seen.columns(sure=True),
        problems=tuple(damage.told),
        problem_count=damage.count,
        extra=tuple(extra),
    )


class _Damage:
    def __init__(self, name: str) -> None:
        self._name = name
        self.told: list[Problem] = []
        self.count = 0

    def add(self, line: int, message: str) -> None:
        self.count += 1
        if len(self.told) < MOST_PROBLEMS:
            self.told.append(Problem(line, message))

    def row(self, line: int, what: str) -> None:
        self.add(line, f"The row on line {line:,} of {self._name} {what}.")


def _whole(block: Block, form: Form, damage: _Damage, extra: dict[str, None]) -> list[list[Any]]:
    """A block's rows, damage noted."""
    width = len(form.columns)
    if form.encoding == "utf-8":
        try:
            block.data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = block.line + block.data.count(b"\n", 0, error.start)
            damage.add(line, f"Line {line:,} is not UTF-8; what cannot be read is shown as �.")
    if form.kind == "csv":
        found = values(block, form)
        if not _even(block, form, len(found)):
            for record in records(block, form):
                if record.problem:
                    damage.row(record.line, record.problem)
        return found
    rows = []
    for record in records(block, form):
        if record.problem:
            damage.row(record.line, record.problem)
        for key in record.extra:
            if len(extra) < MOST_EXTRA:
                extra.setdefault(key.encode("utf-8", "replace").decode())
        rows.append(record.values if len(record.values) == width else [None] * width)
    return rows


def _even(block: Block, form: Form, rows: int) -> bool:
    """Whether every row surely has as many fields as there are columns; True only where there are no quotes."""
    if b'"' in block.data:
        return False
    commas = len(form.columns) - 1
    if block.data.count(form.delimiter.encode()) != rows * commas:
        return False
    sign = form.delimiter.encode()
    return all(line.count(sign) == commas for line in block.data.splitlines() if line)


# -- order ------------------------------------------------------------------------------------------------------------


def _order(task: OrderTask, teller: Teller) -> Done:
    """Sort, filter, or both."""
    out = Path(task.out)
    writer = order.Writer(out)
    try:
        if task.column < 0:
            for row, offset, _ in _matching(task, teller, writer):
                writer.add(row, offset)
            writer.flush()
            return Done(rows=writer.count, filled=writer.count)
        filled = _sort(task, teller, writer)
        return Done(rows=writer.count, filled=filled)
    finally:
        writer.close()


def _sort(task: OrderTask, teller: Teller, writer: order.Writer) -> int:
    """Write the sorted rows, those without a value last. Returns how many have one.

    The database sorts in parts of bounded size and merges them on the disk.
    """
    base, empty = Path(task.out + ".sort"), Path(task.out + ".empty")
    key = _key_of(task.type)
    without = order.Writer(empty)
    os.environ["SQLITE_TMPDIR"] = str(base.parent)  # what is sorted spills into files there
    db = sqlite3.connect(base, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{SORT_CACHE}"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE k (key, row INTEGER, offset INTEGER)")

        def keyed() -> Iterator[tuple[Any, int, int]]:
            for row, offset, found in _matching(task, teller, None):
                value = found[task.column]
                if value is None or value == "":
                    without.add(row, offset)
                else:
                    yield key(value), row, offset

        db.execute("BEGIN")
        db.executemany("INSERT INTO k VALUES (?, ?, ?)", keyed())
        db.execute("COMMIT")
        filled = 0
        for row, offset in db.execute("SELECT row, offset FROM k ORDER BY key, row"):
            writer.add(row, offset)
            filled += 1
        without.close()
        writer.extend(order.pairs(empty))
        return filled
    finally:
        db.close()
        without.close()
        base.unlink(missing_ok=True)
        empty.unlink(missing_ok=True)


def _key_of(type_: str) -> Any:
    """By what values of a type are sorted. What is not of the type comes behind what is."""

    def number(value: Any) -> Any:
        try:
            found = int(value) if type_ == "integer" else float(value)
        except (ValueError, TypeError):
            return text(value)
        if isinstance(found, int) and not -(1 << 63) <= found < 1 << 63:
            return float(found) if abs(found) < 10**300 else text(value)
        return text(value) if found != found else found

    def text(value: Any) -> str:
        # Lone surrogates cannot be kept by the database.
        return display(value)[:LONGEST_KEY].casefold().encode("utf-8", "replace").decode()

    return number if type_ in ("integer", "number") else text


_PLAIN = re.compile(r"[\w .:/@+-]+")
_JSON_PLAIN = re.compile(r"(?=.*[a-df-z])[a-z0-9_-]+")


def _matching(task: OrderTask, teller: Teller, writer: order.Writer | None) -> Iterator[tuple[int, int, list[Any]]]:
    """Number, place and values of the rows that the filter lets through."""
    form, wanted = task.form, task.text.strip().casefold()
    # Where a block does not hold the text at all, its rows need not be looked at.
    pattern = _PLAIN if form.kind == "csv" else _JSON_PLAIN
    quick = bool(wanted) and pattern.fullmatch(wanted) is not None and (form.kind == "csv" or wanted.isascii())
    width = len(form.columns)
    with Path(task.path).open("rb") as file:
        for block in blocks(file, form, size=LARGE):
            teller.step(block.row, block.offset, writer)
            may_skip = quick and (form.kind == "csv" or b"\\" not in block.data)
            if may_skip and wanted not in block.data.decode(form.encoding, "replace").casefold():
                continue
            for row, record in enumerate(records(block, form), block.row):
                found = record.values
                if len(found) != width:
                    found = (found + [""] * width)[:width]
                if wanted:
                    looked = found if task.only < 0 else found[task.only : task.only + 1]
                    if not any(wanted in display(value).casefold() for value in looked):
                        continue
                yield row, record.offset, found


# -- keys -------------------------------------------------------------------------------------------------------------


def key_text(values_: list[Any]) -> str:
    """Values of some columns as one text to find them by; empty where one of them is."""
    texts = [display(value) for value in values_]
    return "" if not all(texts) else "\x1f".join(texts).encode("utf-8", "replace").decode()


def _keys(task: KeysTask, teller: Teller) -> Done:
    out = Path(task.out)
    part = out.with_name(out.name + ".part")
    part.unlink(missing_ok=True)
    db = sqlite3.connect(part, isolation_level=None)
    read = OrderTask(path=task.path, form=task.form, out="")
    count = 0
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{SORT_CACHE}"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE k (key TEXT, row INTEGER, offset INTEGER)")

        def keyed() -> Iterator[tuple[str, int, int]]:
            nonlocal count
            for row, offset, found in _matching(read, teller, None):
                count += 1
                if key := key_text([found[place] for place in task.columns]):
                    yield key, row, offset

        db.execute("BEGIN")
        db.executemany("INSERT INTO k VALUES (?, ?, ?)", keyed())
        db.execute("COMMIT")
        db.execute("CREATE INDEX k_key ON k (key, row)")
    finally:
        db.close()
    part.rename(out)
    return Done(rows=count)


if __name__ == "__main__":
    sys.exit(main())
