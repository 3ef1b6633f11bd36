"""A plain HTTP client of a sandbox for tests: knows paths, methods and who asks, and nothing of Deriva."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from sandbox_process import SandboxProcess

Row = dict[str, Any]


class Peer:
    """One person's connection to a sandbox. `who` is admin, user, or None for nobody."""

    def __init__(self, sandbox: SandboxProcess, who: str | None = "admin") -> None:
        self.url: str = sandbox.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = sandbox.ca
        if who is not None:
            self.session.headers["Cookie"] = json.loads(Path(sandbox.users).read_text())[who]

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def send(
        self, method: str, path: str, data: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """One exchange. `data` is bytes, or a value to be sent as JSON."""
        more = dict(headers or {})
        if data is not None and not isinstance(data, bytes | str):
            data = json.dumps(data).encode()
            more.setdefault("Content-Type", "application/json")
        return self.session.request(method, self.url + path, data=data, headers=more, timeout=60, allow_redirects=False)

    def ask(self, method: str, path: str, data: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """The same; must succeed. Gives the JSON of the answer, or its text."""
        answer = self.send(method, path, data, headers=headers)
        assert answer.status_code < 400, (method, path, answer.status_code, answer.text[:500])
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        return answer.json() if kind == "application/json" else answer.text

    def get(self, path: str) -> Any:
        """GET as JSON."""
        return self.ask("GET", path)

    # -- catalogs -------------------------------------------------------------------------------------------------

    def new_catalog(self, *tables: Mapping[str, Any], schema: str = "s", readers: Sequence[str] = ("*",)) -> str:
        """Make a catalog that everyone may read, with one schema. Gives its path, `/ermrest/catalog/N`."""
        path = f"/ermrest/catalog/{self.ask('POST', '/ermrest/catalog', {})['id']}"
        for acl in ("enumerate", "select"):
            self.ask("PUT", f"{path}/acl/{acl}", list(readers))
        self.ask("POST", f"{path}/schema/{quote(schema)}")
        for document in tables:
            self.ask("POST", f"{path}/schema/{quote(schema)}/table", document)
        return path

    def snapshot(self, catalog: str) -> str:
        """The path of a catalog as it is now."""
        return f"{catalog}@{self.get(catalog)['snaptime']}"


def column(name: str, kind: str = "text", *, need: bool = False, default: Any = None) -> Row:
    """A column's document."""
    base = kind.removesuffix("[]")
    document: Row = {"typename": kind}
    if base != kind:
        document = {"typename": kind, "is_array": True, "base_type": {"typename": base}}
    return {"name": name, "type": document, "nullok": not need, "default": default}


def table(
    name: str, *columns: Row, keys: Sequence[Sequence[str]] = (), references: Sequence[Row] = (), **more: Any
) -> Row:
    """A table's document."""
    return {
        "table_name": name,
        "column_definitions": list(columns),
        "keys": [{"unique_columns": list(names)} for names in keys],
        "foreign_keys": list(references),
        **more,
    }


def refer(columns: str | Sequence[str], to: str, far: str | Sequence[str] = "RID", **more: Any) -> Row:
    """A foreign key's document: `to` is `schema:table`."""
    near = [columns] if isinstance(columns, str) else list(columns)
    there = [far] if isinstance(far, str) else list(far)
    schema, _, name = to.partition(":")
    return {
        "foreign_key_columns": [{"column_name": c} for c in near],
        "referenced_columns": [{"schema_name": schema, "table_name": name, "column_name": c} for c in there],
        **more,
    }
