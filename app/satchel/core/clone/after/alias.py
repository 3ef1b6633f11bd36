"""The clone's alias: another name for the catalog on its server.

ERMrest lets the owner of an alias lead it elsewhere by naming it again, so what it leads to now is looked at first: no
alias of another catalog is ever taken over.
"""

from __future__ import annotations

import re

from satchel.core.clone.forecast import RightForecast
from satchel.core.clone.report import Category, Severity
from satchel.core.clone.work import Work
from satchel.core.deriva.paths import escape
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError

_NAME = re.compile(r"[A-Za-z0-9._~-]{1,200}")


async def alias_taken(session: Session, name: str, catalog: str | None = None) -> str | None:
    """Why a name cannot become a catalog's alias; None: it can.

    Args:
        session: to the server.
        name: the alias.
        catalog: the catalog that it may lead to already; None: to none.

    Raises:
        SatchelError: the server cannot be asked.
    """
    if not _NAME.fullmatch(name) or name.isdigit():
        return f"{name!r} cannot be an alias: it has letters, digits and -._~ only, and not digits alone."
    answer = await session.request("GET", f"/ermrest/alias/{escape(name)}", also=(401, 403, 404))
    if answer.status == 200:
        document = answer.json()
        target = document.get("alias_target") if isinstance(document, dict) else None
        if target is None or (catalog is not None and str(target) == catalog):
            return None
        return f"{name} is the alias of catalog {target} on {session.host}."
    if answer.status in (401, 403):
        return f"{name} is taken on {session.host} by somebody else."
    there = await session.request("GET", f"/ermrest/catalog/{escape(name)}", also=(401, 403, 404, 409))
    return None if there.status == 404 else f"{name} is a catalog on {session.host}."


async def forecast_alias(session: Session, name: str | None, catalog: str | None = None) -> RightForecast | None:
    """What the forecast says of an alias, for a new catalog or the one that was named.

    Raises:
        SatchelError: the server cannot be asked.
    """
    taken = await alias_taken(session, name, catalog) if name else None
    if taken is None:
        return None
    return RightForecast(
        side="destination",
        code="alias-taken",
        message=taken,
        hint="Choose another alias; the clone is made all the same, without it.",
    )


async def make_alias(work: Work) -> None:
    """Give the clone its alias."""
    name, catalog = work.request.alias, work.destination
    if not name:
        return
    taken = await alias_taken(catalog.session, name, catalog.id)
    if taken is None:
        body = {"id": name, "alias_target": catalog.id}
        try:
            await catalog.session.request("POST", "/ermrest/alias", json=body, idempotent=True)
            work.outcome["alias"] = name
            return
        except SatchelError as error:
            if error.kind is not Kind.NOT_ALLOWED and not error.detail.startswith("409"):
                raise
            taken = error.message
    work.findings.add(
        Severity.WARNING,
        Category.RESTORE_FAILURE,
        f"The alias {name} was not made",
        details=taken,
        action=f"Use the catalog's number {catalog.id}, or make another alias.",
    )
