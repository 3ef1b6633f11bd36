"""A bag of an export as the source of a clone, for destinations that cannot see the catalog it came from.

The bag is checked whole before anything is taken from it. All rows that it holds come along, whatever the selection of
the export was; which refers to which is worked out from its CSV files as from a server's answers.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.bags import validate
from satchel.core.bags.extract import extract
from satchel.core.bags.threads import in_thread
from satchel.core.clone.csvrows import CsvCodec, field_of, records, split_fields, value_of
from satchel.core.clone.keysets import KeySets
from satchel.core.clone.plan import ClonePlan, TablePlan, copied_columns, make_plan
from satchel.core.clone.reading import REACH, Reading, dangling_of
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.rows import Change, Codec, Page, RowsError
from satchel.core.clone.selecting import select
from satchel.core.clone.source import MOST_ROWS, PAGE_BYTES, Part
from satchel.core.deriva.ermrest import CatalogInfo
from satchel.core.deriva.model import Model
from satchel.core.deriva.model_reader import read_model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import Gathered, Hidden, ReachedTable, Role
from satchel.core.deriva.reach.pages import ReadRow
from satchel.core.deriva.reach.plan import Plan, PlannedTable, planned
from satchel.core.deriva.reach.store import Store
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.naming import asset_folders, record_paths
from satchel.core.jobs.context import Context

_ADD = 5_000


@dataclass
class BagReached:
    """All that is in a bag, in the place of what the rule comes to."""

    root: TableName
    rid: str
    tables: tuple[ReachedTable, ...]
    files: Mapping[TableName, Path]
    folder: Path
    """The bag's."""
    asset_folders: Mapping[str, str]
    """Where it holds the files of each table (`schema:table`), below it."""
    hidden: tuple[Hidden, ...] = ()

    def rids(self, table: TableName) -> Iterator[tuple[int, str]]:
        """The rows of a table: number and RID."""
        with self.files[table].open("rb") as file:
            found = records(file)
            codec = CsvCodec(next(found, b""))
            place = codec.columns.index("RID")
            for number, record in enumerate(found):
                yield number, value_of(split_fields(record)[place]) or ""

    def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def read_bag(request: CloneRequest, context: Context, checked: Callable[[], None]) -> AsyncIterator[Reading]:
    """Read a bag as `satchel.core.clone.reading.read` reads a catalog.

    Raises:
        SatchelError: there is none, it is damaged, or it is none of an export.
    """
    folder = await _folder(request, context)
    with context.stage("source", "Look into the bag"):
        info, document = await asyncio.to_thread(_described, folder)
        model, files = await asyncio.to_thread(_tables, document, folder)
        folders = {str(name): path for name, path in asset_folders(list(files)).items()}
        files, included = _selected(request, model, files, TableName.parse(info["Root-Table"]))
    checked()
    gathered, reached = await _gathered(info, model, files, context)
    reached.folder, reached.asset_folders = folder, folders
    try:
        plan = make_plan(request, gathered, reached, [(name, 0) for name in included])
        keys = await asyncio.to_thread(KeySets, gathered, reached, plan)
        try:
            dangling = await asyncio.to_thread(dangling_of, keys, plan)
            annotations = document.get("annotations") or {}
            told = CatalogInfo(gathered.catalog, gathered.snapshot, annotations, {}, {}, {})
            yield Reading(None, told, told, gathered, reached, plan, keys, dangling)
        finally:
            keys.close()
    finally:
        gathered.close()


async def _folder(request: CloneRequest, context: Context) -> Path:
    """The bag's folder; of an archive one below the job's."""
    given = Path(request.from_bag or "")
    check = validate.ValidateRequest(path=str(given))
    into = context.folder / "bag"
    known = context.recall("bag")
    if known is not None and await asyncio.to_thread(Path(known).is_dir):
        return Path(known)
    result = await validate.run(check, context)
    if not result.sound:
        first = result.errors[0].message if result.errors else "it is not whole"
        raise SatchelError(
            Kind.INVALID,
            f"The bag {given.name} is damaged: {first}",
            f"`satchel validate {given}` tells all. Ask who gave it for another copy.",
        )
    folder = given
    if await asyncio.to_thread(given.is_file):
        await asyncio.to_thread(shutil.rmtree, into, ignore_errors=True)
        into.mkdir()
        with context.stage("extract", f"Unpack {given.name}", unit="bytes") as stage:
            folder = await in_thread(
                context.cancelled, extract, given, into, stop=context.cancelled, told=lambda size, _: stage.add(size)
            )
    context.checkpoint("bag", str(folder))
    return folder


