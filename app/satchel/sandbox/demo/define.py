"""Short ways to write schema documents, in the form that `POST /schema` takes.

The shapes (system columns, constraint names, vocabulary and asset columns) are those that deriva-py's
`Table.define*` functions send, so that deriva-ml and Chaise recognise vocabularies, assets and associations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Document = dict[str, Any]

DISPLAY = "tag:misd.isi.edu,2015:display"
TABLE_DISPLAY = "tag:isrd.isi.edu,2016:table-display"
VISIBLE_COLUMNS = "tag:isrd.isi.edu,2016:visible-columns"
VISIBLE_FOREIGN_KEYS = "tag:isrd.isi.edu,2016:visible-foreign-keys"
ASSET = "tag:isrd.isi.edu,2017:asset"
INDEXING = "tag:isrd.isi.edu,2018:indexing-preferences"
CHAISE_CONFIG = "tag:isrd.isi.edu,2019:chaise-config"
EXPORT = "tag:isrd.isi.edu,2019:export"

DOMAINS = {
    "ermrest_rid": "text",
    "ermrest_rct": "timestamptz",
    "ermrest_rmt": "timestamptz",
    "ermrest_rcb": "text",
    "ermrest_rmb": "text",
    "ermrest_curie": "text",
    "ermrest_uri": "text",
    "markdown": "text",
    "longtext": "text",
}

SYSTEM = (
    ("RID", "ermrest_rid", False, "Record ID"),
    ("RCT", "ermrest_rct", False, "Creation Time"),
    ("RMT", "ermrest_rmt", False, "Modified Time"),
    ("RCB", "ermrest_rcb", True, "Created By"),
    ("RMB", "ermrest_rmb", True, "Modified By"),
)


def typed(typename: str) -> Document:
    """The document of a type, from its name: a built-in one, a domain over one, or an array (`text[]`)."""
    if typename.endswith("[]"):
        return {"typename": typename, "is_array": True, "base_type": typed(typename[:-2])}
    if typename in DOMAINS:
        return {"typename": typename, "is_domain": True, "base_type": {"typename": DOMAINS[typename]}}
    return {"typename": typename}


def column(
    name: str,
    typename: str = "text",
    *,
    need: bool = False,
    default: Any = None,
    comment: str | None = None,
    annotations: Document | None = None,
) -> Document:
    """A column; `need` makes null illegal."""
    return {
        "name": name,
        "type": typed(typename),
        "nullok": not need,
        "default": default,
        "comment": comment,
        "annotations": annotations or {},
    }


def unique(*columns: str, name: str | None = None) -> Document:
    """A key. Its name, when not given, is made by `table`."""
    return {"unique_columns": list(columns), "names": [["", name]] if name else []}


def refer(
    columns: str | Sequence[str],
    to: str,
    to_columns: str | Sequence[str] = "RID",
    *,
    name: str | None = None,
    on_delete: str = "NO ACTION",
    on_update: str = "NO ACTION",
    comment: str | None = None,
    annotations: Document | None = None,
) -> Document:
    """A foreign key to `to`, written `schema:table`. Its name, when not given, is made by `table`."""
    own = [columns] if isinstance(columns, str) else list(columns)
    theirs = [to_columns] if isinstance(to_columns, str) else list(to_columns)
    schema, _, table_name = to.partition(":")
    return {
        "foreign_key_columns": [{"column_name": c} for c in own],
        "referenced_columns": [{"schema_name": schema, "table_name": table_name, "column_name": c} for c in theirs],
        "names": [["", name]] if name else [],
        "on_delete": on_delete,
        "on_update": on_update,
        "comment": comment,
        "annotations": annotations or {},
    }


def table(
    schema: str,
    name: str,
    columns: Iterable[Document],
    *,
    keys: Iterable[Document] = (),
    references: Iterable[Document] = (),
    comment: str | None = None,
    annotations: Document | None = None,
    acls: Document | None = None,
    acl_bindings: Document | None = None,
) -> Document:
    """A table with the system columns, their key and their references to the catalog's list of clients."""
    system = [column(c, t, need=not null, annotations={DISPLAY: {"name": title}}) for c, t, null, title in SYSTEM]
    all_keys = [unique("RID"), *keys]
    all_references = [*(refer(c, "public:ERMrest_Client", "ID") for c in ("RCB", "RMB")), *references]
    for key in all_keys:
        key["names"] = [
            [schema, key["names"][0][1] if key["names"] else f"{name}_{'_'.join(key['unique_columns'])}_key"]
        ]
    for reference in all_references:
        own = [c["column_name"] for c in reference["foreign_key_columns"]]
        made = f"{name}_{'_'.join(own)}_fkey"
        reference["names"] = [[schema, reference["names"][0][1] if reference["names"] else made]]
        reference["foreign_key_columns"] = [{"schema_name": schema, "table_name": name, "column_name": c} for c in own]
    return {
        "schema_name": schema,
        "table_name": name,
        "kind": "table",
        "comment": comment,
        "annotations": annotations or {},
        "column_definitions": [*system, *columns],
        "keys": all_keys,
        "foreign_keys": all_references,
        "acls": acls or {},
        "acl_bindings": acl_bindings or {},
    }


