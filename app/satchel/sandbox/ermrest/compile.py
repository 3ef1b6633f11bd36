"""Data resources as SQL over the storage layout of model.py.

Which row versions are seen and what the client may see of them is part of every statement: each table instance brings
its own condition. Three shapes are made. Without a link, a plain SELECT on one table. For entities along links that
lead each row to at most one other (a foreign key followed towards its key), plain joins; links that may lead to many
become semijoins (`IN (SELECT ...)`), so that rows stay distinct without sorting. For everything else, and for
aggregates, which count combinations, the path as it stands, grouped where rows must be distinct.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from . import policy, types
from .ast import Projection, Query, SortKey
from .functions import check_bin, register
from .model import Client, Column, ForeignKey, Model, Table, Type
from .paths import Instance, Pairs, Path, find_column, find_table, visible_columns
from .problems import conflict, malformed, unsupported
from .rights import Rights
from .statement import Batches, Compiled, Statement, balanced
from .url import SUMMARIES

__all__ = ["Compiled", "register", "root_table", "select", "targets"]


@dataclass(frozen=True, slots=True)
class Output:
    """An output column: its name, its type, the SQL of its value, and the instance that it comes from.

    `nullable` tells whether a null may come out; `aggregate` that the SQL is one.
    """

    name: str
    type: Type
    sql: str
    position: int
    nullable: bool = True
    aggregate: bool = False


def root_table(query: Query, model: Model, client: Client) -> Table:
    """The table that an entity URL for writing names: one table, no more.

    Raises:
        ErmrestError: 409 when the client knows of no such table, 400 when the path goes on after it.
    """
    if query.elements:
        raise malformed("Entity path must be a simple table reference for this operation.")
    return find_table(Rights(model, client), query.root.name)


def select(query: Query, model: Model, client: Client, at: int | None = None) -> Compiled:
    """Compile a data resource for reading.

    Args:
        query: From `url.parse`.
        model: The schema in force then.
        client: Who asks: policies are applied.
        at: The snapshot to read, None for the live rows.

    Raises:
        ErmrestError: 400, 401, 403, 409 or 501.
    """
    build = Statement(model, client, at)
    path = Path(build, query.root, query.elements)
    plan = _Plan(path)
    if query.api == "entity":
        outputs = _entity_outputs(path)
        body = plan.entities(outputs, query)
    elif query.api == "attribute":
        outputs = _projected(path, query.columns, aggregates=False)
        body = plan.entities(outputs, query)
    elif query.api == "attributegroup":
        keys = _projected(path, query.keys, aggregates=False)
        others = [_example(o) for o in _projected(path, query.columns, aggregates=True)] if query.columns else []
        outputs = keys + others
        _distinct_names(outputs)
        body = plan.groups(keys, outputs, query)
    else:
        if query.sort:
            raise malformed("Sort is meaningless for aggregates returning one row.")
        outputs = _projected(path, query.columns, aggregates=True)
        for output in outputs:
            if not output.aggregate:
                raise malformed(f"Attribute {output.name} lacks an aggregate function.")
        body = plan.flat(outputs)
    return Compiled(
        body,
        build.params,
        [(output.name, output.type) for output in outputs],
        build.tables,
        plan.batches,
        query.option("arrays") == "json",
    )


def refused_updates(model: Model, client: Client, table: Table, names: Iterable[str]) -> Compiled | None:
    """A statement that finds a row which the client may not change, or None where rows make no difference.

    Its SQL has `{ids}` where the `_id`s of the rows in question go, as a list of numbers.
    """
    build = Statement(model, client, None)
    checks = [policy.rows(build, table, "d", "update")]
    checks += [policy.value(build, table, "d", find_column(build.rights, table, name), "update") for name in names]
    refused = [f"NOT coalesce({check}, 0)" for check in checks if check is not None]
    if not refused:
        return None
    sql = (
        f"SELECT d._id FROM {build.source(table)} AS d WHERE d._id IN ({{ids}}) AND ({balanced('OR', refused)}) LIMIT 1"
    )
    return Compiled(sql, build.params, [], build.tables, table=table)


def refused_references(
    model: Model, client: Client, table: Table, key: ForeignKey, right: str, since: int
) -> Compiled | None:
    """A statement that finds a live row, as old as `since` or younger, that the client may not let refer to where it
    does; None where it may refer to anything."""
    build = Statement(model, client, None)
    condition = policy.reference(build, table, key, "b", right)
    there = build.rights.referenced(key)
    if condition is None or there is None:
        return None
    pairs = []
    for near, far in zip(key.columns, key.ref_columns, strict=True):
        a, b = table.column(near), there.column(far)
        if a is None or b is None:
            return None
        pairs.append(f"{build.cell('b', b)} = {build.cell('a', a)}")
    sql = (
        f"SELECT a._id FROM {build.source(table)} AS a, {build.source(there)} AS b WHERE {build.alive('a')} "
        f"AND a._from >= {build.bind(since)} AND {build.alive('b')} AND {' AND '.join(pairs)} "
        f"AND NOT coalesce({condition}, 0) LIMIT 1"
    )
    return Compiled(sql, build.params, [], build.tables, table=table)


def targets(query: Query, model: Model, client: Client) -> Compiled:
    """Compile the live rows that DELETE means, as `_id`s of the path's last table (`table` of the result).

    For `attribute` the columns named are in `columns`. Rights are checked as far as they do not depend on rows: what
    does is in `forbidden`, to be run with the same parameters before anything is changed.

    Raises:
        ErmrestError: as `select`; 403 when the client may never delete from, or change, that table.
    """
    if query.api not in ("entity", "attribute"):
        raise malformed(f"Rows cannot be deleted through the {query.api} resource.")
    build = Statement(model, client, None)
    path = Path(build, query.root, query.elements)
    table, right = path.current.table, "delete" if query.api == "entity" else "update"
    build.rights.enforce(table, right)
    checks = [policy.rows(build, table, "d", right)]
    columns: list[tuple[str, Type]] = []
    for projection in query.columns:
        if projection.function or projection.alias:
            raise malformed("Only plain column names can be deleted.")
        if path.instance_of(projection.name) is not path.current or len(projection.name.parts) > 1:
            raise conflict(f"Only unqualified attribute names from entity {table.name} can be modified by DELETE.")
        column = find_column(build.rights, table, projection.name.parts[-1])
        build.rights.enforce_column(table, column, "update")
        if any(column.name in key.columns for key in table.keys):
            raise conflict(
                f"Deletion of attribute {column.name} not supported because it is part of a unique key for entities."
            )
        checks.append(policy.value(build, table, "d", column, "update"))
        columns.append((column.name, column.type))
    sql = _Plan(path).identities()
    refused = [f"NOT coalesce({check}, 0)" for check in checks if check is not None]
    forbidden = None
    if refused:
        forbidden = (
            f"SELECT d._id FROM {build.source(table)} AS d "
            f"WHERE d._id IN ({sql}) AND ({balanced('OR', refused)}) LIMIT 1"
        )
    return Compiled(sql, build.params, columns, build.tables, forbidden=forbidden, table=table)


# projections


def _entity_outputs(path: Path) -> list[Output]:
    columns = visible_columns(path.rights, path.current.table)
    if not columns:
        raise path.rights.refusal("select", path.current.table)
    for column in columns:
        path.rights.enforce_column(path.current.table, column, "select")
    return [_column_output(path, path.current, column, column.name) for column in columns]


def _column_output(path: Path, instance: Instance, column: Column, name: str) -> Output:
    sql = path.cell(instance, column)
    plain = sql == path.build.cell(instance.sql, column)
    return Output(name, column.type, sql, instance.position, column.nullok or not plain or path.outer)


def _projected(path: Path, projections: tuple[Projection, ...], aggregates: bool) -> list[Output]:
    outputs: list[Output] = []
    for projection in projections:
        outputs += _outputs(path, projection)
    _distinct_names(outputs)
    if not aggregates and any(output.aggregate for output in outputs):
        raise malformed("Aggregate functions are not allowed here.")
    return outputs


def _distinct_names(outputs: list[Output]) -> None:
    seen: set[str] = set()
    for output in outputs:
        if output.name in seen:
            raise malformed(f'Output column name "{output.name}" appears more than once.')
        seen.add(output.name)


def _outputs(path: Path, projection: Projection) -> list[Output]:
    name = projection.name
    if len(name.parts) > 2:
        raise malformed(f"Column name {name}, qualified by schema and table names, not allowed as attribute.")
    if len(name.parts) == 2 and name.parts[0] not in path.aliases:
        raise malformed(f"Alias {name.parts[0]}, qualifying column name {name}, not bound in path.")
    instance = path.instance_of(name)
    if name.parts[-1] == "*" and instance.table.column("*") is None:
        return _star(path, projection, instance)
    column = find_column(path.rights, instance.table, name.parts[-1])
    path.rights.enforce_column(instance.table, column, "select")
    if projection.function == "bin":
        return [_bin(path, projection, instance, column)]
    if projection.function in SUMMARIES:
        return [_summary(path, projection, instance, column)]
    if projection.function is not None:
        return [_aggregate(path, projection, instance, column)]
    return [_column_output(path, instance, column, projection.alias or column.name)]


def _star(path: Path, projection: Projection, instance: Instance) -> list[Output]:
    if projection.function == "bin" or projection.function in SUMMARIES:
        raise malformed(f"Wildcard column {projection.name} does not support {projection.function}.")
    if projection.function is None:
        if projection.alias is not None:
            raise malformed(f"Wildcard column {projection.name} cannot be given an alias.")
        prefix = f"{projection.name.parts[0]}:" if len(projection.name.parts) == 2 else ""
    columns = visible_columns(path.rights, instance.table)
    if not columns:
        raise path.rights.refusal("select", instance.table)
    if projection.function != "cnt":
        for column in columns:
            path.rights.enforce_column(instance.table, column, "select")
    if projection.function is None:
        return [_column_output(path, instance, column, prefix + column.name) for column in columns]
    if projection.alias is None:
        raise malformed(f"Aggregated column {projection.function}({projection.name}) must be given an alias.")
    if projection.function == "cnt":
        return [_computed(projection.alias, "int8", "count(*)", instance)]
    if projection.function not in ("array", "array_d"):
        raise malformed(f"Aggregate function {projection.function} not allowed on star column.")
    pieces = []
    for column in columns:
        value = json_value(path.cell(instance, column), column.type)
        pieces.append(f"{_text(types.jsonb_text(column.name))} || ':' || {value}")
    # Its keys come in the order of a jsonb value, whatever the columns' order.
    row = "ermrest_jsonb('{' || " + " || ',' || ".join(pieces) + " || '}')"
    function = "ermrest_list" if projection.function == "array" else "ermrest_set"
    return [_computed(projection.alias, "jsonb", f"{function}({row})", instance)]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def json_value(cell: str, of: Type) -> str:
    """The SQL of a value's JSON text; `null` for null."""
    kind = types.family(of)
    if kind == "int":
        return f"ifnull({cell}, 'null')"
    if kind == "boolean":
        return f"CASE {cell} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END"
    if kind == "float":
        text = f"ermrest_{'float4' if of.base == 'float4' else 'float8'}({cell})"
        return f"CASE WHEN abs({cell}) <= 1.7976931348623157e308 THEN {text} ELSE json_quote({text}) END"
    if kind == "numeric":
        return f"CASE WHEN {cell} GLOB '*[0-9]' THEN {cell} ELSE json_quote({cell}) END"
    if kind in ("json", "array"):
        return f"ifnull({json_array(cell, of) if of.array else cell}, 'null')"
    return f"json_quote({cell})"


