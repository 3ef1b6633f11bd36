"""Runs in an environment of its own that has deriva-ml 1.17.10: reads bags as that release does, and says what it read.

    reader.py read BAG DATASET VERSION SNAPSHOT     a bag of anybody's
    reader.py own HOST CATALOG DATASET VERSION CA CREDENTIAL     a bag that deriva-ml has the server make
    reader.py spec (as own)                         the spec that deriva-ml would send

One line of JSON comes out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def read(bag: str, dataset: str, version: str, snapshot: str) -> dict[str, Any]:
    from deriva_ml.dataset.aux_classes import DatasetMinid, DatasetVersion
    from deriva_ml.model.database import DatabaseModel

    minid = DatasetMinid(
        dataset_version=DatasetVersion.parse(version), RID=f"{dataset}@{snapshot}", location="https://localhost/x"
    )
    return tell(DatabaseModel(minid, Path(bag), Path(tempfile.mkdtemp())))


def tell(model: Any) -> dict[str, Any]:
    dataset = model.get_dataset()
    tables = {}
    for name in model.list_tables():
        rows = {row["RID"]: {k: plain(v) for k, v in row.items()} for row in model._get_table_contents(name)}
        if rows:
            tables[name] = rows
    leaves = [c.dataset_rid for c in dataset.list_dataset_children(recurse=True) if not c.list_dataset_children()]
    members = {}
    for rid in leaves:
        # deriva-ml 1.17.10 loses itself in nested datasets here: it may take the outer reference for the inner one.
        found = model.get_dataset(rid).list_dataset_members()
        members[rid] = {kind: sorted(row["RID"] for row in rows) for kind, rows in found.items() if kind != "Dataset"}
    return {
        "version": str(dataset.version),
        "children": sorted(c.dataset_rid for c in dataset.list_dataset_children(recurse=True)),
        "tables": tables,
        "members": members,
        "subjects": len(dataset.get_table_as_dataframe("Subject")),
    }


def plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def connect(host: str, catalog: str, ca: str, credential: str) -> Any:
    os.environ["REQUESTS_CA_BUNDLE"] = ca
    import deriva.transfer.download.deriva_export as exporting
    import deriva_ml.core.base as base

    from deriva_ml import DerivaML

    (secret,) = json.loads(Path(credential).read_text()).values()
    # The file of credentials is looked for in the home folder; here it is another one.
    base.get_credential = exporting.get_credential = lambda *_, **__: secret
    where = tempfile.mkdtemp()
    return DerivaML(host, catalog, credential=secret, use_minid=False, cache_dir=where, working_dir=where)


def own(host: str, catalog: str, dataset: str, version: str, ca: str, credential: str) -> dict[str, Any]:
    from deriva_ml.dataset.aux_classes import DatasetSpec

    ml = connect(host, catalog, ca, credential)
    return tell(ml.download_dataset_bag(DatasetSpec(rid=dataset, version=version, materialize=False)).model)


def spec(host: str, catalog: str, dataset: str, version: str, ca: str, credential: str) -> Any:
    from deriva_ml.dataset.aux_classes import DatasetSpec

    return connect(host, catalog, ca, credential)._generate_dataset_download_spec(
        DatasetSpec(rid=dataset, version=version)
    )


if __name__ == "__main__":
    # What it says on the way is for people.
    real, sys.stdout = sys.stdout, sys.stderr
    result = {"read": read, "own": own, "spec": spec}[sys.argv[1]](*sys.argv[2:])
    real.write(json.dumps(result) + "\n")
