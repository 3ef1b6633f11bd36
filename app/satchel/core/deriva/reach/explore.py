"""Read only the rows to which the rule leads, where a catalog is so large that reading its references whole is worse.

One subject's hundred observations among a million: the observations are asked for by their references to the subject,
`Subject=any(...)`, the rows that those refer to by their keys, and so on to the fixed point. That is exact, but costs a
request for every few hundred rows; when that gets too much beside what reading all would cost, it is given up.

The server's collation decides in which order RIDs stand. Each answer shows a piece of it, and where two of the orders
that servers use fit all pieces, the server is asked (`_Order`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from satchel.core.deriva import paths
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import ForeignKey, Model
from satchel.core.deriva.model_reader import is_system_reference
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach.choices import goes_down
from satchel.core.deriva.reach.pages import PageReader, ReadRow
from satchel.core.deriva.reach.plan import Plan, PlannedTable, unreadable_columns

AT_ONCE = 8
WORTH_IT = 30.0
"""What reading all must cost at least, in requests, before anything else is tried."""
BUDGET = 0.3
"""What trying may cost, as a share of that."""
ROWS_A_REQUEST = 2_000
"""How many rows cost a server about as much as a request does."""
MOST_ROWS_AT_ONCE = 5_000
MOST_ROWS = 100_000

Place = tuple[TableName, str]
"""A table and the column by which its rows are asked for."""
Key = tuple[str, ...]
Columns = tuple[str, ...]
_BELONGS, _COMES = 2, 1


async def explore(
    catalog: Catalog, wanted: Plan, model: Model, rid: str, totals: Mapping[TableName, int]
) -> dict[TableName, tuple[list[ReadRow], int]] | None:
    """Read the rows to which the rule leads.

    Args:
        catalog: pinned to a snapshot.
        wanted: the tables and the ways between them.
        model: the catalog's.
        rid: of the root record.
        totals: rows in each table; of tables that may not be read, none.

    Returns:
        For each table its rows in the server's order and how far apart to number them; None when reading all is better.
    """
    cost = sum(1 + total / ROWS_A_REQUEST for total in totals.values())
    if cost < WORTH_IT:
        return None
    return await _Explorer(catalog, wanted, model, rid, totals, cost * BUDGET).run()


class _TooMuch(Exception):  # noqa: N818 - a decision, not an error
    """Reading all is better."""


class _Explorer:
    def __init__(
        self,
        catalog: Catalog,
        wanted: Plan,
        model: Model,
        rid: str,
        totals: Mapping[TableName, int],
        budget: float,
    ) -> None:
        self._catalog = catalog
        self._model = model
        self._rid = rid
        self._ways = wanted.ways
        self._totals = totals
        self._whole_vocabularies = wanted.whole_vocabularies
        self._budget = budget
        self._root = wanted.root
        self._planned = {planned.name: planned for planned in wanted.tables if planned.name in totals}
        self._readers = {
            name: PageReader(catalog, planned, MOST_ROWS_AT_ONCE, files=True) for name, planned in self._planned.items()
        }
        self._down = {name: self._keys(model.referring.get(name, ())) for name in self._planned}
        self._up = {name: self._keys(planned.references) for name, planned in self._planned.items()}
        self._by = {name: self._indexed(name) for name in self._planned}
        self._rows: dict[TableName, dict[str, ReadRow]] = {name: {} for name in self._planned}
        self._states: dict[TableName, dict[str, int]] = {name: {} for name in self._planned}
        self._index: dict[tuple[TableName, Columns], dict[Key, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._expected: dict[tuple[TableName, Columns], dict[Key, int]] = defaultdict(dict)
        self._follow: dict[tuple[TableName, Columns], set[Key]] = defaultdict(set)
        self._asked: set[tuple[TableName, str, str]] = set()
        self._asks: dict[tuple[TableName, str], dict[str, None]] = defaultdict(dict)
        self._wholes: dict[TableName, bool] = {}
        self._waiting: deque[tuple[TableName, str, int]] = deque()
        self._orders = {name: _Order(catalog, planned) for name, planned in self._planned.items()}

    async def run(self) -> dict[TableName, tuple[list[ReadRow], int]] | None:
        try:
            self._expect(self._root, ("RID",), (self._rid,), _BELONGS)
            while self._asks or not all(self._wholes.values()):
                await self._ask()
            found = {}
            for name, rows in self._rows.items():
                order = await self._orders[name].sort(rows)
                total = self._totals[name]
                step = 1 if len(rows) == total or not rows else max(2, total // len(rows))
                found[name] = ([rows[rid] for rid in order], step)
            return found
        except _TooMuch:
            return None

    # -- asking ----------------------------------------------------------------------------------------------------

    async def _ask(self) -> None:
        """Send all that is to be asked, and take the answers in."""
        asks, self._asks = self._asks, defaultdict(dict)
        wholes = [name for name, read in self._wholes.items() if not read]
        self._spend(sum(1 + self._totals[name] / ROWS_A_REQUEST for name in wholes))
        batches = {place: list(self._batches(place[0], values)) for place, values in asks.items()}
        self._spend(sum(map(len, batches.values())))
        first = [(place, found[0]) for place, found in batches.items()]
        rest = [(place, batch) for place, found in batches.items() for batch in found[1:]]
        # One of each kind goes ahead: when it brings very much, so will the others, and they are not sent at all.
        sizes = dict(await self._all(first, wholes))
        self._foresee(sum(sizes[place] / ROWS_A_REQUEST for place, _ in rest))
        await self._all(rest, [])
        for name in wholes:
            self._wholes[name] = True
            for rid in list(self._rows[name]):
                self._reach(name, rid, _COMES)

    async def _all(self, questions: list[tuple[Place, list[str]]], wholes: list[TableName]) -> list[tuple[Place, int]]:
        """Ask questions and read tables, several at once; how many rows came of each question."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(place: Place, batch: list[str]) -> tuple[Place, list[ReadRow]]:
            async with gate:
                rows = await self._readers[place[0]].matching(place[1], batch)
            if len(rows) >= MOST_ROWS_AT_ONCE:
                raise _TooMuch
            return place, rows

        async def whole(name: TableName) -> tuple[Place, list[ReadRow]]:
            rows: list[ReadRow] = []
            while True:
                async with gate:
                    page = await self._readers[name].page(rows[-1].rid if rows else None)
                rows += page
                if len(page) < MOST_ROWS_AT_ONCE:
                    return (name, ""), rows

        jobs = [asyncio.ensure_future(one(*question)) for question in questions]
        jobs += [asyncio.ensure_future(whole(name)) for name in wholes]
        try:
            answers = await asyncio.gather(*jobs)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
        for (name, _), rows in answers:
            self._orders[name].see([row.rid for row in rows])
            self._spend(len(rows) / ROWS_A_REQUEST)
            for row in rows:
                self._take(name, row)
        return [(place, len(rows)) for place, rows in answers]

    def _foresee(self, cost: float) -> None:
        """Give up when what is still to come would cost too much."""
        if cost > self._budget:
            raise _TooMuch

    def _spend(self, cost: float) -> None:
        self._budget -= cost
        if self._budget < 0 or sum(map(len, self._rows.values())) > MOST_ROWS:
            raise _TooMuch

    def _batches(self, name: TableName, values: Iterable[str]) -> Iterator[list[str]]:
        """Lists of values that fit into a path; the empty string, which a list cannot hold, alone."""
        given = list(values)
        if "" in given:
            yield [""]
        yield from paths.batches((value for value in given if value), self._readers[name].room)

    # -- the rule ----------------------------------------------------------------------------------------------------

    def _take(self, name: TableName, row: ReadRow) -> None:
        """Take a row in, and give it the state that was expected of it."""
        if row.rid in self._rows[name]:
            return
        self._rows[name][row.rid] = row
        state = 0
        follow = []
        for columns in self._by[name]:
            key = self._key(name, row, columns)
            if key is not None:
                self._index[name, columns][key].append(row.rid)
                state = max(state, self._expected[name, columns].get(key, 0))
                if key in self._follow[name, columns]:
                    follow.append(columns)
        if state:
            self._reach(name, row.rid, state)
        for columns in follow:
            self._partners(name, row, columns)

    def _expect(self, name: TableName, columns: Columns, key: Key, state: int, *, follow: bool = False) -> None:
        """Any row with this key, whether it is here or comes later, has at least this state."""
        if name not in self._planned:
            return
        expected = self._expected[name, columns]
        news = expected.get(key, 0) < state or (follow and key not in self._follow[name, columns])
        if not news:
            return
        expected[key] = max(state, expected.get(key, 0))
        if follow:
            self._follow[name, columns].add(key)
        for rid in list(self._index[name, columns].get(key, ())):
            self._reach(name, rid, state)
            if follow:
                self._partners(name, self._rows[name][rid], columns)
        if self._wholes.get(name) is not True and (name, columns[0], key[0]) not in self._asked:
            self._asked.add((name, columns[0], key[0]))
            self._asks[name, columns[0]][key[0]] = None

    def _reach(self, name: TableName, rid: str, state: int) -> None:
        """A row belongs or comes along; so others do."""
        self._waiting.append((name, rid, state))
        if len(self._waiting) > 1:
            return  # whoever waits already goes on with this one, too: chains may be long
        while self._waiting:
            name, rid, state = self._waiting[0]
            self._go_on(name, rid, state)
            self._waiting.popleft()

    def _go_on(self, name: TableName, rid: str, state: int) -> None:
        before = self._states[name].get(rid, 0)
        if before >= state:
            return
        self._states[name][rid] = state
        row = self._rows[name][rid]
        if before == 0:
            for key in self._up[name]:
                values = self._key(name, row, key.columns)
                if values is not None:
                    self._come(key, values)
        root = name == self._root and rid == self._rid
        if state == _BELONGS and goes_down(self._planned[name].table, root):
            for key in self._down[name]:
                values = self._key(name, row, key.referenced_columns)
                if values is not None:
                    follow = any(way[0] == key for way in self._ways)
                    self._expect(key.table, key.columns, values, _BELONGS, follow=follow)

    def _come(self, key: ForeignKey, values: Key) -> None:
        """What a collected row refers to comes along."""
        table = self._planned[key.referenced].table
        if table.is_vocabulary and self._whole_vocabularies:
            self._wholes.setdefault(key.referenced, False)
        else:
            self._expect(key.referenced, key.referenced_columns, values, _COMES)

    def _partners(self, name: TableName, row: ReadRow, columns: Columns) -> None:
        """The partners of an association's row that was entered by these columns belong."""
        for enters, leaves in self._ways:
            if enters.table == name and enters.columns == columns and leaves in self._up[name]:
                values = self._key(name, row, leaves.columns)
                if values is not None:
                    self._expect(leaves.referenced, leaves.referenced_columns, values, _BELONGS)

    # -- small things ------------------------------------------------------------------------------------------------

    def _keys(self, keys: Iterable[ForeignKey]) -> list[ForeignKey]:
        """Those references that can be followed between tables that are read."""
        return [
            key
            for key in keys
            if key.table in self._planned
            and key.referenced in self._planned
            and key in self._planned[key.table].references
            and not is_system_reference(key)
            and not unreadable_columns(key, self._model)
        ]

    def _indexed(self, name: TableName) -> list[Columns]:
        """The keys by which rows of a table are looked for."""
        own = [key.columns for key in self._up[name]]
        theirs = [key.referenced_columns for key in self._down[name]]
        return list(dict.fromkeys([("RID",), *own, *theirs]))

    def _key(self, name: TableName, row: ReadRow, columns: Columns) -> Key | None:
        """A row's values; None when one of them is null."""
        planned = self._planned[name].columns
        values = []
        for column in columns:
            value = row.rid if column == "RID" else row.keys[planned.index(column)]
            if value is None:
                return None
            values.append(value)
        return tuple(values)


