"""From a table's template to a spec, with the catalog asked for its schema."""

from __future__ import annotations

from collections.abc import Callable

from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Table
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.spec import chaise
from satchel.core.export.spec.templates import (
    COMPACT,
    DETAILED,
    MadeSpec,
    Template,
    Templates,
    make_spec,
    pick,
    templates_of,
)
from satchel.core.jobs.request import Access


async def offered(
    host: str, catalog: str, table: str | None, access: Access | None = None, *, context: str = DETAILED
) -> dict[str, Templates]:
    """The templates of a table, or of every table that has any of its own.

    Args:
        host: of the server.
        catalog: number or alias.
        table: `schema:table`; None: all.
        access: how the server is reached.
        context: `detailed` for one record, `compact` for many.

    Raises:
        SatchelError: no such table, or the server cannot be asked.
    """
    async with Session.open(host, access) as session:
        pinned = await Catalog(session, catalog).pin()
        annotations = (await pinned.info()).annotations
        model = await pinned.model()
        chosen = [_table(model.tables, table)] if table else list(model)
        found = {str(t.name): templates_of(model, annotations, t, context) for t in chosen}
        if table:
            return found
        return {n: f for n, f in found.items() if f.dropped or any(t.where != "default" for t in f.templates)}


async def spec_of(
    host: str,
    catalog: str,
    table: str,
    rid: str | None,
    access: Access | None = None,
    *,
    snapshot: str | None = None,
    which: Callable[[Templates], Template],
) -> MadeSpec:
    """The spec that a table's template makes.

    Args:
        host: of the server.
        catalog: number or alias.
        table: `schema:table`.
        rid: the record; None: all rows.
        access: how the server is reached.
        snapshot: None: the newest.
        which: chooses among what is offered.

    Raises:
        SatchelError: no such table, record or template.
    """
    async with Session.open(host, access) as session:
        pinned = await Catalog(session, catalog).pin(snapshot)
        annotations = (await pinned.info()).annotations
        model = await pinned.model()
        found = _table(model.tables, table)
        if rid is not None:
            holder = await pinned.entity_rid(rid)
            if holder != found.name:
                raise SatchelError(Kind.USAGE, f"{rid} is a record of {holder}, not of {table}.", "Name that table.")
        offers = templates_of(model, annotations, found, DETAILED if rid else COMPACT)
        if not offers.templates and not rid:
            # Chaise has none for many rows then; what is made for one record does for all of them as well.
            offers = templates_of(model, annotations, found, DETAILED)
        template = which(offers)
        name = chaise.display_name(model, annotations, found)
        return make_spec(template, session.host, catalog, found, rid, name)


def choose(found: Templates, which: str | None, table: str) -> Template:
    """See `templates.pick`."""
    return pick(found, which, table)


def _table(tables: object, name: str) -> Table:
    known: dict[TableName, Table] = dict(tables)  # type: ignore[call-overload]
    try:
        return known[TableName.parse(name)]
    except (KeyError, ValueError):
        import difflib

        near = difflib.get_close_matches(name, [str(t) for t in known], 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise SatchelError(
            Kind.NOT_FOUND, f"There is no table {name}.", f"{hint}`satchel tables HOST CATALOG` shows them."
        ) from None
