"""What strategies make of references that lead nowhere, plainly. The judge of the clone's tests.

The rule (docs/clone.md): rows are deleted to the fixed point; then references are set to null, foreign key by foreign
key in the order of table, columns, referenced table and columns; where that takes away a key, deletion begins again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog_maker import SYSTEM, T
from satchel.core.deriva.model import ForeignKey, Model

Place = tuple[str, str]
Strategies = Mapping[str, str]
"""`schema:constraint` -> strategy."""


@dataclass
class Outcome:
    """What is left, and what it cost."""

    rows: dict[Place, dict[str, Any]]
    removed: int = 0
    nullified: int = 0
    failed: set[str] = field(default_factory=set)


def name_of(key: ForeignKey) -> str:
    return f"{key.schema}:{key.name}"


def orphans(rows: Mapping[Place, Mapping[str, Any]], key: ForeignKey) -> list[Place]:
    """The rows whose values, none of them null, no row has that is referred to."""
    there = {
        tuple(row.get(column) for column in key.referenced_columns)
        for (table, _), row in rows.items()
        if table == str(key.referenced)
    }
    found = []
    for (table, rid), row in rows.items():
        values = tuple(row.get(column) for column in key.columns)
        if table == str(key.table) and None not in values and values not in there:
            found.append((table, rid))
    return found


def judge(
    tables: Mapping[str, T], model: Model, comes: Iterable[Place], clone: Iterable[str], strategies: Strategies
) -> Outcome:
    """What the clone must hold.

    Args:
        tables: with the rows that the person sees.
        model: of them.
        comes: the rows that come along.
        clone: the tables that it has.
        strategies: for each foreign key.
    """
    comes, clone = set(comes), set(clone)
    rows = {(name, r["RID"]): dict(r) for name, t in tables.items() for r in t.rows if (name, r["RID"]) in comes}
    found = Outcome(rows)
    keys = [k for t in model for k in t.foreign_keys if str(k.table) in clone and str(k.referenced) in clone]
    keys.sort(key=lambda k: (k.table, k.columns, k.referenced, k.referenced_columns, name_of(k)))
    null = {name_of(k): tuple(c for c in k.columns if nullable(tables[str(k.table)], c)) for k in keys}
    while True:
        while gone := [place for key in keys if strategies[name_of(key)] == "delete" for place in orphans(rows, key)]:
            for place in set(gone):
                del rows[place]
                found.removed += 1
        changed = False
        for key in keys:
            columns = null[name_of(key)]
            if strategies[name_of(key)] != "nullify" or not columns:
                continue
            for place in orphans(rows, key):
                rows[place].update(dict.fromkeys(columns))
                found.nullified += 1
                changed = True
            if any(strategies[name_of(k)] == "delete" and orphans(rows, k) for k in keys):
                break
        if not changed:
            break
    found.failed = {name_of(key) for key in keys if orphans(rows, key)}
    return found


def nullable(table: T, column: str) -> bool:
    return column not in SYSTEM and column not in set(table.required)


def random_catalog(dice: random.Random) -> dict[str, T]:
    """Tables that refer to each other and to themselves in every way there is, each reference to a row that is there.

    `Shown` is null in the rows that a plain user shall not see.
    """
    names = [f"s:T{n}" for n in range(dice.randint(3, 6))]
    tables: dict[str, T] = {}
    for name in names:
        kind = dice.choice(["plain", "plain", "plain", "association", "vocabulary"])
        columns, references, required = ["A", "B", "Shown"], [], []
        for n in range(dice.randint(2, 3) if kind == "association" else dice.randint(1, 3)):
            other = dice.choice(names)
            own = (f"F{n}",) if kind == "association" or dice.random() < 0.6 else (f"F{n}", f"G{n}")
            references.append((own, other, ("RID",) if len(own) == 1 else ("A", "B")))
            columns += own
            required += [column for column in own if dice.random() < 0.25]
        if dice.random() < 0.2:
            references.append((("A", "B"), dice.choice([n for n in names if n != name]), ("A", "B")))
        keys = [["A", "B"]] + ([["F0", "F1"]] if kind == "association" else [])
        tables[name] = T(
            columns=columns, refs=references, keys=keys, vocabulary=kind == "vocabulary", required=required
        )
    for n, table in enumerate(tables.values()):
        for r in range(dice.randint(1, 8)):
            shown = "yes" if dice.random() < 0.75 else None
            table.rows.append({"RID": f"{n + 1}-{r:03}", "A": str(r // 2), "B": str(r % 2), "Shown": shown})
            if table.vocabulary:
                term = f"{n}-{r}"
                table.rows[-1].update(ID=term, URI=f"/id/{term}", Name=term, Description="", Synonyms=None)
    for table in tables.values():
        _refer(dice, tables, table)
    while any(_drop(tables, table) for table in tables.values()):
        pass
    return tables


def _drop(tables: Mapping[str, T], table: T) -> bool:
    """Drop rows that refer to rows that were dropped; whether there were any."""
    before = len(table.rows)
    for own, other, theirs in table.refs:
        there = {tuple(row.get(column) for column in theirs) for row in tables[other].rows}
        table.rows = [
            row for row in table.rows if None in (values := tuple(row.get(column) for column in own)) or values in there
        ]
    return len(table.rows) < before


def _refer(dice: random.Random, tables: Mapping[str, T], table: T) -> None:
    taken = set()
    for row in list(table.rows):
        for own, other, theirs in table.refs:
            if own == ("A", "B"):
                values = (row["A"], row["B"])
                if values not in {(r["A"], r["B"]) for r in tables[other].rows}:
                    row["A"] = None
                continue
            if tables[other].rows and (dice.random() < 0.85 or set(own) & set(table.required)):
                there = dice.choice(tables[other].rows)
                row.update(zip(own, (there[column] for column in theirs), strict=True))
            else:
                row.update(dict.fromkeys(own))
        if any(row.get(column) is None for column in table.required):
            table.rows.remove(row)
            continue
        pair = (row.get("F0"), row.get("F1"))
        if ["F0", "F1"] in list(table.keys) and None not in pair:
            if pair in taken:
                table.rows.remove(row)
            taken.add(pair)
