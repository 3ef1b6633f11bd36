"""The template that Chaise makes where annotations name none: the record as CSV, what is related to it, all assets.

After ermrestjs's `_getDefaultExportTemplate` (js/export.js) with its rules for visible columns and related tables. Left
out, as they need values of rows or a renderer: conditions and filters of sources, and names that are Markdown (their
plain text is taken).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from satchel.core.deriva.model import ASSET_TAG, SYSTEM_COLUMNS, Column, ForeignKey, Model, Table
from satchel.core.deriva.names import TableName

DISPLAY = "tag:misd.isi.edu,2015:display"
VISIBLE_COLUMNS = "tag:isrd.isi.edu,2016:visible-columns"
VISIBLE_FOREIGN_KEYS = "tag:isrd.isi.edu,2016:visible-foreign-keys"
SOURCES = "tag:isrd.isi.edu,2019:source-definitions"
FOREIGN_KEY = "tag:isrd.isi.edu,2016:foreign-key"
CANDIDATES = ("title", "name", "term", "label", "accessionid", "accessionnumber")
RELATED = "R"
LONGEST = 4000


def encode(name: str) -> str:
    """A name in a path, as ermrestjs's `fixedEncodeURIComponent` has it."""
    return quote(name, safe="-._~")


def file_name(text: str) -> str:
    """A file's name for a table's, as ermrestjs's `_sanitizeFilename` has it."""
    found = re.sub(r'[/?<>\\:*|":]', "_", text)
    found = re.sub(r"[\x00-\x1f\x80-\x9f]", "_", found)
    found = re.sub(r"^\.+$", "_", found)
    found = re.sub(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$", "_", found)
    return re.sub(r"[. ]+$", "_", found)


def display_name(model: Model, catalog: Mapping[str, Any], table: Table) -> str:
    """What Chaise calls a table: its display name, else its name in the style that its schema or catalog asks for."""
    style: dict[str, Any] = {}
    schema = model.document["schemas"].get(table.name.schema, {})
    for level in (catalog, schema.get("annotations") or {}, table.annotations):
        display = level.get(DISPLAY)
        if isinstance(display, Mapping) and isinstance(display.get("name_style"), Mapping):
            style.update({k: v for k, v in display["name_style"].items() if v is not None})
    return _named(table.annotations.get(DISPLAY), table.name.table, style)


def _named(display: Any, name: str, style: Mapping[str, Any]) -> str:
    if isinstance(display, Mapping):
        for key in ("name", "markdown_name"):
            if isinstance(display.get(key), str) and display[key]:
                return str(display[key])
    if style.get("underline_space"):
        name = name.replace("_", " ")
    if style.get("title_case"):
        name = re.sub(r"([^\x00-\x7F]|[^\W_])[^\-\s_]*", lambda m: m[0][:1].upper() + m[0][1:].lower(), name)
    return name


def candidate(columns: Sequence[str]) -> str | None:
    """The column that names a row for people, by its name."""
    bare = {re.sub(r"[.\s_-]+", "", c).lower(): c for c in reversed(columns)}
    return next((bare[name] for name in CANDIDATES if name in bare), None)


@dataclass(frozen=True, slots=True)
class _Step:
    """A foreign key followed one way."""

    key: ForeignKey
    inbound: bool

    def path(self, *, left: bool = False) -> str:
        key = self.key
        here, there, goal = (
            (key.referenced_columns, key.columns, key.table)
            if self.inbound
            else (key.columns, key.referenced_columns, key.referenced)
        )
        first, *rest = there
        right = ",".join([f"{goal.path}:{encode(first)}", *map(encode, rest)])
        return f"{'left' if left else ''}({','.join(map(encode, here))})=({right})"

    @property
    def goal(self) -> TableName:
        return self.key.table if self.inbound else self.key.referenced


@dataclass(frozen=True, slots=True)
class _Shown:
    """A visible column: of the table itself, an asset, a key, or what foreign keys lead to."""

    kind: str
    """`column`, `asset`, `key`, `outbound`, `inbound` or `path`."""
    columns: tuple[str, ...] = ()
    steps: tuple[_Step, ...] = ()
    name: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class _Related:
    """A table that is related to the main one."""

    table: Table
    steps: tuple[_Step, ...]
    title: str
    kind: str
    """`inbound`, `association` or `path`."""
    order: tuple[Any, ...] = ()


def default_template(
    model: Model, _schema: Mapping[str, Any], catalog: Mapping[str, Any], table: Table
) -> dict[str, Any] | None:
    """The template; None where the table has nothing to show."""
    return _Maker(model, catalog, table).template()


@dataclass
class _Maker:
    model: Model
    catalog: Mapping[str, Any]
    main: Table
    by_name: dict[tuple[str, str], ForeignKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name = {(k.schema, k.name): k for t in self.model for k in t.foreign_keys}

    def template(self) -> dict[str, Any] | None:
        shown = self._visible(self.main)
        outputs = [self._table_output(self.main, shown, "M", None, self._title(self.main), False)]
        outputs += self._assets(self.main, shown, "", "")
        inline = [s for s in shown if s.kind in ("inbound", "path")]
        for one in inline:
            outputs += self._related_outputs(self._related_of(one))
        named = {s.name for s in inline}
        for related in self._related():
            if "/".join(_constraint(s) for s in related.steps) not in named:
                outputs += self._related_outputs(related)
        found = [output for output in outputs if output is not None]
        return {"displayname": "BDBag", "type": "BAG", "outputs": found} if found else None

    # -- names ---------------------------------------------------------------------------------------------------

    def _title(self, table: Table) -> str:
        return display_name(self.model, self.catalog, table)

    def _foreign_key(self, pair: Any) -> ForeignKey | None:
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, str) for p in pair):
            return self.by_name.get((pair[0], pair[1]))
        return None

    # -- visible columns -----------------------------------------------------------------------------------------

    def _visible(self, table: Table) -> list[_Shown]:
        annotation = table.annotations.get(VISIBLE_COLUMNS)
        listed: Any = None
        if isinstance(annotation, Mapping):
            exact = _context("export/detailed", annotation, default=False)
            listed = exact if isinstance(exact, list) else _context("detailed", annotation)
        found = (
            [s for entry in listed for s in self._entry(table, entry)]
            if isinstance(listed, list)
            else self._heuristic(table)
        )
        unique: dict[tuple[Any, ...], _Shown] = {}
        for shown in found:
            if all((c := table.column(name)) is None or c.selectable for name in shown.columns):
                unique.setdefault((shown.kind, shown.name), shown)
        return list(unique.values())

    def _entry(self, table: Table, entry: Any) -> list[_Shown]:
        if isinstance(entry, str):
            return self._column(table, entry)
        if isinstance(entry, list):
            key = self._foreign_key(entry)
            if key is not None:
                return self._by_key(table, key)
            columns = _key_columns(self.model, entry, table)
            return [_Shown("key", columns, name=str(entry))] if columns else []
        if not isinstance(entry, Mapping):
            return []
        if isinstance(entry.get("sourcekey"), str):
            definitions = table.annotations.get(SOURCES)
            sources = definitions.get("sources") if isinstance(definitions, Mapping) else None
            base = sources.get(entry["sourcekey"]) if isinstance(sources, Mapping) else None
            if not isinstance(base, Mapping):
                return []
            entry = {**base, **{k: v for k, v in entry.items() if k != "sourcekey"}}
        return self._source(table, entry)

    def _source(self, table: Table, entry: Mapping[str, Any]) -> list[_Shown]:
        source = entry.get("source")
        if entry.get("aggregate"):
            return []
        if isinstance(source, str):
            return self._column(table, source)
        if not isinstance(source, list) or not source or not isinstance(source[-1], str):
            return []
        steps = []
        for hop in source[:-1]:
            step = self._hop(hop)
            if step is None:
                return []
            steps.append(step)
        title = entry.get("markdown_name")
        title = title if isinstance(title, str) else ""
        if not steps:
            return self._column(table, source[-1])
        name = "/".join(_constraint(s) for s in steps)
        goal = self.model.tables.get(steps[-1].goal)
        whole = entry.get("entity", True) is not False and goal is not None and (source[-1],) in goal.keys
        if not whole:
            return []
        if any(s.inbound for s in steps):
            kind = "inbound" if self._kind(tuple(steps)) != "path" else "path"
            return [_Shown(kind, (), tuple(steps), name, title)]
        return [_Shown("outbound", steps[0].key.columns, tuple(steps), name, title)]

    def _hop(self, hop: Any) -> _Step | None:
        if not isinstance(hop, Mapping):
            return None
        for direction in ("inbound", "outbound", "i", "o"):
            if direction in hop:
                key = self._foreign_key(hop[direction])
                return _Step(key, direction.startswith("i")) if key is not None else None
        return None

    def _by_key(self, table: Table, key: ForeignKey) -> list[_Shown]:
        if key.table == table.name:
            return [_Shown("outbound", key.columns, (_Step(key, False),), _constraint(_Step(key, False)))]
        if key.referenced == table.name:
            steps = self._through(key)
            return [_Shown("inbound", (), steps, "/".join(_constraint(s) for s in steps))]
        return []

    def _column(self, table: Table, name: str) -> list[_Shown]:
        column = table.column(name)
        if column is None:
            return []
        if _is_asset(column):
            return [_Shown("asset", (name,), name=name)]
        return [_Shown("column", (name,), name=name)]

    def _heuristic(self, table: Table) -> list[_Shown]:
        """Visible columns without an annotation: the table's in order, foreign keys where their columns stand."""
        found: list[_Shown] = []
        composite: list[_Shown] = []
        done: set[str] = set()
        assets = {c.name: _metadata(c) for c in table.columns if _is_asset(c)}
        filenames = {m["filename"]: url for url, m in assets.items() if m.get("filename")}
        for column in table.columns:
            keys = sorted((k for k in table.foreign_keys if column.name in k.columns), key=lambda k: (k.schema, k.name))
            if column.name in done:
                continue
            done.add(column.name)
            if column.typename.lower().startswith("serial") and (column.name,) in table.keys:
                continue
            if not keys:
                url = filenames.get(column.name, column.name if column.name in assets else None)
                if url is None:
                    found.append(_Shown("column", (column.name,), name=column.name))
                else:
                    found.append(_Shown("asset", (url,), name=url))
                    done |= {url, *filter(None, [assets[url].get("filename")])}
                continue
            for key in keys:
                shown = self._by_key(table, key)
                if len(key.columns) == 1:
                    found += shown
                    continue
                if not any(len(k.columns) == 1 for k in keys):
                    found.append(_Shown("column", (column.name,), name=column.name))
                composite += shown
        return [*found, *composite]

    # -- related tables ------------------------------------------------------------------------------------------

    def _related(self) -> list[_Related]:
        annotation = self.main.annotations.get(VISIBLE_FOREIGN_KEYS)
        listed: Any = None
        if isinstance(annotation, Mapping):
            exact = _context("export", annotation, default=False)
            listed = exact if isinstance(exact, list) else _context("detailed", annotation)
        if isinstance(listed, list):
            shown = [s for entry in listed for s in self._entry(self.main, entry) if s.kind in ("inbound", "path")]
            return [self._related_of(s) for s in shown]
        keys = self.model.referring.get(self.main.name, ())
        found = [self._related_of(s) for key in keys for s in self._by_inbound(key)]
        return sorted(found, key=lambda r: (r.title.casefold(), r.title, r.order))

    def _by_inbound(self, key: ForeignKey) -> list[_Shown]:
        steps = self._through(key)
        return [_Shown("inbound", (), steps, "/".join(_constraint(s) for s in steps))]

    def _through(self, key: ForeignKey) -> tuple[_Step, ...]:
        """An inbound foreign key, and where its table is a bare association, on to its other side."""
        pair = self._pure(self.model.tables[key.table])
        other = next((k for k in pair if k != key), None) if key in pair else None
        return (_Step(key, True), _Step(other, False)) if other is not None else (_Step(key, True),)

    def _pure(self, table: Table) -> tuple[ForeignKey, ...]:
        """The two foreign keys of a table that is nothing but an association."""
        if self.model.referring.get(table.name):
            return ()
        keys = [k for k in table.foreign_keys if not (len(k.columns) == 1 and k.columns[0] in SYSTEM_COLUMNS)]
        if len(keys) != 2:
            return ()
        columns = {c for k in keys for c in k.columns}
        whole = [k for k in table.keys if not (len(k) == 1 and k[0] in SYSTEM_COLUMNS and k[0] not in columns)]
        if len(whole) != 1 or not set(whole[0]) <= columns:
            return ()
        if any(c.name not in whole[0] and c.name not in SYSTEM_COLUMNS for c in table.columns):
            return ()
        return (keys[0], keys[1])

    def _kind(self, steps: tuple[_Step, ...]) -> str:
        if len(steps) == 1 and steps[0].inbound:
            return "inbound"
        if len(steps) == 2 and steps[0].inbound and not steps[1].inbound:
            pair = self._pure(self.model.tables[steps[0].key.table])
            if steps[0].key in pair and steps[1].key in pair:
                return "association"
        return "path"

    def _related_of(self, shown: _Shown) -> _Related:
        steps, kind = shown.steps, self._kind(shown.steps)
        table = self.model.tables[steps[-1].goal]
        title = shown.title or self._related_title(steps, kind, table)
        order = tuple(_positions(self.model, k) for k in (steps[0].key, steps[-1].key))
        return _Related(table, steps, title, kind, order)

    def _related_title(self, steps: tuple[_Step, ...], kind: str, table: Table) -> str:
        display = self._display(steps[-1].key)
        if kind == "association":
            named = display.get("to_name")
            return named if isinstance(named, str) else self._title(self.model.tables[steps[0].key.table])
        named = display.get("from_name") if kind == "inbound" else None
        return named if isinstance(named, str) else self._title(table)

    def _display(self, key: ForeignKey) -> Mapping[str, Any]:
        """The foreign-key annotation of a reference."""
        schema = self.model.document["schemas"].get(key.table.schema, {})
        table = schema.get("tables", {}).get(key.table.table, {})
        for document in table.get("foreign_keys", []):
            if [key.schema, key.name] in document.get("names", []):
                found = (document.get("annotations") or {}).get(FOREIGN_KEY)
                return found if isinstance(found, Mapping) else {}
        return {}

    def _related_outputs(self, related: _Related) -> list[dict[str, Any] | None]:
        parts = [step.path() for step in related.steps]
        parts[-1] = f"{RELATED}:={parts[-1]}"
        source = "/".join(parts)
        shown = [s for s in self._visible(related.table) if not self._is_way(related, s)]
        main_key = related.kind == "association" or (related.kind == "path" and len(related.steps) >= 2)
        table = self._table_output(related.table, shown, RELATED, source, related.title, main_key)
        return [table, *self._assets(related.table, shown, related.title, source)]

    @staticmethod
    def _is_way(_related: _Related, shown: _Shown) -> bool:
        return shown.kind in ("inbound", "path")

    # -- outputs -------------------------------------------------------------------------------------------------

    def _table_output(
        self, table: Table, shown: Sequence[_Shown], alias: str, path: str | None, title: str, main_key: bool
    ) -> dict[str, Any] | None:
        if not shown:
            return None
        columns = [c.name for c in table.columns]
        used = set(columns)
        keys = [encode(c) for c in _shortest(table)]
        added = set(_shortest(table))
        projection: list[str] = []
        joins: list[str] = []
        if main_key:
            for column in _shortest(self.main):
                name = _free(f"{encode(self.main.name.table)}.{encode(column)}", used)
                keys.append(f"{name}:=M:{encode(column)}")
            named = candidate([c.name for c in self.main.columns])
            if named is not None and named not in _shortest(self.main):
                _free(f"{encode(self.main.name.table)}.{encode(named)}", used)

        def add(*names: str | None) -> None:
            for name in names:
                if name is not None and name not in added and table.column(name) is not None:
                    added.add(name)
                    projection.append(encode(name))

        for one in shown:
            if one.kind in ("column", "key"):
                add(*one.columns)
            elif one.kind == "asset":
                asset = table.column(one.columns[0])
                known = _metadata(asset) if asset is not None else {}
                add(one.columns[0], *(known.get(k) for k in ("filename", "length", "md5", "sha256")))
            elif one.kind == "outbound":
                add(*one.columns)
                self._referred(one, alias, joins, projection, used)
        whole = (f"{path}/" if path else "") + "".join(f"{join}/" for join in joins)
        whole += f"{','.join(keys)};{','.join(projection)}"
        if len(whole) > LONGEST:
            source = {"api": "entity", **({"path": path} if path else {})}
        else:
            source = {"api": "attributegroup", "path": whole}
        return {"destination": {"name": file_name(title), "type": "csv"}, "source": source}

    def _referred(self, shown: _Shown, alias: str, joins: list[str], projection: list[str], used: set[str]) -> None:
        """The name of the row that a foreign key leads to, beside its columns."""
        first = shown.steps[0].key
        if len(shown.steps) == 1 and any(candidate([c]) for c in first.referenced_columns):
            return
        goal = self.model.tables.get(shown.steps[-1].goal)
        named = candidate([c.name for c in goal.columns]) if goal is not None else None
        if goal is None or named is None:
            return
        mark = f"F{len(joins) + 1}"
        parts = [step.path(left=True) for step in shown.steps]
        parts[-1] = f"{mark}:={parts[-1]}"
        joins.append(f"{'/'.join(parts)}/${alias}")
        name = _free(f"{encode(goal.name.table)}.{encode(named)}", used)
        projection.append(f"{name}:={mark}:{encode(named)}")

    def _assets(self, table: Table, shown: Sequence[_Shown], folder: str, path: str) -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = []
        for one in shown:
            column = table.column(one.columns[0]) if one.kind == "asset" else None
            if column is None:
                continue
            named = [f"url:={encode(column.name)}"]
            known = _metadata(column)
            named += [f"{k}:={encode(known[k])}" for k in ("length", "filename", "md5", "sha256") if k in known]
            place = f"assets/{file_name(folder)}/" if folder else "assets/"
            where = f"{path}/" if path else ""
            found.append(
                {
                    "destination": {"name": f"{place}{file_name(column.name)}", "type": "fetch"},
                    "source": {
                        "api": "attribute",
                        "path": f"{where}!({encode(column.name)}::null::)/{','.join(named)}",
                    },
                }
            )
        return found