def vocabulary(schema: str, name: str, prefix: str, comment: str | None = None) -> Document:
    """A controlled vocabulary; `prefix` starts the CURIEs of its terms."""
    return table(
        schema,
        name,
        [
            column(
                "ID", "ermrest_curie", need=True, default=f"{prefix}:{{RID}}", comment="Short identifier of the term"
            ),
            column("URI", "ermrest_uri", need=True, default="/id/{RID}", comment="Where the term is described"),
            column("Name", need=True, comment="What people call it"),
            column("Description", "markdown", need=True, comment="What it means"),
            column("Synonyms", "text[]", comment="What else it is called"),
        ],
        keys=[unique("ID"), unique("URI"), unique("Name")],
        comment=comment,
    )


def asset(
    schema: str,
    name: str,
    columns: Iterable[Document] = (),
    *,
    references: Iterable[Document] = (),
    url_pattern: str | None = None,
    comment: str | None = None,
    annotations: Document | None = None,
) -> Document:
    """A table of files in Hatrac."""
    default = "/hatrac/{{$catalog.id}}/" + f"{schema}/{name}/" + "{{{MD5}}}.{{#encode}}{{{Filename}}}{{/encode}}"
    marks = {
        "filename_column": "Filename",
        "byte_count_column": "Length",
        "md5": "MD5",
        "url_pattern": url_pattern or default,
    }
    return table(
        schema,
        name,
        [
            column("URL", need=True, comment="Where the file is", annotations={ASSET: marks}),
            column("Filename", comment="What the file was called when it was uploaded"),
            column("Description", "markdown", comment="What the file shows"),
            column("Length", "int8", need=True, comment="Size in bytes"),
            column("MD5", need=True, comment="MD5 of the content, hexadecimal"),
            *columns,
        ],
        keys=[unique("URL")],
        references=references,
        comment=comment,
        annotations={TABLE_DISPLAY: {"row_name": {"row_markdown_pattern": "{{{Filename}}}"}}, **(annotations or {})},
    )


def association(
    schema: str,
    name: str,
    *ends: tuple[str, str] | tuple[str, str, str],
    columns: Iterable[Document] = (),
    references: Iterable[Document] = (),
    comment: str | None = None,
) -> Document:
    """A table that ties rows of others together: `ends` are (column, schema:table[, referenced column, else RID])."""
    names = [end[0] for end in ends]
    return table(
        schema,
        name,
        [*(column(n, need=True) for n in names), *columns],
        keys=[unique(*names, name=f"{name}_assoc_key")],
        references=[
            *(
                refer(end[0], end[1], end[2] if len(end) == 3 else "RID", on_delete="CASCADE", on_update="CASCADE")
                for end in ends
            ),
            *references,
        ],
        comment=comment,
    )


def schema(name: str, tables: Iterable[Document], comment: str, annotations: Document) -> Document:
    """A schema of those tables."""
    return {
        "schema_name": name,
        "comment": comment,
        "annotations": annotations,
        "tables": {t["table_name"]: t for t in tables},
    }
