"""Export templates of a catalog's annotations, as Chaise's Export button offers them, and the specs that they make.

The keys: `tag:isrd.isi.edu,2019:export` with contexts, `tag:isrd.isi.edu,2016:export` for any context, and
`tag:isrd.isi.edu,2021:export-fragment-definitions`, on table, schema and catalog. As ermrestjs reads them (js/export.js
of github.com/informatics-isi-edu/ermrestjs, and its docs/user-docs/export.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from satchel.core.deriva.model import Model, Table
from satchel.core.export.errors import ConfigurationError
from satchel.core.export.spec import chaise
from satchel.core.export.spec.placeholders import BraceError, doubled, names

EXPORT = "tag:isrd.isi.edu,2016:export"
EXPORT_CONTEXTED = "tag:isrd.isi.edu,2019:export"
FRAGMENTS = "tag:isrd.isi.edu,2021:export-fragment-definitions"
DETAILED, COMPACT = "detailed", "compact"
APIS = ("entity", "attribute", "attributegroup", "aggregate")
LONGEST = 4000
"""Characters. Chaise leaves an output out, without a word to the person, whose query is longer."""
DEFAULT_NAME = "BDBag"
_HAS_LIMIT = re.compile(r"[?]([^&=]*=[^&]*[&])*limit=")
_DEEPEST = 64
MISSING = "(missing)"
"""What `by_context` gives where an annotation has no value."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template of a table."""

    name: str
    """Its display name."""
    type: str
    """`BAG` or `FILE`."""
    document: Mapping[str, Any]
    """The template, its fragments put in."""
    where: str
    """Whose annotation it is: `table`, `schema`, `catalog`, or `default` for the one that Chaise makes itself."""


@dataclass(frozen=True, slots=True)
class Templates:
    """What a table offers."""

    templates: tuple[Template, ...]
    dropped: tuple[str, ...] = ()
    """Sentences on those that Chaise leaves out, and why."""


@dataclass(frozen=True, slots=True)
class MadeSpec:
    """A spec that was made of a template."""

    spec: dict[str, Any]
    template: str
    long: tuple[str, ...] = ()
    """Outputs that Chaise would have left out for their length; they are in the spec."""


def templates_of(
    model: Model, catalog_annotations: Mapping[str, Any], table: Table, context: str = DETAILED
) -> Templates:
    """The templates that Chaise offers for a table.

    Args:
        model: the catalog's schema.
        catalog_annotations: of the catalog itself.
        table: whose rows are to be exported.
        context: `detailed` for one record, `compact` for many.
    """
    levels = [
        ("table", table.annotations),
        ("schema", _schema_annotations(model, table)),
        ("catalog", catalog_annotations),
    ]
    found, where = _chosen(levels, context)
    # Made in both contexts: fragments may name its parts.
    default = chaise.default_template(model, levels[1][1], catalog_annotations, table)
    if found is None:
        if context != DETAILED or default is None:
            return Templates(())
        return Templates((Template(DEFAULT_NAME, "BAG", default, "default"),))
    fragments = _fragments(levels, default)
    good: list[Template] = []
    dropped: list[str] = []
    for number, raw in enumerate(found):
        try:
            filled = _filled(raw, fragments, (), 0)
        except _DroppedError as error:
            dropped.append(f"Template {_called(raw, number)} is left out: {error}.")
            continue
        for document in filled if isinstance(filled, list) else [filled]:
            wrong = _wrong(document)
            if wrong:
                dropped.append(f"Template {_called(document, number)} is left out: {wrong}.")
            else:
                good.append(Template(str(document["displayname"]), document["type"], document, where))
    return Templates(tuple(good), tuple(dropped))


