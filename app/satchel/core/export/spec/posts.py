"""Post-processors of a spec: what is done with a bag once it is there.

deriva-py hides the finished bag when one of these fails; here the message says where it is, and the job can be resumed
to try again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from satchel.core.deriva.authn import Person
from satchel.core.errors import SatchelError
from satchel.core.export.errors import ConfigurationError, ExportError
from satchel.core.export.spec import peer
from satchel.core.export.spec.model import Spec, Step
from satchel.core.export.spec.placeholders import Env
from satchel.core.export.spec.request import SpecRequest, SpecResult
from satchel.core.jobs.context import Context, Stage

_DONE = "posts"


async def run(
    spec: Spec, request: SpecRequest, result: SpecResult, person: Person | None, context: Context, stage: Stage
) -> SpecResult:
    """Run them in order. What was done in an earlier run of the job is not done again.

    Raises:
        SatchelError: one failed; the message says where the finished bag is.
    """
    env = Env(request.env, spec.env, request.host)
    made = [result.bag or result.archive] if result.bag or result.archive else list(result.files)
    outputs: dict[str, dict[str, Any]] = {Path(p).name: {"local_path": p} for p in made if p}
    kept = context.recall(_DONE) or {"count": 0, "outputs": outputs}
    outputs = kept["outputs"]
    worker = {"host": request.host, "catalog": request.catalog, "person": msgspec.to_builtins(person)}
    for number, step in enumerate(spec.posts):
        stage.add(1)
        if number < kept["count"]:
            continue
        stage.item = step.kind
        try:
            if step.kind == "url_rewrite" and not step.impl:
                outputs = _rewrite(step, outputs, env)
            else:
                outputs = await peer.post(step, outputs, env.values(), worker)
        except SatchelError as error:
            where = ", ".join(p for p in made if p)
            raise ExportError(
                error.kind,
                f"{where} is made and whole, but what the spec wants done with it failed. {error.message}",
                error.hint,
                error.detail,
            ) from error
        context.checkpoint(_DONE, {"count": number + 1, "outputs": outputs})
    return msgspec.structs.replace(
        result,
        identifiers=tuple(str(o["identifier"]) for o in outputs.values() if o.get("identifier")),
        remote=tuple(str(p) for o in outputs.values() for p in o.get("remote_paths", [])),
    )


def _rewrite(step: Step, outputs: Mapping[str, Mapping[str, Any]], env: Env) -> dict[str, dict[str, Any]]:
    """`url_rewrite`: an address made of a pattern for each output that it names."""
    where = f"{step.where}/processor_params"
    pattern, names = step.text("remote_path"), step.params.get("input_paths")
    if not pattern or not isinstance(names, list) or not names:
        raise ConfigurationError("url_rewrite needs remote_path and input_paths", where=where)
    found = {name: dict(values) for name, values in outputs.items()}
    for name in names:
        if name not in found:
            raise ConfigurationError(
                f"There is no output {name!r}", f"There is {', '.join(found)}.", f"{where}/input_paths"
            )
        url = f"{env.values().get('deriva_service_url', '')}/{name}"
        more = {
            "output": name, "output_urlencoded": quote(str(name), safe=""),
            "output_url": url, "output_url_urlencoded": quote(url, safe=""),
        }  # fmt: skip
        found[name]["remote_paths"] = [env.fill(pattern, more, f"{where}/remote_path")]
    return found
