"""Minting by the catalog's export service: it makes the bag, uploads it (`cloud_upload`) and registers it
(`identifier`), as deriva-ml has it done. Satchel waits, looks at what was made, and writes it into the catalog.

The service is asked once. It cannot be asked whether it has minted already: where its answer was missed, the person
decides whether to ask again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from satchel.core.deriva.datasets import spec as specs
from satchel.core.deriva.ermrest import Catalog
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.server_side import waiting
from satchel.core.export.server_side.answers import understand
from satchel.core.export.server_side.waiter import Order
from satchel.core.identifiers import checking, version
from satchel.core.identifiers.asking import asking, resolve
from satchel.core.identifiers.mint import SPEC_KEY, Mint
from satchel.core.identifiers.minting import MintRequest, MintResult
from satchel.core.identifiers.names import Name, find, parse
from satchel.core.identifiers.record import Record
from satchel.core.identifiers.settled import need_place
from satchel.core.jobs.context import Context
from satchel.core.words import duration

_LANDING, _ASKED = "mint-landing", "mint-server-asked"
BUSY_PAUSE = 15.0


async def by_server(request: MintRequest, context: Context) -> MintResult:
    """Mint by the export service. Raises SatchelError."""
    return await _ByServer(request, context).run()


class _ByServer(Mint):
    async def run(self) -> MintResult:
        """From the dataset's version to its identifier."""
        context = self.context
        await self.begin()
        try:
            need_place(self.settled)
            async with self.catalog() as catalog:
                spec = await self._spec(catalog)
            self.spec_hash = version.spec_hash(self._bare(spec))
            before, same = await self.existing()
            if same and before is not None:
                made = context.recall(_LANDING) is not None and self._name(context.recall(_LANDING)).id == before.id
                return await self.finish(before, reused=not made, replaced=None)
            with context.stage("rights", "Look whether you may mint"):
                self.need_record()
            record = await self._by_service(spec)
            await self._looked_at(record)
            found = await self._or_theirs(record, before)
            replaced = before if before is not None and before.id != found.id else None
            return await self.record(found, reused=found.id != record.id, before=replaced)
        finally:
            self.registrar.close()

    async def _spec(self, catalog: Catalog) -> dict[str, Any]:
        subject, settled, request = self.subject, self.settled, self.request
        spec = await specs.dataset_spec(catalog.at(subject.snapshot), subject.dataset.rid)
        if request.algorithms:
            spec["bag"]["bag_algorithms"] = list(request.algorithms)
        place = settled.place
        upload: dict[str, Any] = {"target_url": f"s3://{place.bucket}/{place.prefix}".rstrip("/") + "/"}
        if place.acl == "public-read":
            upload["acl"] = "public-read"
        if place.region:
            upload["region_name"] = place.region
        identifier: dict[str, Any] = {
            "test": str(settled.test),
            "title": request.name or subject.title,
            "visible_to": list(request.visible_to),
            "env_column_map": {
                "RID": "{RID}@{snaptime}",
                "Description": "{Description}",
                "Version": "{SATCHEL_VERSION}",
                "Catalog": "{SATCHEL_CATALOG}",
                SPEC_KEY: "{SATCHEL_SPEC}",
            },
        }
        if settled.authors:
            identifier["author"] = "; ".join(settled.authors)
        spec["post_processors"] = [
            {"processor": "cloud_upload", "processor_params": upload},
            {"processor": "identifier", "processor_params": identifier},
        ]
        rid = f"{subject.dataset.rid}@{subject.snapshot}"
        spec["env"] = {
            **spec["env"],
            "SATCHEL_VERSION": subject.version.version,
            "SATCHEL_CATALOG": f"https://{request.host}/id/{request.catalog}/{rid}",
            "SATCHEL_SPEC": version.spec_hash(self._bare(spec)),
        }
        return spec

    @staticmethod
    def _bare(spec: dict[str, Any]) -> dict[str, Any]:
        """What of a spec determines the bag, and that it was the service that made it: no title, nobody's name."""
        return {"bag": spec["bag"], "catalog": spec["catalog"], "made_by": "export-service"}

    def _name(self, landing: str) -> Name:
        name = find(landing)
        if name is None:
            raise SatchelError(
                Kind.SERVER,
                f"{self.request.host} has made the bag and names no identifier for it.",
                "Its export service may not be set up for minting. Mint from this computer instead.",
                landing[:300],
            )
        return name

    async def _by_service(self, spec: dict[str, Any]) -> Record:
        """The identifier that the service has minted."""
        context = self.context
        landing = context.recall(_LANDING)
        if landing is None:
            landing = await self._landing(spec)
            context.checkpoint(_LANDING, landing)
        name = self._name(landing)
        with context.stage("existing", f"Look at {name.compact}"):
            async with asking(self.request.access, log=context.log) as asks:
                return await resolve(asks, name, [self.settled.service])

    async def _landing(self, spec: dict[str, Any]) -> str:
        context, folder, host = self.context, self.context.folder, self.request.host
        with context.stage("server", f"{host} makes, uploads and registers; it does not tell how far it is") as stage:
            while True:
                if not await asyncio.to_thread(waiting.is_waiting, folder) and waiting.kept_answer(folder) is None:
                    await self._may_ask()
                    waiting.forget(folder)
                    context.checkpoint(_ASKED, True)
                    order = Order(folder=str(folder), host=host, access=self.request.access, kind="bdbag", spec=spec)
                    await waiting.start(order)

                def tick(seconds: float) -> None:
                    stage.item = f"{duration(seconds)}; it goes on when this window is closed"

                answer = await waiting.listen(folder, tick)
                if answer is None:
                    continue  # whoever waited is gone: `_may_ask` asks what to do
                verdict = understand(answer, host)
                if verdict.busy:
                    context.checkpoint(_ASKED, None)
                    waiting.forget(folder)
                    stage.item = "Waiting for another export of yours to end"
                    await asyncio.sleep(BUSY_PAUSE)
                    continue
                if verdict.error is not None:
                    waiting.forget(folder)
                    if not verdict.given_up:
                        context.checkpoint(_ASKED, None)  # it has said that it made nothing
                    raise verdict.error
                stage.note = f"ready after {duration(answer.seconds)}"
                return next((other for other in verdict.others if find(other) is not None), "")

    async def _may_ask(self) -> None:
        """Make sure that the service is not asked twice without a person's word. Raises SatchelError."""
        if not self.context.recall(_ASKED):
            return
        answer = await self.context.ask(
            "mint-again",
            f"{self.request.host} was asked before, and its answer was missed. It may have minted an identifier that "
            "nobody knows of. Ask it again?",
            ("stop", "again"),
            "stop",
        )
        if answer != "again":
            raise SatchelError(
                Kind.SERVER,
                f"{self.request.host} was asked to mint, and its answer was missed.",
                "Look whether there is a new object in the bucket. Discard this job and mint anew if there is none.",
            )

    async def _looked_at(self, record: Record) -> None:
        """What the service has uploaded is what it has registered, as anybody gets it."""
        with self.context.stage("verify-upload", "Read what was uploaded", unit="bytes", total=record.length):
            async with asking(self.request.access, private=True, log=self.context.log) as asks:
                found = [await checking.location_state(asks, url, record, full=True) for url in record.locations]
        bad = next((one for one in found if one.state == "changed"), None)
        if bad is not None or not found:
            raise SatchelError(
                Kind.INVALID,
                f"{record.compact} was registered for something else than what is there: "
                f"{bad.note if bad is not None else 'it leads nowhere.'}",
                "It was not written into the catalog. Tell the server's administrator.",
            )
        for one in found:
            if one.state == "dead":
                self.context.warn("not-public", one.note, where=one.url)

    async def _or_theirs(self, record: Record, before: Record | None) -> Record:
        """What somebody else has written into the version meanwhile for the same spec; else this one."""
        async with self.catalog() as catalog:
            minid, hashed = await version.reread(catalog, self.subject.version.rid)
        name = find(minid) if minid else None
        if name is None or name.id == record.id or (before is not None and name.id == before.id):
            return record
        async with asking(self.request.access, log=self.context.log) as asks:
            theirs = await resolve(asks, name, [self.settled.service])
        if (hashed or theirs.said(SPEC_KEY)) != self.spec_hash or not theirs.active:
            return record
        await self.aside(lambda: self.registrar.update(parse(record.id), active=False, replaced_by=theirs.id))
        self.context.log(f"{record.compact} was withdrawn: {theirs.compact} was there before.", "warning")
        return theirs
