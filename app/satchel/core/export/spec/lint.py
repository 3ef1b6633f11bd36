"""Finds what is wrong with a spec, all of it, each with its place and a sentence.

Nothing is asked of a server. With a catalog's schema at hand, tables and columns are checked as well (`lint_model`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from satchel.core.bags.names import safe_name
from satchel.core.deriva.model import Model
from satchel.core.deriva.session import host_name
from satchel.core.errors import SatchelError
from satchel.core.export.errors import ConfigurationError
from satchel.core.export.spec import lint_model
from satchel.core.export.spec.document import JsonError, Node, parse, read_text
from satchel.core.export.spec.findings import Finding, Severity
from satchel.core.export.spec.lint_steps import check_post, check_transform
from satchel.core.export.spec.model import (
    ALGORITHMS,
    ARCHIVERS,
    EXTENSIONS,
    FALSE,
    POSTS,
    QUERIES,
    TRANSFORMS,
    TRUE,
    own_class,
)
from satchel.core.export.spec.placeholders import ENCODED, BraceError, Env, names
from satchel.core.export.spec.places import extended, joined, trouble
from satchel.core.export.spec.querypath import PathError, QueryPath
from satchel.core.export.spec.querypath import parse as parse_path

LONGEST_PATH = 4000
"""Characters. Chaise sends no longer query, and real servers answer 404 to paths over 4,037 bytes."""
_TOP = ("env", "bag", "catalog", "transform_processors", "post_processors", "public")
_COMMENTS = ("comment", "_comment", "comments", "description", "$schema")
"""Names under which people explain a spec."""
_BAG = (
    "bag_name", "bag_algorithms", "bag_archiver", "bag_metadata", "bag_ro", "bag_idempotent", "bag_strict",
)  # fmt: skip
_CATALOG = ("host", "catalog_id", "query_processors")
_STEP = ("processor", "processor_type", "processor_params")
_PARAMS = frozenset(
    {
        "query_path", "output_path", "output_filename", "paged_query", "paged_query_size", "paged_query_sort_columns",
        "ro_file_provenance", "query_keys", "callback",
    }
)  # fmt: skip
_ASSET = {"url": "URL", "length": "length", "filename": "filename", "md5": "md5", "sha256": "sha256"}
_PASSED_ON = re.compile(r"\{(\w+)\}")
_OTHER = re.compile(r"/|/(schema|entity_rid|range|history)([/?].*)?")
"""Resources of a catalog that are no rows: what it says of itself, its schema, where a RID is."""
_RAW = re.compile(r"[#\x00-\x1f\x7f]")


@dataclass
class Lint:
    """A check under way: what is collected, and what is known so far of values and outputs."""

    root: Node
    given: Mapping[str, Any]
    model: Model | None
    found: list[Finding] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """Names that placeholders may have."""
    anything: bool = False
    """An `env` query before gives values whose names nobody can tell."""
    outputs: dict[str, str] = field(default_factory=dict)
    """Path of each output, and the kind of processor that makes it."""
    bagged: bool = True

    def tell(self, severity: Severity, code: str, pointer: str, message: str, hint: str = "", *, key: str = "") -> None:
        """Note a finding at a value, or at the name of one of its members."""
        node = self.root.nearest(pointer)
        line, column = node.keys.get(key, (node.line, node.column)) if key else (node.line, node.column)
        self.found.append(
            Finding(
                code=code,
                severity=severity,
                message=message,
                pointer=f"{pointer}/{key}" if key else pointer,
                line=line,
                column=column,
                hint=hint,
            )
        )

    def error(self, code: str, pointer: str, message: str, hint: str = "", *, key: str = "") -> None:
        """Note what cannot run or loses data."""
        self.tell("error", code, pointer, message, hint, key=key)

    def warning(self, code: str, pointer: str, message: str, hint: str = "", *, key: str = "") -> None:
        """Note what is probably not meant."""
        self.tell("warning", code, pointer, message, hint, key=key)

    def placeholders(self, text: str, pointer: str, more: Iterable[str] | None = ()) -> bool:
        """Check the braces of a text. Returns whether its placeholders can be filled as far as is known.

        Args:
            text: with placeholders.
            pointer: to it.
            more: further names that count here, such as a row's columns; None: nobody can tell.
        """
        try:
            wanted = list(names(text))
        except BraceError as error:
            self.error(
                "brace",
                pointer,
                f"A brace is neither doubled nor part of a placeholder: {error}.",
                "Double braces that stand for themselves: {{ and }}.",
            )
            return False
        missing = [n for n in dict.fromkeys(wanted) if n not in self.known and (more is None or n not in more)]
        if missing and not self.anything and more is not None:
            first = missing[0]
            later = "an env query behind it gives it, too late" if first in self._later(pointer) else "nothing gives it"
            self.error(
                "missing-variable",
                pointer,
                f"There is no value for {{{first}}}: {later}.",
                f'Give it with --env {first}=VALUE, name it under "env", or find it with an env query before.',
            )
            return False
        return not missing and more is not None

    def _later(self, pointer: str) -> set[str]:
        """Names that env queries behind this place give."""
        found: set[str] = set()
        steps = self.root.at("/catalog/query_processors")
        number = re.match(r"/catalog/query_processors/(\d+)", pointer)
        for n, step in enumerate(steps.items if steps else []):
            keys = step.at("/processor_params/query_keys")
            if number and n > int(number[1]) and keys is not None:
                found |= {k.value for k in keys.items if isinstance(k.value, str)}
        return found


def lint(
    data: str | bytes,
    env: Mapping[str, Any] | None = None,
    *,
    model: Model | None = None,
    host: str | None = None,
) -> list[Finding]:
    """Check a spec.

    Args:
        data: its text.
        env: values that are given beside it.
        model: the catalog's schema, to check tables and columns against.
        host: the server that it will run on.

    Returns:
        What was found, in the order of the text; empty where all is well.
    """
    try:
        root = parse(data if isinstance(data, str) else read_text(data))
    except JsonError as error:
        return [
            Finding(
                code="json", severity="error", message=f"This is not JSON: {error}.", pointer="", line=error.line,
                column=error.column,
            )
        ]  # fmt: skip
    check = Lint(root, env or {}, model)
    if not isinstance(root.value, dict):
        check.error("type", "", "A spec is a JSON object.")
        return check.found
    for pointer, node in root.walk():
        for name, line, column in node.twice:
            message = f'"{name}" stands here a second time: only the last one counts.'
            check.found.append(
                Finding(
                    code="twice", severity="error", message=message, pointer=f"{pointer}/{name}", line=line,
                    column=column,
                )
            )  # fmt: skip
    _top(check)
    _env(check)
    _bag(check)
    _catalog(check, host)
    _list(check, "/transform_processors", TRANSFORMS, "transform", lambda p, k: check_transform(check, p, k))
    _list(check, "/post_processors", POSTS, "post-processing", lambda p, k: check_post(check, p, k))
    return sorted(check.found, key=lambda f: (f.line, f.column, f.code))


# -- parts ------------------------------------------------------------------------------------------------------------


def _top(check: Lint) -> None:
    for name in check.root.members:
        if name not in _TOP and name not in _COMMENTS:
            meant = ' It belongs into "catalog".' if name in _CATALOG else ""
            meant = ' It belongs into "bag".' if name in _BAG else meant
            check.warning("unknown-key", "", f'Nobody reads "{name}" here.{meant}', key=name)
    _boolean(check, "/public")


def _env(check: Lint) -> None:
    node = check.root.at("/env")
    check.known = {*check.given, "hostname"}
    if node is not None and not isinstance(node.value, dict):
        if node.value is not None:
            check.error("type", "/env", "env is an object of names and values.")
        node = None
    given = set(check.known)
    for name, child in (node.members if node is not None else {}).items():
        pointer = f"/env/{name}"
        passed_on = isinstance(child.value, str) and _PASSED_ON.fullmatch(child.value)
        if passed_on and passed_on[1] not in given:
            check.error(
                "missing-variable",
                pointer,
                f"There is no value for {child.value}: nothing gives it.",
                f"Give it with --env {passed_on[1]}=VALUE.",
            )
        check.known.add(name)
        if isinstance(child.value, (dict, list)) or child.value is None:
            check.error("env-value", pointer, f'The value of "{name}" is not a text or a number.')
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            check.error(
                "env-name", "/env", f'"{name}" cannot be the name of a placeholder.', "Use letters and _.", key=name
            )
        if name == "hostname":
            check.warning("env-name", "/env", '"hostname" is always the server\'s; this value is never used.', key=name)
        if name in check.given and not passed_on and str(check.given[name]) != str(child.value):
            check.warning(
                "env-wins",
                "/env",
                f'The spec\'s own value of "{name}" wins over the one that is given.',
                "As in deriva-py. Take it out of the spec to choose it at each run.",
                key=name,
            )
    check.known |= {f"{name}{ENCODED}" for name in check.known}


def _bag(check: Lint) -> None:
    node = check.root.at("/bag")
    if node is None or node.value is None:
        check.bagged = False
        return
    if not isinstance(node.value, dict):
        check.error("type", "/bag", "bag is an object.")
        return
    if not node.members:
        check.bagged = False
        check.warning("no-bag", "/bag", "An empty bag means none: files are made instead.", 'Give it a "bag_name".')
        return
    for name in node.members:
        if name not in _BAG:
            check.warning(
                "unknown-key", "/bag", f'Nobody reads "{name}" here.', f"There are {', '.join(_BAG)}.", key=name
            )
    _bag_name(check, node)
    _algorithms(check, node)
    archiver = node.members.get("bag_archiver")
    if archiver is not None and archiver.value is not None and str(archiver.value).lower() not in ARCHIVERS:
        check.error(
            "archiver",
            "/bag/bag_archiver",
            f"{archiver.value!r} is not a kind of archive.",
            f"Use {', '.join(ARCHIVERS)}.",
        )
    for flag in ("bag_ro", "bag_idempotent", "bag_strict"):
        _boolean(check, f"/bag/{flag}")
    ro, idempotent = node.value.get("bag_ro"), node.value.get("bag_idempotent")
    if str(ro).lower() in TRUE and str(idempotent).lower() in TRUE:
        check.warning(
            "ro-idempotent",
            "/bag",
            "bag_idempotent leaves the research object's manifest out, bag_ro or not.",
            key="bag_ro",
        )
    _metadata(check)


def _bag_name(check: Lint, bag: Node) -> None:
    name = bag.members.get("bag_name")
    pointer = "/bag/bag_name"
    if name is None or name.value in (None, ""):
        return
    if not isinstance(name.value, str):
        check.error("type", pointer, "The bag's name is a text.")
        return
    if not check.placeholders(name.value, pointer):
        return
    filled = _filled(check, name.value)
    if filled is not None and safe_name(filled, "bag") != filled:
        check.error(
            "bag-name",
            pointer,
            f"The bag cannot be called {filled[:60]!r}: that is no name of a folder, or leads elsewhere.",
            "Leave out slashes and what Windows does not allow.",
        )


def _algorithms(check: Lint, bag: Node) -> None:
    node = bag.members.get("bag_algorithms")
    pointer = "/bag/bag_algorithms"
    if node is None or node.value is None:
        return
    if not isinstance(node.value, list):
        check.error("type", pointer, "bag_algorithms is a list.", 'As in ["md5", "sha256"].')
        return
    if not node.items:
        check.warning("algorithm", pointer, "The list is empty; sha256 is used.")
    for n, item in enumerate(node.items):
        if item.value not in ALGORITHMS:
            check.error(
                "algorithm",
                f"{pointer}/{n}",
                f"{item.value!r} is not a kind of checksum.",
                f"Use {', '.join(ALGORITHMS)}.",
            )


def _metadata(check: Lint) -> None:
    node = check.root.at("/bag/bag_metadata")
    if node is None or node.value is None:
        return
    if not isinstance(node.value, dict):
        check.error("type", "/bag/bag_metadata", "bag_metadata is an object of labels and texts.")
        return
    for label, child in node.members.items():
        values = child.value if isinstance(child.value, list) else [child.value]
        if any(isinstance(v, (dict, list)) for v in values):
            check.error(
                "metadata", "/bag/bag_metadata", f'The value of "{label}" cannot be written into bag-info.txt.',
                "Texts and lists of texts can.", key=label,
            )  # fmt: skip
        if ":" in label or "\n" in label or label != label.strip() or not label:
            check.error("metadata", "/bag/bag_metadata", f'"{label}" cannot be a label of bag-info.txt.', key=label)


def _catalog(check: Lint, host: str | None) -> None:
    node = check.root.at("/catalog")
    if node is None:
        check.error("no-catalog", "", 'The spec has no "catalog" with its queries.')
        return
    if not isinstance(node.value, dict):
        check.error("type", "/catalog", "catalog is an object.")
        return
    for name in node.members:
        if name not in _CATALOG:
            check.warning("unknown-key", "/catalog", f'Nobody reads "{name}" here.', key=name)
    named = node.members.get("host")
    if named is not None and host is not None and isinstance(named.value, str) and _host(named.value) != _host(host):
        check.warning("other-host", "/catalog/host", f"The spec is for {named.value}, and will run on {host}.")
    queries = node.members.get("query_processors")
    if queries is None or queries.value == []:
        pointer = "/catalog/query_processors" if queries is not None else "/catalog"
        check.error("no-queries", pointer, "The spec asks for nothing.", 'Name queries under "query_processors".')
        return
    _list(check, "/catalog/query_processors", QUERIES, "query", lambda p, k: _query(check, p, k))


def _host(text: str) -> str:
    try:
        return host_name(text)
    except SatchelError:
        return text


def _list(check: Lint, pointer: str, known: tuple[str, ...], what: str, each: Callable[[str, str], None]) -> None:
    node = check.root.at(pointer)
    if node is None or node.value is None:
        return
    if not isinstance(node.value, list):
        check.error("type", pointer, "A list of processors is needed here.")
        return
    for n, step in enumerate(node.items):
        where = f"{pointer}/{n}"
        if not isinstance(step.value, dict):
            check.error("type", where, "A processor is an object.")
            continue
        for name in step.members:
            if name not in _STEP:
                meant = ' It belongs into "processor_params".' if name in _PARAMS else ""
                check.warning("unknown-key", where, f'Nobody reads "{name}" here.{meant}', key=name)
        kind, impl = step.value.get("processor"), step.value.get("processor_type")
        if isinstance(impl, str) and (own := own_class(impl)):
            kind, impl = own, None
        if impl:
            check.warning(
                "own-class",
                f"{where}/processor_type",
                f"{impl} is a class of somebody's own: Satchel does not run it.",
                "deriva-download-cli runs it where its whitelist names it.",
            )
            continue
        if not isinstance(kind, str) or not kind:
            check.error("no-processor", where, 'A processor has its name under "processor".')
            continue
        if kind not in known:
            check.error(
                "unknown-processor", f"{where}/processor", f"There is no {what} processor {kind!r}.{_elsewhere(kind)}",
                f"There are {', '.join(known)}.",
            )  # fmt: skip
            continue
        params = step.members.get("processor_params")
        if params is not None and params.value is not None and not isinstance(params.value, dict):
            check.error("type", f"{where}/processor_params", "processor_params is an object.")
            continue
        each(where, kind)


def _elsewhere(kind: str) -> str:
    for names_, where in (
        (QUERIES, "catalog/query_processors"),
        (TRANSFORMS, "transform_processors"),
        (POSTS, "post_processors"),
    ):
        if kind in names_:
            return f" It belongs into {where}."
    return ""


# -- queries ----------------------------------------------------------------------------------------------------------


def _query(check: Lint, where: str, kind: str) -> None:
    pointer = f"{where}/processor_params"
    params = check.root.at(pointer)
    values: dict[str, Any] = params.value if params is not None and isinstance(params.value, dict) else {}
    for name in values:
        if name not in _PARAMS:
            check.warning("unknown-key", pointer, f'The processor {kind} does not read "{name}".', key=name)
    wrong = [n for n in ("query_path", "output_path", "output_filename") if not isinstance(values.get(n, ""), str)]
    for name in wrong:
        check.error("type", f"{pointer}/{name}", f"{name} is a text.")
    if wrong:
        return
    _boolean(check, f"{pointer}/ro_file_provenance")
    path = _path(check, pointer, values, kind)
    _paging(check, pointer, values, kind)
    if kind in ("fetch", "download"):
        _assets(check, pointer, values, kind, path)
    elif kind in EXTENSIONS:
        _output(check, pointer, values, EXTENSIONS[kind], kind)
    if kind == "dir":
        _keys(check, pointer, values, path)
        _output(check, pointer, values, "", kind)
    if kind == "env":
        _keys(check, pointer, values, path)


def _path(check: Lint, pointer: str, values: Mapping[str, Any], kind: str) -> QueryPath | None:
    query = values.get("query_path", "")
    where = f"{pointer}/query_path"
    if not query:
        if kind != "dir":
            check.error("no-query", pointer, f"The processor {kind} has no query_path, so it makes nothing.")
        return None
    able = check.placeholders(query, where)
    try:
        list(names(query))
    except BraceError:
        return None
    filled = _filled(check, query) if able else None
    if filled is not None and len(filled) > LONGEST_PATH:
        check.error(
            "long-path",
            where,
            f"The query has {len(filled):,} characters; servers take about {LONGEST_PATH:,}, and Chaise leaves it out.",
            "Split it, or select by a foreign key instead of naming all rows.",
        )
        return None
    text = filled if filled is not None else _stand_ins(query)
    if re.match(r"https?://", text) or text.startswith("/ermrest/"):
        check.error(
            "query-path", where, "The query is a path below the catalog, not a whole address.", "Begin with /entity/."
        )
        return None
    raw = _RAW.search(text)
    if raw:
        check.error(
            "query-path", where, f"{raw[0]!r} must be escaped in a query.", "Write it as %XX; spaces as %20.",
        )  # fmt: skip
        return None
    if kind in ("json", "json-stream", "env", "dir") and _OTHER.fullmatch(text):
        return None
    try:
        found = parse_path(text)
    except PathError as error:
        check.error("query-path", where, f"The query makes no sense: {error}.")
        return None
    if found.limit == 0:
        check.error("query-path", where, "limit=0 asks for no rows.")
    if check.model is not None:
        for code, message, hint in lint_model.check_path(check.model, found):
            check.error(code, where, message, hint)
    return found


def _stand_ins(query: str) -> str:
    """The query with something in place of placeholders that nobody knows yet."""
    return (
        re.sub(r"\{[^{}]*\}", "x", query.replace("{{", "\0").replace("}}", "\1")).replace("\0", "{").replace("\1", "}")
    )


def _filled(check: Lint, text: str) -> str | None:
    node = check.root.at("/env")
    own = node.value if node is not None and isinstance(node.value, dict) else {}
    try:
        return Env(check.given, own, "host").fill(text)
    except ConfigurationError:
        return None


def _paging(check: Lint, pointer: str, values: Mapping[str, Any], kind: str) -> None:
    _boolean(check, f"{pointer}/paged_query")
    size, columns = values.get("paged_query_size"), values.get("paged_query_sort_columns")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
        check.error("type", f"{pointer}/paged_query_size", "paged_query_size is a whole number from 1.")
    if columns is not None and not (isinstance(columns, list) and columns and all(isinstance(c, str) for c in columns)):
        check.error("type", f"{pointer}/paged_query_sort_columns", "paged_query_sort_columns is a list of columns.")
    if str(values.get("paged_query", False)).lower() not in TRUE:
        return
    query = str(values.get("query_path", ""))
    where = f"{pointer}/paged_query"
    if kind == "csv":
        check.error(
            "paged-csv",
            where,
            "deriva-py and the export service lose rows of paged CSV wherever a page ends in a row with a line break.",
            "Use json-stream with paged_query and the transform json2csv, or do without pages.",
        )
    elif kind == "json" or not query.startswith(("/entity", "/attribute")):
        check.warning("paged-ignored", where, "Only csv and json-stream of /entity and /attribute are paged.")
    elif re.search(r"[?&;]limit=(?!none)", query):
        check.warning("paged-limit", where, "Paged, a query has no limit: its own is not looked at.")


def _keys(check: Lint, pointer: str, values: Mapping[str, Any], path: QueryPath | None) -> None:
    keys = values.get("query_keys")
    where = f"{pointer}/query_keys"
    if keys is not None and not (isinstance(keys, list) and all(isinstance(k, str) for k in keys)):
        check.error("type", where, "query_keys is a list of column names.")
        return
    columns = [c.name for c in path.projection] if path is not None and path.projection else None
    if path is not None and columns is None and check.model is not None:
        columns = lint_model.columns_of(check.model, path)
    if columns is not None and "*" in columns:
        columns = None
    for n, key in enumerate(keys or []):
        if columns is not None and key not in columns:
            check.error(
                "missing-key", f"{where}/{n}", f"The answer has no column {key!r}.", f"It has {', '.join(columns)}."
            )
    if keys is not None:
        learnt = list(keys)
    elif columns is not None:
        learnt = columns
    else:
        learnt = []
        check.anything = check.anything or bool(values.get("query_path"))
    check.known |= {*learnt, *(f"{name}{ENCODED}" for name in learnt)}


def _output(check: Lint, pointer: str, values: Mapping[str, Any], extension: str, kind: str) -> None:
    folder, name = values.get("output_path") or None, values.get("output_filename") or None
    if folder is None and name is None:
        check.error("no-output", pointer, f"The processor {kind} has no output_path.")
        return
    where = f"{pointer}/output_path" if folder else f"{pointer}/output_filename"
    text = joined(folder, name)
    if not check.placeholders(text, where):
        if trouble(_stand_ins(text)) is not None:
            _bad_path(check, where, _stand_ins(text))
        return
    filled = _filled(check, text) or _stand_ins(text)
    wrong = trouble(filled)
    if wrong is not None:
        _bad_path(check, where, filled)
        return
    path = extended(filled, extension)
    other = {".csv", ".json"} - {extension}
    if extension and any(filled.lower().endswith(e) for e in other):
        check.warning("extension", where, f"The file will be called {path}: {kind} adds its own extension.")
    if kind == "dir":
        return
    if path in check.outputs:
        check.error(
            "same-output", where, f"Another output is called {path}, too: in deriva-py one takes the other's place."
        )
    below = next((o for o in check.outputs if path.startswith(f"{o}/") or o.startswith(f"{path}/")), None)
    if below is not None:
        check.error(
            "same-output", where, f"{path} and {below} cannot both be: one is a file where the other needs a folder."
        )
    check.outputs[path] = kind


def _bad_path(check: Lint, where: str, path: str) -> None:
    check.error("outside", where, f"The path {path[:60]!r} {trouble(path)}.", "Paths stay below the bag's data folder.")


def _assets(check: Lint, pointer: str, values: Mapping[str, Any], kind: str, path: QueryPath | None) -> None:
    columns = [c.name for c in path.projection] if path is not None and path.projection else None
    where = f"{pointer}/query_path"
    if path is not None and columns is None:
        columns = lint_model.columns_of(check.model, path) if check.model is not None else None
        if columns is None and path.api == "entity":
            check.warning(
                "asset-columns",
                where,
                "Rows need columns called url, length, md5 or sha256, and filename; /entity/ gives the table's own.",
                "Use /attribute/ and name them: url:=URL,length:=Length,filename:=Filename,md5:=MD5.",
            )
    if columns is not None and "*" not in columns:
        _asset_columns(check, where, columns, kind)
    for name in ("output_path", "output_filename"):
        text = values.get(name)
        if text:
            more: list[str] | None = None if columns is not None and "*" in columns else columns
            check.placeholders(text, f"{pointer}/{name}", more if path is not None else None)
            if trouble(_stand_ins(text)) is not None:
                _bad_path(check, f"{pointer}/{name}", _stand_ins(text))
    if values.get("output_filename") and "{" not in str(values["output_filename"]):
        check.warning(
            "one-filename",
            f"{pointer}/output_filename",
            "All files get this one name, so all but one are lost in deriva-py.",
            "Put a column of the row into it, such as {rid}.",
        )


def _asset_columns(check: Lint, where: str, columns: list[str], kind: str) -> None:
    lower = {c.lower(): c for c in columns}

    def lacks(name: str) -> str | None:
        """How a column is written that is nearly called so; empty where there is none."""
        return None if name in columns else lower.get(name, "")

    url = lacks("url")
    if url is not None:
        almost = f" ({url!r} is not the same)" if url else ""
        check.error(
            "asset-columns",
            where,
            f"There is no column called url{almost}: every row is passed over, and no file is in the bag.",
            f"Name it: url:={url or 'URL'}.",
        )
        return
    for name in ("length", "filename"):
        found = lacks(name)
        if found is not None and (found or (kind == "fetch" and name == "length")):
            check.warning(
                "asset-columns",
                where,
                f"There is no column called {name}"
                + (f" ({found!r} is not the same)." if found else ": each file is asked for it."),
                f"Name it: {name}:={found or name.capitalize()}.",
            )
    if kind == "fetch" and not {"md5", "sha256"} & set(columns):
        near = lower.get("md5") or lower.get("sha256")
        almost = f" ({near!r} is not the same)" if near else ""
        check.warning(
            "asset-columns",
            where,
            f"There is no column called md5 or sha256{almost}: each file is asked for it.",
            f"Name it: {(near or 'MD5').lower()}:={near or 'MD5'}.",
        )


def _boolean(check: Lint, pointer: str) -> None:
    node = check.root.at(pointer)
    if node is None or node.value is None:
        return
    if str(node.value).lower() not in TRUE | FALSE:
        check.error("type", pointer, f"{node.value!r} is neither true nor false.")
