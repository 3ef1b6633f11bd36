"""One name for specs that make the same bag: the hash of their normal form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from satchel.core.export.spec.placeholders import Env

_EMPTY: tuple[Any, ...] = (None, {}, [], "")
_STEPS = ("query_processors", "transform_processors", "post_processors")


def normal(spec: Mapping[str, Any], env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A spec without what makes no difference to what it makes.

    Which host and catalog it is for is told by where the bag is kept; whether the server shows its result to everybody
    (`public`) changes nothing in it. Values of placeholders are part of it, the spec's own before those given beside
    it, as deriva-py has it. Defaults are written out, what is empty is left out, the order of steps stays.

    Args:
        spec: a JSON object.
        env: values that are given beside it.
    """
    catalog = spec.get("catalog")
    catalog = catalog if isinstance(catalog, Mapping) else {}
    own = spec.get("env")
    own = own if isinstance(own, Mapping) else {}
    known = Env(env or {}, own, "").values()  # as a run fills them: one may pass another on
    values = {name: known[name] for name in {**(env or {}), **own} if name != "hostname"}
    found: dict[str, Any] = {
        "env": {str(k): str(v) for k, v in values.items()},
        "bag": _bag(spec.get("bag")),
        "query_processors": _steps(catalog.get("query_processors")),
        "transform_processors": _steps(spec.get("transform_processors")),
        "post_processors": _steps(spec.get("post_processors")),
    }
    return {key: value for key, value in found.items() if value not in _EMPTY}


def spec_hash(spec: Mapping[str, Any], env: Mapping[str, str] | None = None) -> str:
    """SHA-256 of the normal form as JSON with its keys in order, in hexadecimal."""
    return hashlib.sha256(msgspec.json.encode(normal(spec, env), order="deterministic")).hexdigest()


def _bag(bag: Any) -> dict[str, Any] | None:
    if not isinstance(bag, Mapping) or not bag:
        return None
    written: dict[str, Any] = {"bag_algorithms": ["sha256"], "bag_ro": True, "bag_idempotent": False, **bag}
    written.pop("bag_strict", None)  # decides whether there is a bag, not what is in it
    algorithms = written["bag_algorithms"]
    if isinstance(algorithms, list):
        written["bag_algorithms"] = sorted({str(a) for a in algorithms})
    archiver = written.get("bag_archiver")
    if isinstance(archiver, str):
        written["bag_archiver"] = archiver.lower()
    return {key: value for key, value in written.items() if value not in _EMPTY or isinstance(value, bool)}


def _steps(steps: Any) -> list[Any]:
    return [_step(step) for step in steps] if isinstance(steps, list) else []


def _step(step: Any) -> Any:
    if not isinstance(step, Mapping):
        return step
    return {key: value for key, value in step.items() if value not in _EMPTY}
