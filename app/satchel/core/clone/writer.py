"""Puts pages of rows into the destination: one writer, for concurrent ones only hinder each other there.

A page that is refused is halved until the rows are found that are the reason; all others go in. Mirrors
`POST /entity/S:T?nondefaults=RID,RCT,RCB&onconflict=skip`: RIDs, creators and times are kept, and a page that is
there already (its answer was lost) changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from satchel.core.clone.oversized import column_of, cut, long_values, refused
from satchel.core.clone.plan import TablePlan
from satchel.core.clone.report import TruncatedValue
from satchel.core.clone.rows import MODULUS, Codec, Page
from satchel.core.deriva.ermrest import Catalog
from satchel.core.errors import Kind, SatchelError

MOST_REFUSED = 1_000
"""Rows of one page, one by one; more than that is no matter of some rows."""
_ASKED_AGAIN = 2
_TOO_MUCH = ("query run time limit exceeded", "statement timeout", "413 ")


class IndexRefused(Exception):  # noqa: N818 - a turn of events, not an error
    """An index refuses values of columns that need not have one.

    Args:
        table: which.
        columns: of it.
        words: the server's.
    """

    def __init__(self, table: TablePlan, columns: tuple[str, ...], words: str) -> None:
        super().__init__(words)
        self.table = table
        self.columns = columns
        self.words = words


@dataclass
class Written:
    """What became of a page."""

    rows: int
    digest: int
    truncated: list[TruncatedValue] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    """A server's words -> RIDs of rows that it did not take."""
    slow: bool = False
    """Whether pages should be smaller."""