def json_array(cell: str, of: Type) -> str:
    """The SQL of an array's JSON text, without blanks between its elements as PostgreSQL has it."""
    kind = types.family(types.element(of))
    if kind == "float":
        return f"ermrest_floats({cell}, '{of.base}')"
    return cell if kind == "json" else f"json({cell})"


def _computed(name: str, typename: str, sql: str, instance: Instance) -> Output:
    return Output(name, types.builtin(typename), sql, instance.position, aggregate=True)


def _aggregate(path: Path, projection: Projection, instance: Instance, column: Column) -> Output:
    function, name, of = projection.function, projection.alias, column.type
    if name is None:
        raise malformed(f"Aggregated column {function}({projection.name}) must be given an alias.")
    cell, kind = path.cell(instance, column), types.family(of)
    collation = types.collate(of)
    if function == "cnt":
        return _computed(name, "int8", f"count({cell})", instance)
    if function == "cnt_d":
        return _computed(name, "int8", f"count(DISTINCT {cell}{collation})", instance)
    if function in ("array", "array_d"):
        value = json_value(cell, of)
        if kind == "array" or (kind == "json" and of.base != "jsonb"):
            value = f"ermrest_jsonb({value})"
        aggregate = "ermrest_list" if function == "array" else "ermrest_set"
        return _computed(name, "jsonb", f"{aggregate}(CASE WHEN {cell} IS NOT NULL THEN {value} END)", instance)
    if function in ("min", "max"):
        if kind in ("boolean", "json", "uuid") or of.base in ("interval", "timetz"):
            raise _not_allowed(function, column)
        return Output(name, of, f"{function}({cell}{collation})", instance.position, aggregate=True)
    if kind not in ("int", "float", "numeric"):
        raise _not_allowed(str(function), column)
    if function == "avg":
        if kind == "float":
            return _computed(name, "float8", f"avg({cell})", instance)
        return _computed(name, "numeric", f"ermrest_avg({cell})", instance)
    if kind == "float":
        return _computed(name, of.base, f"sum({cell})", instance)
    if kind == "numeric":
        return _computed(name, "numeric", f"ermrest_sum({cell})", instance)
    if of.base in ("int8", "serial8", "bigint"):
        halves = f"ermrest_wide(sum({cell} >> 32), sum({cell} & 4294967295))"
        return _computed(name, "numeric", halves, instance)
    return _computed(name, "int8", f"sum({cell})", instance)