def _described(folder: Path) -> tuple[dict[str, str], Any]:
    info: dict[str, str] = {}
    try:
        for line in (folder / "bag-info.txt").read_text("utf-8").splitlines():
            label, colon, value = line.partition(":")
            if colon and not line.startswith((" ", "\t")):
                info.setdefault(label.strip(), value.strip())
        document = msgspec.json.decode((folder / "data" / "schema.json").read_bytes())
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise _no_export(folder, str(error)) from error
    if not {"Source-Host", "Source-Catalog", "Source-Snapshot", "Root-RID", "Root-Table"} <= info.keys():
        raise _no_export(folder, "bag-info.txt does not say where it came from")
    return info, document


def _no_export(folder: Path, why: str) -> SatchelError:
    return SatchelError(
        Kind.INVALID,
        f"{folder.name} is not a bag that Satchel's export of a record has made.",
        "Other bags lack what a clone needs: the schema, and all rows with their RIDs.",
        why,
    )


def _tables(document: Any, folder: Path) -> tuple[Model, dict[TableName, Path]]:
    """The model, in which columns that the files lack count as not to be read, and the tables' files."""
    first = read_model(document, "the bag")
    there = {str(path.relative_to(folder).as_posix()) for path in (folder / "data" / "records").glob("*.csv")}
    files: dict[TableName, Path] = {}
    for table in first:
        path = record_paths([table.name])[table.name]
        if path in there:
            files[table.name] = folder / path
            there.discard(path)
    if there:
        raise _no_export(folder, f"no table is known for {min(there)}")
    for name, records_file in files.items():
        with records_file.open("rb") as file:
            try:
                columns = CsvCodec(next(records(file), b"")).columns
            except RowsError as error:
                raise _no_export(folder, f"{records_file.name}: {error}") from error
        for column in document["schemas"][name.schema]["tables"][name.table]["column_definitions"]:
            if column["name"] not in columns:
                column["rights"] = {"select": False}
    return read_model(document, "the bag"), files


def _selected(
    request: CloneRequest, model: Model, files: Mapping[TableName, Path], root: TableName
) -> tuple[dict[TableName, Path], list[TableName]]:
    """The tables that come along, and those that the person wants beside them. Raises SatchelError."""
    selected = select(request.selection, model, root)
    excluded = {TableName.parse(name) for name in selected.offers.exclude}
    kept = {name: file for name, file in files.items() if name not in excluded or name == root}
    return kept, [name for name in selected.included if name not in kept]


async def _gathered(
    info: Mapping[str, str], model: Model, files: Mapping[TableName, Path], context: Context
) -> tuple[Gathered, BagReached]:
    root, rid = TableName.parse(info["Root-Table"]), info["Root-RID"]
    if root not in files:
        raise SatchelError(Kind.INVALID, f"The bag has no rows of {root}, which it says is its root's table.")
    names = set(files)
    tables = tuple(planned(model, model.tables[name], names, names) for name in sorted(names))
    plan = Plan(root, tables, frozenset(), True)
    identity = ["bag", info["Source-Host"], info["Source-Catalog"], info["Source-Snapshot"], rid]
    store = await asyncio.to_thread(Store, context.folder / REACH, identity, plan)
    try:
        totals: dict[TableName, int] = {}
        with context.stage("reach", "Read the bag's records", unit="rows") as stage:
            for table in tables:
                stage.item = str(table.name)
                totals[table.name] = await in_thread(
                    context.cancelled, _read, files[table.name], table, store, stage.add
                )
            await asyncio.to_thread(store.build, model)
    except BaseException:
        store.close()
        raise
    gathered = Gathered(
        info["Source-Catalog"],
        info["Source-Host"],
        info["Source-Snapshot"],
        rid,
        model,
        plan,
        totals,
        frozenset(),
        False,
        store,
    )
    reached = [_reached(model, name, totals[name], root, store) for name in sorted(names)]
    return gathered, BagReached(root, rid, tuple(reached), files, Path(), {})


def _reached(model: Model, name: TableName, rows: int, root: TableName, store: Store) -> ReachedTable:
    table = model.tables[name]
    role = Role.ROOT if name == root else Role.VOCABULARY if table.is_vocabulary else Role.DOWN
    assets, size = store.assets(name) if table.asset is not None else (0, 0)
    return ReachedTable(name, rows, rows, assets, size, 0, role)


