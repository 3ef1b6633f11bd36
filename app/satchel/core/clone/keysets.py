"""Which references lead nowhere, worked out on the keys that were read of the source; no network.

The rows that come along are in a temporary table for each table of the clone, numbered as the file of
`satchel.core.deriva.reach.store` numbers them, which also knows which row refers to which.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from satchel.core.clone.plan import SYSTEM_TABLES, ClonePlan, Coming, KeyPlan
from satchel.core.clone.report import SAMPLES
from satchel.core.clone.settling import State, begin, effective, note, settle
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import Gathered
from satchel.core.deriva.reach.store import told

T = TypeVar("T")


class KeySets:
    """The rows that come along, and what becomes of them. Blocking, for a thread. Close it at the end.

    Args:
        gathered: what was read.
        reached: what comes along.
        plan: of the clone.

    Raises:
        SatchelError: the disk is full.
    """

    def __init__(self, gathered: Gathered, reached: Coming, plan: ClonePlan) -> None:
        self._gathered = gathered
        self._plan = plan
        self._number = gathered.store.number
        self._planned = gathered.plan.tables
        self._nulls: dict[tuple[int, str], str] = {}
        """(table, column) -> temporary table of the rows in which it was set to null."""
        self._file = gathered.store.file
        with self._told():
            self._db = sqlite3.connect(self._file, check_same_thread=False, isolation_level=None)
            try:
                self._db.execute("PRAGMA cache_size = -4000")
                self._db.execute("PRAGMA temp.cache_size = -4000")
                self._db.execute("BEGIN")
                self._fill(reached)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Give up the temporary tables."""
        self._db.close()

    def __enter__(self) -> KeySets:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _told(self) -> Any:
        return told(self._file)

    def _fill(self, reached: Coming) -> None:
        for table in self._plan.tables:
            i = self._number.get(table.name)
            if i is None:
                continue
            self._db.execute(f"CREATE TEMP TABLE a{i} (o INTEGER PRIMARY KEY)")
            if table.emptied:
                continue
            if table.whole:
                self._db.execute(f"INSERT INTO a{i} SELECT o FROM t{i}")  # noqa: S608 - numbers only
            else:
                rows = ((number,) for number, _ in reached.rids(table.name))
                self._db.executemany(f"INSERT INTO a{i} VALUES (?)", rows)  # noqa: S608
        for n, (table_number, column) in enumerate(self._columns()):
            self._nulls[table_number, column] = f"n{n}"
            self._db.execute(f"CREATE TEMP TABLE n{n} (o INTEGER PRIMARY KEY)")

    def _columns(self) -> list[tuple[int, str]]:
        found: dict[tuple[int, str], None] = {}
        for plan in self._plan.keys:
            i = self._number.get(plan.key.table)
            if i is not None:
                found.update({(i, column): None for column in plan.key.columns})
        return list(found)

    # -- asking ----------------------------------------------------------------------------------------------------

    def orphans(self, plan: KeyPlan) -> int:
        """How many rows refer, by this foreign key, to what is not there as things stand."""
        where = self._orphans(plan)
        if where is None:
            return 0
        with self._told():
            return int(self._db.execute(f"SELECT count(*) FROM {where}").fetchone()[0])  # noqa: S608

    def samples(self, plan: KeyPlan, most: int = SAMPLES) -> list[str]:
        """RIDs of some of those, the first in the server's order."""
        where = self._orphans(plan)
        if where is None:
            return []
        with self._told():
            i = self._number[plan.key.table]
            rows = self._db.execute(
                f"SELECT r.rid FROM r{i} r WHERE r.o IN (SELECT t.o FROM {where}) ORDER BY r.o LIMIT ?",  # noqa: S608
                (most,),
            )
            return [rid for (rid,) in rows]

    def reason(self, plan: KeyPlan) -> str:
        """Why its orphans are some."""
        there = self._plan.table(plan.key.referenced)
        if there is None:
            return "hidden" if "may not" in plan.reason else "excluded"
        return "assets" if there.emptied else "missing"

    def left(self, name: TableName) -> int | None:
        """How many rows of a table are left; None where the rule did not read it."""
        i = self._number.get(name)
        if i is None or self._plan.table(name) is None:
            return None
        with self._told():
            return int(self._db.execute(f"SELECT count(*) FROM a{i}").fetchone()[0])  # noqa: S608

    def rids(self, name: TableName) -> set[str]:
        """The rows of a table that are left."""
        i = self._number[name]
        with self._told():
            rows = self._db.execute(f"SELECT r.rid FROM a{i} a CROSS JOIN r{i} r ON r.o = a.o")  # noqa: S608
            return {rid for (rid,) in rows}

    # -- doing -----------------------------------------------------------------------------------------------------

    def settled(self, plan: ClonePlan, suspects: Container[str] | None = None) -> State:
        """Carry the strategies of a plan out, here in the temporary tables.

        Args:
            plan: with strategies.
            suspects: the foreign keys that have orphans as things stand; None: it is looked up.
        """
        state = begin(plan.keys, plan.model, suspects)
        with self._told(), self._transaction():
            run_now(settle(plan.keys, plan.model, self, state))
        return state

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever is done within is undone at its end."""
        with self._told():
            self._db.execute("SAVEPOINT trial")
        try:
            yield
        finally:
            with self._told():
                self._db.execute("ROLLBACK TO trial")
                self._db.execute("RELEASE trial")

    async def delete(self, plan: KeyPlan, state: State) -> int:
        """See `Ground`."""
        i, count = self._number[plan.key.table], 0
        while found := self._take(plan):
            self._db.execute(f"DELETE FROM a{i} WHERE o IN (SELECT o FROM hit)")  # noqa: S608
            self._note(state, plan, found, "delete")
            count += found
        return count

    async def nullify(self, plan: KeyPlan, columns: tuple[str, ...], state: State) -> int:
        """See `Ground`."""
        i, count = self._number[plan.key.table], 0
        while found := self._take(plan):
            for column in columns:
                self._db.execute(f"INSERT OR IGNORE INTO {self._nulls[i, column]} SELECT o FROM hit")  # noqa: S608
            self._note(state, plan, found, "nullify")
            count += found
        return count

    def _take(self, plan: KeyPlan) -> int:
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS hit (o INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM hit")
        where = self._orphans(plan)
        if where is None:
            return 0
        return self._db.execute(f"INSERT INTO hit SELECT t.o FROM {where}").rowcount  # noqa: S608

    def _note(self, state: State, plan: KeyPlan, count: int, kind: str) -> None:
        i = self._number[plan.key.table]
        rows = self._db.execute(
            f"SELECT r.rid FROM hit CROSS JOIN r{i} r ON r.o = hit.o ORDER BY r.o LIMIT {SAMPLES}"  # noqa: S608
        )
        note(state, plan, [rid for (rid,) in rows], kind, SAMPLES)
        counts = state.removed if kind == "delete" else state.nullified
        counts[plan.name] += count - min(count, SAMPLES)

    def _orphans(self, plan: KeyPlan) -> str | None:
        """What follows FROM, with alias t for rows that are orphans; None where that cannot be told."""
        key = plan.key
        i, m = self._number.get(key.table), self._number.get(key.referenced)
        here, there = self._plan.table(key.table), self._plan.table(key.referenced)
        if i is None or here is None or key.referenced in SYSTEM_TABLES or key not in self._planned[i].references:
            return None
        p = f"t.p{self._planned[i].references.index(key)}"
        own = "".join(f" AND NOT {self._nulled(i, column, 't.o')}" for column in key.columns)
        if there is None:
            lost = "1"  # whatever it refers to is not in the clone
        elif m is None:
            return None  # a table that the person names, and that nothing reached refers to
        else:
            columns = [column for column in key.referenced_columns if (m, column) in self._nulls]
            gone = "".join(f" OR {self._nulled(m, column, p)}" for column in columns)
            lost = f"({p} < 0 OR NOT EXISTS (SELECT 1 FROM a{m} x WHERE x.o = {p}){gone})"  # noqa: S608
        return f"a{i} a CROSS JOIN t{i} t ON t.o = a.o WHERE {p} IS NOT NULL{own} AND {lost}"

    def _nulled(self, i: int, column: str, row: str) -> str:
        return f"EXISTS (SELECT 1 FROM {self._nulls[i, column]} x WHERE x.o = {row})"  # noqa: S608 - own names

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("SAVEPOINT settling")
        try:
            yield
        finally:
            self._db.execute("RELEASE settling")


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    work.close()
    raise RuntimeError("this was to wait for nothing")


__all__ = ["KeySets", "effective", "run_now"]
