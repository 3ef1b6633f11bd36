"""The schema `deriva-ml` as release 1.17.10 of the Python package deriva-ml makes it.

Tables, columns, constraints and terms are facts about that release, observed by running its `create_ml_schema`;
tests/unit/sandbox/deriva_ml_1_17_10.json holds what was observed, and a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator

from satchel.sandbox.demo.define import (
    TABLE_DISPLAY,
    VISIBLE_COLUMNS,
    VISIBLE_FOREIGN_KEYS,
    Document,
    asset,
    association,
    column,
    refer,
    schema,
    table,
    unique,
    vocabulary,
)

ML = "deriva-ml"

Term = tuple[str, str]

ASSET_TYPES: tuple[Term, ...] = (
    ("Execution_Config", "How an execution was configured"),
    ("Runtime_Env", "The environment in which an execution ran"),
    ("Execution_Metadata", "What is known of an execution"),
    ("Execution_Asset", "A file that an execution made"),
    ("File", "A file that Hatrac does not manage"),
    ("Input_File", "A file that an execution read"),
    ("Output_File", "A file that an execution wrote"),
    ("Model_File", "A trained model"),
    ("Notebook_Output", "A notebook after it ran"),
)
ASSET_ROLES: tuple[Term, ...] = (("Input", "Read by the execution"), ("Output", "Written by the execution"))
DATASET_TYPES: tuple[Term, ...] = (("File", "A dataset of files"),)


def _source(*steps: tuple[str, str], column_name: str = "RID", title: str | None = None) -> Document:
    """A pseudo-column of Chaise: constraints of this schema to follow, then a column."""
    shown: Document = {"source": [*({way: [ML, name]} for way, name in steps), column_name]}
    return {**shown, "markdown_name": title} if title else shown


def _clients(name: str) -> list[Document | list[str]]:
    return [[ML, f"{name}_RCB_fkey"], [ML, f"{name}_RMB_fkey"]]


def _assets(name: str) -> Iterator[Document]:
    """An asset table with its two associations."""
    types = _source(
        ("inbound", f"{name}_Asset_Type_{name}_fkey"),
        ("outbound", f"{name}_Asset_Type_Asset_Type_fkey"),
        title="Asset Types",
    )
    files: list[Document | str] = ["URL", "Filename", "Description", "Length", "MD5", types]
    yield asset(
        ML,
        name,
        url_pattern="/hatrac/metadata/{{MD5}}.{{Filename}}",
        comment="Asset table.",
        annotations={VISIBLE_COLUMNS: {"*": ["RID", "RCT", "RMT", *_clients(name), *files]}},
    )
    yield association(ML, f"{name}_Asset_Type", (name, f"{ML}:{name}"), ("Asset_Type", f"{ML}:Asset_Type", "Name"))
    yield association(
        ML,
        f"{name}_Execution",
        (name, f"{ML}:{name}"),
        ("Execution", f"{ML}:Execution"),
        columns=[column("Asset_Role", need=True)],
        references=[refer("Asset_Role", f"{ML}:Asset_Role", "Name", on_delete="CASCADE", on_update="CASCADE")],
    )


def _dataset() -> Document:
    version = _source(("outbound", "Dataset_Version_fkey"), column_name="Version", title="Dataset Version")
    types = _source(
        ("inbound", "Dataset_Dataset_Type_Dataset_fkey"),
        ("outbound", "Dataset_Dataset_Type_Dataset_Type_fkey"),
        title="Dataset Types",
    )
    facets = [
        {"source": "RID"},
        {"source": "Description"},
        types,
        _source(("outbound", "Dataset_RCB_fkey"), title="Created By"),
        _source(("outbound", "Dataset_RMB_fkey"), title="Modified By"),
    ]
    return table(
        ML,
        "Dataset",
        [column("Description", "markdown"), column("Deleted", "boolean"), column("Version")],
        references=[
            refer("Version", f"{ML}:Dataset_Version", on_delete="CASCADE", on_update="CASCADE"),
        ],
        annotations={
            VISIBLE_COLUMNS: {
                "*": ["RID", "Description", *_clients("Dataset"), version],
                "detailed": ["RID", "Description", types, version, *_clients("Dataset")],
                "filter": {"and": facets},
            }
        },
    )


def _dataset_version() -> Document:
    link = "[{{{Version}}}](https://{{{$location.host}}}/id/{{{$catalog.id}}}/{{{Dataset}}}@{{{Snapshot}}})"
    shown = {
        "display": {"template_engine": "handlebars", "markdown_pattern": link},
        "markdown_name": "Version",
    }
    name = "{{{$fkey_deriva-ml_Dataset_Version_Dataset_fkey.RID}}}:{{{Version}}}"
    return table(
        ML,
        "Dataset_Version",
        [
            column("Version", default="0.1.0", comment="Semantic version of the dataset"),
            column("Description", "markdown"),
            column("Dataset", comment="RID of the dataset"),
            column("Execution", comment="RID of the execution"),
            column("Minid", comment="URL of the MINID of this version"),
            column("Snapshot", comment="Catalog snapshot of this version"),
        ],
        keys=[unique("Dataset", "Version")],
        references=[refer("Dataset", f"{ML}:Dataset"), refer("Execution", f"{ML}:Execution")],
        annotations={
            VISIBLE_COLUMNS: {
                "*": [
                    "RID",
                    "RCT",
                    "RMT",
                    *_clients("Dataset_Version"),
                    _source(("outbound", "Dataset_Version_Dataset_fkey")),
                    "Description",
                    shown,
                    "Minid",
                    _source(("outbound", "Dataset_Version_Execution_fkey")),
                ]
            },
            VISIBLE_FOREIGN_KEYS: {"*": []},
            TABLE_DISPLAY: {"row_name": {"row_markdown_pattern": name}},
        },
    )


def _workflow() -> Document:
    return table(
        ML,
        "Workflow",
        [
            column("Name"),
            column("Description", "markdown"),
            column("URL", "ermrest_uri"),
            column("Checksum"),
            column("Version"),
            column("Workflow_Type", need=True),
        ],
        references=[refer("Workflow_Type", f"{ML}:Workflow_Type", "Name", on_delete="CASCADE", on_update="CASCADE")],
        annotations={
            VISIBLE_COLUMNS: {
                "*": [
                    "RID",
                    *_clients("Workflow"),
                    "Name",
                    "Description",
                    {"display": {"markdown_pattern": "[{{{URL}}}]({{{URL}}})"}, "markdown_name": "URL"},
                    "Checksum",
                    "Version",
                    _source(("outbound", "Workflow_Workflow_Type_fkey")),
                ]
            }
        },
    )


def _execution() -> Document:
    def through(name: str, partner: str) -> Document:
        steps = (("inbound", f"{name}_Execution_fkey"), ("outbound", f"{name}_{partner}_fkey"))
        return _source(*steps, title=partner.replace("_", " "))

    return table(
        ML,
        "Execution",
        [
            column("Workflow"),
            column("Description", "markdown"),
            column("Duration"),
            column("Status"),
            column("Status_Detail"),
        ],
        references=[refer("Workflow", f"{ML}:Workflow")],
        annotations={
            VISIBLE_COLUMNS: {
                "*": [
                    "RID",
                    *_clients("Execution"),
                    "RCT",
                    "Description",
                    _source(("outbound", "Execution_Workflow_fkey")),
                    "Duration",
                    "Status",
                    "Status_Detail",
                ]
            },
            VISIBLE_FOREIGN_KEYS: {
                "detailed": [
                    through("Dataset_Execution", "Dataset"),
                    through("Execution_Asset_Execution", "Execution_Asset"),
                    through("Execution_Metadata_Execution", "Execution_Metadata"),
                ]
            },
        },
    )


def ml_schema() -> Document:
    """The document of the whole schema, before any domain table refers to it."""
    tables = [
        *(vocabulary(ML, name, ML) for name in ("Feature_Name", "Asset_Type", "Asset_Role")),
        _workflow(),
        vocabulary(ML, "Workflow_Type", ML),
        _execution(),
        _dataset(),
        vocabulary(ML, "Dataset_Type", ML),
        association(
            ML, "Dataset_Dataset_Type", ("Dataset", f"{ML}:Dataset"), ("Dataset_Type", f"{ML}:Dataset_Type", "Name")
        ),
        _dataset_version(),
        association(ML, "Dataset_Dataset", ("Dataset", f"{ML}:Dataset"), ("Nested_Dataset", f"{ML}:Dataset")),
        association(ML, "Dataset_Execution", ("Dataset", f"{ML}:Dataset"), ("Execution", f"{ML}:Execution")),
        *_assets("Execution_Metadata"),
        *_assets("Execution_Asset"),
        *_assets("File"),
        association(ML, "Dataset_File", ("Dataset", f"{ML}:Dataset"), ("File", f"{ML}:File")),
    ]
    return schema(ML, tables, "Datasets and executions of machine learning", {"name_style": {"underline_space": True}})
