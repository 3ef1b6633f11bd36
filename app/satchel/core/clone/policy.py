"""Who may do what: the source's rules, as far as this user sees them and they can hold in the clone.

They are put on last, when no rule can stand in the way of what must be written, and rules that lead over foreign keys
find those in place. The clone's owners stay owners.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from satchel.core.clone.plan import ClonePlan, copied_columns
from satchel.core.clone.report import Category, Findings, Severity
from satchel.core.deriva.ermrest import Catalog, CatalogInfo
from satchel.core.deriva.paths import escape
from satchel.core.errors import SatchelError

_FKEY_DEFAULT = {"insert": ["*"], "update": ["*"]}
"""What a foreign key has from the first."""
NOT_SHOWN = "Only owners of the source see its access rules, so the clone has none of them: it is its makers' own."


def visible(info: CatalogInfo) -> bool:
    """Whether this user sees the rules of a catalog."""
    return info.rights.get("owner") is True and isinstance(info.document.get("acls"), Mapping)


async def copy_policy(
    source: Catalog,
    plan: ClonePlan,
    applied: Collection[str],
    destination: Catalog,
    first: Mapping[str, Any],
    findings: Findings,
) -> None:
    """Give the clone the rules of the source.

    Args:
        source: the source as it is now.
        plan: of the clone.
        applied: the foreign keys that the clone has, by name.
        destination: the clone.
        first: the clone's access lists as they were at first.
        findings: told of what could not be copied.
    """
    info = await source.info()
    if not visible(info):
        findings.add(
            Severity.INFO,
            Category.ACCESS_DENIED,
            "Access rules were not copied",
            details=NOT_SHOWN,
            action="Give others access to the clone yourself, or let an owner of the source clone it",
        )
        return
    acls = dict(info.document["acls"])
    document = (await source.model()).document
    owners = [*(first.get("owner") or []), *(acls.get("owner") or [])]
    acls["owner"] = list(dict.fromkeys(owners))
    for where, path, value in (("catalog", "acl", acls), *_rules(plan, document, applied)):
        try:
            await destination.session.request("PUT", f"{destination.path}/{path}", json=value)
        except SatchelError as error:
            findings.add(
                Severity.WARNING,
                Category.POLICY_INCOHERENCE,
                "An access rule cannot hold in the clone",
                table=None if where == "catalog" else where,
                details=error.detail.splitlines()[0] if error.detail else error.message,
                action="Look at the rule in the source; what it refers to may not be in the clone",
            )
    if info.document["acls"].get("owner"):
        findings.add(
            Severity.INFO,
            Category.POLICY_INCOHERENCE,
            "Owners of the source own the clone, too",
            details=", ".join(map(str, info.document["acls"]["owner"])),
            action="Remove those who should not, or clone without access rules",
        )


def _rules(plan: ClonePlan, document: Mapping[str, Any], applied: Collection[str]) -> Iterator[tuple[str, str, Any]]:
    """(where, path, document) of all rules below the catalog's own."""
    schemas = document["schemas"]
    for name in dict.fromkeys(table.name.schema for table in plan.tables):
        if name != "public" and name in schemas:
            yield from _of(name, f"schema/{escape(name)}", schemas[name])
    for table in plan.tables:
        path = f"schema/{escape(table.name.schema)}/table/{escape(table.name.table)}"
        own = schemas.get(table.name.schema, {}).get("tables", {}).get(table.name.table)
        if own is None:  # dropped since the snapshot
            continue
        yield from _of(str(table.name), path, own)
        kept = {column.name for column in copied_columns(table.table)}
        for column in own["column_definitions"]:
            if column["name"] in kept:
                yield from _of(str(table.name), f"{path}/column/{escape(column['name'])}", column)
        for key in own.get("foreign_keys", ()):
            names = key.get("names") or []
            if names and ":".join(names[0]) in applied:
                yield from _of(str(table.name), _key_path(path, key), key)


def _key_path(table: str, key: Mapping[str, Any]) -> str:
    near = ",".join(escape(column["column_name"]) for column in key["foreign_key_columns"])
    there = key["referenced_columns"]
    far = ",".join(escape(column["column_name"]) for column in there)
    name = f"{escape(there[0]['schema_name'])}:{escape(there[0]['table_name'])}"
    return f"{table}/foreignkey/{near}/reference/{name}/{far}"


def _of(where: str, path: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for kind, word in (("acls", "acl"), ("acl_bindings", "acl_binding")):
        if document.get(kind) and document[kind] != _FKEY_DEFAULT:
            yield where, f"{path}/{word}", document[kind]
