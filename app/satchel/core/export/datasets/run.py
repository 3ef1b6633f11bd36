"""The job that exports a dataset: find the version, make its spec, run that."""

from __future__ import annotations

from typing import Any

from satchel.core.deriva.authn import still_signed_in
from satchel.core.deriva.datasets import one_dataset, pick_version
from satchel.core.deriva.datasets.elements import domain_schema, domain_schemas
from satchel.core.deriva.datasets.paths import hidden
from satchel.core.deriva.datasets.spec import dataset_spec
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.session import Session
from satchel.core.export.datasets.request import DatasetRequest, DatasetResult
from satchel.core.export.making import run_spec
from satchel.core.export.spec.request import SpecRequest, SpecResult
from satchel.core.jobs.context import Context

_PLAN = "dataset-plan"


async def run(request: DatasetRequest, context: Context) -> DatasetResult:
    """Export a version of a dataset.

    Raises:
        SatchelError: no such dataset or version, a schema that deriva-ml cannot walk, and whatever an export raises.
    """
    plan: dict[str, Any] | None = context.recall(_PLAN)
    if plan is None:
        plan = await _plan(request, context)
        context.checkpoint(_PLAN, plan)
    for code, message in plan["warnings"]:
        context.warn(code, message)
    made = await run_spec(spec_request(request, plan["version"], plan["snapshot"], plan["spec"]), context)
    return _result(made, request.dataset.upper(), plan["version"])


async def _plan(request: DatasetRequest, context: Context) -> dict[str, Any]:
    with context.stage("dataset", f"Look up the dataset {request.dataset}") as stage:
        async with Session.open(request.host, request.access, log=context.log) as session:
            await still_signed_in(session)
            live = Catalog(session, request.catalog)
            dataset = await one_dataset(live, request.dataset)
            version = pick_version(dataset, request.version)
            catalog = await live.pin(version.snapshot)
            model = await catalog.model()
            spec = await dataset_spec(catalog, dataset.rid, model, narrow=not request.server_side)
        warnings = []
        several = domain_schemas(model)
        if len(several) > 1:
            own = domain_schema(model)
            said = (
                "so deriva-ml 1.17.10 will not open it: have it made on this computer"
                if request.server_side
                else f"so that deriva-ml opens it: schema.json holds {own} alone"
            )
            warnings.append(
                ["several-domains", f"The catalog has the domains {', '.join(several)}; the bag is of {own}, {said}."]
            )
        for name in hidden(model):
            warnings.append(
                ["hidden-table", f"You may not read {name}, to which the dataset leads; it is not in the bag."]
            )
        if dataset.deleted:
            warnings.append(["deleted-dataset", f"The dataset {dataset.rid} is marked as deleted."])
        outputs = len(spec["catalog"]["query_processors"])
        stage.note = f"version {version.version}, snapshot {version.snapshot}, {outputs} outputs"
        return {"version": version.version, "snapshot": version.snapshot, "spec": spec, "warnings": warnings}


def spec_request(request: DatasetRequest, version: str, snapshot: str, spec: dict[str, Any]) -> SpecRequest:
    """The export of a dataset as that of a spec."""
    return SpecRequest(
        access=request.access,
        host=request.host,
        catalog=request.catalog,
        spec=spec,
        out=request.out,
        env=request.env,
        label=f"dataset {request.dataset.upper()} {version}",
        table="deriva-ml:Dataset",
        rid=request.dataset.upper(),
        snapshot=snapshot,
        archive=request.archive,
        algorithms=request.algorithms,
        name=request.name,
        materialize=request.materialize,
        assets=request.assets,
        keep_fetch=True,
        info=(*request.info, ("Dataset-Version", version)),
        ro_crate=request.ro_crate,
        timeout=request.timeout,
        server_side=request.server_side,
        use_cache=request.use_cache,
    )


def _result(made: SpecResult, dataset: str, version: str) -> DatasetResult:
    fields = {name: getattr(made, name) for name in SpecResult.__struct_fields__}
    return DatasetResult(**fields, dataset=dataset, version=version)


__all__ = ["run", "spec_request"]
