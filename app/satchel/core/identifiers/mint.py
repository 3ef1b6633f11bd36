"""The job of minting: a bag, an object, an identifier, a record, each of them once.

Every step can be interrupted and gone on with. What makes it happen once:

* the bag of a version is the same, byte for byte, whoever makes it, and its object's name holds its checksum;
* before anything is registered the service is asked by that checksum, also when it is not known whether an earlier
  registration arrived;
* who registers has claimed the object in the bucket before, so that of two at the same time one waits for the other;
* where a store knows no claims, the oldest identifier of the same content wins and the others are withdrawn.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from satchel.core import credentials
from satchel.core.bags.digests import StoppedError, hash_file
from satchel.core.bags.threads import in_thread
from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export import runner as export
from satchel.core.export.datasets import run as datasets
from satchel.core.export.datasets.request import DatasetRequest
from satchel.core.export.request import ExportRequest, ExportResult, Offers
from satchel.core.export.spec.request import SpecResult
from satchel.core.identifiers import keys, version
from satchel.core.identifiers.asking import asking, resolve
from satchel.core.identifiers.minting import MintRequest, MintResult
from satchel.core.identifiers.names import Name, find, parse
from satchel.core.identifiers.profile import load
from satchel.core.identifiers.record import Record
from satchel.core.identifiers.registrar import Registrar
from satchel.core.identifiers.release import release
from satchel.core.identifiers.settled import Settled, need_place, settle
from satchel.core.identifiers.shelf import Kept, Shelf
from satchel.core.identifiers.storing import Store
from satchel.core.identifiers.trusted import bundle
from satchel.core.identifiers.version import Subject
from satchel.core.jobs.context import Context
from satchel.core.paths import Home

P = ParamSpec("P")
T = TypeVar("T")
SPEC_KEY = "Spec_Hash"
"""Of the metadata that is registered."""
ALGORITHMS = ("md5", "sha256")
"""Where nothing else is said; deriva-ml's bags then have md5, as it makes them."""
LOOK_SECONDS = 1.0
MOST_WAITING = 150.0
"""Seconds that one waits for somebody who has claimed the same object; longer than a claim is believed."""
_ARCHIVE, _UPLOAD, _UPLOADED, _MINTED, _CLAIMED, _ASKED, _RELEASED = (
    "mint-archive", "mint-upload", "mint-uploaded", "mint-identifier", "mint-claim", "mint-asked", "mint-released"
)  # fmt: skip


async def run(request: MintRequest, context: Context) -> MintResult:
    """Mint, or find the identifier that is there.

    Raises:
        SatchelError: something that the person must know or do; what was done is kept for resuming.
    """
    _must_fit(request)
    try:
        if request.way == "server":
            from satchel.core.identifiers.by_server import by_server

            return await by_server(request, context)
        return await Mint(request, context).run()
    except StoppedError:
        raise asyncio.CancelledError from None


def _must_fit(request: MintRequest) -> None:
    """Refuse choices that the wanted kind of bag does not know, rather than leave them out without a word."""
    fixed = request.way == "server" or request.layout == "deriva-ml"
    if fixed and request.offers != Offers():
        raise SatchelError(
            Kind.USAGE,
            "A bag as deriva-ml makes it holds what deriva-ml chooses; tables cannot be left out or added.",
            "Leave these choices out, or have the complete bag made on this computer.",
        )
    if request.way == "server" and request.materialize:
        raise SatchelError(
            Kind.USAGE,
            "The export service lists files by their addresses and does not put them into the bag.",
            "Leave --materialize out, or have the bag made on this computer (without --server-side).",
        )


