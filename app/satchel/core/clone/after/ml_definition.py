"""The schema `deriva-ml` as release 1.17.10 of the package deriva-ml makes it, as documents for `POST /schema`.

Tables, columns, constraints, annotations and terms are facts about that release (informatics-isi-edu/deriva-ml,
`schema/create_schema.py` and `schema/annotations.py`; the shapes are those of deriva-py's `Table.define*`). Only what
the release itself needs is here: no rows but the terms that it looks for by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ML = "deriva-ml"
Document = dict[str, Any]

_DISPLAY = "tag:misd.isi.edu,2015:display"
_TABLE_DISPLAY = "tag:isrd.isi.edu,2016:table-display"
_COLUMNS = "tag:isrd.isi.edu,2016:visible-columns"
_FOREIGN_KEYS = "tag:isrd.isi.edu,2016:visible-foreign-keys"
_ASSET = "tag:isrd.isi.edu,2017:asset"
_DOMAINS = {"ermrest_rct": "timestamptz", "ermrest_rmt": "timestamptz"}
_BUILT_IN = frozenset({"text", "int8", "boolean"})

TERMS: dict[str, dict[str, str]] = {
    "Asset_Type": {
        "Execution_Config": "Configuration of an execution",
        "Runtime_Env": "Environment in which an execution ran",
        "Execution_Metadata": "What describes an execution",
        "Execution_Asset": "File that an execution made",
        "File": "File that Hatrac does not hold",
        "Input_File": "File that went into an execution",
        "Output_File": "File that came out of an execution",
        "Model_File": "A model",
        "Notebook_Output": "Jupyter notebook after it was run",
    },
    "Asset_Role": {"Input": "The execution has read it", "Output": "The execution has written it"},
    "Dataset_Type": {"File": "Dataset that holds files"},
}
"""Vocabulary -> name -> description."""


def _column(name: str, typename: str = "text", *, need: bool = False, default: Any = None, **more: Any) -> Document:
    return {"name": name, "type": _type(typename), "nullok": not need, "default": default, **more}


def _type(name: str) -> Document:
    if name.endswith("[]"):
        return {"typename": name, "is_array": True, "base_type": _type(name[:-2])}
    if name in _BUILT_IN:
        return {"typename": name}
    return {"typename": name, "is_domain": True, "base_type": {"typename": _DOMAINS.get(name, "text")}}


_SYSTEM = (
    ("RID", "ermrest_rid", True, "Record ID"),
    ("RCT", "ermrest_rct", True, "Creation Time"),
    ("RMT", "ermrest_rmt", True, "Modified Time"),
    ("RCB", "ermrest_rcb", False, "Created By"),
    ("RMB", "ermrest_rmb", False, "Modified By"),
)


class _Reference:
    """A foreign key of one column."""

    def __init__(self, column: str, table: str, to: str = "RID", *, cascade: bool = False, schema: str = ML) -> None:
        self.column, self.table, self.to, self.schema = column, table, to, schema
        self.action = "CASCADE" if cascade else "NO ACTION"

    def document(self, table: str) -> Document:
        """As a table's."""
        far = {"schema_name": self.schema, "table_name": self.table, "column_name": self.to}
        return {
            "foreign_key_columns": [{"schema_name": ML, "table_name": table, "column_name": self.column}],
            "referenced_columns": [far],
            "names": [[ML, f"{table}_{self.column}_fkey"]],
            "on_delete": self.action,
            "on_update": self.action,
        }


def _table(
    name: str,
    columns: Iterable[Document],
    *,
    keys: Iterable[tuple[str, ...]] = (),
    references: Iterable[_Reference] = (),
    annotations: Document | None = None,
    comment: str | None = None,
    key_name: str | None = None,
) -> Document:
    system = [_column(c, t, need=need, annotations={_DISPLAY: {"name": title}}) for c, t, need, title in _SYSTEM]
    users = [_Reference(c, "ERMrest_Client", "ID", schema="public") for c in ("RCB", "RMB")]
    return {
        "schema_name": ML,
        "table_name": name,
        "kind": "table",
        "comment": comment,
        "annotations": annotations or {},
        "column_definitions": [*system, *columns],
        "keys": [
            {"unique_columns": ["RID"], "names": [[ML, f"{name}_RID_key"]]},
            *(
                {"unique_columns": list(key), "names": [[ML, key_name or f"{name}_{'_'.join(key)}_key"]]}
                for key in keys
            ),
        ],
        "foreign_keys": [reference.document(name) for reference in (*users, *references)],
    }


