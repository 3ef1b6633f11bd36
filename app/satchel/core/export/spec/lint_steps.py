"""Checks of transforms and post-processors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from satchel.core.export.spec.model import FALSE, TRUE
from satchel.core.export.spec.placeholders import ENCODED
from satchel.core.export.spec.places import trouble
from satchel.core.export.spec.transforms import FUNCTIONS, SUBSTITUTION

if TYPE_CHECKING:
    from satchel.core.export.spec.lint import Lint

_STREAMS = ("interpolation", "strsub")
_OBJECTS = ("column", "json2csv", "fasta", "geo")
_MADE = {"cat": "", "interpolation": "", "strsub": "json-stream", "json2csv": "csv", "column": "json-stream"}
_PARAMS = {
    "cat": (),
    "interpolation": ("template",),
    "strsub": ("substitutions",),
    "json2csv": ("include_header", "csv_dialect"),
    "column": ("column_transforms",),
    "fasta": ("column_map",),
}
_ALL = ("input_path", "input_paths", "output_path", "output_filename", "ro_file_provenance", "delete_input", "callback")


def check_transform(check: Lint, where: str, kind: str) -> None:
    """Check one transform."""
    pointer = f"{where}/processor_params"
    node = check.root.at(pointer)
    values: dict[str, Any] = node.value if node is not None and isinstance(node.value, dict) else {}
    if kind in _PARAMS:
        for name in values:
            if name not in _ALL and name not in _PARAMS[kind]:
                check.warning("unknown-key", pointer, f'The processor {kind} does not read "{name}".', key=name)
    if kind == "fasta":
        check.warning(
            "fasta", f"{where}/processor", "deriva-py 1.7.12 and the export service fail on fasta; Satchel does it."
        )
    for flag in ("delete_input", "ro_file_provenance", "include_header"):
        if values.get(flag) is not None and str(values[flag]).lower() not in TRUE | FALSE:
            check.error("type", f"{pointer}/{flag}", f"{values[flag]!r} is neither true nor false.")
    wrong = [
        n for n in ("output_path", "output_filename") if values.get(n) is not None and not isinstance(values[n], str)
    ]
    for name in wrong:
        check.error("type", f"{pointer}/{name}", f"{name} is a text.")
    if wrong:
        return
    inputs = _inputs(check, pointer, values, kind)
    _own(check, pointer, values, kind)
    _result(check, pointer, values, kind, inputs)


def _inputs(check: Lint, pointer: str, values: Mapping[str, Any], kind: str) -> list[str]:
    name = "input_paths" if values.get("input_paths") else "input_path"
    given = values.get(name)
    if name == "input_paths" and isinstance(given, str):
        check.error(
            "type", f"{pointer}/{name}", "input_paths is a list; deriva-py takes each letter of a text for one."
        )
        return []
    if name == "input_path" and isinstance(given, list):
        check.error("type", f"{pointer}/{name}", "input_path is one text; a list stands under input_paths.")
        return []
    paths = [given] if isinstance(given, str) else given
    if not isinstance(paths, list) or not paths or not all(isinstance(p, str) and p for p in paths):
        check.error("no-input", pointer, f"The transform {kind} has no input_paths.", "Name the outputs that it takes.")
        return []
    if kind != "cat" and len(paths) > 1:
        check.warning(
            "one-input", f"{pointer}/{name}", f"{kind} reads the first of its inputs alone; the others vanish."
        )
    found = []
    for n, path in enumerate(paths):
        at = f"{pointer}/{name}/{n}" if isinstance(given, list) else f"{pointer}/{name}"
        if not check.placeholders(path, at) or "{" in path:
            continue
        if path not in check.outputs:
            near = next((o for o in check.outputs if o.rpartition(".")[0] == path), None)
            check.error(
                "no-such-input",
                at,
                f"No output is called {path!r}" + (f"; {near!r} is: inputs have their extension." if near else "."),
                f"There are {', '.join(sorted(check.outputs)) or 'none'}.",
            )
            continue
        found.append(path)
        made = check.outputs[path]
        if (kind in _STREAMS and made not in ("json-stream", "")) or (kind in _OBJECTS and made == "csv"):
            wanted = "a json-stream" if kind in _STREAMS else "json or json-stream"
            check.error("input-kind", at, f"{kind} takes {wanted}, and {path} is made by {made}.")
    return found


def _own(check: Lint, pointer: str, values: Mapping[str, Any], kind: str) -> None:
    """Parameters of one kind of transform."""
    if kind == "interpolation" and not isinstance(values.get("template"), str):
        check.error("no-template", pointer, "interpolation needs a template, a text.", "As in $Code is called $Name.")
    if kind == "strsub":
        rules = values.get("substitutions")
        if not isinstance(rules, list) or not rules:
            check.error("substitutions", pointer, "strsub needs a list of substitutions.")
            return
        for n, rule in enumerate(rules):
            at = f"{pointer}/substitutions/{n}"
            if not isinstance(rule, Mapping) or set(rule) != SUBSTITUTION:
                check.error("substitutions", at, f"A substitution has exactly {', '.join(sorted(SUBSTITUTION))}.")
                continue
            try:
                re.compile(rule["pattern"])
            except (re.error, TypeError) as error:
                check.error("pattern", f"{at}/pattern", f"The pattern makes no sense: {error}.")
    if kind == "column":
        rules = values.get("column_transforms")
        if not isinstance(rules, Mapping) or not rules:
            check.error("column-transforms", pointer, "column needs an object of column_transforms.")
            return
        for name, rule in rules.items():
            function = rule.get("fn") if isinstance(rule, Mapping) else None
            at = f"{pointer}/column_transforms/{name}"
            if function not in FUNCTIONS:
                check.error(
                    "column-transforms",
                    at,
                    f"There is no column function {function!r}.",
                    f"There are {', '.join(FUNCTIONS)}.",
                )
            elif function == "replace" and not (isinstance(rule.get("value"), Mapping) and rule["value"].get("key")):
                check.error("column-transforms", at, "replace needs a value with the key of the column to take.")


def _result(check: Lint, pointer: str, values: Mapping[str, Any], kind: str, inputs: list[str]) -> None:
    folder, name = values.get("output_path"), values.get("output_filename")
    text = "/".join(str(p) for p in (folder, name) if p)
    at = f"{pointer}/{'output_path' if folder else 'output_filename'}"
    if not text:
        check.error("no-output", pointer, f"The transform {kind} has no output_path.")
        return
    if not check.placeholders(text, at) or "{" in text:
        return
    if trouble(text) is not None:
        check.error(
            "outside", at, f"The path {text[:60]!r} {trouble(text)}.", "Paths stay below the bag's data folder."
        )
        return
    if text in inputs:
        check.error("same-output", at, f"The transform would write over its own input {text}.")
    elif text in check.outputs:
        check.error("same-output", at, f"Another output is called {text}, too.")
    if str(values.get("delete_input", True)).lower() in ("true", "1", "yes", "y", "t", "on"):
        for path in inputs:
            check.outputs.pop(path, None)
    made = _MADE.get(kind, "")
    if kind == "cat" and inputs:
        made = ""
    check.outputs[text] = made


def check_post(check: Lint, where: str, kind: str) -> None:
    """Check one post-processor."""
    pointer = f"{where}/processor_params"
    node = check.root.at(pointer)
    values: dict[str, Any] = node.value if node is not None and isinstance(node.value, dict) else {}
    if kind == "cloud_upload":
        target = values.get("target_url")
        if not isinstance(target, str) or not target:
            check.error("no-target", pointer, "cloud_upload needs a target_url.", "As in s3://bucket/folder.")
            return
        check.placeholders(target, f"{pointer}/target_url")
        if not target.strip().lower().startswith(("s3://", "gs://", "{")):
            check.error(
                "no-target",
                f"{pointer}/target_url",
                f"{target[:60]!r} is not where cloud_upload can put things.",
                "s3:// and gs:// are.",
            )
    elif kind == "url_rewrite":
        if not values.get("remote_path") or not isinstance(values.get("input_paths"), list):
            check.error("no-target", pointer, "url_rewrite needs remote_path and input_paths.")
            return
        more = {"output", "output_url", "deriva_service_url", f"output{ENCODED}", f"output_url{ENCODED}"}
        check.placeholders(str(values["remote_path"]), f"{pointer}/remote_path", more)
    elif kind == "identifier":
        before = check.root.at("/post_processors")
        number = int(where.rpartition("/")[2])
        kinds = [
            s.value.get("processor") for s in (before.items if before else [])[:number] if isinstance(s.value, dict)
        ]
        if not values.get("locations") and not {"cloud_upload", "url_rewrite"} & set(kinds):
            check.error(
                "no-target",
                pointer,
                "An identifier needs to know where the bag can be had.",
                "Put cloud_upload before it, or give locations.",
            )
