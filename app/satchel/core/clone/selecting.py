"""From what a person selects to what the rule of docs/reach.md takes: names checked, switches spelt out."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from satchel.core.clone.request import Selection
from satchel.core.deriva.model import Model, Table
from satchel.core.deriva.names import TableName
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import Offers


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection, checked against a catalog."""

    offers: Offers
    included: tuple[TableName, ...]
    """Tables that the clone has even where none of their rows is reached."""


def select(selection: Selection, model: Model, root: TableName) -> Selected:
    """Check a selection and spell it out.

    Raises:
        SatchelError: it names what there is not.
    """
    _check(selection, model)
    excluded = dict.fromkeys(selection.exclude)
    for table in model:
        if table.name != root and _left_out(table, selection):
            excluded[str(table.name)] = None
    if root.schema in selection.exclude_schemas:
        raise SatchelError(Kind.USAGE, f"{root.schema} cannot be left out: the record itself is in it.")
    included = [
        table.name
        for table in model
        if str(table.name) in selection.include or table.name.schema in selection.include_schemas
    ]
    for name in included:
        if str(name) in selection.exclude:
            raise SatchelError(Kind.USAGE, f"{name} is both to be included and to be left out.")
    offers = Offers(
        exclude=tuple(name for name in excluded if TableName.parse(name) not in included),
        follow=selection.follow,
        stop=selection.stop,
        vocabularies=selection.offers.vocabularies,
    )
    return Selected(offers, tuple(name for name in included if str(name) not in offers.exclude))


def _left_out(table: Table, selection: Selection) -> bool:
    return (
        table.name.schema in selection.exclude_schemas
        or (selection.vocabularies == "none" and table.is_vocabulary)
        or (not selection.associations and table.is_association)
    )


def _check(selection: Selection, model: Model) -> None:
    names = [str(table.name) for table in model]
    schemas = model.schemas()
    for name in (*selection.include, *selection.exclude):
        if name not in names:
            raise SatchelError(Kind.USAGE, f"There is no table {name}.", _spelling(name, names))
    for name in (*selection.include_schemas, *selection.exclude_schemas):
        if name not in schemas:
            raise SatchelError(Kind.USAGE, f"There is no schema {name}.", _spelling(name, schemas))


def _spelling(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]}?" if close else "Tables are written schema:table."
