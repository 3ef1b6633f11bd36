"""The assets of a clone, as its engine meets them.

Three modes. "none": rows of asset tables (`asset_columns(table)` is not None) are not copied, and what refers to them
is an orphan. "references": the copy stage changes one column of each row on its way (`referring`). "full": it does the
same, so that a clone whose files are not all there yet still leads to them; and when rows and constraints stand, and
before the after-steps, `copy_assets` brings the files and changes the rows. So files of rows that an orphan strategy
has deleted are never copied, and the copy stage knows nothing of files.

What verifies a table against the source must see `referring`'s change of the source's column, and for "full" either
run before `copy_assets` or leave that one column out of its digest: `copy_assets` verifies every file itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from satchel.core.clone.asset_bag import BagFiles, BagMover, BagPlace, NoServer
from satchel.core.clone.asset_mover import Limits, Mover
from satchel.core.clone.asset_places import SamePath
from satchel.core.clone.asset_sources import GivenSources
from satchel.core.clone.asset_state import Item, State
from satchel.core.clone.asset_table import AssetTable, Choose, Sources, Wanted
from satchel.core.clone.asset_urls import absolute, asset_columns, host_of, object_of, referring
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.hatrac_write import HatracWriter
from satchel.core.deriva.model import Table
from satchel.core.deriva.session import Session
from satchel.core.jobs.context import Context

__all__ = [
    "AssetProblem",
    "AssetsCopied",
    "absolute",
    "asset_columns",
    "copy_assets",
    "copy_bag_assets",
    "referring",
]

MOST_TOLD = 1000
STAGE = "assets"


class AssetProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not at the destination."""

    table: str
    rid: str
    url: str
    code: str
    """checksum, length, missing, not-allowed, name-taken, refused, row-changed, row-gone, row-refused,
    source-unreachable, unusable."""
    message: str


class AssetsCopied(msgspec.Struct, frozen=True, kw_only=True):
    """What came of copying files. Per table (`schema:table`) or in all."""

    copied: dict[str, int] = {}
    """Rows whose file is at the destination, verified, and that say so."""
    bytes: int = 0
    copied_bytes: dict[str, int] = {}
    """By table."""
    kept: dict[str, int] = {}
    """Rows that still lead elsewhere because their file is not in the source's Hatrac, or that have none."""
    kept_why: dict[str, int] = {}
    """The same by reason: no-url, elsewhere, not-hatrac, not-in-bag, local."""
    failed: dict[str, int] = {}
    problems: tuple[AssetProblem, ...] = ()
    """The failed ones, at most `MOST_TOLD` of them. Their rows still lead to the source."""
    acls_copied: int = 0
    acls_hidden: int = 0
    """Objects and namespaces that do not show who may read them: their copies can be read by the clone's maker only."""


async def copy_assets(
    source: Session,
    destination: Catalog,
    tables: Sequence[Table],
    context: Context,
    *,
    acls: bool = True,
    limits: Limits | None = None,
) -> AssetsCopied:
    """Copy the files of a clone's rows from the source's Hatrac to the destination's, and let the rows say so.

    Each file keeps its path (`/hatrac/a/b.dat`, a version of its own); where the destination has another object of
    that name, or is the source's own server, it goes under `/hatrac/clone-<catalog>/a/b.dat`. Verified by the row's
    MD5, SHA-256 and Length and the source's headers, in chunks above 100 MB. Safe to call again after a kill, with
    the same context: it goes on where it stopped; what is done is not done again.

    Args:
        source: to the source's host, with its credential.
        destination: the clone, live.
        tables: the clone's tables, read from its model; those without assets are passed over.
        context: checkpoints lie in `context.folder`; a stage named "assets" counts bytes.
        acls: whether who may read namespaces and objects is taken along.
        limits: from what size on files are carried how.

    Raises:
        SatchelError: the destination does not take files (no right, disk full). A file that cannot be had is not
            raised but told in the result.
    """
    writer = HatracWriter(destination.session)
    one_server = source.host == destination.session.host
    own = _own(destination)
    place = SamePath(HatracWriter(source), writer, own, context, acls=acls)

    def choose(item: Item) -> Wanted | tuple[str, str]:
        return _choose(item, source.host, own if one_server else None)

    def mover(state: State, folder: Path) -> Mover:
        return Mover(writer, place, state, folder, limits)

    found = await _copy(destination, tables, context, choose, mover, GivenSources([source]))
    return msgspec.structs.replace(found, acls_copied=place.acls_copied, acls_hidden=place.acls_hidden)