def _context(context: str, annotation: Mapping[str, Any], *, default: bool = True) -> Any:
    from satchel.core.export.spec.templates import by_context

    return by_context(context, annotation, default=default)


def _is_asset(column: Column) -> bool:
    return column.typename == "text" and ASSET_TAG in column.annotations


def _metadata(column: Column) -> dict[str, str]:
    """Which columns tell of an asset: filename, length, md5, sha256."""
    annotation = column.annotations.get(ASSET_TAG)
    if not isinstance(annotation, Mapping):
        return {}
    names = {"filename": "filename_column", "length": "byte_count_column", "md5": "md5", "sha256": "sha256"}
    return {k: annotation[v] for k, v in names.items() if isinstance(annotation.get(v), str) and annotation[v]}


def _shortest(table: Table) -> tuple[str, ...]:
    """The key that ermrestjs takes: RID, else the shortest one that has no null, else all columns."""
    if not table.keys:
        return tuple(c.name for c in table.columns)
    full = [k for k in table.keys if all((c := table.column(n)) is not None and not c.nullok for n in k)]
    keys = full or list(table.keys)
    rid = next((k for k in keys if len(k) == 1 and k[0].upper() == "RID"), None)
    if rid is not None:
        return rid
    order = {c.name: n for n, c in enumerate(table.columns)}
    return min(keys, key=lambda k: (len(k), [order.get(n, 0) for n in k]))


def _free(name: str, used: set[str]) -> str:
    """A name that no column has."""
    found, number = name, 0
    while found in used:
        number += 1
        found = f"{name}_{number}"
    used.add(found)
    return found


def _constraint(step: _Step) -> str:
    return f"{'i' if step.inbound else 'o'}:{step.key.schema}:{step.key.name}"


def _key_columns(model: Model, pair: Any, table: Table) -> tuple[str, ...]:
    """The columns of a table's key by its constraint's name."""
    schema = model.document["schemas"].get(table.name.schema, {})
    for document in schema.get("tables", {}).get(table.name.table, {}).get("keys", []):
        if list(pair) in document.get("names", []):
            return tuple(document.get("unique_columns", ()))
    return ()


def _positions(model: Model, key: ForeignKey) -> tuple[int, ...]:
    order = {c.name: n for n, c in enumerate(model.tables[key.table].columns)}
    return tuple(sorted(order.get(c, 0) for c in key.columns))
