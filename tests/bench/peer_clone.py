"""What a clone is measured against, each a program of its own that prints one JSON line with its seconds.

`python -m bench.peer_clone derivapy SOURCE DESTINATION CATALOG`: deriva-py's own `clone_catalog`, data and annotations.
`python -m bench.peer_clone limit SOURCE DESTINATION CATALOG`: pages of all tables, read beforehand, are posted by one
writer as fast as the server takes them; nothing else is timed. SOURCE and DESTINATION are files with sandboxes' ready
lines.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

PAGE = 6_000


def derivapy(ready: dict[str, Any], there: dict[str, Any], catalog: str) -> dict[str, Any]:
    """deriva-py's clone."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as trusted:
        trusted.write(Path(ready["ca"]).read_text() + Path(there["ca"]).read_text())
        trusted.flush()
        os.environ["REQUESTS_CA_BUNDLE"] = trusted.name
        from deriva.core import DerivaServer

        servers = []
        for each in (ready, there):
            credential = json.loads(Path(each["credential"]).read_text())[each["host"]]
            servers.append(DerivaServer("https", each["host"], credential))
        begin = time.perf_counter()
        source = servers[0].connect_ermrest(catalog)
        made = servers[1].create_ermrest_catalog()
        source.clone_catalog(made, copy_data=True, copy_annotations=True, copy_policy=False)
    return {"seconds": time.perf_counter() - begin, "catalog": str(made.catalog_id)}


def connected(ready: dict[str, Any]) -> requests.Session:
    """A client of a sandbox."""
    session = requests.Session()
    session.trust_env = False
    session.verify = ready["ca"]
    session.headers["Cookie"] = json.loads(Path(ready["users"]).read_text())["admin"]
    return session


def limit(ready: dict[str, Any], other: dict[str, Any], catalog: str) -> dict[str, Any]:
    """One writer, pages at hand."""
    session = connected(ready)
    source = f"{ready['url']}/ermrest/catalog/{catalog}"
    schemas = session.get(f"{source}/schema").json()["schemas"]
    documents: list[dict[str, Any]] = []
    pages: list[tuple[str, bytes]] = []
    rows = 0
    for schema, document in schemas.items():
        if schema == "public":
            continue
        documents.append({"schema_name": schema})
        for name, table in document["tables"].items():
            documents.append(
                {
                    "schema_name": schema,
                    "table_name": name,
                    "kind": "table",
                    "annotations": table["annotations"],
                    "column_definitions": [_bare(column) for column in table["column_definitions"]],
                    "keys": [_bare(key) for key in table["keys"]],
                }
            )
            path = f"{quote(schema, safe='')}:{quote(name, safe='')}"
            after = ""
            while True:
                body = session.get(f"{source}/entity/{path}@sort(RID){after}?limit={PAGE}").content
                found = json.loads(body)
                if not found:
                    break
                pages.append((path, body))
                rows += len(found)
                after = f"@after({quote(found[-1]['RID'])})"
    session = connected(other)
    made = session.post(f"{other['url']}/ermrest/catalog", json={}).json()["id"]
    there = f"{other['url']}/ermrest/catalog/{made}"
    session.post(f"{there}/schema", json=documents).raise_for_status()
    headers = {"Content-Type": "application/json"}
    begin = time.perf_counter()
    for path, body in pages:
        answer = session.post(f"{there}/entity/{path}?nondefaults=RID,RCT,RCB", data=body, headers=headers)
        answer.raise_for_status()
    return {"seconds": time.perf_counter() - begin, "rows": rows, "catalog": str(made)}


def _bare(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("RID", "rights", "acls", "acl_bindings")}


def main() -> int:
    """Run the one that is named."""
    ready, there = (json.loads(Path(file).read_text()) for file in sys.argv[2:4])
    print(json.dumps({"derivapy": derivapy, "limit": limit}[sys.argv[1]](ready, there, sys.argv[4])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