def _schema_annotations(model: Model, table: Table) -> Mapping[str, Any]:
    schema = model.document["schemas"].get(table.name.schema, {})
    found = schema.get("annotations") if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _chosen(levels: list[tuple[str, Mapping[str, Any]]], context: str) -> tuple[list[Any] | None, str]:
    """The templates of the first level that defines the context; None where none does."""
    for where, level in levels:
        contexts: dict[str, Any] = {}
        if EXPORT in level:
            contexts["*"] = level[EXPORT]
        if isinstance(level.get(EXPORT_CONTEXTED), Mapping):
            contexts.update(level[EXPORT_CONTEXTED])
        if not contexts:
            continue
        value = by_context(context, contexts)
        if value is MISSING:
            continue
        if isinstance(value, Mapping) and isinstance(value.get("templates"), list):
            return list(value["templates"]), where
        return [], where
    return None, ""


def by_context(context: str, annotation: Mapping[str, Any], *, default: bool = True) -> Any:
    """The value of an annotation with contexts: of this one, of one that it is part of, or of `*`.

    A text names another context whose value it is. `MISSING`: there is none (null is a value, which says "nothing").
    """
    seen: set[str] = set()
    wanted = context
    while True:
        parts = wanted.split("/")
        tried = ["/".join(parts[:n]) for n in range(len(parts), 0, -1)] + (["*"] if default else [])
        value: Any = next((annotation[name] for name in tried if name in annotation), MISSING)
        if not isinstance(value, str) or value is MISSING:
            return value
        if value in seen:
            return MISSING
        seen.add(value)
        wanted = value


class _DroppedError(Exception):
    pass


