"""The schema `lab`: the animals' house, with all that makes references between tables difficult.

An animal refers to its mother, an animal to its cage and the cage to the animal in front, a transfer to two cages;
a table and columns have names with blanks, brackets and letters beyond ASCII.
"""

from __future__ import annotations

from satchel.sandbox.demo.define import DISPLAY, TABLE_DISPLAY, Document, column, refer, schema, table, unique

LAB = "lab"
FEEDING = "Feeding Log"


def lab_schema() -> Document:
    """The document of the schema."""
    tables = [
        table(
            LAB,
            "Cage",
            [column("Label", need=True), column("Shelf", "int2"), column("Current_Animal"), column("Lit", "boolean")],
            keys=[unique("Label")],
            references=[refer("Current_Animal", "lab:Animal", on_delete="SET NULL")],
            comment="A cage, and the animal that lives in it now",
            annotations={TABLE_DISPLAY: {"row_name": {"row_markdown_pattern": "{{{Label}}}"}}},
        ),
        table(
            LAB,
            "Animal",
            [
                column("Name", need=True),
                column("Species", need=True),
                column("Mother", comment="Her record, when she was born here too"),
                column("Cage"),
                column("Study", comment="The study that the animal takes part in"),
                column("Born", "date"),
                column("Genotype", "jsonb"),
                column("Weights", "float8[]", comment="Grams, one a week; null when it was not weighed"),
            ],
            keys=[unique("Name")],
            references=[
                refer("Species", "eye:Species", "Name", on_update="CASCADE"),
                refer("Mother", "lab:Animal"),
                refer("Cage", "lab:Cage", on_delete="SET NULL"),
                refer("Study", "eye:Study"),
            ],
            comment="An animal",
        ),
        table(
            LAB,
            "Transfer",
            [
                column("Animal", need=True),
                column("From_Cage"),
                column("To_Cage", need=True),
                column("Moved", "timestamptz"),
                column("Reason"),
            ],
            references=[
                refer("Animal", "lab:Animal", on_delete="CASCADE"),
                refer("From_Cage", "lab:Cage", annotations={DISPLAY: {"from_name": "Left by"}}),
                refer("To_Cage", "lab:Cage", annotations={DISPLAY: {"from_name": "Entered by"}}),
            ],
            comment="An animal's move from one cage to another",
        ),
        table(
            LAB,
            FEEDING,
            [
                column("Animal", need=True),
                column("Day", "date", need=True),
                column("Amount (g)", "float8"),
                column("Größe, mm", "int4"),
                column('Said "no"', "boolean"),
            ],
            keys=[unique("Animal", "Day")],
            references=[refer("Animal", "lab:Animal", on_delete="CASCADE")],
            comment="What was eaten, and by whom",
        ),
    ]
    return schema(LAB, tables, "The animals' house", {DISPLAY: {"name": "Animal house"}})
