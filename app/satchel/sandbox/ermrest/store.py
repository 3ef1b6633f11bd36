"""All catalogs of a sandbox: which there are, under which ids and aliases, in one folder."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from . import rows
from .catalog import Catalog, Transaction
from .model import Client, ErmrestError
from .problems import conflict, malformed

CATALOG_ACLS = ("owner", "create", "select", "insert", "update", "delete", "write", "enumerate")
INDEXING = "tag:isrd.isi.edu,2018:indexing-preferences"
_KNOWN = [
    {
        "schema_name": "public",
        "comment": "standard public schema",
        "tables": {
            "ERMrest_Client": {
                "comment": "Catalog-local copy of known clients.",
                "column_definitions": [
                    {"name": "ID", "type": {"typename": "text"}, "nullok": False},
                    {"name": "Display_Name", "type": {"typename": "text"}},
                    {"name": "Full_Name", "type": {"typename": "text"}},
                    {"name": "Email", "type": {"typename": "text"}},
                    {"name": "Client_Object", "type": {"typename": "json"}, "nullok": False},
                ],
                "keys": [{"unique_columns": ["RID"]}, {"unique_columns": ["ID"]}],
            },
            "ERMrest_Group": {
                "comment": "Catalog-local copy of known groups.",
                "column_definitions": [
                    {"name": "ID", "type": {"typename": "text"}, "nullok": False},
                    {"name": "URL", "type": {"typename": "text"}},
                    {"name": "Display_Name", "type": {"typename": "text"}},
                    {"name": "Description", "type": {"typename": "text"}},
                ],
                "keys": [{"unique_columns": ["RID"]}, {"unique_columns": ["ID"]}],
            },
        },
    }
]


class Store:
    """The catalogs in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.RLock()
        self._open: dict[str, Catalog] = {}
        self._registry = sqlite3.connect(folder / "registry.db", check_same_thread=False, isolation_level=None)
        self._registry.execute("PRAGMA journal_mode = WAL")
        self._registry.execute(
            "CREATE TABLE IF NOT EXISTS catalog "
            "(id TEXT PRIMARY KEY, file TEXT, target TEXT, deleted INTEGER DEFAULT 0)"
        )

    def close(self) -> None:
        """Close everything."""
        with self._lock:
            for catalog in self._open.values():
                catalog.close()
            self._registry.close()

    def create_catalog(
        self, owner: Client, given: Mapping[str, Any] | None = None, now: datetime | None = None
    ) -> Catalog:
        """A new catalog with the tables that every catalog has; `given` is the body of `POST /ermrest/catalog`."""
        given = given or {}
        with self._lock:
            wanted = given.get("id")
            if wanted is not None:
                check_id(wanted)
                if self._find(wanted) is not None:
                    raise conflict(f"Catalog id {wanted} already in use.")
            number = wanted or self._next_number()
            # A server that was killed while it made a catalog of this number left a part of it.
            self._remove_files(number)
            catalog = Catalog(number, self._folder / f"catalog-{number}.db")

            def begin(transaction: Transaction) -> None:
                editor = transaction.editor
                editor.model.acls = {name: [] for name in CATALOG_ACLS}
                editor.model.acls["owner"] = list(given.get("owner") or [owner.id])
                editor.model.annotations = dict(
                    given.get("annotations") or {INDEXING: {"trgm": True, "btree": True, "gin_array": True}}
                )
                editor.add_all(_KNOWN)
                transaction.apply()
                rows.insert(
                    transaction, rows.find(transaction.model, "public", "ERMrest_Client"), [known_client(owner)]
                )

            catalog.write(owner, begin, now)
            self._registry.execute("INSERT INTO catalog (id, file) VALUES (?, ?)", (number, f"catalog-{number}.db"))
            self._open[number] = catalog
            return catalog

    def _next_number(self) -> str:
        taken = [int(i) for (i,) in self._registry.execute("SELECT id FROM catalog") if i.isdigit()]
        return str(max(taken, default=0) + 1)

    def _find(self, catalog_id: str) -> tuple[str, str | None, str | None] | None:
        found: tuple[str, str | None, str | None] | None = self._registry.execute(
            "SELECT id, file, target FROM catalog WHERE id = ? AND NOT deleted", (catalog_id,)
        ).fetchone()
        return found

    def catalog(self, catalog_id: str) -> Catalog:
        """The catalog of an id or alias. Raises ErmrestError 404."""
        known = self._open.get(catalog_id)
        if known is not None:
            # Not even for a moment behind somebody who makes another one.
            return known
        with self._lock:
            found = self._find(catalog_id)
            if found is not None and found[2] is not None:
                found = self._find(found[2])
            if found is None or found[1] is None:
                raise ErmrestError(404, "Resource not found.", f"catalog {catalog_id}")
            number, file = found[0], found[1]
            if number not in self._open:
                self._open[number] = Catalog(number, self._folder / file)
            return self._open[number]

    def catalogs(self) -> list[str]:
        """Ids of the catalogs, without aliases."""
        with self._lock:
            return [
                i for (i,) in self._registry.execute("SELECT id FROM catalog WHERE NOT deleted AND file IS NOT NULL")
            ]

    def delete_catalog(self, catalog_id: str) -> None:
        """Forget a catalog; its id is not used again."""
        with self._lock:
            catalog = self.catalog(catalog_id)
            self._open.pop(catalog.id).close()
            self._registry.execute(
                "UPDATE catalog SET deleted = 1 WHERE id = ? OR target = ?", (catalog.id, catalog.id)
            )
            self._remove_files(catalog.id)

    def _remove_files(self, catalog_id: str) -> None:
        for ending in ("", "-wal", "-shm"):
            (self._folder / f"catalog-{catalog_id}.db{ending}").unlink(missing_ok=True)

    def alias(self, name: str) -> str | None:
        """What an alias stands for; None where there is no such alias."""
        found = self._find(name)
        return found[2] if found else None

    def set_alias(self, name: str, target: str | None) -> None:
        """Claim an alias or give it another target."""
        with self._lock:
            found = self._find(name)
            if found is not None and found[1] is not None:
                raise conflict(f"Catalog id {name} already in use.")
            if target is not None:
                target = self.catalog(target).id
            self._registry.execute("INSERT OR REPLACE INTO catalog (id, target) VALUES (?, ?)", (name, target))

    def drop_alias(self, name: str) -> None:
        """Forget an alias. Raises ErmrestError 404."""
        with self._lock:
            found = self._find(name)
            if found is None or found[1] is not None:
                raise ErmrestError(404, "Resource not found.", f"alias {name}")
            self._registry.execute("DELETE FROM catalog WHERE id = ?", (name,))


def check_id(wanted: Any) -> None:
    """Raise ErmrestError 400 for what cannot be the id of a catalog or an alias."""
    if not isinstance(wanted, str) or not re.fullmatch(r"[-_~.0-9A-Za-z]{1,100}", wanted) or wanted.strip(".") == "":
        raise malformed(f"Illegal catalog id {wanted!r}.")


def known_client(client: Client) -> dict[str, Any]:
    """The row of `public:ERMrest_Client` for a client."""
    return {
        "ID": client.id,
        "Display_Name": client.display_name,
        "Full_Name": client.display_name,
        "Email": None,
        "Client_Object": {"id": client.id, "display_name": client.display_name},
    }