class Mint:
    """One minting under way."""

    def __init__(self, request: MintRequest, context: Context) -> None:
        self.request = request
        self.context = context
        self.home = Home.find()
        self.registrar: Registrar
        self.subject: Subject
        self.settled: Settled
        self.spec_hash = ""
        self.export: ExportRequest | DatasetRequest
        self.person = ""
        self.verify = ""

    async def run(self) -> MintResult:
        """From the dataset's version to its identifier."""
        context = self.context
        await self.begin()
        self.export = self._export()
        self.spec_hash = version.spec_hash(version.spec_of(self.export, self.subject.snapshot))
        try:
            before, same = await self.existing()
            if same and before is not None:
                await self._let_go()
                return await self.finish(before, reused=not self._made(before), replaced=None)
            place = need_place(self.settled)
            await self.ready()
            archive, sha256, length = await self._archive()
            found = await self._known(sha256)
            if found is None:
                own = await keys.from_keyring(place)
                store = await self.aside(Store, place, own, self.verify, context.cancelled)
                try:
                    key = store.key(self.subject.dataset.rid, self.subject.version.version, sha256[:16], archive.name)
                    await self._upload(store, archive, key, sha256, length)
                    found, made = await self._once(store, key, sha256, length, before)
                finally:
                    store.close()
            else:
                made = self._made(found)
                await self._let_go()
            replaced = before if before is not None and before.id != found.id else None
            return await self.record(found, reused=not made, before=replaced)
        finally:
            self.registrar.close()

    def _export(self) -> ExportRequest | DatasetRequest:
        """What makes the bag."""
        request, subject = self.request, self.subject
        out = str(self.context.folder / "made")
        if request.layout == "deriva-ml":
            return DatasetRequest(
                host=request.host,
                catalog=request.catalog,
                dataset=subject.dataset.rid,
                version=subject.version.version,
                out=out,
                archive="zip",
                materialize=request.materialize,
                algorithms=() if request.algorithms == ALGORITHMS else request.algorithms,
                access=request.access,
            )
        return ExportRequest(
            host=request.host,
            catalog=request.catalog,
            rid=subject.dataset.rid,
            out=out,
            snapshot=subject.snapshot,
            offers=request.offers,
            archive="zip",
            materialize=request.materialize,
            algorithms=request.algorithms,
            access=request.access,
        )

    # -- before ---------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Read the version, settle what is open."""
        request, context = self.request, self.context
        with context.stage("dataset", "Read the dataset's version") as stage:
            async with self.catalog() as catalog:
                person = await still_signed_in(catalog.session)
                self.person = person.name if person is not None else ""
                wanted = context.recall(_RELEASED) or request.version
                if request.release and not context.recall(_RELEASED):
                    wanted = await release(catalog, request.dataset, request.release, request.description, context)
                    context.checkpoint(_RELEASED, wanted)
                self.subject = await version.subject(catalog, request.dataset, wanted)
            stage.note = f"version {self.subject.version.version}, snapshot {self.subject.snapshot}"
        profile = await asyncio.to_thread(load, self.home)
        self.settled = settle(request, profile, self.subject.bucket, self.subject.acl)
        self.verify = await asyncio.to_thread(bundle, context.folder, request.access.ca)
        host = urlsplit(self.settled.service).netloc
        credential = await credentials.lookup(host, request.access, warn=lambda m: context.log(m, "warning"))
        self.registrar = await self.aside(Registrar, self.settled.service, credential, self.verify)

    async def ready(self) -> None:
        """Make sure that what comes last will be allowed, before anything is made."""
        with self.context.stage("rights", "Look whether you may mint"):
            await self.aside(self.registrar.may_mint)
            self.need_record()

    def need_record(self) -> None:
        """Make sure that the identifier may be written into the catalog, as far as it says so. Raises SatchelError."""
        if not self.subject.writable:
            raise SatchelError(
                Kind.NOT_ALLOWED,
                "You may not write an identifier into the versions of datasets in catalog "
                f"{self.request.catalog} on {self.request.host}.",
                "Ask the catalog's owner for the right to change Dataset_Version, or to mint it.",
            )

    async def existing(self) -> tuple[Record | None, bool]:
        """The identifier that the version has, and whether it is for this spec."""
        stored = self.subject.version.minid
        name = find(stored) if stored else None
        if stored and name is None:
            self.context.warn("unknown-identifier", f"The version's Minid {stored!r} is no identifier that is known.")
        if name is None:
            return None, False
        with self.context.stage("existing", f"Look at {name.compact}, which the version has"):
            record = await self._resolved(name)
        if record is None:
            return None, False
        return record, self._is_same(record)

    async def _resolved(self, name: Name) -> Record | None:
        """What is known of the identifier that the version has."""
        async with asking(self.request.access, log=self.context.log) as asks:
            try:
                return await resolve(asks, name, [self.settled.service])
            except SatchelError as error:
                known = self.subject.version.minid_spec_hash == self.spec_hash
                if error.kind is Kind.NOT_FOUND or not known:
                    if error.kind is not Kind.NOT_FOUND:
                        raise
                    self.context.warn(
                        "dead", f"{name.compact}, which the version has, is not known any more; a new one is made."
                    )
                    return None
                self.context.warn("not-checked", f"{name.compact} could not be looked up: {error.message}")
                service = name.service or self.settled.service
                stored = self.subject.version.minid or service + name.id
                return Record(id=name.id, compact=name.compact, landing_page=stored, service=service)

    def _is_same(self, record: Record) -> bool:
        if not record.active or record.replaced_by:
            self.context.warn(
                "withdrawn", f"{record.compact}, which the version has, was withdrawn or replaced; a new one is made."
            )
            return False
        if Name(record.id).is_test and not self.settled.test:
            self.context.warn("test-identifier", f"{record.compact} is a test identifier; a real one takes its place.")
            return False
        known = self.subject.version.minid_spec_hash or record.said(SPEC_KEY)
        if known == self.spec_hash:
            return True
        if known or self.request.replace:
            self.context.warn(
                "spec-changed",
                f"{record.compact} is for another choice of what the bag holds; a new identifier is made and takes its "
                "place.",
                where=record.id,
            )
            return False
        self.context.warn(
            "unknown-spec",
            f"{record.compact} was minted by other software, which does not say what the bag holds. It is kept.",
            where=record.id,
            hint="--replace mints a new one in its place.",
        )
        return True

    # -- the bag --------------------------------------------------------------------------------------------------

    async def _archive(self) -> tuple[Path, str, int]:
        """Make the bag's archive. Returns it with its sha256 and length."""
        context = self.context
        kept = context.recall(_ARCHIVE)
        if kept is not None:
            path = Path(kept["path"])
            if await asyncio.to_thread(lambda: path.is_file() and path.stat().st_size == kept["length"]):
                return path, kept["sha256"], kept["length"]
        folder = Path(self.export.out)
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        made: ExportResult | SpecResult
        if isinstance(self.export, DatasetRequest):
            made = await datasets.run(self.export, context)
        else:
            made = await export.run(self.export, context)
        if not made.complete and not self.request.incomplete:
            answer = await context.ask(
                "incomplete",
                f"{len(made.problems):,} files could not be had, so the bag is not complete. Mint it all the same?",
                ("stop", "mint"),
                "stop",
            )
            if answer != "mint":
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                raise SatchelError(
                    Kind.INVALID,
                    f"{len(made.problems):,} files of the bag could not be had, so it gets no identifier.",
                    "Have them put right in the catalog, or mint it as it is: --allow-incomplete.",
                    "\n".join(p.message for p in made.problems[:20]),
                )
        path = Path(made.archive or "")
        length = path.stat().st_size
        with context.stage("checksum", "Compute the archive's checksum", total=length, unit="bytes") as stage:

            def read() -> str:
                return hash_file(path, ["sha256"], stop=context.cancelled, told=stage.add).digests()["sha256"]

            sha256 = await in_thread(context.cancelled, read)
        context.checkpoint(_ARCHIVE, {"path": str(path), "sha256": sha256, "length": length})
        return path, sha256, length

    # -- the object -----------------------------------------------------------------------------------------------

    async def _upload(self, store: Store, archive: Path, key: str, sha256: str, length: int) -> None:
        context = self.context
        if context.recall(_UPLOADED) == key:
            return
        with context.stage("upload", f"Upload to {store.place.shown}", total=length, unit="bytes") as stage:
            stage.item = archive.name
            if await self.aside(store.has, key, length, sha256):
                stage.add(length)
                stage.note = "it is there already"
            else:
                await self.aside(
                    store.upload, archive, key, length, sha256, context.recall(_UPLOAD) or {},
                    lambda kept: context.checkpoint(_UPLOAD, kept), stage.add,
                )  # fmt: skip
        with context.stage("verify-upload", "Read it back", total=length, unit="bytes") as stage:
            await self.aside(store.read_back, key, length, sha256, stage.add)
        await self._reachable(store, key)
        context.checkpoint(_UPLOADED, key)

    async def _reachable(self, store: Store, key: str) -> None:
        """Look whether those it is meant for get it."""
        if "public" not in self.request.visible_to:
            return
        address = store.place.address(key)
        try:
            async with (
                asking(self.request.access, private=True, log=self.context.log) as asks,
                asks.web(address).stream(address, headers={"Range": "bytes=0-0"}),
            ):
                return
        except SatchelError as error:
            message = f"{address} cannot be read by everybody: {error.message}"
            hint = (
                "Have the bucket's owner let everybody read it, name its public address (--public-url), or mint it for "
                "few (--visible-to)."
            )
            if store.place.acl == "none":
                self.context.warn("not-public", message, where=address, hint=hint)
                return
            raise SatchelError(Kind.NOT_ALLOWED, message, hint, error.detail) from error

    # -- the identifier -------------------------------------------------------------------------------------------

    def _ours(self, record: Record) -> bool:
        """Whether an identifier is of this version, and in force."""
        return (
            record.active
            and not record.replaced_by
            and Name(record.id).is_test == self.settled.test
            and record.said("RID") == f"{self.subject.dataset.rid}@{self.subject.snapshot}"
        )

    async def _known(self, sha256: str) -> Record | None:
        """The identifier that this very archive has already; the oldest, where there are several."""
        with self.context.stage("ask", "Ask whether it has an identifier"):
            found = [record for record in await self.aside(self.registrar.by_checksum, sha256) if self._ours(record)]
        return found[0] if found else None

    async def _once(
        self, store: Store, key: str, sha256: str, length: int, before: Record | None
    ) -> tuple[Record, bool]:
        """Register, unless somebody else does. Returns the identifier, and whether it was made here."""
        context = self.context
        claim = "none"
        with context.stage("claim", "Make sure that nobody else is minting it") as stage:
            until = time.monotonic() + MOST_WAITING
            while (claim := await self.aside(store.claim, key, context.job_id)) == "other":
                stage.note = "somebody else is at it"
                if (found := await self._known(sha256)) is not None:
                    return found, self._made(found)
                if time.monotonic() > until:
                    raise SatchelError(
                        Kind.SERVER, "Somebody else seems to be minting the same, for minutes.", "Resume it later."
                    )
                await asyncio.sleep(LOOK_SECONDS)
        if claim == "mine":
            context.checkpoint(_CLAIMED, key)
        try:
            found = await self._known(sha256)
            if found is None:
                context.checkpoint(_ASKED, True)
                found = await self._register(store, key, sha256, length, before)
                context.checkpoint(_MINTED, found.id)
            winner = await self._oldest(found, sha256)
            made = winner.id == found.id and self._made(found)
            # The record comes before the claim is let go: who comes next finds it there.
            await self._write(winner)
            return winner, made
        finally:
            if claim == "mine":
                await self._release(store, key)

    def _made(self, record: Record) -> bool:
        """Whether an identifier that is there is this job's, from an earlier run of it perhaps."""
        minted = self.context.recall(_MINTED)
        return minted == record.id if minted is not None else bool(self.context.recall(_ASKED))

    async def _let_go(self) -> None:
        """Take back the claim of an earlier run of this job that was killed."""
        key = self.context.recall(_CLAIMED)
        if key is None or not self.settled.place.bucket:
            return
        own = await keys.from_keyring(self.settled.place)
        store = await self.aside(Store, self.settled.place, own, self.verify, self.context.cancelled)
        try:
            await self._release(store, key)
        finally:
            store.close()

    async def _release(self, store: Store, key: str) -> None:
        try:
            await self.aside(store.release, key)
        except SatchelError as error:
            self.context.log(f"The claim {key}.claim could not be removed: {error.message}", "warning")
        else:
            self.context.checkpoint(_CLAIMED, None)

    async def _register(self, store: Store, key: str, sha256: str, length: int, before: Record | None) -> Record:
        subject, settled = self.subject, self.settled
        metadata: dict[str, Any] = {
            "title": self.request.name or subject.title,
            "length": length,
            "RID": f"{subject.dataset.rid}@{subject.snapshot}",
            "Description": subject.version.description or subject.dataset.description,
            "Version": subject.version.version,
            "Catalog": f"https://{self.request.host}/id/{self.request.catalog}/{subject.dataset.rid}@{subject.snapshot}",
            SPEC_KEY: self.spec_hash,
        }
        if self.person:
            metadata["created_by"] = self.person
        if settled.authors:
            metadata["author"] = "; ".join(settled.authors)
        replaces = before.id if before is not None and before.service == settled.service else None
        with self.context.stage("register", f"Register with {self.registrar.host}"):
            try:
                return await self.aside(
                    lambda: self.registrar.create(
                        test=settled.test,
                        location=[store.place.address(key)],
                        sha256=sha256,
                        metadata=metadata,
                        visible_to=self.request.visible_to,
                        replaces=replaces,
                    )
                )
            except SatchelError as error:
                # It may have arrived all the same: the service knows.
                if error.kind not in (Kind.UNREACHABLE, Kind.SERVER):
                    raise
                found = [r for r in await self.aside(self.registrar.by_checksum, sha256) if self._ours(r)]
                if not found:
                    raise
                return found[0]

    async def _oldest(self, made: Record, sha256: str) -> Record:
        """The identifier that stays, where two were made at the same time; the others are withdrawn."""
        all_ = [record for record in await self.aside(self.registrar.by_checksum, sha256) if self._ours(record)]
        winner = all_[0] if all_ else made
        if winner.id != made.id and self.context.recall(_MINTED) == made.id:
            await self.aside(lambda: self.registrar.update(parse(made.id), active=False, replaced_by=winner.id))
            self.context.log(f"{made.compact} was withdrawn: {winner.compact} is older.", "warning")
        return winner

    # -- the record -----------------------------------------------------------------------------------------------

    async def _write(self, record: Record) -> None:
        subject = self.subject
        with self.context.stage("record", "Write the identifier into the dataset's version"):
            async with self.catalog() as catalog:
                minid, hashed = await version.reread(catalog, subject.version.rid)
                same = minid is not None and (found := find(minid)) is not None and found.id == record.id
                if not same or (subject.keeps_hash and hashed != self.spec_hash):
                    await version.write(
                        catalog, subject.version.rid, record.landing_page, self.spec_hash, keeps_hash=subject.keeps_hash
                    )

    async def record(self, record: Record, *, reused: bool, before: Record | None) -> MintResult:
        """Write it into the catalog, and tell the identifier before that it was replaced."""
        await self._write(record)
        if before is not None and before.service == self.settled.service and not before.replaced_by:
            try:
                await self.aside(lambda: self.registrar.update(parse(before.id), replaced_by=record.id))
            except SatchelError as error:
                self.context.warn(
                    "not-told", f"{before.compact} does not say that it was replaced: {error.message}", where=before.id
                )
        return await self.finish(record, reused=reused, replaced=before.compact if before is not None else None)

    async def finish(self, record: Record, *, reused: bool, replaced: str | None) -> MintResult:
        """Put it on the shelf, and sum up."""
        request, subject = self.request, self.subject
        kept = Kept(
            id=record.id,
            compact=record.compact,
            role="minted",
            record=record,
            host=request.host,
            catalog=request.catalog,
            dataset=subject.dataset.rid,
            version=subject.version.version,
            spec_hash=self.spec_hash,
        )

        def keep() -> None:
            with Shelf(self.home) as shelf:
                shelf.put(kept)

        await asyncio.to_thread(keep)
        author = record.said("author")
        return MintResult(
            identifier=record.id,
            compact=record.compact,
            landing_page=record.landing_page,
            reused=reused,
            replaced=replaced,
            host=request.host,
            catalog=request.catalog,
            dataset=subject.dataset.rid,
            version=subject.version.version,
            snapshot=subject.snapshot,
            spec_hash=self.spec_hash,
            name=record.title,
            authors=tuple(a.strip() for a in author.split(";") if a.strip()),
            created=record.created,
            created_by=record.created_by,
            locations=record.locations,
            checksum=record.sha256,
            length=record.length,
            way=request.way,
        )

    # -- help -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def catalog(self) -> AsyncIterator[Catalog]:
        """The catalog as it is now, over a connection of its own: hours may lie between two looks at it."""
        async with Session.open(self.request.host, self.request.access, log=self.context.log) as session:
            yield Catalog(session, self.request.catalog)

    async def aside(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what blocks in a thread. When this is cancelled it does not wait for a server that hangs."""
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except StoppedError:
            raise asyncio.CancelledError from None
