"""Work the rule out on what was read: no network, and quick, so that a person can change their mind.

The rule is stated in docs/reach.md. Sets of rows live in temporary tables of SQLite, which go to disk when they grow;
`d{i}` are the rows of table i that belong to the root, `u{i}` all that come along, those among them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from satchel.core.deriva.model import ForeignKey, Table
from satchel.core.deriva.model_reader import association_keys, is_system_reference
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach.choices import Choices, Chosen, Offer, Way, check, goes_down, offers
from satchel.core.deriva.reach.gather import Gathered
from satchel.core.deriva.reach.plan import hides, readable
from satchel.core.deriva.reach.store import DANGLING, UNREAD, told

_READ = 10_000


class Role(StrEnum):
    """Why a table's rows come along; where there are several reasons, the first of these."""

    ROOT = "root"
    VOCABULARY = "vocabulary"
    DOWN = "down"
    """They belong to the root."""
    PARTNER = "partner"
    """They are on the far side of an association that is not followed."""
    UP = "up"
    """Something that was collected refers to them."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much something is; also a difference of that, which may be negative."""

    rows: int = 0
    assets: int = 0
    asset_bytes: int = 0

    def __sub__(self, other: Size) -> Size:
        return Size(self.rows - other.rows, self.assets - other.assets, self.asset_bytes - other.asset_bytes)


@dataclass(frozen=True, slots=True)
class ReachedTable:
    """What comes of one table."""

    name: TableName
    rows: int
    total_rows: int
    """Of those that this user sees."""
    assets: int
    asset_bytes: int
    assets_of_unknown_length: int
    """Assets whose row says no length; they are in `assets`, not in `asset_bytes`."""
    role: Role
    parent: TableName | None = None
    """The table from which the rule comes to this one first; None for the root's."""

    @property
    def whole(self) -> bool:
        """Whether every row comes along."""
        return self.rows == self.total_rows


@dataclass(frozen=True, slots=True)
class Association:
    """An offer: "and what belongs to them", for the far side of an association that was come to."""

    key: str
    """As choices name it in `follow` and `stop`."""
    association: TableName
    partners: tuple[TableName, ...]
    default: bool
    current: bool
    cost: Size | None
    """What comes (or, negative, goes) when it is switched; None: it was not read, so it cannot be told."""


@dataclass(frozen=True, slots=True)
class Dangling:
    """References of collected rows to rows that do not come along."""

    table: TableName
    columns: tuple[str, ...]
    referenced: TableName
    rows: int
    """Collected rows with such a reference."""
    reason: str
    """`missing` (there is no such row, or this user may not see it), `hidden` (the table may not be read), or
    `excluded` (the person left it out)."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A place that the rule leads to and that this user may not see."""

    table: TableName
    columns: tuple[str, ...] = ()
    """References that may not be read; none: the whole table may not."""

    def __str__(self) -> str:
        return f"{self.table} ({', '.join(self.columns)})" if self.columns else str(self.table)


