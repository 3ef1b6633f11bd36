"""Policies of the source that the clone does not have, or that cannot hold there: told beforehand.

A server shows ACLs and their bindings to owners only, so nobody else can take them along. A binding gives rights by
rows of other tables; where the way there leads through what the clone has not, nobody gets those rights. What became of
each in the end, `satchel.core.clone.policy` tells in the report.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from satchel.core.clone.forecast import RightForecast
from satchel.core.clone.plan import ClonePlan
from satchel.core.clone.request import CloneRequest


def forecast_policies(
    request: CloneRequest, plan: ClonePlan, owner: bool, document: Mapping[str, Any] | None = None
) -> list[RightForecast]:
    """What is to be said of policies before anything is made.

    Args:
        request: the person's.
        plan: what the clone consists of.
        owner: whether this user owns the source (`CatalogInfo.rights["owner"]` of the live catalog).
        document: the live source's `/schema`; a snapshot's shows no policies. None: the plan's model is of it.
    """
    if not request.copy_policy:
        return []
    if request.from_bag:
        return [
            RightForecast(
                side="source",
                code="policy-not-copied",
                message="A bag holds no policies: the clone gets none, and only you may see it.",
                hint="Set who may read it when it is made.",
            )
        ]
    if not owner:
        return [
            RightForecast(
                side="source",
                code="policy-not-copied",
                message=f"You do not own catalog {plan.catalog} on {plan.host}, so its policies are not shown to you "
                "and are not copied: only you may see the clone.",
                hint="Set who may read the clone when it is made, or ask an owner of the source to make it.",
            )
        ]
    document = plan.model.document if document is None else document
    applied = {(key.key.schema, key.key.name) for key in plan.keys if key.state == "pending"}
    found = [_incoherent(where, why) for where, why in _bindings(plan, applied, document)]
    owners = _owners(document)
    if owners:
        found.append(
            RightForecast(
                side="destination",
                code="owners-copied",
                message=f"{len(owners):,} owners of the source's schemas and tables become owners in the clone: "
                f"{', '.join(owners[:5])}{', ...' if len(owners) > 5 else ''}.",
                hint="Leave policies out where they have no business in the clone.",
            )
        )
    return found


def _incoherent(where: str, why: str) -> RightForecast:
    return RightForecast(
        side="destination",
        code="policy-incoherent",
        message=f"The policy of {where} cannot hold in the clone: {why}.",
        where=where,
        hint="Whoever has rights by it in the source has none by it in the clone; take along what it needs, or set "
        "another policy.",
    )


def _bindings(
    plan: ClonePlan, applied: Collection[tuple[str, ...]], whole: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Bindings that cannot hold: where they are, and why."""
    for table in plan.tables:
        document = whole["schemas"].get(table.name.schema, {}).get("tables", {}).get(table.name.table)
        if document is None:  # dropped since the snapshot
            continue
        columns = {column["name"] for column in document["column_definitions"]}
        resources = [(str(table.name), document)]
        resources += [(f"{table.name} column {c['name']}", c) for c in document["column_definitions"]]
        for key in document.get("foreign_keys", ()):
            names = (key.get("names") or [["", ""]])[0]
            if tuple(names) in applied:
                resources.append((f"{table.name} foreign key {names[1]}", key))
        for where, resource in resources:
            bindings = resource.get("acl_bindings")
            for name, binding in (bindings or {}).items() if isinstance(bindings, Mapping) else ():
                why = _broken(binding, columns, plan, applied)
                if why is not None:
                    yield f"{where} ({name})", why


def _broken(binding: Any, columns: set[str], plan: ClonePlan, applied: Collection[tuple[str, ...]]) -> str | None:
    """Why a binding cannot hold; None: it can, as far as can be told."""
    projection = binding.get("projection") if isinstance(binding, Mapping) else None
    if isinstance(projection, str):
        return None if projection in columns else f"its column {projection} is not there"
    for step in projection if isinstance(projection, list) else ():
        if not isinstance(step, Mapping):
            continue
        for way in ("outbound", "inbound"):
            name = step.get(way)
            if isinstance(name, list) and len(name) == 2 and tuple(name) not in applied:
                known = next((k for k in plan.keys if (k.key.schema, k.key.name) == tuple(name)), None)
                reason = f" ({known.reason})" if known is not None and known.reason else ""
                return f"it follows the foreign key {name[0]}:{name[1]}, which is not in the clone{reason}"
    return None


def _owners(document: Mapping[str, Any]) -> list[str]:
    """Whom the source's ACLs name as owners."""
    found: set[str] = set()

    def look(resource: Any) -> None:
        acls = resource.get("acls") if isinstance(resource, Mapping) else None
        owners = acls.get("owner") if isinstance(acls, Mapping) else None
        found.update(str(owner) for owner in owners or ())

    look(document)
    for schema in document["schemas"].values():
        look(schema)
        for table in schema.get("tables", {}).values():
            look(table)
    return sorted(found)
