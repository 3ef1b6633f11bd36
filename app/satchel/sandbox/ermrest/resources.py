"""The model's resources: schemas, tables, columns, keys, foreign keys, with annotations, ACLs and comments."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import ddl, forms
from .catalog import Transaction
from .documents import Printer
from .inputs import converter
from .model import Column, ErmrestError, ForeignKey, Key, Model, Schema, Table
from .problems import conflict, forbidden, malformed, unsupported

if TYPE_CHECKING:
    from .routes import Resource

_log = logging.getLogger(__name__)
Locate = Callable[[Model], Any]


@contextmanager
def _well_formed() -> Iterator[None]:
    """The last net under documents of the model: what `forms` let pass and trips all the same is a fault of ours.

    The client is refused as before, for nothing was changed; the log has the traceback.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        _log.warning("A document tripped the sandbox, which is a fault of its own.", exc_info=True)
        raise malformed(f"The document is not of the form that it should have: {error}.") from error


def missing(detail: str) -> ErmrestError:
    """404."""
    return ErmrestError(404, "Resource not found.", detail)


class ModelResource:
    """One request on the model."""

    def __init__(self, resource: Resource) -> None:
        self.base = resource
        self.request = resource.request
        self.method = resource.request.method

    # -- finding things -------------------------------------------------------------------------------------------

    def _schema(self, model: Model, name: str) -> Schema:
        schema = model.schemas.get(name)
        if schema is None or not self.base.rights.schema(self.base.model.schemas.get(name, schema), "enumerate"):
            raise missing(f"schema {name}")
        return schema

    def _table(self, model: Model, schema: str, name: str) -> Table:
        table = self._schema(model, schema).tables.get(name)
        if table is None or (model is self.base.model and not self.base.printer.sees(table)):
            raise missing(f"table {name} in schema {schema}")
        return table

    def _column(self, model: Model, schema: str, table: str, name: str) -> Column:
        column = self._table(model, schema, table).column(name)
        if column is None:
            raise missing(f"column {name} in table {schema}:{table}")
        return column

    def _key(self, model: Model, schema: str, table: str, names: str) -> Key:
        wanted = set(names.split(","))
        for key in self._table(model, schema, table).keys:
            if set(key.columns) == wanted:
                return key
        raise missing(f"key {names} in table {schema}:{table}")

    def _fkeys(self, model: Model, schema: str, table: str, parts: list[str]) -> list[ForeignKey]:
        """Foreign keys named `COLUMNS[/reference/S:T[/COLUMNS]]`."""
        found = self._table(model, schema, table).foreign_keys
        if parts:
            wanted = set(parts[0].split(","))
            found = [f for f in found if set(f.columns) == wanted]
        if len(parts) >= 3 and parts[1] == "reference":
            _, _, name = parts[2].rpartition(":")
            found = [f for f in found if f.ref_table == name]
        if len(parts) >= 4:
            found = [f for f in found if set(f.ref_columns) == set(parts[3].split(","))]
        return found

    def _own(self, *chain: Any) -> None:
        """Raise unless the client owns the thing: chain is a table or a schema, or nothing for the catalog."""
        rights = self.base.rights
        for thing in chain:
            if isinstance(thing, Table) and rights.table(thing, "owner"):
                return
            if isinstance(thing, Schema) and rights.schema(thing, "owner"):
                return
        if not rights.catalog("owner"):
            what = chain[0] if chain else None
            name = f":{what.schema}:{what.name}" if isinstance(what, Table) else f":{what.name}" if what else "catalog"
            raise forbidden(self.base.client, f"owner access on {name}")

    async def _body(self, form: forms.Form | None = None) -> Any:
        """The document that was sent, which must have a form."""
        try:
            given = json.loads(await self.request.read())
        except (ValueError, RecursionError) as error:
            raise malformed(f"Deserialization failed: {error}.") from None
        if form is not None:
            form(given, "it")
        return given

    # -- routes ---------------------------------------------------------------------------------------------------

    async def route(self, parts: list[str]) -> web.StreamResponse:
        """`/schema/...`."""
        model, printer, answer = self.base.model, self.base.printer, self.base._json
        reading = self.method in ("GET", "HEAD")
        match parts:
            case []:
                if reading:
                    return answer(printer.schemas())
                if self.method == "POST":
                    return await self._post_all()
            case [schema]:
                if reading:
                    return answer(printer.schema(self._schema(model, schema)))
                return await self._change_schema(schema)
            case [schema, "annotation" | "acl" | "acl_binding" | "comment", *_]:
                return await self.part(lambda m: self._schema(m, schema), "schema", parts[1:], f"schema {schema}")
            case [schema, "table"]:
                if reading:
                    tables = self._schema(model, schema).tables.values()
                    return answer([printer.table(t) for t in tables if printer.sees(t)])
                if self.method == "POST":
                    return await self._post_table(schema)
            case [schema, "table", table]:
                if reading:
                    return answer(printer.table(self._table(model, schema, table)))
                return await self._change_table(schema, table)
            case [schema, "table", table, "annotation" | "acl" | "acl_binding" | "comment", *_]:
                return await self.part(
                    lambda m: self._table(m, schema, table), "table", parts[3:], f"table :{schema}:{table}"
                )
            case [schema, "table", table, "column", *rest]:
                return await self._columns(schema, table, rest)
            case [schema, "table", table, "key", *rest]:
                return await self._keys(schema, table, rest)
            case [schema, "table", table, "foreignkey" | "referenced_by", *rest]:
                return await self._foreign(schema, table, parts[3], rest)
        raise missing("schema/" + "/".join(parts))

    async def _post_all(self) -> web.StreamResponse:
        if not self.base.rights.catalog("create"):
            raise forbidden(self.base.client, "create access on catalog")
        given = await self._body(forms.several)
        if not isinstance(given, list):
            given = [given]
        with _well_formed():
            made = await self.base.service._in_thread(lambda: self.base.catalog.create_schemas(given, self.base.client))
        return self.base._json(made, status=201)

    async def _edit(self, change: Callable[[Transaction], Any]) -> Any:
        with _well_formed():
            return await self.base._write(change)

    async def _change_schema(self, name: str) -> web.StreamResponse:
        if self.method == "POST":
            if not self.base.rights.catalog("create"):
                raise forbidden(self.base.client, "create access on catalog")
            given = None
            if self.request.can_read_body:
                given = await self._body(forms.schema)
            await self._edit(lambda t: t.editor.add_schema(name, given))
            return web.Response(status=201)
        schema = self._schema(self.base.model, name)
        self._own(schema)
        if self.method == "DELETE":

            def drop(transaction: Transaction) -> None:
                if transaction.editor.schema(name).tables:
                    raise conflict(f"cannot drop schema {name} because other objects depend on it\n")
                del transaction.editor.model.schemas[name]

            await self._edit(drop)
            return web.Response(status=204)
        if self.method == "PUT":
            given = await self._body(forms.schema)

            def alter(transaction: Transaction) -> dict[str, Any]:
                found = transaction.editor.schema(name)
                new = given.get("schema_name", name)
                if new != name:
                    if new in transaction.model.schemas:
                        raise conflict(f"Requested schema {new} already exists.")
                    schemas = transaction.editor.model.schemas
                    transaction.editor.model.schemas = {(new if n == name else n): s for n, s in schemas.items()}
                    found.name = new
                    for table in found.tables.values():
                        table.schema = new
                        for key in table.keys:
                            key.constraint = (new, key.constraint[1])
                        for fkey in table.foreign_keys:
                            fkey.constraint = (new, fkey.constraint[1])
                    for table in transaction.editor.model.tables():
                        for fkey in table.foreign_keys:
                            if fkey.ref_schema == name:
                                fkey.ref_schema = new
                _set_common(found, given)
                return self._printer(transaction).schema(found)

            return self.base._json(await self._edit(alter))
        raise self.base._method()

    def _printer(self, transaction: Transaction) -> Printer:
        return Printer(transaction.model, self.base.client)

    async def _post_table(self, schema: str) -> web.StreamResponse:
        found = self._schema(self.base.model, schema)
        if not self.base.rights.schema(found, "create"):
            raise forbidden(self.base.client, f"create access on :{schema}")
        given = await self._body(forms.table)

        def work(transaction: Transaction) -> dict[str, Any]:
            table = transaction.editor.add_table(schema, given)
            transaction.apply()
            return self._printer(transaction).table(table)

        return self.base._json(await self._edit(work), status=201)

    async def _change_table(self, schema: str, name: str) -> web.StreamResponse:
        table = self._table(self.base.model, schema, name)
        self._own(table, self.base.model.schemas[schema])
        if self.method == "DELETE":
            await self._edit(lambda t: t.editor.drop_table(t.editor.table(schema, name)))
            return web.Response(status=204)
        if self.method != "PUT":
            raise self.base._method()
        given = await self._body(forms.table)

        def alter(transaction: Transaction) -> dict[str, Any]:
            editor = transaction.editor
            found = editor.table(schema, name)
            new_schema, new = given.get("schema_name", schema), given.get("table_name", name)
            if (new_schema, new) != (schema, name):
                target = editor.schema(new_schema)
                if new in target.tables:
                    raise conflict(f"Table {new} already exists in schema {new_schema}.")
                del editor.schema(schema).tables[name]
                found.schema, found.name = new_schema, new
                target.tables[new] = found
                if new_schema != schema:
                    # PostgreSQL keeps constraints in the schema of their table.
                    for key in found.keys:
                        key.constraint = (new_schema, key.constraint[1])
                    for own in found.foreign_keys:
                        own.constraint = (new_schema, own.constraint[1])
                for other in editor.model.tables():
                    for fkey in other.foreign_keys:
                        if (fkey.ref_schema, fkey.ref_table) == (schema, name):
                            fkey.ref_schema, fkey.ref_table = new_schema, new
            _set_common(found, given)
            return self._printer(transaction).table(found)

        return self.base._json(await self._edit(alter))

    async def _columns(self, schema: str, name: str, rest: list[str]) -> web.StreamResponse:
        model, printer = self.base.model, self.base.printer
        table = self._table(model, schema, name)
        reading = self.method in ("GET", "HEAD")
        match rest:
            case []:
                if reading:
                    return self.base._json([printer.column(table, c) for c in table.columns if printer.sees(table, c)])
                if self.method == "POST":
                    self._own(table, model.schemas[schema])
                    given = await self._body(forms.column)

                    def add(transaction: Transaction) -> dict[str, Any]:
                        target = transaction.editor.table(schema, name)
                        column = transaction.editor.add_column(target, given)
                        transaction.apply()
                        if column.default is not None:
                            value = converter(column.type)(column.default)
                            transaction.db.execute(f"UPDATE {target.phys} SET {column.phys} = ?", (value,))
                        elif (
                            not column.nullok
                            and transaction.db.execute(f"SELECT 1 FROM {target.phys} WHERE _to IS NULL").fetchone()
                        ):
                            raise conflict(f'column "{column.name}" of relation "{target.name}" contains null values\n')
                        return self._printer(transaction).column(target, column)

                    return self.base._json(await self._edit(add), status=201)
            case [column, "annotation" | "acl" | "acl_binding" | "comment", *_]:
                return await self.part(
                    lambda m: self._column(m, schema, name, column),
                    "column",
                    rest[1:],
                    f"column :{schema}:{name}:{column}",
                )
            case [column]:
                found = self._column(model, schema, name, column)
                if reading:
                    return self.base._json(printer.column(table, found))
                self._own(table, model.schemas[schema])
                if self.method == "DELETE":

                    def drop(transaction: Transaction) -> None:
                        target = transaction.editor.table(schema, name)
                        transaction.editor.drop_column(target, transaction.editor.column(target, column))

                    await self._edit(drop)
                    return web.Response(status=204)
                if self.method == "PUT":
                    given = await self._body(forms.column)
                    return self.base._json(
                        await self._edit(lambda t: self._alter_column(t, schema, name, column, given))
                    )
        raise self.base._method()

    def _alter_column(
        self, transaction: Transaction, schema: str, name: str, column: str, given: dict[str, Any]
    ) -> dict[str, Any]:
        editor = transaction.editor
        table = editor.table(schema, name)
        found = editor.column(table, column)
        new = given.get("name", column)
        if new != column:
            if table.column(new) is not None:
                raise conflict(f"Column {new} already exists in table {schema}:{name}.")
            found.name = new
            for key in table.keys:
                key.columns = tuple(new if c == column else c for c in key.columns)
            for other in editor.model.tables():
                for fkey in other.foreign_keys:
                    if other is table:
                        fkey.columns = tuple(new if c == column else c for c in fkey.columns)
                    if (fkey.ref_schema, fkey.ref_table) == (schema, name):
                        fkey.ref_columns = tuple(new if c == column else c for c in fkey.ref_columns)
        if "type" in given:
            wanted = ddl.read_type(given["type"])
            if wanted.typename != found.type.typename:
                convert = converter(wanted, text_input=True)
                rows = transaction.db.execute(f"SELECT DISTINCT {found.phys} FROM {table.phys}").fetchall()
                changed = [(convert(None if v is None else str(v)), v) for (v,) in rows if v is not None]
                transaction.db.executemany(f"UPDATE {table.phys} SET {found.phys} = ? WHERE {found.phys} = ?", changed)
                found.type = wanted
        if "nullok" in given:
            if (
                not given["nullok"]
                and transaction.db.execute(
                    f"SELECT 1 FROM {table.phys} WHERE _to IS NULL AND {found.phys} IS NULL"
                ).fetchone()
            ):
                raise conflict(f'column "{found.name}" of relation "{name}" contains null values\n')
            found.nullok = bool(given["nullok"])
        if "default" in given:
            found.default = given["default"]
        _set_common(found, given)
        editor.touched.append(table)
        return self._printer(transaction).column(table, found)

    async def _keys(self, schema: str, name: str, rest: list[str]) -> web.StreamResponse:
        model, printer = self.base.model, self.base.printer
        table = self._table(model, schema, name)
        reading = self.method in ("GET", "HEAD")
        match rest:
            case []:
                if reading:
                    return self.base._json([printer.key(k) for k in table.keys])
                if self.method == "POST":
                    self._own(table, model.schemas[schema])
                    given = await self._body(forms.key)

                    def add(transaction: Transaction) -> dict[str, Any]:
                        key = transaction.editor.add_key(transaction.editor.table(schema, name), given)
                        transaction.apply()
                        return printer.key(key)

                    return self.base._json(await self._edit(add), status=201)
            case [columns, "annotation" | "comment", *_]:
                return await self.part(
                    lambda m: self._key(m, schema, name, columns), "key", rest[1:], f"key :{schema}:{name}:{columns}"
                )
            case [columns]:
                found = self._key(model, schema, name, columns)
                if reading:
                    return self.base._json([printer.key(found)])
                self._own(table, model.schemas[schema])
                if self.method == "DELETE":

                    def drop(transaction: Transaction) -> None:
                        target = transaction.editor.table(schema, name)
                        transaction.editor.drop_key(target, self._key(transaction.model, schema, name, columns))

                    await self._edit(drop)
                    return web.Response(status=204)
                if self.method == "PUT":
                    given = await self._body(forms.key)

                    def alter(transaction: Transaction) -> dict[str, Any]:
                        transaction.editor.table(schema, name)
                        key = self._key(transaction.model, schema, name, columns)
                        if given.get("names"):
                            key.constraint = (given["names"][0][0], given["names"][0][1])
                        _set_common(key, given)
                        return printer.key(key)

                    return self.base._json(await self._edit(alter))
        raise self.base._method()

    async def _foreign(self, schema: str, name: str, kind: str, rest: list[str]) -> web.StreamResponse:
        model, printer = self.base.model, self.base.printer
        table = self._table(model, schema, name)
        if kind == "referenced_by":
            found = [
                printer.fkey(other, fkey)
                for other in model.tables()
                for fkey in printer.fkeys(other)
                if (fkey.ref_schema, fkey.ref_table) == (schema, name)
            ]
            return self.base._json(found)
        place = next((n for n, p in enumerate(rest) if p in ("annotation", "acl", "acl_binding", "comment")), None)
        if place is not None:
            names = rest[:place]

            def locate(m: Model) -> ForeignKey:
                fkeys = self._fkeys(m, schema, name, names)
                if not fkeys:
                    raise missing(f"foreign key {'/'.join(names)} in table {schema}:{name}")
                return fkeys[0]

            return await self.part(locate, "foreignkey", rest[place:], f"foreign key :{schema}:{name}:{names[0]}")
        if self.method in ("GET", "HEAD"):
            shown = {id(f) for f in printer.fkeys(table)}
            fkeys = [f for f in self._fkeys(model, schema, name, rest) if id(f) in shown]
            if rest and not fkeys:
                raise missing(f"foreign key {'/'.join(rest)} in table {schema}:{name}")
            listed = [printer.fkey(table, f) for f in fkeys]
            # The collection prints a list for each set of referring columns, as the real server does.
            return self.base._json(listed if rest else [[document] for document in listed])
        self._own(table, model.schemas[schema])
        if self.method == "POST" and not rest:
            given = await self._body(forms.fkey)

            def add(transaction: Transaction) -> list[dict[str, Any]]:
                editor = transaction.editor
                made, fkey = editor.add_fkey(given, editor.table(schema, name))
                transaction.apply()
                return [self._printer(transaction).fkey(made, fkey)]

            return self.base._json(await self._edit(add), status=201)
        if not rest:
            raise self.base._method()
        if not self._fkeys(model, schema, name, rest):
            raise missing(f"foreign key {'/'.join(rest)} in table {schema}:{name}")
        if self.method == "DELETE":

            def drop(transaction: Transaction) -> None:
                target = transaction.editor.table(schema, name)
                gone = {id(f) for f in self._fkeys(transaction.model, schema, name, rest)}
                target.foreign_keys = [f for f in target.foreign_keys if id(f) not in gone]

            await self._edit(drop)
            return web.Response(status=204)
        if self.method == "PUT":
            given = await self._body(forms.fkey)

            def alter(transaction: Transaction) -> dict[str, Any]:
                target = transaction.editor.table(schema, name)
                fkey = self._fkeys(transaction.model, schema, name, rest)[0]
                if given.get("names"):
                    fkey.constraint = (given["names"][0][0], given["names"][0][1])
                for when in ("on_delete", "on_update"):
                    if given.get(when):
                        if given[when].upper() not in ddl.ACTIONS:
                            raise malformed(f"Unknown {when} action {given[when]}.")
                        setattr(fkey, when, given[when].upper())
                _set_common(fkey, given)
                return self._printer(transaction).fkey(target, fkey)

            return self.base._json(await self._edit(alter))
        raise self.base._method()

    # -- annotations, ACLs, comments ------------------------------------------------------------------------------

    async def part(self, locate: Locate, kind: str, parts: list[str], what: str) -> web.StreamResponse:
        """`.../annotation[/KEY]`, `.../acl[/NAME]`, `.../acl_binding[/NAME]`, `.../comment` of a model element."""
        thing = locate(self.base.model)
        reading = self.method in ("GET", "HEAD")
        if parts[0] == "comment":
            return await self._comment(locate, thing, what)
        field = {"annotation": "annotations", "acl": "acls", "acl_binding": "acl_bindings"}[parts[0]]
        if not hasattr(thing, field):
            raise unsupported(f"There are no {field} on a {kind}.")
        if not reading or parts[0] != "annotation":
            self._own(*(t for t in (thing,) if isinstance(t, Table | Schema)))
        values: dict[str, Any] = getattr(thing, field)
        name = "/".join(parts[1:])
        if reading:
            if not name:
                shown = self.base.printer.fkey_acls(thing) if field == "acls" and kind == "foreignkey" else values
                return self.base._json(shown)
            if name not in values:
                raise missing(f'{parts[0]} "{name}" on {what}')
            return self.base._json(values[name])
        given = None
        if self.method in ("PUT", "POST"):
            given = await self._body(None if name or parts[0] == "acl" else forms.named_objects)
        if parts[0] == "acl":
            self._check_acl(kind, name, given, thing)

        def change(transaction: Transaction) -> bool:
            _ = transaction.editor
            target = locate(transaction.model)
            current: dict[str, Any] = getattr(target, field)
            if parts[0] == "acl_binding" and given is not None:
                table = target if isinstance(target, Table) else _table_of(transaction.model, target)
                for binding in [given] if name else given.values():
                    if binding is not False and isinstance(table, Table):
                        self.base.check_binding(transaction.model, table, binding, kind)
            if self.method == "DELETE":
                if name and name not in current:
                    raise missing(f'{parts[0]} "{name}" on {what}')
                setattr(target, field, {k: v for k, v in current.items() if name and k != name})
                return False
            there = name in current
            new = {**current, name: given} if name else dict(given or {})
            setattr(target, field, ddl.access_lists(new) if parts[0] == "acl" else new)
            return not there

        new = await self._edit(change)
        if self.method == "DELETE" or (self.method == "PUT" and not name):
            return web.Response(status=204)
        if parts[0] == "annotation":
            return web.Response(status=201 if new else 204, content_type="text/plain" if new else None)
        return self.base._json(given)

    def _check_acl(self, kind: str, name: str, given: Any, thing: Any) -> None:
        lists = {name: given} if name else given
        if self.method == "DELETE":
            return
        if not isinstance(lists, dict):
            raise malformed("ACLs are an object of lists.")
        for acl, members in lists.items():
            if acl not in self.base.acl_names(kind):
                raise conflict(f"ACL name {acl} not supported on {type(thing).__name__}.")
            if members is not None and not (
                isinstance(members, list) and all(isinstance(member, str) for member in members)
            ):
                raise malformed(f"ACL {acl} must be a list of texts.")

    async def _comment(self, locate: Locate, thing: Any, what: str) -> web.StreamResponse:
        if self.method in ("GET", "HEAD"):
            if not thing.comment:
                raise missing(f"comment on {what}")
            return web.Response(text=thing.comment + "\n", content_type="text/plain")
        self._own(*(t for t in (thing,) if isinstance(t, Table | Schema)))
        text = (await self.request.read()).decode("utf-8", "replace") if self.method == "PUT" else None

        def change(transaction: Transaction) -> None:
            _ = transaction.editor
            locate(transaction.model).comment = text

        await self._edit(change)
        return web.Response(status=204)


def _table_of(model: Model, thing: Any) -> Table | None:
    """The table from whose rows a thing's bindings start."""
    if isinstance(thing, ForeignKey):
        schema = model.schemas.get(thing.ref_schema)
        return schema.tables.get(thing.ref_table) if schema else None
    for table in model.tables():
        if any(thing is c for c in table.columns):
            return table
    return None


def _set_common(thing: Any, given: dict[str, Any]) -> None:
    """Fields that every PUT of a model element may set."""
    for field in ("comment", "annotations", "acls", "acl_bindings"):
        if field in given and hasattr(thing, field):
            value = given[field] if field == "comment" else dict(given[field] or {})
            setattr(thing, field, ddl.access_lists(value) if field == "acls" else value)