def _fragments(levels: list[tuple[str, Mapping[str, Any]]], default: Mapping[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "$chaise_default_bdbag_template": {
            "type": "BAG",
            "displayname": {"fragment_key": "$chaise_default_bdbag_displayname"},
            "outputs": [{"fragment_key": "$chaise_default_bdbag_outputs"}],
        },
        "$chaise_default_bdbag_displayname": DEFAULT_NAME,
        "$chaise_default_bdbag_outputs": default["outputs"] if default is not None else None,
    }
    for _, level in reversed(levels):
        own = level.get(FRAGMENTS)
        if isinstance(own, Mapping):
            found.update({k: v for k, v in own.items() if not k.startswith("$")})
    return found


def _filled(value: Any, fragments: Mapping[str, Any], used: tuple[str, ...], depth: int) -> Any:
    """A value with its fragments put in; inside a list what a fragment gives is strung together with the rest."""
    if depth > _DEEPEST:
        raise _DroppedError("it is nested too deeply")
    if isinstance(value, list):
        strung: list[Any] = []
        for item in value:
            filled = _filled(item, fragments, used, depth + 1)
            if filled is None:
                raise _DroppedError("a part of it is empty")
            strung += filled if isinstance(filled, list) else [filled]
        return strung
    if not isinstance(value, Mapping):
        return value
    if "fragment_key" not in value:
        made = {name: _filled(child, fragments, used, depth + 1) for name, child in value.items()}
        if any(child is None for child in made.values()):
            raise _DroppedError("a part of it is empty")
        return made
    key = value["fragment_key"]
    if key in used:
        raise _DroppedError(f"the fragment {key} contains itself")
    if not isinstance(key, str) or key not in fragments:
        raise _DroppedError(f"there is no fragment {key}")
    return _filled(fragments[key], fragments, (*used, key), depth + 1)


def _called(document: Any, number: int) -> str:
    name = document.get("displayname") if isinstance(document, Mapping) else None
    return repr(name) if isinstance(name, str) else f"number {number + 1}"


def _wrong(document: Any) -> str | None:
    """Why Chaise does not offer a template."""
    if not isinstance(document, Mapping):
        return "it is no object"
    if not document.get("displayname") or "type" not in document:
        return "it lacks displayname or type"
    if document["type"] not in ("BAG", "FILE"):
        return "its type is neither BAG nor FILE"
    outputs = document.get("outputs")
    if not isinstance(outputs, list) or not outputs:
        return "it has no outputs"
    for n, output in enumerate(outputs):
        source = output.get("source") if isinstance(output, Mapping) else None
        destination = output.get("destination") if isinstance(output, Mapping) else None
        if not isinstance(source, Mapping) or not isinstance(destination, Mapping):
            return f"output {n + 1} lacks source or destination"
        if "api" not in source or "type" not in destination:
            return f"output {n + 1} does not say api and type"
    return None


def make_spec(
    template: Template, host: str, catalog: str, table: Table, rid: str | None, display_name: str = ""
) -> MadeSpec:
    """The spec that Chaise sends for a template. Outputs whose query Chaise finds too long are in it, and told.

    Args:
        template: of the table.
        host: of the server.
        catalog: number or alias.
        table: whose rows are exported.
        rid: the record; None: all rows of the table.
        display_name: the table's, for outputs without a name; empty: as Chaise works it out.
    """
    root = f"M:={table.name.path}" + (f"/RID={quote(rid, safe='')}" if rid else "")
    queries: list[dict[str, Any]] = []
    long: list[str] = []
    for output in template.document["outputs"]:
        source, destination = output["source"], output["destination"]
        path = _path(source, root)
        name = destination.get("name") or chaise.file_name(display_name or table.display_name)
        if len(path) > LONGEST:
            long.append(str(name))
        query: dict[str, Any] = {"processor": destination.get("type") or "csv"}
        if destination.get("impl") is not None:
            query["processor_type"] = destination["impl"]
        params = {"query_path": _braces(f"/{path}", template), "output_path": name}
        if isinstance(destination.get("params"), Mapping):
            params.update(destination["params"])
        query["processor_params"] = params
        queries.append(query)
    bag: dict[str, Any] = {
        "bag_name": table.name.table + (f"_{rid}" if rid else ""),
        "bag_algorithms": ["md5"],
        "bag_archiver": "zip",
        "bag_metadata": {},
    }
    for key in ("bag_archiver", "bag_idempotent"):
        if template.document.get(key) is not None:
            bag[key] = template.document[key]
    spec: dict[str, Any] = {}
    if template.type == "BAG":
        spec["bag"] = bag
    spec["catalog"] = {"host": f"https://{host}", "catalog_id": catalog, "query_processors": queries}
    for key, name in (("transforms", "transform_processors"), ("postprocessors", "post_processors")):
        if template.document.get(key) is not None:
            spec[name] = template.document[key]
    if template.document.get("public") is not None:
        spec["public"] = template.document["public"]
    return MadeSpec(spec, template.name, tuple(long))


def _braces(path: str, template: Template) -> str:
    """The path as a spec must have it: braces stand for themselves unless the template finds values for placeholders.

    Chaise leaves them as they are, and the export service then fails on those that stand for themselves.
    """
    if "{" not in path and "}" not in path:
        return path
    finds = any(output["destination"].get("type") in ("env", "dir") for output in template.document["outputs"])
    try:
        known = finds or set(names(path)) <= {"hostname", "hostname_urlencoded"}
    except BraceError:
        known = False
    return path if known else doubled(path)


def _path(source: Mapping[str, Any], root: str) -> str:
    parts = [source["api"]] if isinstance(source["api"], str) and source["api"] else []
    if not source.get("skip_root_path"):
        parts.append(root)
    more = source.get("path")
    if isinstance(more, str) and more.strip("/"):
        parts.append(more.strip("/"))
    path = "/".join(parts)
    known = any(path.startswith(f"{api}/") for api in APIS)
    if known and not source.get("skip_limit") and not _HAS_LIMIT.search(path):
        path += ("&" if "?" in path else "?") + "limit=none"
    return path


def pick(found: Templates, which: str | None, table: str) -> Template:
    """One of a table's templates: by its number from 1 or its display name; the first where None is wanted.

    Raises:
        ConfigurationError: there is no such one.
    """
    offered = found.templates
    if not offered:
        reasons = " ".join(found.dropped)
        raise ConfigurationError(
            f"{table} has no export template", f"{reasons} Export a record with what belongs to it: --rid RID.".strip()
        )
    if which is None:
        return offered[0]
    named = [t for t in offered if t.name == which] or [t for t in offered if t.name.lower() == which.lower()]
    if named:
        return named[0]
    if which.isdigit() and 1 <= int(which) <= len(offered):
        return offered[int(which) - 1]
    listed = ", ".join(f"{n} {t.name}" for n, t in enumerate(offered, 1))
    raise ConfigurationError(f"{table} has no template {which!r}", f"There are: {listed}.")
