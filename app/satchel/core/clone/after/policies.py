"""Policies of the source that the clone does not have, or that cannot hold there: told beforehand and in the report.

A server shows ACLs and their bindings to owners only, so nobody else can take them along. A binding gives rights by
rows of other tables; where the way there leads through what the clone has not, nobody gets those rights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from satchel.core.clone.forecast import RightForecast
from satchel.core.clone.plan import ClonePlan
from satchel.core.clone.report import Category, Severity
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.work import Work

_SHOWN = 20


def forecast_policies(request: CloneRequest, plan: ClonePlan, owner: bool) -> list[RightForecast]:
    """What is to be said of policies before anything is made.

    Args:
        request: the person's.
        plan: what the clone consists of, with the source's model as this user sees it.
        owner: whether this user owns the source (`CatalogInfo.rights["owner"]`).
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
    applied = {(key.key.schema, key.key.name) for key in plan.keys if key.state == "pending"}
    found = [_incoherent(where, why) for where, why in _bindings(plan, applied)]
    owners = _owners(plan.model.document)
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


async def report_policies(work: Work) -> None:
    """Say in the report what policies the clone does not have, and which cannot hold in it."""
    if not work.request.copy_policy:
        return
    owner = work.source is not None and (await work.source.info()).rights.get("owner") is True
    for told in forecast_policies(work.request, work.plan, owner):
        if told.code == "policy-not-copied":
            work.findings.add(
                Severity.WARNING,
                Category.POLICY_INCOHERENCE,
                "Policies of the source were not copied",
                details=told.message,
                action=told.hint,
            )
    if not owner:
        return
    # What was planned and what became of it differ where orphans kept a constraint off.
    applied = {tuple(name.split(":", 1)) for name, key in work.findings.foreign_keys.items() if key.state == "applied"}
    for where, why in _bindings(work.plan, applied):
        told = _incoherent(where, why)
        work.findings.add(
            Severity.WARNING,
            Category.POLICY_INCOHERENCE,
            "A policy of the source cannot hold in the clone",
            table=where.partition(" ")[0],
            details=told.message,
            action=told.hint,
        )


def _incoherent(where: str, why: str) -> RightForecast:
    return RightForecast(
        side="destination",
        code="policy-incoherent",
        message=f"The policy of {where} cannot hold in the clone: {why}.",
        where=where,
        hint="Whoever has rights by it in the source has none by it in the clone; take along what it needs, or set "
        "another policy.",
    )


def _bindings(plan: ClonePlan, applied: Collection[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Bindings that cannot hold: where they are, and why."""
    for table in plan.tables:
        document = plan.model.document["schemas"][table.name.schema]["tables"][table.name.table]
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
