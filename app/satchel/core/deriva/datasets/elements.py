"""Which tables may hold members of datasets, as deriva-ml 1.17.10 sees it, and which members a dataset has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from satchel.core.deriva.datasets.listing import DATASET, NESTING, need_datasets
from satchel.core.deriva.datasets.model import ML, MemberCount, Members
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import SYSTEM_COLUMNS, ForeignKey, Model, Table
from satchel.core.deriva.model_reader import association_keys
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import any_of, batches, escape
from satchel.core.errors import Kind, SatchelError

BUILTIN = frozenset({"public", ML, "www", "WWW"})
"""Schemas that are no domain's."""
FILE = TableName(ML, "File")


@dataclass(frozen=True, slots=True)
class Element:
    """A type of members: the association of `Dataset` with a table."""

    association: TableName
    dataset: ForeignKey
    """The association's reference to the dataset."""
    member: ForeignKey
    """Its reference to the member."""

    @property
    def table(self) -> TableName:
        """The members' table."""
        return self.member.referenced


def associations(model: Model) -> list[Element]:
    """The pure associations of `Dataset`, as deriva-py's `find_associations` gives them: nothing but two references."""
    found = []
    for name in dict.fromkeys(key.table for key in model.referring.get(DATASET, ())):
        keys = _pure(model.tables[name])
        if keys is None:
            continue
        own = [key for key in keys if key.referenced == DATASET]
        if not own:
            continue
        dataset = next((key for key in own if key.columns == ("Dataset",)), own[0])
        found.append(Element(name, dataset, next(key for key in keys if key is not dataset)))
    return found


def domain_schemas(model: Model) -> list[str]:
    """The schemas of the catalog that are neither ERMrest's, nor Chaise's, nor deriva-ml's."""
    return sorted({name.schema for name in model.tables} - BUILTIN)


def domain_schema(model: Model) -> str:
    """The schema with which deriva-ml works: the only one, or the one in which members of datasets lie.

    Release 1.17.10 itself has to be told where a catalog has more than one.

    Raises:
        SatchelError: there is none, or it cannot be told which.
    """
    schemas = domain_schemas(model)
    if len(schemas) > 1:
        schemas = sorted({e.table.schema for e in associations(model)} - BUILTIN) or schemas
    if len(schemas) == 1:
        return schemas[0]
    if not schemas:
        raise SatchelError(Kind.NOT_FOUND, f"The catalog has no tables beside those of the schema {ML}.")
    raise SatchelError(
        Kind.INVALID,
        f"Members of datasets lie in several schemas ({', '.join(schemas)}), which deriva-ml cannot handle.",
        "Export the dataset as a record: --rid RID follows Satchel's own rule.",
    )


def elements(model: Model) -> list[Element]:
    """The types of members: tables of the domain's schema, nested datasets, and `deriva-ml:File`."""
    domain = domain_schema(model)
    return [e for e in associations(model) if e.table.schema == domain or e.table in (DATASET, FILE)]


async def members_of(catalog: Catalog, rid: str, model: Model | None = None) -> Members:
    """How many members of which type a dataset has.

    Args:
        catalog: at the version's snapshot.
        rid: the dataset's.
        model: the schema at that snapshot, where it is known already.

    Raises:
        SatchelError: no datasets there, or no right to them.
    """
    model = model or await catalog.model()
    need_datasets(catalog, model)
    nested = await nested_in(catalog, rid)
    found = elements(model)

    async def count(element: Element, datasets: Sequence[str]) -> MemberCount:
        column = escape(element.member.columns[0])
        total = 0
        rids: set[str] = set()
        batched = list(batches(datasets))
        for some in batched:
            path = f"{element.association.path}/{any_of(element.dataset.columns[0], some)}"
            if len(batched) == 1:
                total = int((await catalog.aggregate(f"{path}/n:=cnt_d({column})"))["n"])
            else:  # a member of datasets of two batches counts once
                rows = await catalog.rows(f"attributegroup/{path}/{column}?limit=none")
                rids.update(str(row[element.member.columns[0]]) for row in rows)
        return MemberCount(table=str(element.table), association=str(element.association), rows=total or len(rids))

    direct = await asyncio.gather(*(count(e, [rid]) for e in found))
    others = [e for e in found if e.table != DATASET]
    total = await asyncio.gather(*(count(e, [rid, *nested]) for e in others)) if nested else ()
    inside = [MemberCount(table=str(DATASET), association=str(NESTING), rows=len(nested))] if nested else []
    return Members(
        rid=rid,
        direct=tuple(c for c in direct if c.rows),
        nested=tuple(nested),
        total=tuple(c for c in (*total, *inside) if c.rows) if nested else tuple(c for c in direct if c.rows),
    )


async def children_of(catalog: Catalog) -> dict[str, list[str]]:
    """Which datasets lie directly in which."""
    rows = await catalog.rows(f"attribute/{NESTING.path}/RID,Dataset,Nested_Dataset@sort(RID)?limit=none")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(str(row["Dataset"]), []).append(str(row["Nested_Dataset"]))
    return found


async def nested_in(catalog: Catalog, rid: str) -> list[str]:
    """All datasets within one, however deep, each once, the nearest first; never the dataset itself."""
    children = await children_of(catalog)
    found: dict[str, None] = {}
    waiting = list(children.get(rid, ()))
    while waiting:
        child = waiting.pop(0)
        if child not in found and child != rid:
            found[child] = None
            waiting += children.get(child, ())
    return list(found)


def _pure(table: Table) -> tuple[ForeignKey, ForeignKey] | None:
    keys = association_keys(table)
    if keys is None:
        return None
    own = {column.name for column in table.columns} - set(SYSTEM_COLUMNS)
    return keys if own <= {column for key in keys for column in key.columns} else None
