"""A spec that is being edited, as text and as values: each changes the other. Without a screen.

The text is the truth, for a person may type anything; while it is no JSON the values are those of before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from satchel.core.deriva.model import Model
from satchel.core.export.spec.document import JsonError, parse
from satchel.core.export.spec.model import POSTS, QUERIES, TRANSFORMS

LISTS = {
    "query": "/catalog/query_processors",
    "transform": "/transform_processors",
    "post": "/post_processors",
}
KINDS = {"query": QUERIES, "transform": TRANSFORMS, "post": POSTS}
EMPTY = '{\n  "bag": {\n    "bag_name": "bag"\n  },\n  "catalog": {\n    "query_processors": []\n  }\n}\n'


class Editing:
    """The text of a spec, and its values.

    Args:
        text: to begin with.
    """

    def __init__(self, text: str = EMPTY) -> None:
        self.text = ""
        self.document: Any = {}
        self.broken: JsonError | None = None
        """Why the text is no JSON; None: it is."""
        self.set_text(text)

    def set_text(self, text: str) -> bool:
        """Take a new text. Returns whether its values are others than before."""
        self.text = text
        try:
            found = parse(text).value
        except JsonError as error:
            self.broken = error
            return False
        self.broken = None
        changed = bool(found != self.document)
        self.document = found
        return changed

    def get(self, pointer: str) -> Any:
        """The value that a JSON pointer leads to; None where there is none."""
        found: Any = self.document
        for part in _parts(pointer):
            if isinstance(found, list):
                found = found[int(part)] if part.isdigit() and int(part) < len(found) else None
            elif isinstance(found, Mapping):
                found = found.get(part)
            else:
                return None
        return found

    def set(self, pointer: str, value: Any) -> None:
        """Put a value where a pointer leads; objects on the way are made. None takes it away. Writes the text anew."""
        parts = _parts(pointer)
        root: Any = json.loads(json.dumps(self.document)) if isinstance(self.document, dict) else {}
        place = root
        for part in parts[:-1]:
            if isinstance(place, list):
                place = place[int(part)]
                continue
            if not isinstance(place.get(part), (dict, list)):
                if value is None:
                    return
                place[part] = {}
            place = place[part]
        last = parts[-1]
        if isinstance(place, list):
            place[int(last)] = value
        elif value is None:
            place.pop(last, None)
        else:
            place[last] = value
        self._write(root)

    def steps(self, what: str) -> list[Mapping[str, Any]]:
        """The processors of a kind (`query`, `transform`, `post`)."""
        found = self.get(LISTS[what])
        return [step if isinstance(step, Mapping) else {} for step in found] if isinstance(found, list) else []

    def add(self, what: str, kind: str) -> str:
        """Add a processor at the end. Returns its pointer."""
        pointer = LISTS[what]
        steps = list(self.steps(what))
        self.set(pointer, [*steps, {"processor": kind, "processor_params": _new(what, kind, len(steps) + 1)}])
        return f"{pointer}/{len(steps)}"

    def remove(self, pointer: str) -> None:
        """Take a processor away."""
        where, _, number = pointer.rpartition("/")
        steps = list(self.get(where) or [])
        del steps[int(number)]
        self.set(where, steps)

    def move(self, pointer: str, by: int) -> str:
        """Move a processor up (negative) or down. Returns its new pointer."""
        where, _, number = pointer.rpartition("/")
        steps = list(self.get(where) or [])
        old = int(number)
        new = max(0, min(len(steps) - 1, old + by))
        steps.insert(new, steps.pop(old))
        self.set(where, steps)
        return f"{where}/{new}"

    def pointer_at(self, offset: int) -> str:
        """The pointer of the innermost value that stands at a place of the text; empty while it is no JSON."""
        if self.broken is not None:
            return ""
        best = ""
        for pointer, node in parse(self.text).walk():
            if node.start <= offset <= node.end:
                best = pointer
        return best

    def _write(self, root: Any) -> None:
        self.set_text(json.dumps(root, indent=2, ensure_ascii=False) + "\n")


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _new(what: str, kind: str, number: int) -> dict[str, Any]:
    if what == "query":
        if kind == "env":
            return {"query_path": "", "query_keys": []}
        return {"query_path": "", "output_path": f"output{number}"}
    if what == "transform":
        more: dict[str, dict[str, Any]] = {
            "interpolation": {"template": ""},
            "strsub": {"substitutions": [{"pattern": "", "repl": "", "input": "", "output": ""}]},
            "column": {"column_transforms": {}},
        }
        return {"input_paths": [], "output_path": f"transformed{number}", **more.get(kind, {})}
    posts: dict[str, dict[str, Any]] = {
        "cloud_upload": {"target_url": "s3://"},
        "url_rewrite": {"input_paths": [], "remote_path": ""},
    }
    return posts.get(kind, {})


def completions(model: Model) -> Iterator[str]:
    """What may be completed in queries: tables with their schema, and columns."""
    columns: set[str] = set()
    for table in model:
        yield table.name.path
        columns |= {column.name for column in table.columns}
    yield from sorted(columns)