def _vocabulary(name: str) -> Document:
    columns = (
        _column("ID", "ermrest_curie", need=True, default=f"{ML}:{{RID}}"),
        _column("URI", "ermrest_uri", need=True, default="/id/{RID}"),
        _column("Name", need=True),
        _column("Description", "markdown", need=True),
        _column("Synonyms", "text[]"),
    )
    return _table(name, columns, keys=(("ID",), ("URI",), ("Name",)))


def _association(name: str, *ends: _Reference, more: Iterable[_Reference] = ()) -> Document:
    extra = list(more)
    return _table(
        name,
        [_column(end.column, need=True) for end in (*ends, *extra)],
        keys=(tuple(end.column for end in ends),),
        key_name=f"{name}_assoc_key",
        references=(*ends, *extra),
    )


def _to(column: str, table: str, to: str = "RID") -> _Reference:
    return _Reference(column, table, to, cascade=True)


def _path(*steps: tuple[str, str], column: str = "RID", title: str = "") -> Document:
    """A pseudo-column: constraints to follow, and a column at their end."""
    found: Document = {"source": [*({way: [ML, name]} for way, name in steps), column]}
    return {**found, "markdown_name": title} if title else found


def _people(name: str) -> list[list[str]]:
    return [[ML, f"{name}_RCB_fkey"], [ML, f"{name}_RMB_fkey"]]


def _shown(*columns: Any) -> Document:
    return {_COLUMNS: {"*": list(columns)}}


def _workflow() -> Document:
    link = {"display": {"markdown_pattern": "[{{{URL}}}]({{{URL}}})"}, "markdown_name": "URL"}
    kind = _path(("outbound", "Workflow_Workflow_Type_fkey"))
    return _table(
        "Workflow",
        [
            _column("Name"),
            _column("Description", "markdown"),
            _column("URL", "ermrest_uri"),
            _column("Checksum"),
            _column("Version"),
            _column("Workflow_Type", need=True),
        ],
        references=[_to("Workflow_Type", "Workflow_Type", "Name")],
        annotations=_shown("RID", *_people("Workflow"), "Name", "Description", link, "Checksum", "Version", kind),
    )


def _execution() -> Document:
    def partner(association: str, name: str) -> Document:
        steps = (("inbound", f"{association}_Execution_fkey"), ("outbound", f"{association}_{name}_fkey"))
        return _path(*steps, title=name.replace("_", " "))

    workflow = _path(("outbound", "Execution_Workflow_fkey"))
    texts = ("Duration", "Status", "Status_Detail")
    return _table(
        "Execution",
        [_column("Workflow"), _column("Description", "markdown"), *map(_column, texts)],
        references=[_Reference("Workflow", "Workflow")],
        annotations={
            **_shown("RID", *_people("Execution"), "RCT", "Description", workflow, *texts),
            _FOREIGN_KEYS: {
                "detailed": [
                    partner("Dataset_Execution", "Dataset"),
                    partner("Execution_Asset_Execution", "Execution_Asset"),
                    partner("Execution_Metadata_Execution", "Execution_Metadata"),
                ]
            },
        },
    )


def _dataset() -> Document:
    version = _path(("outbound", "Dataset_Version_fkey"), column="Version", title="Dataset Version")
    kinds = _path(
        ("inbound", "Dataset_Dataset_Type_Dataset_fkey"),
        ("outbound", "Dataset_Dataset_Type_Dataset_Type_fkey"),
        title="Dataset Types",
    )
    by = [_path(("outbound", f"Dataset_{c}_fkey"), title=t) for c, t in (("RCB", "Created By"), ("RMB", "Modified By"))]
    return _table(
        "Dataset",
        [_column("Description", "markdown"), _column("Deleted", "boolean"), _column("Version")],
        references=[_to("Version", "Dataset_Version")],
        annotations={
            _COLUMNS: {
                "*": ["RID", "Description", *_people("Dataset"), version],
                "detailed": ["RID", "Description", kinds, version, *_people("Dataset")],
                "filter": {"and": [{"source": "RID"}, {"source": "Description"}, kinds, *by]},
            }
        },
    )


