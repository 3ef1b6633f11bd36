"""ERMrest: one catalog, live or at a snapshot.

Mirrors https://docs.derivacloud.org/ermrest/api-doc/ as far as Satchel reads catalogs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from satchel.core.deriva import snapshots
from satchel.core.deriva.model import Model, Table
from satchel.core.deriva.model_reader import display_name, read_model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.paths import escape
from satchel.core.deriva.session import Session, Stream
from satchel.core.errors import Kind, SatchelError

CSV = "text/csv"
JSON = "application/json"
JSON_STREAM = "application/x-json-stream"
_ID = re.compile(r"[^/@?#;:\s]+")


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """What a catalog says of itself."""

    id: str
    snapshot: str
    """The newest snapshot, or the one that was asked for."""
    annotations: Mapping[str, Any] = field(repr=False)
    features: Mapping[str, Any] = field(repr=False)
    rights: Mapping[str, Any]
    document: Mapping[str, Any] = field(repr=False)

    @property
    def title(self) -> str:
        """A name for people: what the catalog displays, else "catalog N"."""
        chaise = self.annotations.get("tag:isrd.isi.edu,2019:chaise-config")
        given = [chaise.get(key) for key in ("navbarBrandText", "headTitle")] if isinstance(chaise, Mapping) else []
        for name in (display_name(self.annotations), *given):
            if isinstance(name, str) and name.strip():
                return name.strip()
        return f"catalog {self.id}"


class Catalog:
    """One catalog on a session's host.

    Args:
        session: to its host.
        catalog_id: number or alias.
        snapshot: None: the catalog as it is now.

    Raises:
        SatchelError: the id cannot be one.
    """

    def __init__(self, session: Session, catalog_id: str, snapshot: str | None = None) -> None:
        if not _ID.fullmatch(catalog_id):
            raise SatchelError(Kind.USAGE, f"{catalog_id!r} is not the number or name of a catalog.")
        self.session = session
        self.id = catalog_id
        self.snapshot = snapshot
        self._model: Model | None = None

    @property
    def host(self) -> str:
        """The host's name."""
        return self.session.host

    @property
    def path(self) -> str:
        """The catalog's path on its host, for example `/ermrest/catalog/1@361-FHRB-PTNM`."""
        at = f"@{escape(self.snapshot)}" if self.snapshot else ""
        return f"/ermrest/catalog/{escape(self.id)}{at}"

    @property
    def url(self) -> str:
        """The catalog's address."""
        return self.session.base + self.path

    def __str__(self) -> str:
        return f"catalog {self.id} on {self.host}"

    def at(self, snapshot: str | None) -> Catalog:
        """The same catalog at a snapshot (None: now). Says nothing about whether there is such a snapshot."""
        return Catalog(self.session, self.id, snapshot)

    async def info(self) -> CatalogInfo:
        """What the catalog says of itself.

        Raises:
            SatchelError: there is no such catalog, no right to see it, or no Deriva server.
        """
        try:
            answer = await self.session.request("GET", self.path, accept=JSON)
        except SatchelError as error:
            raise self._not_found(error) from error
        document = answer.json()
        if not isinstance(document, dict) or not isinstance(document.get("snaptime"), str):
            raise SatchelError(
                Kind.SERVER,
                f"{self.host} does not answer as a Deriva server does.",
                "Check the server's name.",
                answer.text[:300],
            )
        return CatalogInfo(
            id=str(document.get("id", self.id)),
            snapshot=document["snaptime"],
            annotations=document.get("annotations") or {},
            features=document.get("features") or {},
            rights=document.get("rights") or {},
            document=document,
        )

    async def pin(self, snapshot: str | None = None) -> Catalog:
        """The catalog at one snapshot, so that all reads agree.

        Args:
            snapshot: None: the newest one.

        Raises:
            SatchelError: there is no such snapshot: it lies before the catalog's first change or in the future (which
                a server would take for "now" without a word).
        """
        newest = (await self.at(None).info()).snapshot
        if snapshot is None or snapshot == newest:
            return self.at(newest)
        try:
            wanted = snapshots.microseconds(snapshot)
        except ValueError as error:
            raise SatchelError(
                Kind.USAGE,
                f"{snapshot!r} is not a snapshot of {self}.",
                f"Snapshots look like {newest}, which is the newest.",
                str(error),
            ) from error
        if wanted > snapshots.microseconds(newest):
            raise SatchelError(
                Kind.NOT_FOUND, f"The snapshot {snapshot} of {self} lies in the future.", f"The newest is {newest}."
            )
        pinned = self.at(snapshot)
        try:
            await pinned.info()
        except SatchelError as error:
            if error.kind is Kind.SERVER and "409" in error.detail:
                raise SatchelError(
                    Kind.NOT_FOUND,
                    f"{self} has no snapshot {snapshot}.",
                    f"It lies before the catalog's first change. The newest is {newest}.",
                    error.detail,
                ) from error
            raise
        return pinned

    async def model(self) -> Model:
        """The schema. Read once where the catalog is pinned to a snapshot."""
        if self._model is not None:
            return self._model
        answer = await self.session.request("GET", f"{self.path}/schema", accept=JSON)
        model = read_model(answer.json(), self.host)
        if self.snapshot is not None:
            self._model = model
        return model

    async def entity_rid(self, rid: str) -> TableName:
        """The table that holds the record with this RID.

        Raises:
            SatchelError: there is none.
        """
        try:
            answer = await self.session.request("GET", f"{self.path}/entity_rid/{escape(rid)}", accept=JSON)
        except SatchelError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            if self.snapshot is not None:
                # Not every server knows the RIDs of snapshots; whether the row was there then, reading it will tell.
                return await self.at(None).entity_rid(rid)
            raise SatchelError(
                Kind.NOT_FOUND,
                f"There is no record with the RID {rid} in {self}.",
                "Perhaps it is another catalog's, or it was deleted, or it is mistyped: "
                "RIDs look like 1-ABCD and have no I, L, O or U.",
                error.detail,
            ) from error
        found = answer.json()
        if not isinstance(found, dict) or not {"schema_name", "table_name"} <= found.keys():
            raise SatchelError(Kind.SERVER, f"{self.host} does not say which table holds {rid}.", "", answer.text[:300])
        return TableName(str(found["schema_name"]), str(found["table_name"]))

    async def count(self, table: Table | TableName, filters: str = "") -> int:
        """How many rows of a table this user sees, by the server's own count.

        Args:
            table: which.
            filters: a path of filters, as `satchel.core.deriva.paths` makes them.
        """
        name = table.name if isinstance(table, Table) else table
        by = "RID" if not isinstance(table, Table) or table.column("RID") else "*"
        path = f"{name.path}/{filters}/" if filters else f"{name.path}/"
        return int((await self.aggregate(f"{path}n:=cnt({by})"))["n"])

    async def aggregate(self, path: str) -> dict[str, Any]:
        """The one row of `/aggregate/<path>`, for example `eye:Image/n:=cnt(RID),b:=sum(Length)`."""
        answer = await self.session.request("GET", f"{self.path}/aggregate/{path}", accept=JSON)
        rows = answer.json()
        if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
            raise SatchelError(Kind.SERVER, f"{self.host} does not count as it should.", "", answer.text[:300])
        return dict(rows[0])

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """The rows of a short answer as JSON objects; `path` as for `read`."""
        rows = (await self.session.request("GET", f"{self.path}/{path}", accept=JSON)).json()
        if not isinstance(rows, list):
            raise SatchelError(Kind.SERVER, f"{self.host} gives no list where rows were asked for.", "", path)
        return rows

    async def read(self, path: str, accept: str = CSV) -> bytes:
        """One whole answer, such as a page: complete, or an error.

        Args:
            path: below the catalog, `attribute/...`, escaped, with its query string.
            accept: the media type.
        """
        return (await self.session.request("GET", f"{self.path}/{path}", accept=accept)).body

    def stream(self, path: str, accept: str = CSV) -> AbstractAsyncContextManager[Stream]:
        """An answer as it comes; its `chunks` raise `Passing` when it is cut, and nothing is tried again then."""
        return self.session.stream(f"{self.path}/{path}", accept=accept)

    def _not_found(self, error: SatchelError) -> SatchelError:
        """ERMrest's own 404 for a catalog; one in HTML comes from a server of another kind."""
        if error.kind is not Kind.NOT_FOUND or "Detail: catalog" not in error.detail:
            return error
        return SatchelError(
            Kind.NOT_FOUND,
            f"There is no catalog {self.id} on {self.host}.",
            f"See which there are: satchel catalogs {self.host}",
            error.detail,
        )


async def advertise(session: Session) -> Mapping[str, Any]:
    """What the server says of itself at `/ermrest/`: version and features.

    Raises:
        SatchelError: it is no Deriva server, or cannot be reached.
    """
    answer = await session.request("GET", "/ermrest/", accept=JSON)
    document = answer.json()
    if not isinstance(document, dict) or "version" not in document:
        raise SatchelError(
            Kind.SERVER, f"{session.host} does not answer as a Deriva server does.", "Check the server's name."
        )
    return document
