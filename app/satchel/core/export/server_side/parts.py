"""An export in parts, where something before the server gives up before the whole is ready: each part by itself, then
one bag of them all."""

from __future__ import annotations

import copy
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from satchel.core.bags.digests import StoppedError, hash_file
from satchel.core.bags.reading import open_bag
from satchel.core.bags.writer import Entry, Inventory
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.spec.bagging import write_tags

Spec = dict[str, Any]
_SET_BY_BAG = frozenset({"Payload-Oxum", "Bag-Size"})


def can_split(spec: Mapping[str, Any]) -> bool:
    """Whether a bag can be put together from parts: nothing is done with its files as a whole."""
    return len(outputs(spec)) > 1 and not spec.get("transform_processors") and not spec.get("post_processors")


def outputs(spec: Mapping[str, Any]) -> list[Any]:
    """The queries that make files."""
    return [step for step in _queries(spec) if not _is_env(step)]


def part_of(spec: Mapping[str, Any], first: int, end: int) -> Spec:
    """The spec of some of the outputs; queries that only give values to placeholders are in every part."""
    part: Spec = copy.deepcopy(dict(spec))
    number = -1
    kept = []
    for step in part["catalog"]["query_processors"]:
        number += not _is_env(step)
        if _is_env(step) or first <= number < end:
            kept.append(step)
    part["catalog"]["query_processors"] = kept
    part["bag"] = {**part["bag"], "bag_strict": False, "bag_ro": False}  # a part may find nothing
    return part


def merge(
    parts: Sequence[Path], bag: Path, inventory: Inventory, algorithms: Sequence[str], stop: threading.Event
) -> None:
    """One bag of several. Blocking.

    Args:
        parts: the folders of the parts' bags; their payload is moved.
        bag: the folder to make.
        inventory: an empty one.
        algorithms: of the manifests.
        stop: ends it with `StoppedError` when set.

    Raises:
        SatchelError: two parts have different files of one name.
    """
    (bag / "data").mkdir(parents=True)
    info: list[tuple[str, str]] = []
    for folder in parts:
        part = open_bag(folder)
        info = info or [(label, value) for label, value in part.info() if label not in _SET_BY_BAG]
        sums: dict[str, dict[str, str]] = {}
        for algorithm in part.algorithms:
            for entry in part.entries(algorithm):
                if not isinstance(entry, str):
                    sums.setdefault(entry.path, {})[algorithm] = entry.digest
        remote: dict[str, tuple[str, int | None]] = {}
        for fetch in part.fetches():
            if not isinstance(fetch, tuple):
                # bdbag escapes a percent sign in fetch.txt and not in manifests.
                plain = fetch.path.replace("%25", "%")
                path = plain if fetch.path not in sums and plain in sums else fetch.path
                remote[path] = (fetch.url, fetch.length)
        _here(part.folder, bag, inventory, algorithms, stop)
        inventory.add(Entry(path, length, sums.get(path, {}), url) for path, (url, length) in remote.items())
    write_tags(bag, inventory, info, algorithms)


def _here(part: Path, bag: Path, inventory: Inventory, algorithms: Sequence[str], stop: threading.Event) -> None:
    entries = []
    for path in sorted((part / "data").rglob("*")):
        if stop.is_set():
            raise StoppedError
        if not path.is_file() or path.is_symlink():
            continue
        inside = path.relative_to(part)
        goal = bag / inside
        sums = hash_file(path, algorithms, stop=stop)
        known = inventory.get(inside.as_posix())
        if known is not None and known.digests != sums.digests():
            raise SatchelError(
                Kind.SERVER,
                f"Two parts of the export have different files named {inside.as_posix()}.",
                "The data may have changed meanwhile. Have it made on this computer.",
            )
        goal.parent.mkdir(parents=True, exist_ok=True)
        if not goal.exists():
            shutil.move(path, goal)
        entries.append(Entry(inside.as_posix(), sums.length, sums.digests()))
    inventory.add(entries)


def _queries(spec: Mapping[str, Any]) -> list[Any]:
    catalog = spec.get("catalog")
    steps = catalog.get("query_processors") if isinstance(catalog, Mapping) else None
    return list(steps) if isinstance(steps, list) else []


def _is_env(step: Any) -> bool:
    return isinstance(step, Mapping) and step.get("processor") == "env"
