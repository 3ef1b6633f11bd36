"""The spec as it is sent: complete in itself, for the service is given nothing beside it."""

from __future__ import annotations

import copy
import string
from collections.abc import Mapping
from typing import Any

from satchel.core.errors import Kind, SatchelError
from satchel.core.export.spec.request import SpecRequest


def submission(request: SpecRequest, snapshot: str, base: str) -> dict[str, Any]:
    """What to POST.

    Facts: the service passes no values for placeholders to the spec, so they have to stand in its `env`; it packs as
    zip where nothing is said; `catalog.host` and `catalog.catalog_id` must be there.

    Args:
        request: the export's.
        snapshot: to read from.
        base: the server's address, `https://...`.

    Raises:
        SatchelError: the spec has what no server may be asked for.
    """
    spec = copy.deepcopy(request.spec)
    own = spec.get("env")
    own = own if isinstance(own, Mapping) else {}
    env = {str(k): _filled(v, request.env) for k, v in own.items()}
    spec["env"] = {**request.env, **env}
    catalog = spec.get("catalog")
    if not isinstance(catalog, dict):
        raise SatchelError(Kind.USAGE, "The spec has no catalog, so there is nothing to ask for.", "Check the spec.")
    # Secrets may stand here, says the service's documentation. They have no business in a spec that is kept.
    for secret in ("token", "oauth2_token", "username", "password"):
        catalog.pop(secret, None)
    catalog["host"] = base
    catalog["catalog_id"] = f"{request.catalog}@{snapshot}"
    _no_code(spec)
    bag = spec.get("bag")
    if isinstance(bag, dict):
        if request.archive not in ("spec", "none"):
            bag["bag_archiver"] = request.archive
        if request.algorithms:
            bag["bag_algorithms"] = list(request.algorithms)
        if request.name:
            bag["bag_name"] = request.name
        if request.info:
            metadata = bag.get("bag_metadata")
            given = dict(metadata) if isinstance(metadata, Mapping) else {}
            more: dict[str, list[str]] = {}
            for label, value in request.info:
                more.setdefault(label, []).append(value)
            bag["bag_metadata"] = {**{k: v[0] if len(v) == 1 else v for k, v in more.items()}, **given}
    return spec


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    """A value of `env` with placeholders of what is given beside it, as deriva-py's client fills them."""
    if not isinstance(value, str) or "{" not in value:
        return value
    try:
        parts = list(string.Formatter().parse(value))
    except ValueError:
        return value
    if any(name is not None and name not in given for _, name, _, _ in parts):
        return value
    return "".join(text + (given[name] if name is not None else "") for text, name, _, _ in parts)


def _no_code(spec: Mapping[str, Any]) -> None:
    """A processor named by its class is a server's code that was allowed there; this program knows none of it."""
    catalog = spec.get("catalog")
    groups = [catalog.get("query_processors") if isinstance(catalog, Mapping) else None]
    groups += [spec.get("transform_processors"), spec.get("post_processors")]
    for group in groups:
        for step in group if isinstance(group, list) else ():
            if isinstance(step, dict):
                params = step.get("processor_params")
                if isinstance(params, dict):
                    params.pop("callback", None)