def _dataset_version() -> Document:
    link = "[{{{Version}}}](https://{{{$location.host}}}/id/{{{$catalog.id}}}/{{{Dataset}}}@{{{Snapshot}}})"
    version = {"display": {"template_engine": "handlebars", "markdown_pattern": link}, "markdown_name": "Version"}
    name = "{{{$fkey_deriva-ml_Dataset_Version_Dataset_fkey.RID}}}:{{{Version}}}"
    dataset, execution = (_path(("outbound", f"Dataset_Version_{c}_fkey")) for c in ("Dataset", "Execution"))
    people = _people("Dataset_Version")
    return _table(
        "Dataset_Version",
        [
            _column("Version", default="0.1.0"),
            _column("Description", "markdown"),
            *map(_column, ("Dataset", "Execution", "Minid", "Snapshot")),
        ],
        keys=(("Dataset", "Version"),),
        references=[_Reference("Dataset", "Dataset"), _Reference("Execution", "Execution")],
        annotations={
            **_shown("RID", "RCT", "RMT", *people, dataset, "Description", version, "Minid", execution),
            _FOREIGN_KEYS: {"*": []},
            _TABLE_DISPLAY: {"row_name": {"row_markdown_pattern": name}},
        },
    )


def _assets(name: str) -> list[Document]:
    """An asset table and what ties it to its types and to executions."""
    marks = {
        "filename_column": "Filename",
        "byte_count_column": "Length",
        "md5": "MD5",
        "url_pattern": "/hatrac/metadata/{{MD5}}.{{Filename}}",
    }
    kinds = _path(
        ("inbound", f"{name}_Asset_Type_{name}_fkey"),
        ("outbound", f"{name}_Asset_Type_Asset_Type_fkey"),
        title="Asset Types",
    )
    files = ("URL", "Filename", "Description", "Length", "MD5")
    table = _table(
        name,
        [
            _column("URL", need=True, annotations={_ASSET: marks}),
            _column("Filename"),
            _column("Description", "markdown"),
            _column("Length", "int8", need=True),
            _column("MD5", need=True),
        ],
        keys=(("URL",),),
        annotations={
            _TABLE_DISPLAY: {"row_name": {"row_markdown_pattern": "{{{Filename}}}"}},
            **_shown("RID", "RCT", "RMT", *_people(name), *files, kinds),
        },
    )
    return [
        table,
        _association(f"{name}_Asset_Type", _to(name, name), _to("Asset_Type", "Asset_Type", "Name")),
        _association(
            f"{name}_Execution",
            _to(name, name),
            _to("Execution", "Execution"),
            more=[_to("Asset_Role", "Asset_Role", "Name")],
        ),
    ]


def ml_schema() -> Document:
    """The document of the whole schema."""
    tables = [
        *(_vocabulary(name) for name in ("Feature_Name", "Asset_Type", "Asset_Role", "Workflow_Type", "Dataset_Type")),
        _workflow(),
        _execution(),
        _dataset(),
        _association("Dataset_Dataset_Type", _to("Dataset", "Dataset"), _to("Dataset_Type", "Dataset_Type", "Name")),
        _dataset_version(),
        _association("Dataset_Dataset", _to("Dataset", "Dataset"), _to("Nested_Dataset", "Dataset")),
        _association("Dataset_Execution", _to("Dataset", "Dataset"), _to("Execution", "Execution")),
        *_assets("Execution_Metadata"),
        *_assets("Execution_Asset"),
        *_assets("File"),
        _association("Dataset_File", _to("Dataset", "Dataset"), _to("File", "File")),
    ]
    return {
        "schema_name": ML,
        "comment": None,
        "annotations": {_DISPLAY: {"name_style": {"underline_space": True}}},
        "tables": {table["table_name"]: table for table in tables},
    }


CLIENT_ANNOTATIONS: Document = {
    _DISPLAY: {"name": "Users"},
    _TABLE_DISPLAY: {"row_name": {"row_markdown_pattern": "{{{Full_Name}}}"}},
    _COLUMNS: {"compact": ["Full_Name", "Display_Name", "Email", "ID"]},
}
"""What deriva-ml writes onto public:ERMrest_Client."""