def _not_allowed(function: str, column: Column) -> Exception:
    return conflict(
        f'Aggregate function "{function}" not allowed on column {column.name} with type {column.type.typename}.'
    )


def _bin(path: Path, projection: Projection, instance: Instance, column: Column) -> Output:
    kind = types.family(column.type)
    if kind not in ("int", "float", "numeric", "date", "timestamp", "timestamptz"):
        raise conflict(f"Binning not supported on column type {column.type.typename}.")
    count, low, high = projection.arguments
    bounds = types.literal(column.type, low), types.literal(column.type, high)
    bins = check_bin(count)
    build = path.build
    arguments = ", ".join(build.bind(value) for value in (bins, *bounds))
    sql = f"ermrest_bin({path.cell(instance, column)}, {arguments}, '{kind}')"
    return Output(projection.alias or column.name, types.builtin("jsonb"), sql, instance.position, nullable=False)


def _summary(path: Path, projection: Projection, instance: Instance, column: Column) -> Output:
    """What the client may do with a row: a JSON object of booleans."""
    table, build = instance.table, path.build
    if column.name != "RID":
        raise conflict(f'Rights summary not supported on column "{column.name}".')

    def truth(condition: str | None) -> str:
        if not build.live:
            return "'false'"
        return "'true'" if condition is None else f"CASE WHEN {condition} THEN 'true' ELSE 'false' END"

    # The keys come in the order of a jsonb value.
    parts = [(right, truth(policy.rows(build, table, instance.sql, right))) for right in ("delete", "update")]
    sql = " || ".join([f"'{', ' if n else '{'}\"{name}\": ' || {value}" for n, (name, value) in enumerate(parts)])
    if projection.function == "tcrs":
        columns = []
        for member in sorted(
            visible_columns(path.rights, table), key=lambda c: (len(c.name.encode()), c.name.encode())
        ):
            by_server = member.name in ("RID", "RCT", "RMT", "RCB", "RMB")
            condition = "0" if by_server else policy.value(build, table, instance.sql, member, "update")
            columns.append(f"{_text(types.jsonb_text(member.name) + ': ')} || {truth(condition)}")
        sql += " || ', \"column_update\": {' || " + " || ', ' || ".join(columns) + " || '}'"
    name = projection.alias or column.name
    return Output(name, types.builtin("jsonb"), f"({sql} || '}}')", instance.position, nullable=False)


