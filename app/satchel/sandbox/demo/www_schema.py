"""The schema `WWW` of the demo: pages of text and the files on them, as deriva-py's baseline of a catalog has it.

deriva-ml looks for its tables there as well, and raises where the schema is not.
"""

from __future__ import annotations

from satchel.sandbox.demo.define import (
    TABLE_DISPLAY,
    VISIBLE_COLUMNS,
    Document,
    asset,
    column,
    refer,
    schema,
    table,
    unique,
)

WWW = "WWW"


def www_schema() -> Document:
    """The document of the whole schema."""
    page = table(
        WWW,
        "Page",
        [
            column("Title", need=True, comment="What the page is called; no two are called the same"),
            column("Content", "markdown", comment="The page itself"),
        ],
        keys=[unique("Title")],
        annotations={
            TABLE_DISPLAY: {
                "row_name": {"row_markdown_pattern": "{{{Title}}}"},
                "detailed": {"hide_column_headers": True, "collapse_toc_panel": True},
            },
            VISIBLE_COLUMNS: {
                "compact": ["Title"],
                "detailed": ["Content"],
                "entry": ["Title", "Content"],
                "filter": {"and": []},
            },
        },
    )
    file = asset(
        WWW,
        "File",
        [column("Page", need=True, comment="The page on which it is")],
        references=[refer("Page", f"{WWW}:Page")],
    )
    return schema(WWW, [page, file], "Pages for people to read", {})