class Writer:
    """Writes rows of one catalog.

    Args:
        catalog: the destination.
        truncate: whether values that an index refuses are cut.
        spare: the columns of a table that can do without an index; what one refuses in them raises `IndexRefused`.
        log: for what is tried again.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        truncate: bool,
        spare: Callable[[TablePlan], frozenset[str]],
        log: Callable[[str, str], None],
    ) -> None:
        self._catalog = catalog
        self._truncate = truncate
        self._spare = spare
        self._log = log

    async def write(self, table: TablePlan, page: Page, codec: Codec) -> Written:
        """Write a page.

        Raises:
            SatchelError: the server fails, or does not let this user write.
            IndexRefused: the table needs another schema.
        """
        if not page.rids:
            return Written(0, 0)
        try:
            await self._post(table, page.body, codec.media)
        except SatchelError as error:
            if not _halvable(error):
                raise
            self._spared(table, column_of(error.detail, codec.columns, table.name.table), error)
            if len(page.rids) > 1:
                self._log(f"{table.name}: a page is refused and halved. {_said(error)}", "warning")
            written = Written(len(page.rids), page.digest, slow=_too_much(error))
            await self._halve(table, codec.split(page.body), codec, error, written)
            return written
        return Written(len(page.rids), page.digest)

    def _spared(self, table: TablePlan, column: str | None, error: SatchelError) -> None:
        """Whether a column can do without the index that refuses its values; then that is what is to be done."""
        if refused(error.detail) and not self._truncate and column in self._spare(table):
            raise IndexRefused(table, (str(column),), _said(error))

    async def _post(self, table: TablePlan, body: bytes, media: str) -> None:
        path = f"{self._catalog.path}/entity/{table.name.path}?nondefaults=RID,RCT,RCB&onconflict=skip"
        await self._catalog.session.request(
            "POST", path, data=body, headers={"Content-Type": media}, accept=media, idempotent=True
        )

    async def _halve(
        self,
        table: TablePlan,
        rows: list[tuple[str, bytes]],
        codec: Codec,
        error: SatchelError,
        written: Written,
    ) -> None:
        """Write rows that were refused together, in parts."""
        if len(rows) == 1:
            await self._one(table, rows[0], codec, error, written)
            return
        for part in self._parts(rows, error, codec, table):
            try:
                await self._post(table, codec.join(raw for _, raw in part), codec.media)
            except SatchelError as again:
                if not _halvable(again):
                    raise
                await self._halve(table, part, codec, again, written)

    def _parts(
        self, rows: list[tuple[str, bytes]], error: SatchelError, codec: Codec, table: TablePlan
    ) -> list[list[tuple[str, bytes]]]:
        """Those that may be the reason apart where they can be told, else halves."""
        if refused(error.detail):
            column = column_of(error.detail, codec.columns, table.name.table)
            long = [row for row in rows if len(row[1]) > 2000 and _long(codec.texts(row[1]), column)]
            if long and len(long) < len(rows):
                known = {rid for rid, _ in long}
                return [[row for row in rows if row[0] not in known], *_halves(long)]
        return _halves(rows)

    async def _one(
        self, table: TablePlan, row: tuple[str, bytes], codec: Codec, error: SatchelError, written: Written
    ) -> None:
        """Write a row that is refused, cut where that is wanted and helps."""
        rid, raw = row
        for _ in range(_ASKED_AGAIN):
            if refused(error.detail):
                break
            try:  # what it says may have been cut off
                await self._post(table, codec.join([raw]), codec.media)
            except SatchelError as again:
                if not _halvable(again):
                    raise
                error = again
            else:
                return
        if refused(error.detail):
            self._spared(table, column_of(error.detail, codec.columns, table.name.table), error)
            for long in long_values(codec.texts(raw)):
                self._spared(table, long, error)
        if self._truncate and refused(error.detail):
            changed = await self._cut(table, rid, raw, codec, error, written)
            if changed is not None:
                difference = _digest(codec, changed) - _digest(codec, raw)
                written.digest = (written.digest + difference) % MODULUS
                return
        written.refused.setdefault(_said(error), []).append(rid)
        if sum(map(len, written.refused.values())) > MOST_REFUSED:
            raise SatchelError(
                Kind.SERVER,
                f"{self._catalog.host} takes hardly any row of {table.name}.",
                "Its words are in the details; what was copied is kept.",
                error.detail,
            )
        written.rows -= 1
        written.digest = (written.digest - _digest(codec, raw)) % MODULUS

    async def _cut(
        self, table: TablePlan, rid: str, raw: bytes, codec: Codec, error: SatchelError, written: Written
    ) -> bytes | None:
        """Cut one value after the other until the server takes the row; None where it does not."""
        texts = codec.texts(raw)
        long = long_values(texts)
        done: list[TruncatedValue] = []
        while long:
            named = column_of(error.detail, codec.columns, table.name.table)
            column = named if named in long else next(iter(long))
            before = long.pop(column)
            short = cut(texts[column])
            raw = codec.with_text(raw, column, short)
            after = len(short.encode())
            done.append(
                TruncatedValue(
                    table=str(table.name), rid=rid, column=column, original_bytes=before, truncated_bytes=after
                )
            )
            try:
                await self._post(table, codec.join([raw]), codec.media)
            except SatchelError as again:
                if not refused(again.detail):
                    if not _halvable(again):
                        raise
                    return None
                error = again
                continue
            written.truncated += done
            return raw
        return None


def _halves(rows: list[tuple[str, bytes]]) -> list[list[tuple[str, bytes]]]:
    middle = len(rows) // 2
    return [part for part in (rows[:middle], rows[middle:]) if part]


def _digest(codec: Codec, raw: bytes) -> int:
    return codec.digest(codec.decode(codec.join([raw])))


def _long(texts: dict[str, str], column: str | None) -> bool:
    long = long_values(texts)
    return column in long if column is not None else bool(long)


def _too_much(error: SatchelError) -> bool:
    return any(words in error.detail.lower() for words in _TOO_MUCH)


def _halvable(error: SatchelError) -> bool:
    """Whether the rows are the reason, or their number: 400, 409 and 413 say so."""
    return error.detail[:4] in ("400 ", "409 ", "413 ") or _too_much(error)


def _said(error: SatchelError) -> str:
    return error.detail.splitlines()[0] if error.detail else error.message
