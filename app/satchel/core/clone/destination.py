"""The destination: what is there, what may be done there, and the new catalog itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from satchel.core.clone.forecast import RightForecast
from satchel.core.clone.plan import SYSTEM_TABLES
from satchel.core.clone.request import CloneRequest
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import JSON, Catalog, advertise
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import escape
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context

CATALOG = "catalog"
"""The checkpoint that holds the number of the catalog that this job has made or was given."""
MADE = "made"
"""The checkpoint that says whether this job has made it."""
_TRIES = 4
MAKING = "making"
"""The checkpoint that is true while a catalog is being made whose number is not known yet."""


@dataclass(frozen=True, slots=True)
class Target:
    """The catalog that becomes the clone."""

    catalog: Catalog
    made: bool
    """By this job, so that it may be deleted with it."""
    acls: Mapping[str, Any]
    """As they were at first."""


async def obstacles(session: Session, request: CloneRequest) -> list[RightForecast]:
    """What stands in the way of making the clone there, as far as that can be told without making anything.

    Raises:
        SatchelError: the server cannot be asked.
    """
    server = await advertise(session)
    if request.to_catalog is not None:
        return await _existing(session, request.to_catalog)
    if await still_signed_in(session) is None:
        return [
            RightForecast(
                side="destination",
                code="may-not-create",
                message=f"You are not signed in to {session.host}, and only who is may create catalogs.",
                hint=f"Sign in: satchel login {session.host}",
                fatal=True,
            )
        ]
    features = server.get("features")
    # Servers that do not look at what is sent would make a catalog of anything.
    careful = isinstance(features, Mapping) and features.get("catalog_post_input") is True
    if careful and not await _may_create(session):
        return [may_not_create(session.host)]
    return []


async def _may_create(session: Session) -> bool:
    """Whether this user may create catalogs. The server does not tell; a request that cannot succeed finds out.

    ERMrest looks at the right before it looks at what is asked, and a body that is no JSON makes nothing in any case.
    """
    try:
        await session.request(
            "POST",
            "/ermrest/catalog",
            data=b"this is no JSON, so that nothing is made",
            headers={"Content-Type": "application/json"},
            accept=None,
            idempotent=True,
            also=(400,),
        )
    except SatchelError as error:
        if error.kind is Kind.NOT_ALLOWED:
            return False
        if error.kind is Kind.NOT_SIGNED_IN:
            raise
    return True


def may_not_create(host: str) -> RightForecast:
    """For a person who may not create catalogs."""
    return RightForecast(
        side="destination",
        code="may-not-create",
        message=f"You may not create catalogs on {host}.",
        hint=f"Ask the administrator of {host} for the right to create catalogs, or for an empty catalog that you own "
        "(--to-catalog).",
        fatal=True,
    )


async def _existing(session: Session, catalog_id: str) -> list[RightForecast]:
    catalog = Catalog(session, catalog_id)
    try:
        info = await catalog.info()
    except SatchelError as error:
        if error.kind not in (Kind.NOT_FOUND, Kind.NOT_ALLOWED):
            raise
        return [
            RightForecast(
                side="destination", code="no-such-catalog", message=error.message, hint=error.hint, fatal=True
            )
        ]
    if info.rights.get("owner") is not True:
        return [
            RightForecast(
                side="destination",
                code="not-owner",
                message=f"You do not own {catalog}.",
                hint="RIDs and times can be kept by an owner only: ask for ownership, or make a new catalog.",
                fatal=True,
            )
        ]
    others = [str(table.name) for table in await catalog.model() if table.name not in SYSTEM_TABLES]
    if others:
        told = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        return [
            RightForecast(
                side="destination",
                code="not-empty",
                message=f"{catalog} is not empty: it has {told}.",
                hint="Name an empty catalog, or leave --to-catalog out to make a new one.",
                fatal=True,
            )
        ]
    return []


async def prepare(session: Session, request: CloneRequest, context: Context) -> Target:
    """The catalog to fill: the one of an earlier run of this job, the one that was named, or a new one.

    Raises:
        SatchelError: the one that was named is not empty, or a new one may not be made.
    """
    known = context.recall(CATALOG)
    if known is None:
        known = request.to_catalog or await _create(session, context)
        if request.to_catalog is not None:
            for obstacle in await _existing(session, request.to_catalog):
                raise SatchelError(Kind.NOT_ALLOWED, obstacle.message, obstacle.hint)
            context.checkpoint(MADE, False)
        context.checkpoint(CATALOG, known)
    catalog = Catalog(session, str(known))
    acls = context.recall("acls")
    if acls is None:
        acls = (await catalog.info()).document.get("acls") or {}
        context.checkpoint("acls", acls)
    return Target(catalog, bool(context.recall(MADE)), acls)


async def _create(session: Session, context: Context) -> str:
    """Make a catalog. Where it is not known whether the server did so, it is asked again, and that is told."""
    if context.recall(MAKING):
        _warn_of_another(session, context)
    for attempt in range(_TRIES):
        context.checkpoint(MAKING, True)
        try:
            answer = await session.request("POST", "/ermrest/catalog", json={}, accept=JSON)
        except SatchelError as error:
            if error.kind is Kind.UNREACHABLE and attempt + 1 < _TRIES:
                _warn_of_another(session, context)
                continue
            if error.kind is not Kind.UNREACHABLE:
                context.checkpoint(MAKING, False)
            if error.kind is Kind.NOT_ALLOWED:
                obstacle = may_not_create(session.host)
                raise SatchelError(Kind.NOT_ALLOWED, obstacle.message, obstacle.hint, error.detail) from error
            raise
        document = answer.json()
        if not isinstance(document, dict) or "id" not in document:
            raise SatchelError(
                Kind.SERVER, f"{session.host} does not say which catalog it has made.", "", answer.text[:300]
            )
        context.checkpoint(MADE, True)
        return str(document["id"])
    raise AssertionError("the last try returns or raises")


def _warn_of_another(session: Session, context: Context) -> None:
    context.warn(
        "catalog-unknown",
        f"{session.host} may have made a catalog whose number got lost with the connection; another one is made.",
        hint="Its owner may delete the empty one.",
    )


async def existing_constraints(catalog: Catalog) -> tuple[set[TableName], set[tuple[str, str]]]:
    """The tables and the foreign keys that a catalog has now."""
    model = await catalog.model()
    keys = {(key.schema, key.name) for table in model for key in table.foreign_keys}
    return {table.name for table in model}, keys


def schema_path(name: TableName) -> str:
    """Where a table is described, below a catalog."""
    return f"schema/{escape(name.schema)}/table/{escape(name.table)}"
