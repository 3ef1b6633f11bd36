"""deriva-ml's schema in the clone: added where there is none, completed by its terms where there is one.

Never dropped and never recreated: deriva-ml's own `create_ml_schema` drops what is there, with all data.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from satchel.core.clone.after.ml_definition import CLIENT_ANNOTATIONS, ML, TERMS, ml_schema
from satchel.core.clone.after.rids import far_rid
from satchel.core.clone.report import Category, Severity
from satchel.core.clone.work import Work
from satchel.core.deriva.model import Model, Table
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import any_of, batches
from satchel.core.errors import SatchelError

_ADDING = "ml-schema-adding"


async def add_ml_schema(work: Work) -> None:
    """Add the schema if it is absent, and the terms that deriva-ml looks for."""
    if not work.request.add_ml_schema:
        return
    model = await work.destination.model()
    mine = bool(work.context.recall(_ADDING))
    if ML not in model.document["schemas"]:
        work.context.checkpoint(_ADDING, True)
        mine = True
        await _create(work)
        model = await work.destination.model()
    work.outcome["ml_schema_added"] = mine
    wanted = ml_schema()["tables"]
    lacking = sorted(name for name in wanted if TableName(ML, name) not in model.tables)
    if lacking:
        work.findings.add(
            Severity.INFO,
            Category.SCHEMA_ISSUE,
            f"The clone has the schema {ML} without {len(lacking)} of the tables that deriva-ml knows",
            details=", ".join(lacking),
            action="deriva-ml may need them. Include them: --include, as SCHEMA:TABLE.",
        )
    added: dict[str, list[str]] = {}
    for vocabulary, terms in TERMS.items():
        table = model.tables.get(TableName(ML, vocabulary))
        if table is not None:
            made = await _complete(work, table, terms)
            if made:
                added[str(table.name)] = made
    work.outcome["ml_terms_added"] = added


async def _create(work: Work) -> None:
    """Post the whole schema in one request: all of it, or nothing."""
    catalog = work.destination
    path = f"{catalog.path}/schema"
    try:
        # Where the answer was lost the request is sent again, and the schema is there.
        await catalog.session.request("POST", path, json=[ml_schema()], idempotent=True)
    except SatchelError as error:
        if not error.detail.startswith("409") or "already exists" not in error.detail:
            raise
    place = f"{catalog.path}/schema/public/table/ERMrest_Client/annotation"
    client = await _client_annotations(await catalog.model())
    for tag, value in CLIENT_ANNOTATIONS.items():
        if tag not in client:
            await catalog.session.request("PUT", f"{place}/{quote(tag, safe='')}", json=value)


async def _client_annotations(model: Model) -> dict[str, Any]:
    table = model.tables.get(TableName("public", "ERMrest_Client"))
    return dict(table.annotations) if table is not None else {}


async def _complete(work: Work, table: Table, terms: dict[str, str]) -> list[str]:
    """Insert the terms that are not there. Returns the RIDs of those that this job has made."""
    catalog = work.destination
    there: dict[str, str] = {}
    for batch in batches(terms):
        rows = await catalog.rows(f"attribute/{table.name.path}/{any_of('Name', batch)}/RID,Name")
        there |= {str(row["Name"]): str(row["RID"]) for row in rows}
    rids = {name: far_rid("term", catalog.id, table.name.table, name) for name in terms}
    missing = [
        {"RID": rids[name], "Name": name, "Description": about} for name, about in terms.items() if name not in there
    ]
    if missing:
        given = {column["name"]: column.get("default") for column in _definitions(table, await catalog.model())}
        defaults = [name for name in ("ID", "URI") if name in given]
        rows = [{**row, **_filled(row["RID"], given, defaults)} for row in missing]
        path = f"{catalog.path}/entity/{table.name.path}?nondefaults=RID&onconflict=skip"
        await catalog.session.request("POST", path, json=rows, idempotent=True)
    return sorted(rids[name] for name in terms if there.get(name, rids[name]) == rids[name])


def _filled(rid: str, given: dict[str, Any], names: list[str]) -> dict[str, str]:
    """ID and URI as the table's default makes them; columns without one get deriva-ml's."""
    usual = {"ID": f"{ML}:{{RID}}", "URI": "/id/{RID}"}
    return {name: str(given[name] or usual[name]).replace("{RID}", rid) for name in names}


def _definitions(table: Table, model: Model) -> list[dict[str, Any]]:
    found = model.document["schemas"][table.name.schema]["tables"][table.name.table]["column_definitions"]
    return list(found)
