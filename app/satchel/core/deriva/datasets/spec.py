"""The export spec of a dataset's version, as deriva-ml 1.17.10 makes it.

Facts of that release: `_generate_dataset_download_spec` and what it calls. The same outputs at the same places; their
order is fixed here (there it is that of a set), names are escaped, and the dataset's RID stands in `env` itself, where
deriva-ml leaves that to its client. Nothing is uploaded or minted by this spec.
"""

from __future__ import annotations

from typing import Any

from satchel.core.deriva.datasets.elements import BUILTIN, children_of, domain_schema, domain_schemas
from satchel.core.deriva.datasets.listing import DATASET, NESTING, VERSION, need_datasets
from satchel.core.deriva.datasets.paths import Path, depth, is_asset, paths, vocabularies
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model, Table

Spec = dict[str, Any]
_STEPS = {
    NESTING: "(RID)=(deriva-ml:Dataset_Dataset:Dataset)",
    DATASET: "(Nested_Dataset)=(deriva-ml:Dataset:RID)",
    VERSION: "(RID)=(deriva-ml:Dataset_Version:Dataset)",
}


async def dataset_spec(catalog: Catalog, rid: str, model: Model | None = None, *, narrow: bool = False) -> Spec:
    """The spec that exports a dataset.

    Args:
        catalog: at the version's snapshot.
        rid: the dataset's.
        model: the schema at that snapshot, where it is known already.
        narrow: of a catalog with several domains keep one in schema.json, or deriva-ml does not open the bag. Only
            Satchel's own runner can do that.

    Raises:
        SatchelError: there are no datasets, or deriva-ml cannot walk this schema.
    """
    model = model or await catalog.model()
    need_datasets(catalog, model)
    levels = depth(await children_of(catalog), rid)
    at = f"{catalog.id}@{catalog.snapshot}" if catalog.snapshot else catalog.id
    return make_spec(model, rid, levels, host=catalog.session.base, catalog=at, narrow=narrow)


def make_spec(model: Model, rid: str, levels: int, *, host: str, catalog: str, narrow: bool = False) -> Spec:
    """The same from what is known.

    Args:
        model: the schema at the snapshot.
        rid: the dataset's.
        levels: how deep datasets are nested in it.
        host: the server's address, `https://...`.
        catalog: `number@snapshot`.
        narrow: as for `dataset_spec`.
    """
    narrow = narrow and len(domain_schemas(model)) > 1
    kept = sorted({domain_schema(model), *BUILTIN})
    steps: list[Spec] = [
        _step("env", "/", "Dataset", query_keys=["snaptime"]),
        _step("env", "/entity/M:=deriva-ml:Dataset/RID={RID}", "Dataset", query_keys=["RID", "Description"]),
        _step("json", "/schema", "schema"),
    ]
    for name in vocabularies(model):
        if narrow and name.schema not in kept:
            continue
        steps += _outputs(_braced(name.path), _braced(name.table), model.tables[name])
    for path in paths(model, levels):
        steps += _outputs(query(path), output(path), model.tables[path[-1]])
    transforms = {"input_paths": ["schema.json"], "output_path": "schema.json", "schemas": kept}
    return {
        **({"transform_processors": [_transform("satchel-narrow-schema", transforms)]} if narrow else {}),
        "env": {"RID": rid},
        "bag": {
            "bag_name": "Dataset_{RID}",
            "bag_algorithms": ["md5"],
            "bag_archiver": "zip",
            "bag_metadata": {},
            "bag_idempotent": True,
        },
        "catalog": {"host": host, "catalog_id": catalog, "query_processors": steps},
    }


def query(path: Path) -> str:
    """A path as ERMrest's URLs want it, the dataset's RID as a placeholder."""
    steps = ["deriva-ml:Dataset/RID={RID}"]
    steps += [_STEPS.get(table) or _braced(table.path) for table in path[1:]]
    return "/".join(steps)


def output(path: Path) -> str:
    """Where in the bag the rows at the end of a path go, without the file's ending."""
    return _braced("/".join(table.table for table in path))


def _outputs(where: str, to: str, table: Table) -> list[Spec]:
    steps = [_step("csv", f"/entity/{where}", to)]
    if is_asset(table):
        columns = "url:=URL,length:=Length,filename:=Filename,md5:=MD5,asset_rid:=RID"
        wanted = f"/attribute/{where}/!(URL::null::)/{columns}"
        steps.append(_step("fetch", wanted, "asset/{asset_rid}/" + _braced(table.name.table)))
    return steps


def _step(processor: str, query_path: str, output_path: str, **more: Any) -> Spec:
    params = {"query_path": query_path, "output_path": output_path, **more}
    return {"processor": processor, "processor_params": params}


def _transform(processor: str, params: dict[str, Any]) -> Spec:
    return {"processor": processor, "processor_params": params}


def _braced(text: str) -> str:
    """Text in which braces are no placeholders."""
    return text.replace("{", "{{").replace("}", "}}")


__all__ = ["Spec", "dataset_spec", "make_spec", "output", "query"]