async def copy_bag_assets(
    bag: Path,
    folders: Mapping[str, str],
    host: str,
    destination: Catalog,
    tables: Sequence[Table],
    context: Context,
    *,
    limits: Limits | None = None,
) -> AssetsCopied:
    """The same with the files that a bag holds; rows whose files it does not hold lead to the source still.

    Args:
        bag: its folder.
        folders: where it holds the files of each table (`schema:table`), below it.
        host: of the server that it came from.
        destination: the clone, live.
        tables: the clone's.
        context: as for `copy_assets`.
        limits: from what size on files are carried how.

    Raises:
        SatchelError: the destination does not take files.
    """
    files = BagFiles(bag, folders)
    writer = HatracWriter(destination.session)
    place = BagPlace(_own(destination), one_server=host == destination.session.host)

    def mover(state: State, folder: Path) -> Mover:
        made = BagMover(writer, place, state, folder, limits)
        made.files = files
        return made

    return await _copy(destination, tables, context, files.choose, mover, NoServer())


async def _copy(
    destination: Catalog,
    tables: Sequence[Table],
    context: Context,
    choose: Choose,
    make: Callable[[State, Path], Mover],
    sources: Sources,
) -> AssetsCopied:
    chosen = [table for table in tables if asset_columns(table) is not None and table.kind == "table"]
    folder = context.folder / "assets"
    folder.mkdir(parents=True, exist_ok=True)
    state = State(folder / "state.sqlite")
    try:
        mover = make(state, folder)
        rows = [AssetTable(destination, table, state, choose, context) for table in chosen]
        with context.stage("list-assets", "List the files to copy", unit="rows") as stage:
            for table in rows:
                stage.item = table.name
                await table.enlist(None, stage)
        names = [table.name for table in rows]
        total = sum(state.bytes(name, one) for name in names for one in ("todo", "failed"))
        with context.stage(STAGE, "Copy the files", total=total, unit="bytes") as stage:
            for table in rows:
                await table.move(mover, sources, stage)
            done = {name: state.count(name, "done") for name in names}
            stage.note = f"{sum(done.values()):,} files"
        return _told(state, names, done)
    finally:
        state.close()
        _sweep(folder)


def _told(state: State, names: Sequence[str], done: dict[str, int]) -> AssetsCopied:
    kept_why: dict[str, int] = {}
    for name in names:
        for why, count in state.reasons(name, "skipped").items():
            kept_why[why] = kept_why.get(why, 0) + count
    return AssetsCopied(
        copied=done,
        bytes=sum(state.bytes(name, "done") for name in names),
        copied_bytes={name: state.bytes(name, "done") for name in names},
        kept={name: count for name in names if (count := state.count(name, "skipped"))},
        kept_why=kept_why,
        failed={name: count for name in names if (count := state.count(name, "failed"))},
        problems=tuple(
            AssetProblem(table=name, rid=rid, url=url, code=code, message=message)
            for name in names
            for rid, url, code, message in state.told(name, "failed", MOST_TOLD)
        )[:MOST_TOLD],
    )


def _own(destination: Catalog) -> str:
    """The namespace of the clone's own files."""
    return f"/hatrac/clone-{_plain(destination.id)}"


def _choose(item: Item, host: str, own: str | None) -> Wanted | tuple[str, str]:
    """What to do with a row's file.

    Args:
        item: the row's.
        host: the source's.
        own: where source and destination are one server, the namespace of the clone's own files: all others are the
            source's, and their addresses may be relative.
    """
    url = item.url.strip()
    if own is not None and url.startswith("/hatrac/") and not url.startswith(f"{own}/"):
        url = f"https://{host}{url}"
    if url.startswith("/hatrac/"):
        return "local", "It is in the destination's Hatrac."
    where = host_of(url)
    if where is None:
        return "not-hatrac", "Its address is of no https server."
    if where != host:
        return "elsewhere", f"It is on {where}, not on {host}."
    if object_of(url) is None:
        return "not-hatrac", "Its address is of no object in Hatrac."
    return Wanted(host, url)


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in text)


def _sweep(folder: Path) -> None:
    """What is empty is no beginning of a file."""
    for part in folder.glob("*.part"):
        if part.stat().st_size == 0:
            part.unlink(missing_ok=True)
