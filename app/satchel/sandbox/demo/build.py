"""Builds a demo catalog in a store: the history's steps, each a write at its own moment."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from urllib.parse import quote

from satchel.sandbox.authn import ADMIN
from satchel.sandbox.demo import moments
from satchel.sandbox.demo.define import DISPLAY
from satchel.sandbox.demo.eye_schema import eye_schema
from satchel.sandbox.demo.history import At, Create, Delete, History, Insert, Release, Step, Update, Upload
from satchel.sandbox.demo.ml_schema import ML, ml_schema
from satchel.sandbox.demo.records import File, Records
from satchel.sandbox.demo.sizes import SIZES
from satchel.sandbox.demo.www_schema import www_schema
from satchel.sandbox.ermrest import rows
from satchel.sandbox.ermrest.catalog import Catalog, Transaction
from satchel.sandbox.ermrest.store import Store
from satchel.sandbox.hatrac import Hatrac

SEED = 1
GIVEN = frozenset({"RID"})
_UPLOADS = 500


@dataclass(frozen=True, slots=True)
class DemoInfo:
    """Where things are in a demo catalog."""

    catalog: str
    root: str
    """RID of the study from which most can be reached."""
    dataset: str | None
    version: str | None


def build(store: Store, hatrac: Hatrac, size: str, seed: int = SEED) -> DemoInfo:
    """Make a demo catalog.

    Args:
        store: where.
        hatrac: where its files go.
        size: `small`, `large` or `bench`.
        seed: the same seed gives the same rows, RIDs, snapshots and bytes.
    """
    records = Records(SIZES[size], seed)
    history = History(records)
    clock = _Clock(moments.FOUNDED)
    everyone = ["*"]
    catalog = store.create_catalog(ADMIN, {"owner": [ADMIN.id]}, now=clock.tick())

    def open_to_all(transaction: Transaction) -> None:
        transaction.editor.model.acls.update(enumerate=everyone, select=everyone)
        transaction.editor.model.annotations[DISPLAY] = {"name": "Eye study (demo)"}

    catalog.write(ADMIN, open_to_all, clock.tick())
    whole = records.size.whole
    documents = [eye_schema(whole=whole), *([ml_schema(), www_schema()] if whole else [])]
    catalog.create_schemas(documents, ADMIN, clock.tick())
    for step in history.steps():
        _take(catalog, hatrac, step, clock)
    return DemoInfo(catalog.id, history.root, history.dataset, history.version)


class _Clock:
    """Moments of writes: each a little after the one before."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def tick(self) -> datetime:
        self.now += moments.STEP
        return self.now


def _take(catalog: Catalog, hatrac: Hatrac, step: Step, clock: _Clock) -> None:
    match step:
        case At(moment):
            clock.now = max(clock.now, moment)
        case Create(schemas):
            catalog.create_schemas(schemas, ADMIN, clock.tick())
        case Insert(schema, table, given):
            catalog.insert(schema, table, given, ADMIN, nondefaults=GIVEN, now=clock.tick())
        case Upload(schema, files):
            _upload(catalog, hatrac, schema, iter(files), clock)
        case Update(schema, table, given):
            catalog.update(schema, table, given, ADMIN, now=clock.tick())
        case Delete(schema, table, gone):
            _delete(catalog, schema, table, gone, clock)
        case Release(versions):
            catalog.insert(ML, "Dataset_Version", versions, ADMIN, nondefaults=GIVEN, now=clock.tick())
            snapshot = catalog.snaptime
            dated = [{"RID": version["RID"], "Snapshot": snapshot} for version in versions]
            catalog.update(ML, "Dataset_Version", dated, ADMIN, now=clock.tick())
            current = [{"RID": version["Dataset"], "Version": version["RID"]} for version in versions]
            catalog.update(ML, "Dataset", current, ADMIN, now=clock.tick())


def _upload(catalog: Catalog, hatrac: Hatrac, schema: str, files: Iterator[File], clock: _Clock) -> None:
    while batch := list(islice(files, _UPLOADS)):
        objects, ids = [], []
        for file in batch:
            name = quote(str(file.row["Filename"]), safe="")
            objects.append((f"/{schema}/{file.table}/{file.row['RID']}", file.data, file.content_type, name))
            # A version's id is free to choose; one that follows from what it is keeps URLs the same at every start.
            digest = hashlib.sha256(f"{file.table}/{file.row['RID']}".encode()).digest()[:16]
            ids.append(base64.b32encode(digest).decode().rstrip("="))
        urls = hatrac.put_all(objects, ADMIN, ["*"], ids)
        by_table: dict[str, list[dict[str, object]]] = {}
        for file, url in zip(batch, urls, strict=True):
            more = {
                "URL": url,
                "Length": len(file.data),
                "MD5": hashlib.md5(file.data, usedforsecurity=False).hexdigest(),
            }
            by_table.setdefault(file.table, []).append({**file.row, **more})
        for table, given in by_table.items():
            catalog.insert(schema, table, given, ADMIN, nondefaults=GIVEN, now=clock.tick())


def _delete(catalog: Catalog, schema: str, table: str, gone: list[str], clock: _Clock) -> None:
    def work(transaction: Transaction) -> None:
        target = rows.find(transaction.model, schema, table)
        rid = target.column("RID")
        if rid is None:
            raise ValueError(f"{schema}:{table} has no RID")
        marks = ",".join("?" * len(gone))
        found = transaction.db.execute(
            f"SELECT _id FROM {target.phys} WHERE _to IS NULL AND {rid.phys} IN ({marks})",  # noqa: S608
            gone,
        )
        rows.delete(transaction, target, [inner for (inner,) in found.fetchall()])

    catalog.write(ADMIN, work, clock.tick())
