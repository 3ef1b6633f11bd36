"""Runs the transforms of a spec, one after the other: each takes files that are there and leaves one."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from satchel.core.bags.digests import hash_file
from satchel.core.bags.threads import in_thread
from satchel.core.export.errors import ConfigurationError
from satchel.core.export.spec import peer
from satchel.core.export.spec.model import Spec, Step
from satchel.core.export.spec.placeholders import Env
from satchel.core.export.spec.places import checked, joined
from satchel.core.export.spec.queries import Made
from satchel.core.export.spec.transforms import NATIVE, transform
from satchel.core.jobs.context import Context


async def transform_all(
    spec: Spec,
    env: Env,
    outputs: Sequence[Made],
    payload: Path,
    algorithms: Sequence[str],
    context: Context,
    worker: Mapping[str, Any],
) -> list[Made]:
    """Apply the transforms.

    Args:
        spec: whose.
        env: values for placeholders, as they stand after the queries.
        outputs: what the queries have made.
        payload: the folder that they are below.
        algorithms: of checksums.
        context: of the job.
        worker: what deriva-py needs where it does the work.

    Returns:
        What is there in the end.

    Raises:
        SatchelError: an input is missing, or not what a transform takes.
    """
    here: dict[str, Made] = {made.path: made for made in outputs}
    names = {made.name: made.path for made in outputs}
    if not spec.transforms:
        return list(here.values())
    with context.stage("transforms", "Transform the files", total=len(spec.transforms), unit="files") as stage:
        for step in spec.transforms:
            if step.impl:
                raise ConfigurationError(
                    f"{step.impl} is a class of somebody's own, which Satchel does not run",
                    "Run this spec with deriva-download-cli.",
                    f"{step.where}/processor_type",
                )
            inputs = [_input(step, env, name, names, here) for name in input_paths(step)]
            where = f"{step.where}/processor_params/output_path"
            name = env.fill(joined(step.text("output_path"), step.text("output_filename")), where=where)
            path = checked(name, where)
            stage.item = path
            sources, target = [payload / made.path for made in inputs], payload / path
            if step.kind in NATIVE:
                await in_thread(context.cancelled, transform, step, sources, target, context.cancelled)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                await peer.transform(step, sources, target, payload, worker)
            hashers = await in_thread(context.cancelled, hash_file, target, algorithms, stop=context.cancelled)
            if step.flag("delete_input", True):
                for made in inputs:
                    if made.path != path:
                        (payload / made.path).unlink(missing_ok=True)
                    here.pop(made.path, None)
            names[name] = path
            here[path] = Made(
                name=name,
                path=path,
                length=hashers.length,
                digests=hashers.digests(),
                url=inputs[0].url,
                content_type=mimetypes.guess_type(path, strict=False)[0] or "application/octet-stream",
                rows=None,
                ro=step.kind != "column" and step.flag("ro_file_provenance", spec.bag is not None),
            )
            stage.add(1)
    return list(here.values())


def input_paths(step: Step) -> list[str]:
    """The files that a transform takes, as the spec names them."""
    given = step.params.get("input_paths") or step.params.get("input_path")
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not found or not all(isinstance(name, str) and name for name in found):
        raise ConfigurationError(
            f"{step.kind} has no input_paths", "Name the outputs that it takes.", f"{step.where}/processor_params"
        )
    return found


def _input(step: Step, env: Env, text: str, names: Mapping[str, str], here: Mapping[str, Made]) -> Made:
    where = f"{step.where}/processor_params/input_paths"
    name = env.fill(text, where=where)
    path = names.get(name) or checked(name, where)
    if path not in here:
        raise ConfigurationError(
            f"There is no output {name!r} to transform",
            "Inputs are named with their extension (a.csv, a.json), and a query without rows makes no file. "
            f"There are {', '.join(sorted(here)) or 'none'}.",
            where,
        )
    return here[path]
