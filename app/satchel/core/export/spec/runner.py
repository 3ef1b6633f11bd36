"""The job that runs a spec: queries at once, then transforms, then the bag, then what is to be done with it.

The work is done in a hidden folder beside its target and gets its name when it is whole and on the disk. Each output
has a checkpoint, so that a job that goes on asks for nothing again that is here and as it was.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from satchel import __version__
from satchel.core.bags.archive import MORE_ENDINGS, pack
from satchel.core.bags.digests import hash_file
from satchel.core.bags.names import safe_name
from satchel.core.bags.threads import in_thread
from satchel.core.bags.writer import Entry, Inventory
from satchel.core.deriva import snapshots
from satchel.core.deriva.authn import Person, still_signed_in
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export import report
from satchel.core.export.assets import Asset, Assets
from satchel.core.export.choosing import Chooser
from satchel.core.export.errors import BaggingError, ConfigurationError, naming
from satchel.core.export.finishing import (
    check_folder,
    clear,
    in_threads,
    made_already,
    must_be_free,
    place,
    remember,
    remove_tags,
    size_of,
)
from satchel.core.export.leftovers import KEY, work_folder
from satchel.core.export.request import AssetProblem, Notice, TableResult
from satchel.core.export.spec import bagging, posts
from satchel.core.export.spec.assets import Remote
from satchel.core.export.spec.model import ALGORITHMS, Spec, read
from satchel.core.export.spec.placeholders import Env
from satchel.core.export.spec.queries import Made, Queries
from satchel.core.export.spec.request import OutputResult, SpecRequest, SpecResult
from satchel.core.export.spec.transforming import transform_all
from satchel.core.jobs.context import Context

MOST_WARNED = 20
REMOTE_MANIFEST = "remote-file-manifest.json"
"""What a spec without a bag says of files that it lists and does not fetch."""


async def run(request: SpecRequest, context: Context) -> SpecResult:
    """Run a spec. See `satchel.core.export.spec.request`.

    Raises:
        SatchelError: something that the person must know or do, by the names of `satchel.core.export.errors`; what was
            done is kept for resuming.
    """
    found = await asyncio.to_thread(made_already, SpecResult, context)
    spec = read(request.spec)
    check_folder(request.out)
    if found is not None and not spec.posts:
        return found
    unknown = [a for a in request.algorithms if a not in ALGORITHMS]
    if unknown:
        raise ConfigurationError(f"{unknown[0]} is not a kind of checksum", f"Use {', '.join(ALGORITHMS)}.")
    with naming():
        async with Session.open(request.host, request.access, log=context.log, inactivity=request.timeout) as session:
            with context.stage("catalog", "Ask the server for the catalog") as stage:
                person = await _same_person(session, context)
                live = Catalog(session, request.catalog)
                pinned = await live.pin(context.recall("snapshot") or request.snapshot)
                if pinned.snapshot is None:
                    raise SatchelError(Kind.SERVER, f"{request.host} does not say which snapshot is the newest.")
                context.checkpoint("snapshot", pinned.snapshot)
                stage.note = f"snapshot {pinned.snapshot}"
            export = _Export(request, context, spec, live, pinned, person)
            if found is not None:
                return await export.afterwards(found)
            return await export.run()


async def _same_person(session: Session, context: Context) -> Person | None:
    """What one person sees must not be mixed with what another does."""
    person = await still_signed_in(session)
    now = [person.id, person.name] if person is not None else ["", "nobody"]
    before = context.recall("as", now)
    if before[0] != now[0]:
        raise SatchelError(
            Kind.NOT_SIGNED_IN,
            f"This export was begun as {before[1]}; now you are {now[1]} to {session.host}, who may see other rows.",
            "Sign in as before and resume, or begin a new export.",
            host=session.host,
        )
    context.checkpoint("as", now)
    return person


@dataclass
class _Export:
    """One run of a spec."""

    request: SpecRequest
    context: Context
    spec: Spec
    live: Catalog
    pinned: Catalog
    person: Person | None
    problems: list[AssetProblem] = field(default_factory=list)

    @property
    def snapshot(self) -> str:
        return str(self.pinned.snapshot)

    async def run(self) -> SpecResult:
        context = self.context
        name, goal = self._goal()
        if self.spec.bag is not None:
            must_be_free(goal)
        work = work_folder(goal, context.job_id)
        context.checkpoint(KEY, [str(work)])
        base = work / name
        payload = base / "data" if self.spec.bag is not None else base
        await asyncio.to_thread(payload.mkdir, parents=True, exist_ok=True)
        algorithms = self._algorithms()
        queries = await self._queries(payload, algorithms)
        self.problems += queries.problems
        outputs = await transform_all(
            self.spec, queries.env, queries.outputs, payload, algorithms, context, self._secrets_of_worker()
        )
        inventory = Inventory(context.folder / "inventory.sqlite")
        try:
            prefix = "data/" if self.spec.bag is not None else ""
            inventory.add(Entry(f"{prefix}{m.path}", m.length, m.digests) for m in outputs)
            remotes = self._apart(outputs, queries.listed, queries.fetched)
            await self._assets(base, prefix, inventory, algorithms, remotes, {r.path for r in queries.fetched})
            await still_signed_in(self.live.session)
            if self.spec.bag is None:
                return await self._files(base, inventory, outputs, remotes, work)
            return await self._bag(base, goal, inventory, outputs, remotes, algorithms, queries)
        finally:
            inventory.close()

    # -- names -----------------------------------------------------------------------------------------------------

    def _goal(self) -> tuple[str, Path]:
        """The bag's name, and what will be made."""
        request, when = self.request, snapshots.moment(self.snapshot)
        bag = self.spec.bag
        more = {
            "catalog": request.catalog,
            "snapshot": self.snapshot,
            "date": when.strftime("%Y-%m-%d"),
            "table": (request.table or "").rpartition(":")[2],
            "rid": request.rid or "",
            "label": request.label,
        }
        given = request.name or (bag.name if bag is not None else None)
        pattern = given or (when.strftime("deriva_bag_%Y-%m-%d_%H.%M.%S") if bag is not None else "files")
        env = Env({**more, **request.env}, self.spec.env, self.live.host)
        wanted = env.fill(pattern, where="" if request.name else "/bag/bag_name")
        name = safe_name(wanted, "bag")
        if name != wanted:
            self.context.warn("name-changed", f"The bag is called {name}: {wanted[:100]!r} cannot be a file's name.")
        return name, Path(request.out) / (name + MORE_ENDINGS.get(self._archive(), ""))

    def _archive(self) -> str:
        if self.spec.bag is None:
            return "none"
        if self.request.archive != "spec":
            return self.request.archive
        return self.spec.bag.archiver or "none"

    def _algorithms(self) -> tuple[str, ...]:
        if self.request.algorithms:
            return tuple(dict.fromkeys(self.request.algorithms))
        return self.spec.bag.algorithms if self.spec.bag is not None else ("md5", "sha256")

    def _secrets_of_worker(self) -> dict[str, Any]:
        """What a worker process needs to be deriva-py: no secret, only where one is kept."""
        return {"host": self.live.host, "catalog": self.live.id, "person": msgspec.to_builtins(self.person)}

    # -- queries ---------------------------------------------------------------------------------------------------

    async def _queries(self, payload: Path, algorithms: Sequence[str]) -> Queries:
        """All queries of one state of the catalog.

        Unless a snapshot was asked for, the catalog is read as it is, as deriva-py does (rows that nobody sorts come in
        another order from a snapshot). Where somebody changed it meanwhile, all is read again as it was.
        """
        request, context = self.request, self.context
        which = context.recall("reading") or ("pinned" if request.snapshot else "live")
        if which == "live" and context.resumed and await self._newest() != self.snapshot:
            which = "pinned"
        for reading in dict.fromkeys([which, "pinned"]):
            context.checkpoint("reading", reading)
            catalog = self.live if reading == "live" else self.pinned
            queries = Queries(request, self.spec, catalog, payload, algorithms, context, reading)
            with context.stage("queries", "Ask for the rows", total=len(self.spec.queries), unit="requests") as stage:
                await queries.run(stage)
                stage.note = f"{queries.rows:,} rows in {len(queries.outputs)} files"
            if reading == "pinned" or await self._newest() == self.snapshot:
                break
            context.warn(
                "changed-meanwhile",
                "The catalog was changed while it was read; all was read again as it was at the start.",
                hint="Name a snapshot to read from (--snapshot) and it is read once.",
            )
            await asyncio.to_thread(shutil.rmtree, payload)
            await asyncio.to_thread(payload.mkdir)
        return queries

    async def _newest(self) -> str:
        return (await self.live.info()).snapshot

    # -- assets ----------------------------------------------------------------------------------------------------

    def _apart(self, outputs: Sequence[Made], listed: list[Remote], fetched: list[Remote]) -> list[Remote]:
        """Give each file a name of its own; the same file twice is one.

        In deriva-py the second of two files with one name takes the other's place, or only its checksum.
        """
        taken: dict[str, Remote | None] = {made.path: None for made in outputs}
        found: list[Remote] = []
        renamed = 0
        for remote in [*listed, *fetched]:
            path, number = remote.path, 1
            while path in taken:
                before = taken[path]
                if before is not None and before.url == remote.url:
                    break
                number += 1
                stem, dot, ending = remote.path.rpartition(".")
                plain = not dot or "/" in ending
                path = f"{remote.path} ({number})" if plain else f"{stem} ({number}).{ending}"
            else:
                renamed += path != remote.path
                moved = _moved(remote, path)
                taken[path] = moved
                found.append(moved)
        if renamed:
            self.context.warn(
                "same-name",
                f"{renamed:,} files had the name of another one and got a number: none is lost.",
                hint="Put {rid} into output_path to keep them apart.",
            )
        return found

    async def _assets(
        self,
        base: Path,
        prefix: str,
        inventory: Inventory,
        algorithms: Sequence[str],
        remotes: list[Remote],
        fetched: set[str],
    ) -> None:
        """List the assets, and fetch those that are to be in the bag."""
        chooser = Chooser(self.request.assets if self.request.materialize else None)
        inside: list[Remote] = []
        outside: list[Remote] = []
        for remote in remotes:
            taken = remote.path in fetched or chooser.takes(
                path=f"{prefix}{remote.path}", length=remote.length, table=self.request.table
            )
            (inside if taken else outside).append(remote)
        entries = (Entry(f"{prefix}{r.path}", r.length, dict(r.sums), r.url) for r in outside)
        if prefix:
            await asyncio.to_thread(inventory.add, entries)
        if not inside:
            return
        kinds = tuple(dict.fromkeys([*algorithms, *(a for r in inside for a in r.sums)]))
        work = Assets(Hatrac(self.live.session), base, inventory, kinds, self.context)
        table = self.request.label or "assets"
        own = self.live.session.base
        files = (Asset(table, r.row, prefix + r.path, _below(r.url, own), r.length, r.sums) for r in inside)
        with self.context.stage("assets", "Fetch the assets", total=len(inside), unit="files") as stage:
            await work.fetch(iter(files), stage)
        # What a spec downloads is in the bag's own manifests, what it lists in those of its row's checksums as well.
        own_files = [inventory.get(prefix + r.path) for r in inside if r.path in fetched]
        kept = [Entry(e.path, e.length, {a: e.digests[a] for a in algorithms}) for e in own_files if e is not None]
        await asyncio.to_thread(inventory.add, kept)
        self.problems += sorted(work.problems, key=lambda p: (p.table, p.rid, p.url))

    def _tell_problems(self) -> None:
        for problem in self.problems[:MOST_WARNED]:
            self.context.warn(
                f"asset-{problem.reason}", f"{problem.rid or problem.url}: {problem.message}", where=problem.rid
            )
        if len(self.problems) > MOST_WARNED:
            self.context.warn("assets-missing", f"{len(self.problems) - MOST_WARNED:,} more assets are missing.")

    # -- files -----------------------------------------------------------------------------------------------------

    async def _files(
        self, base: Path, inventory: Inventory, outputs: Sequence[Made], remotes: Sequence[Remote], work: Path
    ) -> SpecResult:
        """Give the files of a spec without a bag their names: all of them, or none."""
        self._tell_problems()
        here = {entry.path for entry in inventory}
        away = [r for r in remotes if r.path not in here and not any(p.url.endswith(r.url) for p in self.problems)]
        if away:
            lines = [
                {
                    "url": r.url, "length": r.length, "filename": r.path, **r.sums,
                    **({"content_type": r.content_type} if r.content_type else {}),
                }
                for r in away
            ]  # fmt: skip
            data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
            await asyncio.to_thread((base / REMOTE_MANIFEST).write_bytes, data)
        out = Path(self.request.out)
        with self.context.stage("finish", "Put the files in their places"):
            names = await asyncio.to_thread(_names_below, base)
            result = self._result(None, None, outputs, inventory, tuple(str(out / name) for name in names))
            await in_thread(self.context.cancelled, _place_all, base, out, names)
            self.context.checkpoint("files", True)
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
        return await self.afterwards(result)

    # -- bag -------------------------------------------------------------------------------------------------------

    async def _bag(
        self,
        base: Path,
        goal: Path,
        inventory: Inventory,
        outputs: Sequence[Made],
        remotes: Sequence[Remote],
        algorithms: Sequence[str],
        queries: Queries,
    ) -> SpecResult:
        bag = self.spec.bag
        assert bag is not None  # noqa: S101 - asked by the caller
        _, count = inventory.oxum()
        if not count and bag.strict:
            raise BaggingError(
                Kind.INVALID,
                "No query of the spec has found anything: the bag would be empty.",
                "Check what stands for the placeholders, and what you may see. bag_strict: false makes an empty bag.",
            )
        self._tell_problems()
        await self._tags(base, inventory, outputs, remotes, algorithms)
        await self._verify(base, inventory, outputs, algorithms)
        archive = self._archive()
        result = self._result(
            str(goal) if archive == "none" else None, None if archive == "none" else str(goal), outputs, inventory, ()
        )
        await self._deliver(base, goal, archive, result)
        return await self.afterwards(result)

    async def _tags(
        self,
        base: Path,
        inventory: Inventory,
        outputs: Sequence[Made],
        remotes: Sequence[Remote],
        algorithms: Sequence[str],
    ) -> None:
        bag = self.spec.bag
        assert bag is not None  # noqa: S101
        info = self._info()
        written = dict(info)
        author = written.get("Contact-Name") or (self.person.name if self.person else None)
        when = snapshots.moment(self.snapshot)
        crate = self.request.ro_crate

        def write() -> None:
            remove_tags(base)
            extra = []
            listed = {e.path.removeprefix("data/"): e.url is None for e in inventory}
            if self.problems:
                (base / "satchel").mkdir(exist_ok=True)
                (base / report.PROBLEMS).write_bytes(report.problems_json(self.problems))
                extra.append(report.PROBLEMS)
            if bag.ro:
                known = bagging.ResearchObject(when, author, written.get("Contact-Orcid"))
                for made in outputs:
                    if made.ro:
                        known.local(made.path, made.url, made.content_type)
                for remote in remotes:
                    known.remote(remote.path, remote.url, remote.content_type)
                known.write(base, listed)
                extra.append(bagging.RO_MANIFEST)
            if crate:
                from satchel.core.export.rocrate import add_crate

                add_crate(base, inventory, algorithms, info, when)
            kept = {f"data/{r.path}": r.url for r in remotes} if self.request.keep_fetch else None
            bagging.write_tags(base, inventory, info, algorithms, extra, kept)

        with self.context.stage("manifests", "Write the manifests"):
            await in_thread(self.context.cancelled, write)

    def _info(self) -> list[tuple[str, str]]:
        """Fields of bag-info.txt: the spec's, then the person's, then what this program knows."""
        bag, request = self.spec.bag, self.request
        assert bag is not None  # noqa: S101
        when = snapshots.moment(self.snapshot)
        fields = list(bagging.metadata_fields(bag.metadata))
        taken = {label for label, _ in fields}
        own = [
            *request.info,
            ("BagIt-Profile-Identifier", bagging.PROFILE),
            ("Bag-Software-Agent", f"Satchel {__version__}"),
            ("Bagging-Date", when.strftime("%Y-%m-%d")),
            ("Source-Host", request.host),
            ("Source-Catalog", request.catalog),
            ("Source-Snapshot", self.snapshot),
            ("Source-Snapshot-Time", when.isoformat()),
        ]
        if not bag.metadata:
            own.append(("Internal-Sender-Identifier", f"deriva@{self.live.session.base}"))
        if request.label:
            own.append(("Source-Spec", request.label))
        if request.table:
            own.append(("Root-Table", request.table))
        if request.rid:
            own.append(("Root-RID", request.rid))
        if self.problems:
            own.append(("Incomplete", f"{len(self.problems)} assets are missing; {report.PROBLEMS} lists them"))
        return [*fields, *((label, value) for label, value in own if label not in taken)]

    async def _verify(
        self, base: Path, inventory: Inventory, outputs: Sequence[Made], algorithms: Sequence[str]
    ) -> None:
        """Read the bag once more as a recipient would, and clear away what is not in its manifests."""
        here = [entry for entry in inventory if entry.url is None]
        total = sum(entry.length or 0 for entry in here)
        with self.context.stage("verify", "Verify the bag", total=total, unit="bytes") as stage:

            def check(entry: Entry) -> None:
                found = hash_file(base / entry.path, entry.digests, stop=self.context.cancelled, told=stage.add)
                if found.length != entry.length or found.digests() != entry.digests:
                    raise SatchelError(
                        Kind.INVALID,
                        f"{entry.path} is not on the disk as it was written.",
                        "The disk may be failing. Delete the job with its leftovers and export again.",
                    )

            await in_threads(here, check)
            await asyncio.to_thread(clear, base, {entry.path for entry in here})
            stage.note = f"{len(here):,} files"

    async def _deliver(self, base: Path, goal: Path, archive: str, result: SpecResult) -> None:
        context = self.context
        if archive == "none":
            with context.stage("finish", "Put the bag in its place"):
                await in_thread(context.cancelled, place, base, goal, remember(context, result))
        else:
            total = await asyncio.to_thread(size_of, base)
            with context.stage("pack", "Pack the bag", total=total, unit="bytes") as stage:

                def told(size: int, member: str) -> None:
                    stage.item = member
                    stage.add(size)

                when = snapshots.moment(self.snapshot)
                packed, part = base.with_name(".packed"), base.with_name(".packing")
                await asyncio.to_thread(packed.unlink, missing_ok=True)
                stop = context.cancelled
                kind: Any = archive
                await in_thread(stop, pack, base, packed, kind, base.name, when, stop=stop, told=told, temporary=part)
                await in_thread(stop, place, packed, goal, remember(context, result))
        await asyncio.to_thread(shutil.rmtree, base.parent, ignore_errors=True)

    # -- end -------------------------------------------------------------------------------------------------------

    async def afterwards(self, result: SpecResult) -> SpecResult:
        """Post-processors. The bag is there whatever becomes of them."""
        if not self.spec.posts:
            return result
        with self.context.stage("post", "Do what the spec wants done with it", total=len(self.spec.posts)) as stage:
            return await posts.run(self.spec, self.request, result, self.person, self.context, stage)

    def _result(
        self,
        folder: str | None,
        archive: str | None,
        outputs: Sequence[Made],
        inventory: Inventory,
        files: tuple[str, ...],
    ) -> SpecResult:
        size, _ = inventory.oxum()
        warnings = getattr(self.context, "warnings", ())
        tables = tuple(TableResult(table=m.path, rows=m.rows, bytes=m.length) for m in outputs if m.rows is not None)
        return SpecResult(
            bag=folder,
            archive=archive,
            snapshot=self.snapshot,
            valid=True,
            complete=not self.problems,
            cached=False,
            rows=sum(table.rows for table in tables),
            bytes=size,
            tables=tables,
            outputs=tuple(OutputResult(path=m.path, bytes=m.length, url=m.url or "", rows=m.rows) for m in outputs),
            files=files,
            problems=tuple(self.problems),
            warnings=tuple(Notice(code=w.code, message=w.message, where=w.where, hint=w.hint) for w in warnings),
        )


def _moved(remote: Remote, path: str) -> Remote:
    return Remote(path, remote.url, remote.length, remote.sums, remote.content_type, remote.row)


def _below(url: str, base: str) -> str:
    """An address on the catalog's host as a path there."""
    return url.removeprefix(base) if url.startswith(base + "/") else url


def _names_below(folder: Path) -> list[str]:
    return sorted(
        (Path(root) / name).relative_to(folder).as_posix()
        for root, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".") or not name.endswith(".part")
    )


def _place_all(base: Path, out: Path, names: Sequence[str]) -> None:
    """Move files to below a folder; none where one of their names is taken. Blocking."""
    from satchel.core.bags.writer import sync_folder, sync_tree

    sync_tree(base)
    for name in names:
        must_be_free(out / name)
        for parent in (out / name).parents:
            if parent == out:
                break
            if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
                must_be_free(parent)
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        place(base / name, out / name, lambda _: None)
    for folder in {(out / name).parent for name in names}:
        sync_folder(folder)