def _example(output: Output) -> Output:
    """Outside of the keys of a group, a plain column stands for the value of any member: here the least."""
    if output.aggregate:
        return output
    sql = f"min({output.sql}{types.collate(output.type)})"
    return Output(output.name, output.type, sql, output.position, aggregate=True)


# statements


class _Plan:
    """Writes the statement for a resolved path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._build = path.build
        self.batches: Batches | None = None

    # parts

    def _seen(self, instance: Instance) -> list[str]:
        """The conditions that make rows of an instance visible."""
        conditions = [self._build.alive(instance.sql)]
        rows = policy.rows(self._build, instance.table, instance.sql)
        return conditions + ([rows] if rows is not None else [])

    def _named(self, instance: Instance) -> str:
        return f"{self._build.source(instance.table)} AS {instance.sql}"

    def _link(self, instance: Instance) -> str:
        left = self._path.instances[instance.left]
        terms = []
        for pairs in instance.links:
            terms.append(
                " AND ".join(
                    f"{self._build.cell(left.sql, a)} = {self._build.cell(instance.sql, b)}{types.collate(b.type)}"
                    for a, b in pairs
                )
            )
        return balanced("OR", terms)

    def _from(self) -> tuple[str, list[str]]:
        """All instances joined in the path's order, and the conditions for WHERE."""
        if self._path.outer:
            return self._from_outer()
        wheres: list[str] = []
        for instance in self._path.instances:
            if instance.left >= 0:
                wheres.append(self._link(instance))
            wheres += self._seen(instance)
        wheres += [condition.sql for condition in self._path.conditions]
        return ", ".join(self._named(instance) for instance in self._path.instances), wheres

    def _from_outer(self) -> tuple[str, list[str]]:
        instances = self._path.instances
        # A right or full join must find each side's visible rows, and only those: they are selected beforehand.
        beforehand = any(i.outer in ("right", "full") for i in instances)
        if beforehand and sqlite3.sqlite_version_info < (3, 39):
            raise unsupported("Right and full outer joins need SQLite 3.39 or newer on this machine.")
        parts, wheres = [], []
        for instance in instances:
            seen = self._seen(instance)
            source = self._named(instance)
            if beforehand:
                source = f"(SELECT * FROM {source} WHERE {balanced('AND', seen)}) AS {instance.sql}"
            if instance.left < 0:
                parts.append(source)
                wheres += [] if beforehand else seen
            else:
                on = [self._link(instance)] + ([] if beforehand else seen)
                parts.append(f"{(instance.outer or 'inner').upper()} JOIN {source} ON {balanced('AND', on)}")
        return " ".join(parts), wheres + [condition.sql for condition in self._path.conditions]

    @staticmethod
    def _where(conditions: list[str]) -> str:
        return f" WHERE {' AND '.join(f'({c})' for c in conditions)}" if conditions else ""

    # shapes

    def flat(self, outputs: list[Output]) -> str:
        """All combinations, aggregated to one row."""
        source, wheres = self._from()
        return f"SELECT {_listed(outputs)} FROM {source}{self._where(wheres)}"

    def groups(self, keys: list[Output], outputs: list[Output], query: Query) -> str:
        """All combinations, grouped by keys."""
        source, wheres = self._from()
        by = ", ".join(f"{key.sql}{types.collate(key.type)}" for key in keys)
        body = f"SELECT {_listed(outputs)} FROM {source}{self._where(wheres)} GROUP BY {by}"
        if not query.sort:
            return body + _limit(query)
        return self._wrapped(body, outputs, query)

    def identities(self) -> str:
        """The `_id`s of the rows that the path denotes, each once."""
        current = self._path.current
        if current.outer or self._path.outer:
            source, wheres = self._from()
            wheres.append(f"{current.sql}._id IS NOT NULL")
            return f"SELECT DISTINCT {current.sql}._id FROM {source}{self._where(wheres)}"
        source, wheres = self._distinct(frozenset({current.position})) or self._inside()
        return f"SELECT {current.sql}._id FROM {source}{self._where(wheres)}"

    def entities(self, outputs: list[Output], query: Query) -> str:
        """One row for each row of the path's last table."""
        needed = frozenset({self._path.context, *(output.position for output in outputs)})
        if self._path.outer or (found := self._distinct(needed)) is None:
            if needed == {self._path.context} and not self._path.outer:
                found = self._inside()
            else:
                return self._grouped(outputs, query)
        source, wheres = found
        pages = _Pages(self._build, query, outputs, {o.name: o.sql for o in outputs})
        wheres += pages.conditions
        tail = f"FROM {source}{self._where(wheres)}"
        if needed == {self._path.context}:
            self.batches = self._batches(outputs, query, pages, wheres, tail)
        return pages.finish(f"SELECT {_listed(outputs)} {tail}")

    def _batches(
        self, outputs: list[Output], query: Query, pages: _Pages, wheres: list[str], tail: str
    ) -> Batches | None:
        current = self._path.current
        key: str | None = None
        if len(self._path.instances) == 1 and not self._path.conditions and not pages.backwards:
            rid = current.table.column("RID")
            if not query.sort:
                key = f"{current.sql}._id"
            elif rid is not None and len(query.sort) == 1:
                output = next(o for o in outputs if o.name == query.sort[0].name)
                if output.sql == self._build.cell(current.sql, rid) and not output.nullable:
                    key = output.sql
        return Batches(
            [output.sql for output in outputs],
            self._named(current),
            current.sql,
            pages.finish(f"SELECT {current.sql}._id AS i{pages.listed()} {tail}", "i"),
            wheres,
            key,
            bool(query.sort) and query.sort[0].descending,
            query.limit,
        )

    def _wrapped(self, body: str, outputs: list[Output], query: Query) -> str:
        names = {output.name: f"s.c{index}" for index, output in enumerate(outputs)}
        pages = _Pages(self._build, query, outputs, names)
        columns = ", ".join(f"s.c{index} AS c{index}" for index in range(len(outputs)))
        return pages.finish(f"SELECT {columns} FROM ({body}) AS s{self._where(pages.conditions)}")

    def _grouped(self, outputs: list[Output], query: Query) -> str:
        """One row of all combinations for each row of the last table.

        Which one is left to the server. Here the first table's row decides, and SQLite takes bare columns from the
        row that has the maximum or minimum; which of the two it is, is what PostgreSQL was seen to choose.
        """
        source, wheres = self._from()
        first = self._path.instances[0]
        rid = first.table.column("RID")
        order = self._build.cell(first.sql, rid) if rid else f"{first.sql}._id"
        body = (
            f"SELECT {_listed(outputs)}, {'min' if self._path.outer else 'max'}({order}) AS chosen "
            f"FROM {source}{self._where(wheres)} GROUP BY {self._path.current.sql}._id"
        )
        return self._wrapped(body, outputs, query)

    def _inside(self) -> tuple[str, list[str]]:
        """The last table's rows among those of all combinations."""
        source, wheres = self._from()
        current = self._path.current
        inner = f"SELECT {current.sql}._id FROM {source}{self._where(wheres)}"
        return self._named(current), [f"{current.sql}._id IN ({inner})"]

    # distinct rows without grouping

    def _distinct(self, needed: frozenset[int]) -> tuple[str, list[str]] | None:
        """Joins and semijoins that keep the last table's rows distinct, or None where the path does not allow it."""
        neighbours: dict[int, list[tuple[int, tuple[Pairs, ...]]]] = {i.position: [] for i in self._path.instances}
        for instance in self._path.instances[1:]:
            neighbours[instance.left].append((instance.position, instance.links))
            swapped = tuple(tuple((b, a) for a, b in pairs) for pairs in instance.links)
            neighbours[instance.position].append((instance.left, swapped))
        conditions = list(self._path.conditions)
        names: list[str] = []
        wheres: list[str] = []
        pending = [(self._path.context, -1)]
        while pending:
            position, parent = pending.pop()
            instance = self._path.instances[position]
            names.append(self._named(instance))
            wheres += self._seen(instance)
            for other, links in neighbours[position]:
                if other == parent:
                    continue
                there = self._path.instances[other]
                if len(links) == 1 and _unique(there.table, links[0]):
                    wheres.append(self._equal(instance, there, links[0]))
                    pending.append((other, position))
                    continue
                branch = _branch(neighbours, other, position)
                inside = [c for c in conditions if c.about and c.about <= branch]
                if branch & needed or any(c.about & branch and c not in inside for c in conditions):
                    return None
                conditions = [c for c in conditions if c not in inside]
                wheres.append(self._semijoin(instance, there, links, branch, [c.sql for c in inside]))
        return ", ".join(names), wheres + [condition.sql for condition in conditions]

    def _equal(self, left: Instance, right: Instance, pairs: Pairs) -> str:
        return " AND ".join(
            f"{self._build.cell(left.sql, a)} = {self._build.cell(right.sql, b)}{types.collate(b.type)}"
            for a, b in pairs
        )

    def _semijoin(
        self, here: Instance, there: Instance, links: tuple[Pairs, ...], branch: frozenset[int], inside: list[str]
    ) -> str:
        members = [self._path.instances[position] for position in sorted(branch)]
        wheres: list[str] = []
        for member in members:
            wheres += self._seen(member)
            if member.left in branch:
                wheres.append(self._link(member))
        wheres += inside
        source = ", ".join(self._named(member) for member in members)
        if len(links) == 1 and not any(types.collate(b.type) for _, b in links[0]):
            left = ", ".join(self._build.cell(here.sql, a) for a, _ in links[0])
            right = ", ".join(self._build.cell(there.sql, b) for _, b in links[0])
            left = f"({left})" if len(links[0]) > 1 else left
            return f"{left} IN (SELECT {right} FROM {source}{self._where(wheres)})"
        link = balanced("OR", [self._equal(here, there, pairs) for pairs in links])
        return f"EXISTS (SELECT 1 FROM {source}{self._where([link, *wheres])})"


