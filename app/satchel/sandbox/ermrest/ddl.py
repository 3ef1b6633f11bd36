"""Changes of the model: what `/schema` documents ask for, worked into a `Model`, with the SQL that goes along.

Nothing here touches the database: functions change a private copy of the model and return statements to be run in the
same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .model import Column, ForeignKey, Key, Model, Schema, Table, Type
from .problems import conflict, malformed

BASES = frozenset(
    {
        "text", "int2", "int4", "int8", "integer", "bigint", "smallint", "serial2", "serial4", "serial8", "float4",
        "float8", "float", "numeric", "boolean", "bool", "date", "timestamptz", "timestamp", "json", "jsonb", "uuid",
        "oid",
    }
)  # fmt: skip
DOMAINS = {
    "markdown": "text", "longtext": "text", "gene_sequence": "text", "color_rgb_hex": "text", "ermrest_rid": "text",
    "ermrest_rcb": "text", "ermrest_rmb": "text", "ermrest_uri": "text", "ermrest_curie": "text",
    "ermrest_rct": "timestamptz", "ermrest_rmt": "timestamptz",
}  # fmt: skip
SYSTEM = {
    "RID": ("ermrest_rid", "_ermrest.urlb32_encode(nextval('_ermrest.rid_seq'::regclass))", False),
    "RCT": ("ermrest_rct", "now()", False),
    "RMT": ("ermrest_rmt", "now()", False),
    "RCB": ("ermrest_rcb", "_ermrest.current_client()", True),
    "RMB": ("ermrest_rmb", "_ermrest.current_client()", True),
}
ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT")


def read_type(document: Any) -> Type:
    """A type document as a `Type`. Raises ErmrestError 409 for a type that there is not."""
    if not isinstance(document, Mapping) or not isinstance(document.get("typename"), str):
        raise malformed("A column type needs a typename.")
    name = document["typename"]
    if name.endswith("[]"):
        base = name[:-2]
        return Type(name, DOMAINS.get(base, base), True, _type_document(name, base))
    if name in DOMAINS:
        return Type(name, DOMAINS[name], False, _type_document(name, DOMAINS[name]))
    if name not in BASES:
        raise conflict(f'Unsupported type "{name}"')
    return Type(name, name, False, {"typename": name})


def _type_document(name: str, base: str) -> dict[str, Any]:
    if name.endswith("[]"):
        if base not in BASES and base not in DOMAINS:
            raise conflict(f'Unsupported type "{name}"')
        inner = {"typename": base} if base in BASES else _type_document(base, DOMAINS[base])
        return {"is_array": True, "typename": name, "base_type": inner}
    return {"is_domain": True, "typename": name, "base_type": {"typename": base}}


def access_lists(document: Mapping[str, list[str] | None] | None) -> dict[str, list[str]]:
    """The ACLs of a document: null, for one or for all, is as if there were none."""
    return {name: members for name, members in (document or {}).items() if members is not None}


class Editor:
    """Works documents into a model.

    Args:
        model: a private copy, changed in place.
        new_rid: gives the next RID.
        new_phys: gives the next name for a table or column in SQLite.
    """

    def __init__(self, model: Model, new_rid: Callable[[], str], new_phys: Callable[[], str]) -> None:
        self.model = model
        self.sql: list[str] = []
        self.checks: list[tuple[Table, ForeignKey]] = []
        """Foreign keys that the rows must satisfy once the statements have run."""
        self.touched: list[Table] = []
        self._new_rid = new_rid
        self._new_phys = new_phys

    # -- looking up -----------------------------------------------------------------------------------------------

    def schema(self, name: str) -> Schema:
        """The schema. Raises ErmrestError 409."""
        schema = self.model.schemas.get(name)
        if schema is None:
            raise conflict(f"Schema {name} does not exist.")
        return schema

    def table(self, schema: str, name: str) -> Table:
        """The table. Raises ErmrestError 409."""
        table = self.schema(schema).tables.get(name)
        if table is None:
            raise conflict(f"Table {name} does not exist in schema {schema}.")
        return table

    @staticmethod
    def column(table: Table, name: str) -> Column:
        """The column. Raises ErmrestError 409."""
        column = table.column(name)
        if column is None:
            raise conflict(f"Requested column {name} does not exist in table {table.name}.")
        return column

    # -- adding ---------------------------------------------------------------------------------------------------

    def add_all(self, documents: Iterable[Any]) -> list[Schema | Table]:
        """What `POST /schema` takes: schemas, tables and foreign keys, these last. Returns what was made."""
        made: list[Schema | Table] = []
        fkeys: list[tuple[Table | None, Any]] = []
        for document in documents:
            if not isinstance(document, Mapping):
                raise malformed("Each element must be an object.")
            if "foreign_key_columns" in document:
                fkeys.append((None, document))
            elif "table_name" in document:
                table = self.add_table(document.get("schema_name", ""), document, fkeys)
                made.append(table)
            elif "schema_name" in document:
                schema = self.add_schema(document["schema_name"], document)
                for name, inner in (document.get("tables") or {}).items():
                    self.add_table(schema.name, {"table_name": name, **inner}, fkeys)
                made.append(schema)
            else:
                raise malformed("Each element must be a schema, a table or a foreign key.")
        for _, document in fkeys:
            self.add_fkey(document)
        return made

    def add_schema(self, name: str, document: Mapping[str, Any] | None = None) -> Schema:
        """A new schema without its tables."""
        document = document or {}
        if not isinstance(name, str) or not name or name.startswith("_"):
            raise malformed(f"Illegal schema name {name!r}.")
        if name in self.model.schemas:
            raise conflict(f"Requested schema {name} already exists.")
        schema = Schema(
            self._new_rid(),
            name,
            document.get("comment"),
            {},
            dict(document.get("annotations") or {}),
            access_lists(document.get("acls")),
        )
        self.model.schemas[name] = schema
        return schema

    def add_table(
        self, schema_name: str, document: Mapping[str, Any], fkeys: list[tuple[Table | None, Any]] | None = None
    ) -> Table:
        """A new table; its foreign keys are put into `fkeys`, or made at once where that is None."""
        schema = self.schema(schema_name)
        name = document.get("table_name")
        if not isinstance(name, str) or not name:
            raise malformed("A table needs a name.")
        if name in schema.tables:
            raise conflict(f"Table {name} already exists in schema {schema_name}.")
        if document.get("kind", "table") != "table":
            raise malformed("Only tables can be created.")
        table = Table(
            self._new_rid(),
            schema_name,
            name,
            "t" + self._new_phys(),
            comment=document.get("comment"),
            annotations=dict(document.get("annotations") or {}),
            acls=access_lists(document.get("acls")),
        )
        given = {c.get("name"): c for c in document.get("column_definitions") or () if isinstance(c, Mapping)}
        defaults = document.get("provide_system_default", True)
        for system, (typename, _, nullok) in SYSTEM.items():
            if system not in given and document.get("provide_system", True):
                given = {system: {"name": system, "type": {"typename": typename}, "nullok": nullok}} | given
        ordered = [given[c] for c in SYSTEM if c in given] + [d for c, d in given.items() if c not in SYSTEM]
        for column_document in ordered:
            column = self._column(column_document)
            if column.name in SYSTEM and defaults:
                column.default = SYSTEM[column.name][1]
            table.columns.append(column)
        schema.tables[name] = table
        columns = "".join(f", {c.phys} {_affinity(c.type)}" for c in table.columns)
        self.sql.append(
            f"CREATE TABLE {table.phys} (_id INTEGER PRIMARY KEY, _from INTEGER NOT NULL, _to INTEGER{columns})"
        )
        keys = list(document.get("keys") or ())
        if table.column("RID") and not any(list(k.get("unique_columns", ())) == ["RID"] for k in keys):
            keys.insert(0, {"unique_columns": ["RID"]})
        for key in keys:
            self.add_key(table, key)
        if (rid := table.column("RID")) is not None:
            self.sql.append(f"CREATE INDEX {table.phys}_rid ON {table.phys} ({rid.phys}, _from)")
            self.sql.append(f"CREATE INDEX {table.phys}_to ON {table.phys} (_to) WHERE _to IS NOT NULL")
        table.acl_bindings.update(document.get("acl_bindings") or {})
        for fkey in document.get("foreign_keys") or ():
            filled = dict(fkey)
            for side in filled.get("foreign_key_columns") or ():
                side.setdefault("schema_name", schema_name)
                side.setdefault("table_name", name)
            if fkeys is None:
                self.add_fkey(filled)
            else:
                fkeys.append((table, filled))
        self.touched.append(table)
        return table

    def _column(self, document: Mapping[str, Any]) -> Column:
        name = document.get("name")
        if not isinstance(name, str) or not name:
            raise malformed("A column needs a name.")
        return Column(
            self._new_rid(),
            name,
            read_type(document.get("type")),
            "c" + self._new_phys(),
            bool(document.get("nullok", True)),
            document.get("default"),
            document.get("comment"),
            dict(document.get("annotations") or {}),
            access_lists(document.get("acls")),
            dict(document.get("acl_bindings") or {}),
        )

    def add_column(self, table: Table, document: Mapping[str, Any]) -> Column:
        """A new column; rows that are there get its default (see `Catalog`)."""
        if table.column(str(document.get("name"))) is not None:
            raise conflict(f"Column {document.get('name')} already exists in table {table.schema}:{table.name}.")
        column = self._column(document)
        table.columns.append(column)
        self.sql.append(f"ALTER TABLE {table.phys} ADD COLUMN {column.phys} {_affinity(column.type)}")
        self.touched.append(table)
        return column

    def add_key(self, table: Table, document: Mapping[str, Any]) -> Key:
        """A new key."""
        names = tuple(document.get("unique_columns") or ())
        columns = [self.column(table, name) for name in names]
        if not columns:
            raise malformed("A key needs columns.")
        if any(set(key.columns) == set(names) for key in table.keys):
            raise conflict(f"Key with columns {', '.join(names)} already exists on table {table.schema}:{table.name}.")
        constraint = self._constraint(table, document, [*names, "key"])
        key = Key(self._new_rid(), constraint, names, document.get("comment"), dict(document.get("annotations") or {}))
        table.keys.append(key)
        listed = ", ".join(c.phys for c in columns)
        self.sql.append(
            f"CREATE UNIQUE INDEX {table.phys}_k{self._new_phys()} ON {table.phys} ({listed}) WHERE _to IS NULL"
        )
        self.touched.append(table)
        return key

    def _constraint(self, table: Table, document: Mapping[str, Any], words: list[str]) -> tuple[str, str]:
        """A constraint's name: the one asked for, or one made of the table's and the columns'.

        A constraint is always in its table's schema, whatever the document says.
        """
        names: Any = document.get("names")
        if isinstance(names, list) and names and isinstance(names[0], list) and len(names[0]) == 2 and names[0][1]:
            return (table.schema, str(names[0][1]))
        tables = self.schema(table.schema).tables.values()
        taken = {key.constraint[1] for other in (*tables, table) for key in other.keys}
        taken |= {fkey.constraint[1] for other in (*tables, table) for fkey in other.foreign_keys}
        plain = found = "_".join([table.name, *words])
        number = 0
        while found in taken:
            number += 1
            found = f"{plain}{number}"
        return (table.schema, found)

    def add_fkey(self, document: Mapping[str, Any], within: Table | None = None) -> tuple[Table, ForeignKey]:
        """A new foreign key; the rows are checked when the statements have run.

        Args:
            document: the foreign key's document.
            within: the table whose columns those are of which the document does not say it.
        """
        froms: list[Any] = document.get("foreign_key_columns") or []
        if within is not None:
            froms = [{"schema_name": within.schema, "table_name": within.name, **c} for c in froms]
        tos: list[Any] = document.get("referenced_columns") or []
        if not froms or len(froms) != len(tos):
            raise malformed("A foreign key needs as many columns as it refers to.")
        try:
            table = self.table(froms[0]["schema_name"], froms[0]["table_name"])
            referenced = self.table(tos[0]["schema_name"], tos[0]["table_name"])
            columns = tuple(self.column(table, c["column_name"]).name for c in froms)
            ref_columns = tuple(self.column(referenced, c["column_name"]).name for c in tos)
        except (KeyError, TypeError) as error:
            raise malformed(f"A foreign key's column lacks {error}.") from None
        if not any(set(key.columns) == set(ref_columns) for key in referenced.keys):
            raise conflict(
                f"Referenced columns {', '.join(ref_columns)} of {referenced.schema}:{referenced.name} are not a key."
            )
        mapping = dict(zip(columns, ref_columns, strict=True))
        for other in table.foreign_keys:
            same = (other.ref_schema, other.ref_table) == (referenced.schema, referenced.name)
            if same and dict(zip(other.columns, other.ref_columns, strict=True)) == mapping:
                shown = ", ".join(f"{a}->{b}" for a, b in mapping.items())
                raise conflict(
                    f"Foreign key {other.constraint[1]} already exists from table {table.name} to {referenced.name} "
                    f"with reference mapping {shown}."
                )
        actions = []
        for when in ("on_delete", "on_update"):
            action = str(document.get(when) or "NO ACTION").upper()
            if action not in ACTIONS:
                raise malformed(f"Unknown {when} action {action}.")
            actions.append(action)
        fkey = ForeignKey(
            self._new_rid(),
            self._constraint(table, document, [*columns, "fkey"]),
            columns,
            referenced.schema,
            referenced.name,
            ref_columns,
            actions[0],
            actions[1],
            document.get("comment"),
            dict(document.get("annotations") or {}),
            access_lists(document.get("acls")),
            dict(document.get("acl_bindings") or {}),
        )
        if any(other.constraint == fkey.constraint for t in self.model.tables() for other in t.foreign_keys):
            raise conflict(f"Foreign key {fkey.constraint[1]} already exists.")
        table.foreign_keys.append(fkey)
        listed = ", ".join(self.column(table, c).phys for c in columns)
        self.sql.append(f"CREATE INDEX {table.phys}_f{self._new_phys()} ON {table.phys} ({listed}) WHERE _to IS NULL")
        self.checks.append((table, fkey))
        self.touched.append(table)
        return table, fkey

    # -- removing -------------------------------------------------------------------------------------------------

    def referring(self, table: Table) -> list[tuple[Table, ForeignKey]]:
        """Foreign keys of any table that refer to this one."""
        return [
            (other, fkey)
            for other in self.model.tables()
            for fkey in other.foreign_keys
            if (fkey.ref_schema, fkey.ref_table) == (table.schema, table.name)
        ]

    def drop_table(self, table: Table) -> None:
        """Drop a table that no other refers to; its rows stay for older snapshots."""
        for other, fkey in self.referring(table):
            if other is not table:
                raise conflict(
                    f'cannot drop table {table.schema}."{table.name}" because other objects depend on it\n'
                    f'DETAIL:  constraint {fkey.constraint[1]} on table {other.schema}."{other.name}" depends on table '
                    f'{table.schema}."{table.name}"\nHINT:  Use DROP ... CASCADE to drop the dependent objects too.\n'
                )
        del self.model.schemas[table.schema].tables[table.name]
        self.touched.append(table)

    def drop_column(self, table: Table, column: Column) -> None:
        """Drop a column with the keys and foreign keys that it is part of."""
        for key in [k for k in table.keys if column.name in k.columns]:
            self.drop_key(table, key)
        table.foreign_keys = [f for f in table.foreign_keys if column.name not in f.columns]
        table.columns = [c for c in table.columns if c is not column]
        self.touched.append(table)

    def drop_key(self, table: Table, key: Key) -> None:
        """Drop a key that no foreign key needs."""
        for other, fkey in self.referring(table):
            if set(fkey.ref_columns) == set(key.columns):
                raise conflict(
                    f"cannot drop constraint {key.constraint[1]} on table {table.name} because other objects depend on "
                    f"it\nDETAIL:  constraint {fkey.constraint[1]} on table {other.name} depends on it\n"
                )
        table.keys = [k for k in table.keys if k is not key]
        listed = ", ".join(f"'{c.phys}'" for name in key.columns if (c := table.column(name)))
        # The index's own name is not in the model: it is found by its columns.
        self.sql.append(f"--drop-unique {table.phys} {listed}")
        self.touched.append(table)


def _affinity(of: Type) -> str:
    if of.array:
        return "TEXT"
    if of.base in ("int2", "int4", "int8", "integer", "bigint", "smallint", "serial2", "serial4", "serial8", "oid"):
        return "INTEGER"
    if of.base in ("float4", "float8", "float"):
        return "REAL"
    if of.base in ("boolean", "bool"):
        return "INTEGER"
    return "TEXT"