def _read(path: Path, table: PlannedTable, store: Store, told: Callable[[int], None]) -> int:
    """Put a file's rows into the store."""
    done, _ = store.last(table.name)
    asset = table.table.asset
    with path.open("rb") as file:
        found = records(file)
        try:
            codec = CsvCodec(next(found, b""))
            place = {column: codec.columns.index(column) for column in codec.columns}
            batch: list[ReadRow] = []
            count = 0
            for record in found:
                count += 1
                if count <= done:
                    continue
                fields = split_fields(record)
                if len(fields) != len(codec.columns):
                    raise RowsError("a record has too few or too many fields")
                values = {column: value_of(fields[at]) for column, at in place.items() if column in _wanted(table)}
                length = values.get(asset.length) if asset is not None and asset.length else None
                batch.append(
                    ReadRow(
                        value_of(fields[place["RID"]]) or "",
                        int(length) if length and length.isdigit() else None,
                        int(asset is not None and values.get(asset.url) is not None),
                        tuple(values.get(column) for column in table.columns),
                    )
                )
                if len(batch) >= _ADD:
                    store.add(table.name, count - len(batch), batch)
                    told(len(batch))
                    batch = []
            if batch:
                store.add(table.name, count - len(batch), batch)
                told(len(batch))
        except RowsError as error:
            raise SatchelError(Kind.INVALID, f"{path.name} in the bag makes no sense: {error}.") from error
    if not store.finished(table.name):
        store.finish(table.name)
    return count


def _wanted(table: PlannedTable) -> frozenset[str]:
    asset = table.table.asset
    more = [column for column in (asset.url, asset.length) if column] if asset is not None else []
    return frozenset([*table.columns, *more])


class BagSource:
    """Pages from a bag's files. See `satchel.core.clone.source.Source`.

    Args:
        files: of the tables.
        plan: of the clone.
        change: what must change in rows of a table.
    """

    def __init__(
        self, files: Mapping[TableName, Path], plan: ClonePlan, change: Callable[[TablePlan], Change | None]
    ) -> None:
        self._files = files
        self._plan = plan
        self._change = change
        self._most: dict[TableName, int] = {}
        self._codecs: dict[TableName, CsvCodec] = {}

    def codec(self, table: TablePlan) -> Codec:
        """See `Source`."""
        if table.name not in self._codecs:
            file = self._files.get(table.name)
            if file is None:  # a table that the person wants beside those of the bag
                header = b",".join(field_of(column.name) for column in copied_columns(table.table))
            else:
                with file.open("rb") as opened:
                    header = next(records(opened), b"")
            self._codecs[table.name] = CsvCodec(header)
        return self._codecs[table.name]

    def row_bytes(self, table: TablePlan) -> float:
        """See `Source`."""
        file = self._files.get(table.name)
        return file.stat().st_size / max(1, table.rows) if file is not None else 1.0

    def shrink(self, table: TablePlan) -> None:
        """See `Source`."""
        self._most[table.name] = max(1, self._most.get(table.name, MOST_ROWS) // 2)

    async def measure(self, tables: object) -> dict[str, float]:
        """Bytes of a row of each table."""
        return {
            str(table.name): self._files[table.name].stat().st_size / table.rows
            for table in self._plan.tables
            if table.rows
        }

    async def parts(self, table: TablePlan, done: int) -> AsyncIterator[Part]:
        """See `Source`."""
        if table.emptied or not table.rows:
            return
        codec = self.codec(table)
        with self._files[table.name].open("rb") as file:
            found = records(file)
            next(found, None)
            for _ in range(done):
                next(found, None)
            while rows := await asyncio.to_thread(self._some, found, table):
                page = await asyncio.to_thread(codec.page, [codec.join(rows)], None, self._change(table))
                yield Part(len(page.rids), _ready(page))

    def _some(self, found: Iterator[bytes], table: TablePlan) -> list[bytes]:
        rows: list[bytes] = []
        size = 0
        most = self._most.get(table.name, MOST_ROWS)
        for record in found:
            rows.append(record)
            size += len(record)
            if size >= PAGE_BYTES or len(rows) >= most:
                break
        return rows


def _ready(page: Page) -> Callable[[], Any]:
    async def read() -> Page:
        return page

    return read