def _unique(table: Table, pairs: Pairs) -> bool:
    """Whether a row is linked to at most one row of `table`: its columns hold a key."""
    columns = {b.name for _, b in pairs}
    return any(columns >= set(key.columns) for key in table.keys)


def _branch(neighbours: dict[int, list[tuple[int, tuple[Pairs, ...]]]], start: int, parent: int) -> frozenset[int]:
    found, pending = {start}, [(start, parent)]
    while pending:
        position, before = pending.pop()
        for other, _ in neighbours[position]:
            if other != before:
                found.add(other)
                pending.append((other, position))
    return frozenset(found)


def _listed(outputs: list[Output]) -> str:
    return ", ".join(f"{output.sql} AS c{index}" for index, output in enumerate(outputs))


def _limit(query: Query) -> str:
    return "" if query.limit is None else f" LIMIT {query.limit}"


# sorting and paging


class _Pages:
    """ORDER BY, LIMIT and the conditions of page keys."""

    def __init__(self, build: Statement, query: Query, outputs: list[Output], cells: dict[str, str]) -> None:
        self._build = build
        self._query = query
        self._outputs = {output.name: output for output in outputs}
        self._index = {output.name: index for index, output in enumerate(outputs)}
        self._cells = cells
        for key in query.sort:
            if key.name not in self._outputs:
                raise (
                    conflict(f"Requested column {key.name} does not exist.")
                    if query.api == "entity"
                    else malformed(f'Sort key "{key.name}" not among output columns.')
                )
        self.backwards = query.before is not None and query.after is None
        if self.backwards and query.limit is None:
            raise malformed("Page @before(...) modifier not allowed without limit parameter.")
        self.conditions: list[str] = []
        if query.after is not None:
            self.conditions.append(self._beyond(query.sort, query.after, before=False))
        if query.before is not None:
            self.conditions.append(self._beyond(query.sort, query.before, before=True))

    def listed(self) -> str:
        """What `finish` needs to find in a body that does not give the outputs."""
        if not self.backwards:
            return ""
        names = dict.fromkeys(key.name for key in self._query.sort)
        return "".join(f", {self._cells[name]} AS c{self._index[name]}" for name in names)

    def finish(self, body: str, columns: str | None = None) -> str:
        """The statement in order and cut to its page. `columns` are those that the body gives, if not the outputs."""
        if not self._query.sort:
            return body + _limit(self._query)
        body += f" ORDER BY {self._order(self.backwards)}{_limit(self._query)}"
        if self.backwards:
            columns = columns or ", ".join(f"c{index}" for index in range(len(self._outputs)))
            cells = {name: f"c{index}" for name, index in self._index.items()}
            body = f"SELECT {columns} FROM ({body}) ORDER BY {self._order(False, cells)}"
        return body

    def _order(self, backwards: bool, cells: dict[str, str] | None = None) -> str:
        terms = []
        for key in self._query.sort:
            output = self._outputs[key.name]
            descending = key.descending != backwards
            term = (cells or self._cells)[key.name] + types.collate(output.type)
            if output.nullable:
                term += " DESC NULLS FIRST" if descending else " ASC NULLS LAST"
            elif descending:
                term += " DESC"
            terms.append(term)
        return ", ".join(terms)

    def _beyond(self, keys: tuple[SortKey, ...], values: tuple[str | None, ...], before: bool) -> str:
        """The condition that a row comes after (before) a page key; nulls are greater than all."""
        outputs = [self._outputs[key.name] for key in keys]
        bound = [
            None if value is None else self._build.bind(types.literal(_scalar(output.type), value))
            for output, value in zip(outputs, values, strict=True)
        ]
        cells = [self._cells[key.name] + types.collate(o.type) for key, o in zip(keys, outputs, strict=True)]
        greater = [key.descending == before for key in keys]
        if len(keys) > 1 and len(set(greater)) == 1 and not any(o.nullable for o in outputs) and None not in bound:
            sign = ">" if greater[0] else "<"
            return f"({', '.join(cells)}) {sign} ({', '.join(b or '' for b in bound)})"
        condition = ""
        for index in range(len(keys) - 1, -1, -1):
            cell, value, nullable = cells[index], bound[index], outputs[index].nullable
            if value is None:
                beyond = "0" if greater[index] else f"{cell} IS NOT NULL"
            elif greater[index]:
                beyond = f"{cell} > {value}" + (f" OR {cell} IS NULL" if nullable else "")
            else:
                beyond = f"{cell} < {value}"
            if condition:
                same = f"{cell} IS NULL" if value is None else f"{cell} = {value}"
                condition = f"({beyond}) OR ({same} AND ({condition}))"
            else:
                condition = beyond
        if len(keys) > 1 and bound[0] is not None and not outputs[0].nullable:
            # Says nothing new, but lets SQLite start in the middle of an index.
            condition = f"{cells[0]} {'>=' if greater[0] else '<='} {bound[0]} AND ({condition})"
        return condition


def _scalar(of: Type) -> Type:
    """Page keys of array columns are JSON arrays."""
    return types.builtin("jsonb") if of.array else of