class Reached:
    """What the rule comes to for some choices. Close it at the end; it holds temporary tables."""

    def __init__(self, closure: _Closure, chosen: Chosen, choices: Choices) -> None:
        self._closure = closure
        self.chosen = chosen
        self.root = closure.gathered.root
        self.rid = closure.gathered.rid
        self.tables = closure.tables(chosen)
        """Every table that the rule leads to, the root's first; some may have no rows."""
        self.hidden = closure.hidden(chosen)
        """What the rule leads to and this user may not see; never silently left out."""
        self.dangling = closure.dangling(chosen)
        closure.gathered.sizes[chosen] = self.size
        self._choices = choices
        self._associations: tuple[Association, ...] | None = None

    @property
    def size(self) -> Size:
        """All of it."""
        return Size(
            sum(table.rows for table in self.tables),
            sum(table.assets for table in self.tables),
            sum(table.asset_bytes for table in self.tables),
        )

    @property
    def associations(self) -> tuple[Association, ...]:
        """What can be followed or stopped, and what each would cost. Works that out when first asked."""
        if self._associations is None:
            self._associations = tuple(self._closure.associations(self.chosen, self._choices, self.size))
        return self._associations

    @property
    def choices(self) -> tuple[Association, ...]:
        """The same without the costs, which is quick."""
        if self._associations is not None:
            return self._associations
        return tuple(self._closure.associations(self.chosen, self._choices, None))

    def rids(self, table: TableName) -> Iterator[tuple[int, str]]:
        """The rows of a table that come along: number (from 0, in the server's order of all its rows) and RID."""
        return self._closure.rids(table)

    def lengths(self, table: TableName) -> Iterator[int | None]:
        """The length of each asset of a table that comes along, in the order of its rows; None: its row says none."""
        return self._closure.lengths(table)

    def close(self) -> None:
        """Give up the temporary tables."""
        self._closure.close()

    def __enter__(self) -> Reached:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def solve(gathered: Gathered, choices: Choices) -> Reached:
    """Work out what belongs to the root. Blocking (a fraction of a second for 100,000 rows), for a thread.

    Args:
        gathered: what was read.
        choices: none that need more than was read.

    Raises:
        SatchelError: the choices do not fit the catalog.
    """
    chosen = check(gathered.model, gathered.root, choices)
    closure = _Closure(gathered)
    try:
        closure.begin(chosen)
        return Reached(closure, chosen, choices)
    except BaseException:
        closure.close()
        raise


