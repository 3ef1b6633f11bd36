"""Which tables a bag has and what links them: from the catalog's schema where the bag holds one, else from values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satchel.core.bags.inside.blocks import DamagedError, blocks, values
from satchel.core.bags.inside.form import form_of
from satchel.core.bags.inside.tasks import Done, GraphTask, Link, Table
from satchel.core.bags.names import safe_name
from satchel.core.deriva.model_reader import read_model
from satchel.core.errors import SatchelError

if TYPE_CHECKING:
    from satchel.core.bags.inside.work import Teller
    from satchel.core.deriva.model import Model

MOST_TABLES = 2000
MOST_LINKS = 20_000
LARGEST_SCHEMA = 1 << 27
READ_ROWS = 100_000
"""Rows of a table whose RIDs are known when links are guessed."""
COUNTED = 1 << 28
"""Bytes of a file whose rows are counted for the picture; others wait for nobody."""
SAMPLE = 500
"""Different values of a column that are looked for."""
_RID = re.compile(r"(?:[0-9A-HJKMNP-TV-Z]{1,4}-)?[0-9A-HJKMNP-TV-Z]{1,4}(?:-[0-9A-HJKMNP-TV-Z]{4})*")


@dataclass
class _Sampled:
    table: Table
    rids: set[str] = field(default_factory=set)
    whole: bool = False
    """All RIDs are known."""
    columns: dict[str, set[str]] = field(default_factory=dict)


def graph(task: GraphTask, teller: Teller) -> Done:
    """The tables and their links."""
    model = _model(Path(task.schema)) if task.schema else None
    sampled = []
    for path, place in task.files[:MOST_TABLES]:
        sampled.append(_sample(path, place, model is None))
        teller.step(len(sampled), 0)
    tables = [each.table for each in sampled]
    if model is not None:
        names = _names(model, tables)
        tables = [
            Table(path=t.path, name=str(names[t.path]), rows=t.rows, columns=t.columns, note=t.note)
            if t.path in names
            else t
            for t in tables
        ]
        links = _known(model, {name: path for path, name in names.items()}, {t.path: t for t in tables})
    else:
        links = _guessed(sampled)
    return Done(tables=tuple(tables), links=tuple(links[:MOST_LINKS]))


def _model(path: Path) -> Model | None:
    """The catalog's schema; None where it makes no sense."""
    try:
        if path.stat().st_size > LARGEST_SCHEMA:
            return None
        document = json.loads(path.read_bytes())
        return read_model(document)
    except (OSError, ValueError, RecursionError, SatchelError):
        return None


def _names(model: Model, tables: list[Table]) -> dict[str, Any]:
    """Which table of the schema a file holds, told by its name: `schema.table.csv`, `schema/table.csv`, `table.csv`."""
    by_file: dict[str, list[Any]] = {}
    for name in model.tables:
        plain = safe_name(f"{name.schema}.{name.table}")
        for said in {plain, f"{safe_name(name.schema)}/{safe_name(name.table)}", safe_name(name.table)}:
            by_file.setdefault(said.casefold(), []).append(name)
    found: dict[str, Any] = {}
    taken = set()
    for table in tables:
        folder, _, file = table.path.rpartition("/")
        stem = file.rpartition(".")[0].casefold()
        above = folder.rpartition("/")[2].casefold()
        for said in (stem, f"{above}/{stem}"):
            names = by_file.get(said, [])
            if len(names) == 1 and names[0] not in taken and _fits(model.tables[names[0]], table):
                found[table.path] = names[0]
                taken.add(names[0])
                break
    return found


def _fits(described: Any, table: Table) -> bool:
    """Whether a file's columns may be a table's: one that has none of them is another's."""
    if not table.columns:
        return True
    return bool({column.name for column in described.columns} & set(table.columns))


def _known(model: Model, paths: Mapping[Any, str], tables: Mapping[str, Table]) -> list[Link]:
    links = []
    for name, path in paths.items():
        for key in model.tables[name].foreign_keys:
            target = paths.get(key.referenced)
            if target is None:
                continue
            there = set(key.columns) <= set(tables[path].columns or key.columns)
            if there and set(key.referenced_columns) <= set(tables[target].columns or key.referenced_columns):
                links.append(
                    Link(table=path, columns=key.columns, target=target, target_columns=key.referenced_columns)
                )
    return sorted(links, key=lambda link: (link.table, link.columns))


def _sample(path: str, place: str, guess: bool) -> _Sampled:
    """Count a file's rows and, where links are to be guessed, look at the first of them."""
    name = path.rpartition("/")[2].rpartition(".")[0]
    if not place:
        return _Sampled(Table(path=path, name=name))
    try:
        form = form_of(Path(place))
        if form is None:
            return _Sampled(Table(path=path, name=name, note="It holds no records."))
        found = _Sampled(Table(path=path, name=name, columns=form.columns))
        rid = form.columns.index("RID") if "RID" in form.columns else -1
        found.columns = {column: set() for column in form.columns if column not in ("RID", "RCB", "RMB")}
        rows, note = 0, ""
        try:
            with Path(place).open("rb") as file:
                for block in blocks(file, form):
                    if guess and rows < READ_ROWS:
                        _look(found, values(block, form), rid, form.columns)
                    rows += block.rows
                    if block.offset > COUNTED:
                        return _large(found)
        except DamagedError as error:
            note = error.message
        found.whole = rows <= READ_ROWS or len(found.rids) >= rows
        found.table = Table(path=path, name=name, rows=rows, columns=form.columns, note=note)
        return found
    except OSError as error:
        return _Sampled(Table(path=path, name=name, note=f"It cannot be read: {error.strerror}."))


def _large(found: _Sampled) -> _Sampled:
    table = found.table
    found.table = Table(path=table.path, name=table.name, columns=table.columns)
    return found


def _look(found: _Sampled, rows: list[list[Any]], rid: int, names: tuple[str, ...]) -> None:
    if rid >= 0:
        found.rids.update(row[rid] for row in rows if isinstance(row[rid], str) and row[rid])
    for place, name in enumerate(names):
        seen = found.columns.get(name)
        if seen is None or len(seen) >= SAMPLE:
            continue
        some = {row[place] for row in rows[: SAMPLE * 2] if row[place] not in ("", None)}
        if all(isinstance(value, str) and _RID.fullmatch(value) for value in some):
            seen.update(some)
        else:
            del found.columns[name]


def _guessed(sampled: list[_Sampled]) -> list[Link]:
    """A column whose values are all RIDs of another table (or of its own) is taken for a link to it."""
    links = []
    targets = [each for each in sampled if each.rids]
    for each in sampled:
        for name, seen in each.columns.items():
            if not seen:
                continue
            for target in targets:
                inside = len(seen & target.rids)
                # Of a large table only the first RIDs are known: then a good part of the values must be among them.
                if inside == len(seen) or (not target.whole and inside * 10 >= len(seen) and inside >= 3):
                    links.append(
                        Link(
                            table=each.table.path,
                            columns=(name,),
                            target=target.table.path,
                            target_columns=("RID",),
                            guessed=True,
                        )
                    )
                    break
    return links