def _bytewise(rid: str) -> tuple[str, str]:
    return rid, rid


def _without_dashes(rid: str) -> tuple[str, str]:
    return rid.replace("-", ""), rid


_ORDERS: tuple[Callable[[str], tuple[str, str]], ...] = (_bytewise, _without_dashes)
"""How servers sort RIDs: PostgreSQL's "C" and every collation that sorts punctuation before digits; and those that
look at it last. RIDs consist of digits, capital letters and dashes, so that there are no others."""


class _Order:
    """Finds out in which order a server sorts the RIDs of a table."""

    def __init__(self, catalog: Catalog, planned: PlannedTable) -> None:
        self._catalog = catalog
        self._planned = planned
        self._fitting = list(_ORDERS)

    def see(self, rids: Sequence[str]) -> None:
        """Learn from RIDs that the server has sorted."""
        self._fitting = [order for order in self._fitting if sorted(rids, key=order) == list(rids)]

    async def sort(self, rids: Iterable[str]) -> list[str]:
        """RIDs as the server would sort them.

        Raises:
            _TooMuch: it does so in none of the ways that are known.
        """
        given = list(rids)
        while self._fitting:
            sorts = [sorted(given, key=order) for order in self._fitting]
            if all(one == sorts[0] for one in sorts):
                return sorts[0]
            pair = next(list(two) for two in zip(*sorts, strict=True) if two[0] != two[1])
            reader = PageReader(self._catalog, self._planned)
            self.see([row.rid for row in await reader.matching("RID", pair)])
        raise _TooMuch