class _Closure:
    """The sets of rows, and how they grow."""

    def __init__(self, gathered: Gathered) -> None:
        self.gathered = gathered
        self._model = gathered.model
        self._planned = gathered.plan.tables
        self._number = gathered.store.number
        self._lock = threading.RLock()
        self._whole: set[int] = set()
        self._waiting_down: dict[int, None] = {}
        self._waiting_up: dict[int, None] = {}
        with told(gathered.store.file):
            self._db = sqlite3.connect(gathered.store.file, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA cache_size = -4000")
            self._db.execute("PRAGMA temp.cache_size = -4000")
            for i in range(len(self._planned)):
                for kind in ("d", "u", "fd", "fu"):
                    self._db.execute(f"CREATE TEMP TABLE {kind}{i} (o INTEGER PRIMARY KEY)")
            self._db.execute("CREATE TEMP TABLE cur (o INTEGER PRIMARY KEY)")
            self._db.execute("CREATE TEMP TABLE fresh (o INTEGER PRIMARY KEY)")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # -- growing ---------------------------------------------------------------------------------------------------

    def begin(self, chosen: Chosen) -> None:
        """From the root to the fixed point."""
        with self._lock, told(self.gathered.store.file):
            self._db.execute("SAVEPOINT work")
            self._from_root(chosen)
            self._db.execute("RELEASE work")

    def _from_root(self, chosen: Chosen) -> None:
        self._belong(self._number[self.gathered.root], f"SELECT {self._root_row()} AS o")
        self._grow(chosen)

    def _grow(self, chosen: Chosen) -> None:
        """Down first, for nothing that only comes along makes anything belong; then up."""
        while self._waiting_down:
            i = next(iter(self._waiting_down))
            del self._waiting_down[i]
            self._take("fd", i)
            self._down_from(i, chosen)
        while self._waiting_up:
            i = next(iter(self._waiting_up))
            del self._waiting_up[i]
            self._take("fu", i)
            self._up_from(i, chosen)

    def _down_from(self, i: int, chosen: Chosen) -> None:
        """What refers to the rows in `cur` of table i belongs, and the partners of followed associations do."""
        table = self._planned[i].table
        if table.is_vocabulary:
            # The root goes down even if it is a term; other terms never do.
            root = self._root_row() if table.name == self.gathered.root else -1
            self._db.execute("DELETE FROM cur WHERE o <> ?", (root,))
        for key in self._model.referring.get(table.name, ()):
            place = self._place(key, chosen)
            if place is None:
                continue
            child, column = place
            rows = f"cur CROSS JOIN t{child} t ON t.{column} = cur.o"
            self._belong(child, f"SELECT t.o AS o FROM {rows}")  # noqa: S608
            for way in chosen.ways:
                partner = self._number.get(way[1].referenced)
                onward = self._place(way[1], chosen) if way[0] == key else None
                if onward is not None and partner is not None and way[1].referenced not in chosen.excluded:
                    self._belong(partner, f"SELECT t.{onward[1]} AS o FROM {rows} WHERE t.{onward[1]} >= 0")  # noqa: S608

    def _up_from(self, i: int, chosen: Chosen) -> None:
        """What the rows in `cur` of table i refer to comes along."""
        for j, key in enumerate(self._planned[i].references):
            target = self._number.get(key.referenced)
            if target is None or key.referenced in chosen.excluded:
                continue
            rows = f"FROM cur CROSS JOIN t{i} t ON t.o = cur.o WHERE t.p{j} >= 0"
            if chosen.whole_vocabularies and self._planned[target].table.is_vocabulary:
                if target not in self._whole and self._db.execute(f"SELECT 1 {rows} LIMIT 1").fetchone():
                    self._whole.add(target)
                    self._come(target, f"SELECT o FROM t{target}")  # noqa: S608
            else:
                self._come(target, f"SELECT t.p{j} AS o {rows}")

    def _belong(self, i: int, select: str) -> None:
        """Add rows to those that belong, and so to those that come along."""
        if self._fresh(f"d{i}", select):
            self._db.execute(f"INSERT INTO d{i} SELECT o FROM fresh")  # noqa: S608
            self._db.execute(f"INSERT INTO fd{i} SELECT o FROM fresh")  # noqa: S608
            self._waiting_down[i] = None
            self._come(i, "SELECT o FROM fresh", fresh=False)

    def _come(self, i: int, select: str, *, fresh: bool = True) -> None:
        """Add rows to those that come along."""
        if fresh:
            if not self._fresh(f"u{i}", select):
                return
        else:
            self._db.execute(f"DELETE FROM fresh WHERE o IN (SELECT o FROM u{i})")  # noqa: S608
        self._db.execute(f"INSERT INTO u{i} SELECT o FROM fresh")  # noqa: S608
        self._db.execute(f"INSERT INTO fu{i} SELECT o FROM fresh")  # noqa: S608
        self._waiting_up[i] = None

    def _fresh(self, known: str, select: str) -> int:
        """Put those rows of a query into `fresh` that are not known yet; how many there are."""
        self._db.execute("DELETE FROM fresh")
        new = f"SELECT o FROM ({select}) n WHERE NOT EXISTS (SELECT 1 FROM {known} k WHERE k.o = n.o)"  # noqa: S608
        return self._db.execute(f"INSERT OR IGNORE INTO fresh {new}").rowcount

    def _take(self, kind: str, i: int) -> None:
        """Move what waits in table i to `cur`."""
        self._db.execute("DELETE FROM cur")
        self._db.execute(f"INSERT INTO cur SELECT o FROM {kind}{i}")  # noqa: S608
        self._db.execute(f"DELETE FROM {kind}{i}")  # noqa: S608

    def _place(self, key: ForeignKey, chosen: Chosen) -> tuple[int, str] | None:
        """Where a reference lies: its table's number and column; None when it is not to be followed."""
        child = self._number.get(key.table)
        if child is None or key.table in chosen.excluded:
            return None
        references = self._planned[child].references
        return (child, f"p{references.index(key)}") if key in references else None

    def _root_row(self) -> int:
        row = self.gathered.store.row_number(self.gathered.root, self.gathered.rid)
        if row is None:
            raise AssertionError("gather has made sure that the root was read")
        return row

    # -- looking ---------------------------------------------------------------------------------------------------

    def tables(self, chosen: Chosen) -> tuple[ReachedTable, ...]:
        """Sizes and roles of all tables that the rule leads to."""
        with self._lock, told(self.gathered.store.file):
            roles = self._roles(chosen)
            parents = self._parents(chosen, roles)
            found = [self._table(i, role, parents.get(i)) for i, role in roles.items()]
        order = list(Role)
        return tuple(sorted(found, key=lambda t: (order.index(t.role), t.name)))

    def _parents(self, chosen: Chosen, roles: dict[int, Role]) -> dict[int, TableName]:
        """From which table the rule comes to each first, breadth first: down as far as it goes, then up."""
        root = self._number[self.gathered.root]
        found: dict[int, TableName] = {}
        seen = {root: None}

        def come(i: int | None, parent: TableName) -> None:
            if i is not None and i in roles and i not in seen:
                seen[i] = None
                found[i] = parent

        for i in _growing(seen):
            table = self._planned[i].table
            if roles.get(i) not in (Role.ROOT, Role.DOWN) or not goes_down(table, i == root):
                continue
            for key in self._model.referring.get(table.name, ()):
                place = self._place(key, chosen)
                if place is None or roles.get(place[0]) is not Role.DOWN:
                    continue
                come(place[0], table.name)
                for way in chosen.ways:
                    if way[0] == key and roles.get(self._number.get(way[1].referenced, -1)) is Role.DOWN:
                        come(self._number[way[1].referenced], key.table)
        for i in _growing(seen):
            for key in self._planned[i].references:
                come(self._number.get(key.referenced), self._planned[i].name)
        return found

    def _table(self, i: int, role: Role, parent: TableName | None) -> ReachedTable:
        planned = self._planned[i]
        assets, unknown, total = self._assets(i)
        return ReachedTable(
            name=planned.name,
            rows=self._count(f"u{i}"),
            total_rows=self.gathered.totals[planned.name],
            assets=assets,
            asset_bytes=total,
            assets_of_unknown_length=unknown,
            role=role,
            parent=parent,
        )

    def _roles(self, chosen: Chosen) -> dict[int, Role]:
        """The tables that the rule leads to (from tables that have rows), with the first reason for each."""
        found: dict[int, set[Role]] = {}
        for i, planned in enumerate(self._planned):
            if not self._some(f"u{i}"):
                continue
            found.setdefault(i, set())
            table = planned.table
            if self._some(f"d{i}"):
                found[i].add(Role.DOWN)
                if goes_down(table, table.name == self.gathered.root):
                    for key in self._model.referring.get(table.name, ()):
                        if (place := self._place(key, chosen)) is not None and not self._denied(key.table):
                            found.setdefault(place[0], set()).add(Role.DOWN)
            for j, key in enumerate(planned.references):
                target = self._number.get(key.referenced)
                if target is None or key.referenced in chosen.excluded or self._denied(key.referenced):
                    continue
                side = table.is_association and self._some(f"u{i} u CROSS JOIN t{i} t ON t.o = u.o WHERE t.p{j} >= 0")
                found.setdefault(target, set()).add(Role.PARTNER if side and self._pair(key) else Role.UP)
        return {i: self._role(i, roles) for i, roles in found.items()}

    def _role(self, i: int, roles: set[Role]) -> Role:
        table = self._planned[i].table
        if table.name == self.gathered.root:
            return Role.ROOT
        if table.is_vocabulary:
            return Role.VOCABULARY
        if Role.DOWN in roles and (self._some(f"d{i}") or not self._some(f"u{i}")):
            return Role.DOWN
        return Role.PARTNER if Role.PARTNER in roles else Role.UP

    def _pair(self, key: ForeignKey) -> bool:
        pair = association_keys(self._model.tables[key.table])
        return pair is not None and key in pair

    def hidden(self, chosen: Chosen) -> tuple[Hidden, ...]:
        """Where the rule leads from the rows that come along, and this user cannot go."""
        found: set[Hidden] = set()
        with self._lock, told(self.gathered.store.file):
            for i, planned in enumerate(self._planned):
                table = planned.table
                if self._denied(table.name) or not self._some(f"u{i}"):
                    continue
                found.update(self._hidden_above(i, table, chosen))
                if self._some(f"d{i}") and goes_down(table, table.name == self.gathered.root):
                    found.update(self._hidden_below(table, chosen))
        return tuple(sorted(found, key=lambda hidden: (hidden.table, hidden.columns)))

    def _hidden_above(self, i: int, table: Table, chosen: Chosen) -> Iterator[Hidden]:
        for key in table.foreign_keys:
            if is_system_reference(key) or key.referenced in chosen.excluded:
                continue
            if hides(table, key.columns):
                yield Hidden(table.name, key.columns)
                continue
            j = self._planned[i].references.index(key)
            if not self._some(f"u{i} u CROSS JOIN t{i} t ON t.o = u.o WHERE t.p{j} = {UNREAD}"):
                continue
            target = self._model.tables.get(key.referenced)
            if target is None or not self._readable(target):
                yield Hidden(key.referenced)
            elif hides(target, key.referenced_columns):
                yield Hidden(key.referenced, key.referenced_columns)

    def _hidden_below(self, table: Table, chosen: Chosen) -> Iterator[Hidden]:
        for key in self._model.referring.get(table.name, ()):
            if is_system_reference(key) or key.table in chosen.excluded:
                continue
            child = self._model.tables[key.table]
            if not self._readable(child):
                yield Hidden(child.name)
            elif hides(child, key.columns):
                yield Hidden(child.name, key.columns)

    def dangling(self, chosen: Chosen) -> tuple[Dangling, ...]:
        """References of rows that come along to rows that do not."""
        found = []
        with self._lock, told(self.gathered.store.file):
            for i, planned in enumerate(self._planned):
                if not self._some(f"u{i}"):
                    continue
                for j, key in enumerate(planned.references):
                    excluded = key.referenced in chosen.excluded
                    which = "IS NOT NULL" if excluded else "< 0"
                    counts = self._db.execute(
                        f"SELECT t.p{j} = {DANGLING}, count(*) FROM t{i} t WHERE t.p{j} {which} "  # noqa: S608
                        f"AND EXISTS (SELECT 1 FROM u{i} u WHERE u.o = t.o) GROUP BY 1"
                    ).fetchall()
                    for missing, rows in counts:
                        reason = "excluded" if excluded else "missing" if missing else "hidden"
                        found.append(Dangling(planned.name, key.columns, key.referenced, rows, reason))
        return tuple(found)

    def rids(self, name: TableName) -> Iterator[tuple[int, str]]:
        """Numbers and RIDs of the rows of a table, in order."""
        i = self._number.get(name)
        if i is None:
            return
        last = -1
        while True:
            with self._lock, told(self.gathered.store.file):
                page = self._db.execute(
                    f"SELECT u.o, r.rid FROM u{i} u CROSS JOIN r{i} r ON r.o = u.o "  # noqa: S608
                    f"WHERE u.o > ? ORDER BY u.o LIMIT {_READ}",
                    (last,),
                ).fetchall()
            yield from page
            if len(page) < _READ:
                return
            last = page[-1][0]

    # -- what would be ---------------------------------------------------------------------------------------------

    def associations(self, chosen: Chosen, choices: Choices, size: Size | None) -> Iterator[Association]:
        """The offers that the rule has come to, each with the cost of switching it if `size`, that of all, is given."""
        with self._lock, told(self.gathered.store.file):
            for offer in offers(self._model, self.gathered.root, (*choices.follow, *choices.stop)):
                if not self._comes_to(offer, chosen):
                    continue
                current = all(way in chosen.ways for way in offer.ways)
                cost = None
                if size is not None and self._was_read(offer, chosen):
                    switched = chosen.ways - set(offer.ways) if current else chosen.ways | set(offer.ways)
                    cost = self._size_if(replace(chosen, ways=frozenset(switched)), chosen) - size
                yield Association(
                    key=offer.key,
                    association=offer.association,
                    partners=offer.partners,
                    default=offer.default,
                    current=current,
                    cost=cost,
                )

    def _comes_to(self, offer: Offer, chosen: Chosen) -> bool:
        """Whether rows of the association belong, by the side from which the offer leads on."""
        return any(
            (enters := self._place(way[0], chosen)) is not None
            and (onward := self._place(way[1], chosen)) is not None
            and way[1].referenced not in chosen.excluded
            and self._some(
                f"d{enters[0]} a CROSS JOIN t{enters[0]} t ON t.o = a.o "
                f"CROSS JOIN d{self._number[way[0].referenced]} s ON s.o = t.{enters[1]} WHERE t.{onward[1]} >= 0"
            )
            for way in offer.ways
            if way[0].referenced in self._number
        )

    def _was_read(self, offer: Offer, chosen: Chosen) -> bool:
        """Whether enough was read to tell what the offer would bring."""
        return self.gathered.everything or all(way in chosen.ways for way in offer.ways)

    def _size_if(self, other: Chosen, now: Chosen) -> Size:
        """What all would come to with other ways; nothing is changed."""
        known = self.gathered.sizes.get(other)
        if isinstance(known, Size):
            return known
        whole = set(self._whole)
        self._db.execute("SAVEPOINT trial")
        try:
            if other.ways > now.ways:
                self._switch_on(other, other.ways - now.ways)
            else:
                for i in range(len(self._planned)):
                    for kind in ("d", "u", "fd", "fu"):
                        self._db.execute(f"DELETE FROM {kind}{i}")  # noqa: S608
                self._whole = set()
                self._from_root(other)
            size = self._size()
            self.gathered.sizes[other] = size
            return size
        finally:
            self._db.execute("ROLLBACK TO trial")
            self._db.execute("RELEASE trial")
            self._whole = whole
            self._waiting_down.clear()
            self._waiting_up.clear()

    def _switch_on(self, chosen: Chosen, ways: frozenset[Way]) -> None:
        """Go on from the fixed point with more ways: the partners of what belongs already belong, too."""
        for enters, leaves in ways:
            here, there = self._place(enters, chosen), self._place(leaves, chosen)
            partner, side = self._number.get(leaves.referenced), self._number.get(enters.referenced)
            if here is None or there is None or partner is None or side is None:
                continue
            if leaves.referenced in chosen.excluded:
                continue
            down = f"d{side}"
            self._belong(
                partner,
                f"SELECT t.{there[1]} AS o FROM {down} s CROSS JOIN t{here[0]} t ON t.{here[1]} = s.o "  # noqa: S608
                f"WHERE t.{there[1]} >= 0",
            )
        self._grow(chosen)

    def _size(self) -> Size:
        rows = assets = total = 0
        for i in range(len(self._planned)):
            rows += self._count(f"u{i}")
            some, _, length = self._assets(i)
            assets, total = assets + some, total + length
        return Size(rows, assets, total)

    # -- small questions ---------------------------------------------------------------------------------------------

    def _assets(self, i: int) -> tuple[int, int, int]:
        """How many assets, how many of them of unknown length, and the bytes of the others."""
        if self._planned[i].table.asset is None:
            return 0, 0, 0
        row = self._db.execute(
            f"SELECT count(*), count(*) - count(r.len), coalesce(sum(r.len), 0) "  # noqa: S608
            f"FROM u{i} u CROSS JOIN r{i} r ON r.o = u.o WHERE r.asset = 1"
        ).fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def lengths(self, table: TableName) -> Iterator[int | None]:
        """See `Reached.lengths`."""
        i = self._number[table]
        if self._planned[i].table.asset is None:
            return
        last = -1
        while True:
            rows = self._db.execute(
                f"SELECT r.o, r.len FROM u{i} u CROSS JOIN r{i} r ON r.o = u.o "  # noqa: S608
                f"WHERE r.asset = 1 AND r.o > ? ORDER BY r.o LIMIT {_READ}",
                (last,),
            ).fetchall()
            yield from (length for _, length in rows)
            if len(rows) < _READ:
                return
            last = rows[-1][0]

    def _count(self, table: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608

    def _any(self, table: str) -> bool:
        return self._some(table)

    def _some(self, rows: str) -> bool:
        return self._db.execute(f"SELECT 1 FROM {rows} LIMIT 1").fetchone() is not None  # noqa: S608

    def _denied(self, name: TableName) -> bool:
        return name in self.gathered.denied

    def _readable(self, table: Table) -> bool:
        return readable(table) and not self._denied(table.name)


def _growing(items: dict[int, None]) -> Iterator[int]:
    """The keys in their order, those that are added meanwhile as well."""
    done = 0
    while done < len(items):
        yield list(items)[done]
        done += 1
