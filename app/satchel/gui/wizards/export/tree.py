"""What a preview shows, as a tree: tables under those from which the rule comes to them, offers, what is hidden.

Plain Python; `tree_model` makes a Qt model of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from satchel.core import words

if TYPE_CHECKING:
    from satchel.core.export.preview import Preview, PreviewAssociation, PreviewCost, PreviewTable
    from satchel.core.export.request import Offers

REASONS = {
    "root": "the record itself, and other rows of its table that come along",
    "down": "belongs to it: these rows refer to rows above",
    "partner": "on the far side of an association; comes alone",
    "up": "comes along, since something refers to it",
    "vocabulary": "a vocabulary whose terms are used",
}


class Kind(Enum):
    """What a line of the tree is."""

    TABLE = "table"
    OFFER = "offer"
    GROUP = "group"
    HIDDEN = "hidden"


@dataclass(eq=False)
class Node:
    """A line of the tree.

    Attributes:
        name: `schema:table`, an offer's key, or a group's name: the same in every preview of a record.
        ticked: None where there is nothing to tick.
        reached: False for a table to which nothing leads any more, as others were left out.
    """

    kind: Kind
    name: str
    title: str
    icon: str = "table"
    role: str = ""
    ticked: bool | None = None
    reached: bool = True
    rows: int = 0
    total_rows: int = 0
    assets: int = 0
    asset_bytes: int = 0
    unknown: int = 0
    cost: PreviewCost | PreviewAssociation | None = None
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def add(self, child: Node) -> None:
        """Put a line under this one."""
        child.parent = self
        self.children.append(child)

    @property
    def rows_text(self) -> str:
        """Rows that come along, of all where it is not all."""
        if self.kind is not Kind.TABLE:
            return ""
        if self.ticked is False:
            return "left out"
        if not self.reached:
            return "not reached"
        return f"{self.rows:,}" if self.rows == self.total_rows else f"{self.rows:,} of {self.total_rows:,}"

    @property
    def assets_text(self) -> str:
        """Files and their bytes."""
        if self.kind is not Kind.TABLE or self.ticked is False or not self.reached or not self.assets:
            return ""
        size = words.size(self.asset_bytes)
        return f"{self.assets:,} · {size}" + (f" and {self.unknown:,} of unknown size" if self.unknown else "")

    @property
    def cost_text(self) -> str:
        """What switching the tick would change: "−1,203 rows, −20 files (34 MB)"."""
        return said_cost(self.cost) if self.ticked is not None else ""

    @property
    def why(self) -> str:
        """Why it is there, for the tool tip."""
        if self.kind is Kind.TABLE:
            lines = [f"{self.name}: {REASONS.get(self.role, self.role)}"]
            tables = getattr(self.cost, "tables", ())
            if tables:
                verb = "would go with it" if self.ticked else "would come with it"
                lines.append(f"{', '.join(tables[:8])}{' and others' if len(tables) > 8 else ''} {verb}.")
            return "\n".join(lines)
        if self.kind is Kind.OFFER:
            return "Unticked, these rows come alone, with what they refer to. Ticked, what refers to them comes too."
        return ""

    @property
    def spoken(self) -> str:
        """The line as a screen reader says it."""
        figures = [self.rows_text + (" rows" if self.rows_text[:1].isdigit() else ""), self.assets_text]
        cost = f"if switched: {self.cost_text}" if self.cost_text else ""
        return ", ".join(part for part in (self.title, *figures, cost) if part.strip())


def said_cost(cost: PreviewCost | PreviewAssociation | None) -> str:
    """What a switch would change."""
    if cost is None or cost.rows is None:
        return ""
    pieces = []
    if cost.rows:
        pieces.append(f"{_signed(cost.rows)} {'row' if abs(cost.rows) == 1 else 'rows'}")
    if cost.assets:
        size = words.size(abs(cost.asset_bytes or 0))
        pieces.append(f"{_signed(cost.assets)} {'file' if abs(cost.assets) == 1 else 'files'} ({size})")
    return ", ".join(pieces) or "changes nothing"


def _signed(number: int) -> str:
    return f"{'+' if number > 0 else '−'}{abs(number):,}"


def build(whole: Preview, now: Preview, offers: Offers, costs: Mapping[str, PreviewCost]) -> list[Node]:
    """The tree.

    Args:
        whole: with no table left out, so that what was left out keeps its place.
        now: with the person's choices.
        offers: these choices.
        costs: what is known by now of what ticks would change.
    """
    current = {table.table: table for table in now.tables}
    nodes: dict[str, Node] = {}
    for table in whole.tables:
        here = current.get(table.table)
        nodes[table.table] = _table(table, here, offers, costs.get(table.table))
    for table in now.tables:
        nodes.setdefault(table.table, _table(table, table, offers, costs.get(table.table)))
    parents = {t.table: t.parent for t in (*now.tables, *whole.tables)}
    vocabularies = Node(Kind.GROUP, "vocabularies", "Vocabularies", "vocabulary")
    top: list[Node] = []
    for name, node in nodes.items():
        parent = parents.get(name)
        if node.role == "vocabulary":
            vocabularies.add(node)
        elif parent is not None and parent in nodes and nodes[parent].role != "vocabulary":
            nodes[parent].add(node)
        else:
            top.append(node)
    for offer in now.associations or whole.associations:
        if offer.association in nodes:
            nodes[offer.association].children.insert(0, made := _offer(offer, nodes))
            made.parent = nodes[offer.association]
    if vocabularies.children:
        top.append(vocabularies)
    if now.hidden:
        hidden = Node(Kind.GROUP, "hidden", "Hidden from you, so not in the bag", "hidden")
        for name in now.hidden:
            hidden.add(Node(Kind.HIDDEN, name, name, "hidden"))
        top.append(hidden)
    return top


def _table(
    table: PreviewTable,
    here: PreviewTable | None,
    offers: Offers,
    cost: PreviewCost | None,
) -> Node:
    icon = "record" if table.role == "root" else table.kind
    shown = here or table
    return Node(
        Kind.TABLE,
        table.table,
        table.title,
        icon,
        role=table.role,
        ticked=None if table.role == "root" else table.table not in offers.exclude,
        reached=here is not None,
        rows=shown.rows,
        total_rows=shown.total_rows,
        assets=shown.assets,
        asset_bytes=shown.asset_bytes,
        unknown=shown.assets_of_unknown_length,
        cost=cost,
    )


def _offer(offer: PreviewAssociation, nodes: Mapping[str, Node]) -> Node:
    partners = ", ".join(nodes[p].title if p in nodes else p for p in offer.partners)
    return Node(
        Kind.OFFER, offer.key, f"{partners}: and what belongs to them", "plus", ticked=offer.current, cost=offer
    )


def walk(nodes: list[Node]) -> list[Node]:
    """All lines, from the top."""
    found = []
    for node in nodes:
        found.append(node)
        found += walk(node.children)
    return found
