"""Whether all is ready for minting, as a list of checks that a person can read: a tick, or what to do about it.

Nothing is left behind: the small object that tries the bucket is removed, and nothing is registered.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from satchel.core import credentials
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.datasets.listing import DATASET
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.paths import equals
from satchel.core.deriva.retry import BRISK
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers import keys, version
from satchel.core.identifiers.minting import MintRequest
from satchel.core.identifiers.place import Place
from satchel.core.identifiers.profile import load
from satchel.core.identifiers.registrar import Registrar
from satchel.core.identifiers.settled import Settled, need_place, settle
from satchel.core.identifiers.storing import Store
from satchel.core.identifiers.trusted import bundle
from satchel.core.identifiers.version import Subject
from satchel.core.paths import Home

Mark = Literal["ok", "warning", "missing", "unknown"]
"""`missing`: minting would fail; `warning`: it works, and the person should know; `unknown`: could not be looked at."""
TITLES = {
    "dataset": "The dataset's version",
    "bucket": "A bucket for the bag",
    "store": "Rights in the bucket",
    "service": "Sign-in to the identifier service",
    "record": "The right to write the identifier into the catalog",
    "readable": "The dataset can be read by those it is meant for",
    "metadata": "Title, authors, description",
}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that minting needs."""

    code: str
    """One of `TITLES`."""
    title: str
    mark: Mark
    message: str
    hint: str = ""
    """What to do about it."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    checks: tuple[Check, ...]
    settled: Settled | None = None
    suggested: str = ""
    """A title."""
    minid: str | None = None
    """The identifier that the version has already."""

    @property
    def ready(self) -> bool:
        """Nothing is missing."""
        return all(check.mark in ("ok", "warning") for check in self.checks)


Told = Callable[[Check], None]


async def readiness(request: MintRequest, told: Told = lambda _: None) -> Readiness:
    """Look at everything that minting needs.

    Args:
        request: what would be minted.
        told: called with each check as it is done.
    """
    return await _Look(request, told).run()


def _load() -> None:
    """Import what does the talking. One after the other: imported by two threads at once, what these libraries say to
    each other about warnings goes wrong, and a warning reaches the terminal."""
    for name in ("boto3", "fair_identifiers_client.identifiers_api"):
        import_module(name)


class _Look:
    def __init__(self, request: MintRequest, told: Told) -> None:
        self._request, self._told = request, told
        self._checks: dict[str, Check] = {}

    def _tell(self, code: str, mark: Mark, message: str, hint: str = "") -> None:
        check = Check(code=code, title=TITLES[code], mark=mark, message=message, hint=hint)
        self._checks[code] = check
        self._told(check)

    async def _try(self, code: str, look: Awaitable[None]) -> None:
        """A look that fails is an answer, too."""
        try:
            await look
        except SatchelError as error:
            self._tell(code, "missing", error.message, error.hint)

    async def run(self) -> Readiness:
        request = self._request
        async with AsyncExitStack() as stack:
            folder = Path(await asyncio.to_thread(stack.enter_context, tempfile.TemporaryDirectory(prefix="satchel-")))
            try:
                session = await stack.enter_async_context(Session.open(request.host, request.access, policy=BRISK))
                await still_signed_in(session)
                catalog = Catalog(session, request.catalog)
                subject = await version.subject(catalog, request.dataset, request.version)
                verify = await asyncio.to_thread(bundle, folder, request.access.ca)
                await asyncio.to_thread(_load)
            except SatchelError as error:
                self._tell("dataset", "missing", error.message, error.hint)
                return Readiness(checks=tuple(self._checks.values()))
            shown = f"version {subject.version.version}, snapshot {subject.snapshot}"
            self._tell("dataset", "ok", f"{subject.dataset.rid}, {shown}.")
            settled = self._settled(subject)
            looks = [
                self._try("record", self._record(subject, session.signed_in)),
                self._try("readable", self._readable(subject)),
                self._try("metadata", self._metadata(subject, settled)),
            ]
            if settled is not None:
                looks.append(self._try("service", self._service(settled, verify)))
                if request.way == "here" and "bucket" in self._checks and settled.place.bucket:
                    looks.append(self._try("store", self._store(settled.place, verify)))
            await asyncio.gather(*looks)
            return Readiness(
                checks=tuple(self._checks[code] for code in TITLES if code in self._checks),
                settled=settled,
                suggested=subject.title,
                minid=subject.version.minid,
            )

    def _settled(self, subject: Subject) -> Settled | None:
        try:
            settled = settle(self._request, load(Home.find()), subject.bucket, subject.acl)
            place = need_place(settled)
        except SatchelError as error:
            self._tell("bucket", "missing", error.message, error.hint)
            try:
                return settle(msgspec.structs.replace(self._request, place=Place()), load(Home.find()))
            except SatchelError:
                return None
        said = {"typed": "as typed", "profile": "from the lab's profile", "catalog": "from the catalog"}
        self._tell("bucket", "ok", f"{place.shown}, {said[settled.said_by]}.")
        return settled

    async def _store(self, place: Place, verify: str) -> None:
        own = await keys.from_keyring(place)

        def look() -> None:
            store = Store(place, own, verify, threading.Event())
            try:
                store.try_out(secrets.token_hex(6))
            finally:
                store.close()

        await asyncio.to_thread(look)
        self._tell("store", "ok", "A small object was written, read and removed.")

    async def _service(self, settled: Settled, verify: str) -> None:
        host = urlsplit(settled.service).netloc
        credential = await credentials.lookup(host, self._request.access)

        def look() -> None:
            registrar = Registrar(settled.service, credential, verify)
            try:
                registrar.may_mint()
            finally:
                registrar.close()

        await asyncio.to_thread(look)
        kind = "test identifiers" if settled.test else "identifiers"
        self._tell("service", "ok", f"{host} lets you mint {kind}.")

    async def _record(self, subject: Subject, signed_in: bool) -> None:
        if not signed_in:
            raise SatchelError(
                Kind.NOT_SIGNED_IN,
                f"You are not signed in to {self._request.host}, so the identifier could not be written there.",
                f"Sign in: satchel login {self._request.host}",
            )
        if not subject.writable:
            raise SatchelError(
                Kind.NOT_ALLOWED,
                "You may not change the versions of datasets in this catalog.",
                "Ask the catalog's owner for the right to change Dataset_Version, or to mint it.",
            )
        kept = "with the hash of its spec" if subject.keeps_hash else "its spec's hash goes into its metadata"
        hint = ""
        if self._request.way == "here" and self._request.layout == "complete":
            hint = (
                "deriva-ml's own programs follow it, and open only bags of their layout: choose that "
                "(--layout deriva-ml) if people load this version with them."
            )
        self._tell("record", "ok", f"It goes into Dataset_Version.Minid, {kept}.", hint)

    async def _readable(self, subject: Subject) -> None:
        """Look as anybody, where it is meant for everybody."""
        request = self._request
        if "public" not in request.visible_to:
            self._tell(
                "readable",
                "warning",
                "It is meant for few: the archive is not made public, and Satchel cannot look as they would.",
                "Make sure that they may read the bucket.",
            )
            return
        async with Session.open(request.host, request.access, credential={}, policy=BRISK) as session:
            catalog = Catalog(session, request.catalog, subject.snapshot)
            try:
                rows = await catalog.rows(f"entity/{DATASET.path}/{equals('RID', subject.dataset.rid)}")
            except SatchelError as error:
                if error.kind not in (Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED, Kind.SERVER, Kind.NOT_FOUND):
                    raise
                rows = []
        if rows:
            self._tell("readable", "ok", "Everybody may read the dataset, signed in or not.")
            return
        hint = "The bag holds what you may read, and everybody will get that: mint it for few (--visible-to) otherwise."
        if not request.materialize:
            hint += (
                " Its files stay on the server, where not everybody gets them: --materialize puts them into the bag."
            )
        self._tell("readable", "warning", "Who is not signed in may not read the dataset in the catalog.", hint)

    async def _metadata(self, subject: Subject, settled: Settled | None) -> None:
        lacks = []
        if not self._request.name:
            lacks.append(f"a title (it would be {subject.title!r})")
        if settled is None or not settled.authors:
            lacks.append("authors")
        if not (subject.version.description or subject.dataset.description):
            lacks.append("a description, in the catalog")
        if lacks:
            self._tell("metadata", "warning", f"For a good citation it lacks {', '.join(lacks)}.", "Give them.")
        else:
            self._tell("metadata", "ok", "Title, authors and description are there.")
