"""The peer of an export: deriva-py's downloader with one CSV query a table, then `bdbag` fetching the assets.

Run as a program of its own: `python -m bench.peer_export SANDBOX.json OUT`. Prints one JSON line with its times.
The queries are the ones that a lab would write by hand for "everything below this study"; the bench catalog has nothing
else in it, so whole tables are the same rows.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


def spec(ready: dict[str, Any], tables: list[tuple[str, str]], asset_table: tuple[str, str]) -> dict[str, Any]:
    """A download spec: all tables as CSV in RID order, the assets by reference."""
    queries: list[dict[str, Any]] = [
        {
            "processor": "csv",
            "processor_params": {
                "query_path": f"/entity/{schema}:{table}@sort(RID)?limit=none",
                "output_path": f"records/{schema}.{table}",
            },
        }
        for schema, table in tables
    ]
    queries.append(
        {
            "processor": "fetch",
            "processor_params": {
                "query_path": "/attribute/{}:{}/!(URL::null::)/"
                "url:=URL,length:=Length,filename:=Filename,md5:=MD5,rid:=RID@sort(rid)?limit=none".format(
                    *asset_table
                ),
                "output_path": f"assets/{asset_table[1]}/{{rid}}",
            },
        }
    )
    return {
        "bag": {"bag_name": "peer", "bag_algorithms": ["md5", "sha256"]},
        "catalog": {"query_processors": queries},
    }


def main() -> int:
    """Download, fetch, and say how long each took."""
    ready = json.loads(Path(sys.argv[1]).read_text())
    out = Path(sys.argv[2])
    out.mkdir(parents=True)
    os.environ["REQUESTS_CA_BUNDLE"] = ready["ca"]
    os.environ["HOME"] = str(out)  # the peers write settings into the home folder
    from bdbag import bdbag_api
    from deriva.core import DerivaServer
    from deriva.transfer.download.deriva_download import GenericDownloader

    credential = json.loads(Path(ready["credential"]).read_text())[ready["host"]]
    token = {"bearer-token": credential["bearer-token"]}
    model = DerivaServer("https", ready["host"], credentials=token).connect_ermrest(ready["catalog"]).getCatalogModel()
    tables = sorted(
        (s.name, t.name) for s in model.schemas.values() if s.name not in ("public",) for t in s.tables.values()
    )
    (asset_table,) = [
        (s.name, t.name) for s in model.schemas.values() for t in s.tables.values() if "MD5" in t.columns.elements
    ]

    begin = time.perf_counter()
    downloader = GenericDownloader(
        {"host": ready["host"], "protocol": "https", "catalog_id": ready["catalog"]},
        output_dir=str(out),
        config=spec(ready, tables, asset_table),
        credentials=token,
    )
    downloader.download()
    queried = time.perf_counter()
    keychain = out / "keychain.json"
    keychain.write_text(
        json.dumps(
            [
                {
                    "uri": f"{ready['url']}/",
                    "auth_type": "bearer-token",
                    "auth_params": {"token": credential["bearer-token"]},
                }
            ]
        )
    )
    bag = out / "peer"
    bdbag_api.materialize(str(bag), keychain_file=str(keychain))
    end = time.perf_counter()
    fetched = sum(1 for p in (bag / "data" / "assets").rglob("*") if p.is_file())
    print(
        json.dumps(
            {
                "seconds": end - begin,
                "queries": queried - begin,
                "assets": end - queried,
                "files": fetched,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
