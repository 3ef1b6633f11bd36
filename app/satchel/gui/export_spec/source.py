"""What the editor asks of the core. Each runs in the engine's loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from satchel.core.export.request import ExportRequest
    from satchel.core.export.spec.counting import DryRun
    from satchel.core.export.spec.findings import Finding
    from satchel.core.jobs.request import Access

_MODELS: dict[tuple[str, str], Any] = {}
"""The schema of a catalog, read once a program."""
_MOST = 4


async def ready() -> None:
    """Import what the editor needs."""
    from satchel.core.export.spec import counting, editing, lint, making, request  # noqa: F401


async def templates(
    host: str, catalog: str, table: str, rid: str, access: Access
) -> tuple[list[tuple[str, str]], list[str]]:
    """The templates of a table as name and text of the spec, and sentences on what is not as in Chaise."""
    import json

    from satchel.core.deriva.ermrest import Catalog
    from satchel.core.deriva.names import TableName
    from satchel.core.deriva.session import Session
    from satchel.core.export.spec import chaise
    from satchel.core.export.spec.templates import COMPACT, DETAILED, make_spec, templates_of

    async with Session.open(host, access) as session:
        pinned = await Catalog(session, catalog).pin()
        notes = (await pinned.info()).annotations
        model = await pinned.model()
        _keep(host, catalog, model)
        found = model.tables[TableName.parse(table)]
        offered = templates_of(model, notes, found, DETAILED if rid else COMPACT)
        if not offered.templates and not rid:
            offered = templates_of(model, notes, found, DETAILED)
        name = chaise.display_name(model, notes, found)
        specs = []
        remarks = list(offered.dropped)
        for template in offered.templates:
            made = make_spec(template, session.host, catalog, found, rid or None, name)
            specs.append((template.name, json.dumps(made.spec, indent=2, ensure_ascii=False) + "\n"))
            remarks += [
                f"Chaise leaves {output} out for the length of its query; here it is run." for output in made.long
            ]
        return specs, remarks


async def names(host: str, catalog: str, access: Access) -> list[str]:
    """Tables and columns, for completion."""
    from satchel.core.export.spec.editing import completions

    return list(completions(await _model(host, catalog, access)))


async def check(text: str, env: Mapping[str, str], host: str, catalog: str) -> list[Finding]:
    """What is wrong with a spec; against the schema where it was read before."""
    from satchel.core.export.spec.lint import lint

    return lint(text, env, model=_MODELS.get((host, catalog)), host=host or None)


async def count(document: Any, env: Mapping[str, str], host: str, catalog: str, access: Access) -> DryRun:
    """Count what the spec's queries would bring. Raises SatchelError."""
    from satchel.core.deriva.ermrest import Catalog
    from satchel.core.deriva.session import Session
    from satchel.core.export.spec.counting import count as counted
    from satchel.core.export.spec.model import read

    spec = read(document)
    async with Session.open(host, access) as session:
        return await counted(await Catalog(session, catalog).pin(), spec, env)


async def info() -> tuple[tuple[str, str], ...]:
    """What the person's profile says."""
    from satchel.core import person
    from satchel.core.paths import Home

    return person.load(Home.find()).fields()


async def as_spec(request: ExportRequest) -> str:
    """The spec of what belongs to a record. Raises SatchelError."""
    import json

    from satchel.core.export.spec.of_reach import spec_of_reach
    from satchel.core.jobs.run import run_aside
    from satchel.core.paths import Home

    found: Any = await run_aside(spec_of_reach, request, Home.find())
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


async def _model(host: str, catalog: str, access: Access) -> Any:
    from satchel.core.deriva.ermrest import Catalog
    from satchel.core.deriva.session import Session

    known = _MODELS.get((host, catalog))
    if known is not None:
        return known
    async with Session.open(host, access) as session:
        model = await (await Catalog(session, catalog).pin()).model()
    _keep(host, catalog, model)
    return model


def _keep(host: str, catalog: str, model: Any) -> None:
    while len(_MODELS) >= _MOST:
        _MODELS.pop(next(iter(_MODELS)))
    _MODELS[host, catalog] = model
