"""The schema `eye`: a study of eyes in several clinics.

    Study <- Subject <- Visit <- Observation <- Image          Subject <- Consent, Randomization
      ^         ^         |  ^                    |            Visit -> Room -> Clinic (a composite reference)
      |         |         v  +- Report            v            Image -> Device
    Study_      Subject_  Room                    Image_Quality
    Investigator Diagnosis

Apart from vocabularies, and from the associations that hang members on datasets, the references between these
tables form a tree: the path finder of deriva-ml 1.17.10 refuses a domain schema that has two ways from one table to
another, or two references between one pair; and it cannot read a null in a boolean column. What it refuses is in the
schema `lab`.
"""

from __future__ import annotations

from satchel.sandbox.demo.define import (
    DISPLAY,
    EXPORT,
    INDEXING,
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

EYE = "eye"

VOCABULARIES = (
    ("Species", "What kind of animal a subject is"),
    ("Diagnosis", "What a subject suffers from"),
    ("Laterality", "Which eye, or eyes"),
    ("Image_Quality", "How good a picture is"),
)

VISIBLE_SUBJECTS: Document = {
    "types": ["select"],
    "scope_acl": ["*"],
    "projection": [{"filter": "Restricted", "operand": False}, "RID"],
    "projection_type": "nonnull",
}
"""The row policy: who may not see the table may still see the subjects that are not restricted."""

NO_INDEX: Document = {INDEXING: {"btree": False, "trgm": False}}
"""For columns whose values are longer than an index of PostgreSQL takes."""


def _titled(name: str, order: str | None = None) -> Document:
    """How a row is called on a screen, and by which column rows are sorted."""
    shown: Document = {"row_name": {"row_markdown_pattern": name}}
    if order:
        shown["*"] = {"row_order": [{"column": order, "descending": False}]}
    return {TABLE_DISPLAY: shown}


def _study_export() -> Document:
    """Templates of Chaise's export menu for a study."""

    def csv(name: str, path: str) -> Document:
        return {"source": {"api": "entity", "path": path}, "destination": {"name": name, "type": "csv"}}

    visits = "(RID)=(eye:Subject:Study)/(RID)=(eye:Visit:Subject)"
    images = f"{visits}/(RID)=(eye:Observation:Visit)/(RID)=(eye:Image:Observation)"
    files = {
        "source": {
            "api": "attribute",
            "path": f"{images}/!(URL::null::)/url:=URL,length:=Length,filename:=Filename,md5:=MD5",
        },
        "destination": {"name": "assets/Image", "type": "fetch"},
    }
    subjects = csv("Subject", "(RID)=(eye:Subject:Study)")
    return {
        "detailed": {
            "templates": [
                {
                    "displayname": "Study with pictures (BDBag)",
                    "type": "BAG",
                    "outputs": [
                        {"source": {"api": "entity"}, "destination": {"name": "Study", "type": "csv"}},
                        subjects,
                        csv("Visit", visits),
                        csv("Observation", f"{visits}/(RID)=(eye:Observation:Visit)"),
                        csv("Image", images),
                        files,
                    ],
                },
                {"displayname": "Subjects (CSV)", "type": "FILE", "outputs": [subjects]},
            ]
        }
    }


def _image_export() -> Document:
    """The one template of Chaise's export menu for a list of pictures."""
    files = {
        "source": {"api": "attribute", "path": "!(URL::null::)/url:=URL,length:=Length,filename:=Filename,md5:=MD5"},
        "destination": {"name": "assets/Image", "type": "fetch"},
    }
    rows = {"source": {"api": "entity"}, "destination": {"name": "Image", "type": "csv"}}
    return {"*": {"templates": [{"displayname": "Pictures (BDBag)", "type": "BAG", "outputs": [rows, files]}]}}


def study_tables() -> list[Document]:
    """The twelve tables that hold the study's records, vocabularies included."""
    return [
        *(vocabulary(EYE, name, "EYE", comment) for name, comment in VOCABULARIES[:3]),
        table(
            EYE,
            "Clinic",
            [
                column("Code", need=True, comment="Three letters"),
                column("Name", need=True),
                column("Address", "markdown", comment="As on a letter, several lines"),
                column("City"),
                column("Country", comment="ISO 3166 code of two letters"),
                column("Opened", "date"),
                column("Recruiting", "boolean"),
                column("Contact", "jsonb", comment="Who to call: {name, phone, hours}"),
            ],
            keys=[unique("Code"), unique("Name")],
            comment="A clinic that takes part",
            annotations=_titled("{{{Name}}}", "Code"),
        ),
        table(
            EYE,
            "Room",
            [
                column("Clinic", need=True),
                column("Number", "int4", need=True),
                column("Title", comment="What is written on the door"),
                column("Equipment", "text[]"),
                column("Dark", "boolean", comment="Whether it can be darkened"),
            ],
            keys=[unique("Clinic", "Number")],
            references=[refer("Clinic", "eye:Clinic", "Code", on_delete="CASCADE", on_update="CASCADE")],
            comment="A room of a clinic, known by the clinic's code and the room's number together",
            annotations=_titled("{{{Clinic}}} {{{Number}}}"),
        ),
        table(
            EYE,
            "Device",
            [
                column("Serial", need=True, comment="The maker's serial number"),
                column("Maker"),
                column("Model"),
                column("Calibrated", "timestamp", comment="Last calibration, local time"),
                column("Settings", "json", comment="As the device writes them"),
                column("Aperture", "float4", comment="f-number"),
                column("Pixels", "int4[]", comment="Width and height of its sensor"),
            ],
            keys=[unique("Serial")],
            comment="A camera or another instrument",
            annotations=_titled("{{{Maker}}} {{{Model}}}"),
        ),
        table(
            EYE,
            "Study",
            [
                column("Code", need=True),
                column("Title", need=True),
                column("Protocol", "markdown", comment="What is done, and why; long", annotations=NO_INDEX),
                column("Begun", "date"),
                column("Ended", "date"),
                column("Approved", "boolean"),
                column("Milestones", "date[]"),
                column("Budget", "int8", comment="Euro cents"),
            ],
            keys=[unique("Code")],
            comment="A study: the natural root of an export",
            annotations={
                **_titled("{{{Code}}}: {{{Title}}}", "Code"),
                EXPORT: _study_export(),
                VISIBLE_COLUMNS: {
                    "compact": ["RID", "Code", "Title", "Begun", "Approved"],
                    "detailed": ["RID", "Code", "Title", "Protocol", "Begun", "Ended", "Milestones", "Budget"],
                },
            },
        ),
        table(
            EYE,
            "Subject",
            [
                column("Study", need=True),
                column("Code", need=True, comment="The subject's pseudonym"),
                column("Name", comment="As the subject signs; may be empty"),
                column("Aliases", "text[]", comment="Other names"),
                column("Species", need=True, default="human"),
                column("Sex"),
                column("Born", "date"),
                column("Weight", "float8", comment="Kilograms"),
                column(
                    "Restricted",
                    "boolean",
                    need=True,
                    default=False,
                    comment="True for subjects whom only the owner may see",
                    annotations={DISPLAY: {"name": "Restricted access"}},
                ),
                column("Remarks", "markdown"),
            ],
            keys=[unique("Study", "Code")],
            references=[
                refer("Study", "eye:Study", annotations={DISPLAY: {"name": "Study"}}),
                refer("Species", "eye:Species", "Name", on_update="CASCADE"),
            ],
            comment="A person or an animal whose eyes are looked at",
            annotations={
                **_titled("{{{Code}}}", "Code"),
                VISIBLE_COLUMNS: {
                    "compact": [
                        "RID",
                        [EYE, "Subject_Study_fkey"],
                        "Code",
                        "Name",
                        [EYE, "Subject_Species_fkey"],
                        "Born",
                    ]
                },
                VISIBLE_FOREIGN_KEYS: {"*": [[EYE, "Visit_Subject_fkey"], [EYE, "Subject_Diagnosis_Subject_fkey"]]},
            },
            acls={"select": []},
            acl_bindings={"visible": VISIBLE_SUBJECTS},
        ),
        association(
            EYE,
            "Subject_Diagnosis",
            ("Subject", "eye:Subject"),
            ("Diagnosis", "eye:Diagnosis", "Name"),
            comment="What each subject suffers from",
        ),
        table(
            EYE,
            "Visit",
            [
                column("Subject", need=True),
                column("Date", "timestamptz", need=True),
                column("Clinic", comment="Code of the clinic"),
                column("Room", "int4", comment="Number of the room in that clinic; unknown for some visits"),
                column("Purpose"),
                column("Notes", "markdown", comment="As the examiner typed them"),
                column("Minutes", "int2"),
            ],
            references=[
                refer("Subject", "eye:Subject", on_delete="CASCADE"),
                refer(
                    ("Clinic", "Room"), "eye:Room", ("Clinic", "Number"), name="Visit_Room_fkey", on_delete="SET NULL"
                ),
            ],
            comment="A subject's visit to a clinic",
            annotations={DISPLAY: {"name": "Visits"}, **_titled("{{{Date}}}", "Date")},
        ),
        table(
            EYE,
            "Observation",
            [
                column("Visit", need=True),
                column("Laterality"),
                column("Measure", need=True, comment="What was measured"),
                column("Value", "float8"),
                column("Unit"),
                column("Reliable", "boolean"),
                column("Taken", "timestamptz"),
                column("Series", "float8[]", comment="Single readings"),
                column("Raw", "jsonb", comment="What the instrument said"),
                column("Note"),
            ],
            references=[
                refer("Visit", "eye:Visit", on_delete="CASCADE"),
                refer("Laterality", "eye:Laterality", "Name", on_update="CASCADE"),
            ],
            comment="One measurement of one eye",
            annotations=_titled("{{{Measure}}}: {{{Value}}} {{{Unit}}}"),
        ),
        asset(
            EYE,
            "Image",
            [
                column("Observation", need=True),
                column("Laterality"),
                column("Device"),
                column("Taken", "timestamptz"),
                column("Width", "int4"),
                column("Height", "int4"),
            ],
            references=[
                refer("Observation", "eye:Observation"),
                refer("Laterality", "eye:Laterality", "Name", on_update="CASCADE"),
                refer("Device", "eye:Device", on_delete="SET NULL"),
            ],
            comment="A picture of the back of an eye",
            annotations={EXPORT: _image_export()},
        ),
    ]


def further_tables() -> list[Document]:
    """What a study has besides: people, reports, papers that not everyone may read, members of datasets."""
    ml = "deriva-ml"
    return [
        vocabulary(EYE, *VOCABULARIES[3][:1], "EYE", VOCABULARIES[3][1]),
        table(
            EYE,
            "Investigator",
            [
                column("Name", need=True),
                column("ORCID", "ermrest_uri"),
                column("Email", comment="Empty when the person has none, null when nobody asked"),
                column("Skills", "text[]"),
            ],
            keys=[unique("Name")],
            comment="Someone who leads or works on studies",
            annotations=_titled("{{{Name}}}", "Name"),
        ),
        association(
            EYE,
            "Study_Investigator",
            ("Study", "eye:Study"),
            ("Investigator", "eye:Investigator"),
            comment="Who works on which study",
        ),
        asset(
            EYE,
            "Report",
            [column("Visit", need=True), column("Signed", "boolean"), column("Language")],
            references=[refer("Visit", "eye:Visit")],
            comment="What the examiner wrote to the family doctor",
        ),
        table(
            EYE,
            "Consent",
            [
                column("Subject", need=True),
                column("Given", "date"),
                column("Withdrawn", "date"),
                column("Text", "markdown"),
            ],
            references=[refer("Subject", "eye:Subject", on_delete="CASCADE")],
            comment="Signed papers. Others may know that they exist, but not read them",
            acls={"select": []},
        ),
        table(
            EYE,
            "Randomization",
            [column("Subject", need=True), column("Arm", need=True), column("Opened", "timestamptz")],
            keys=[unique("Subject")],
            references=[refer("Subject", "eye:Subject", on_delete="CASCADE")],
            comment="Who gets which treatment. Others may not even know that the table exists",
            acls={"enumerate": [], "select": []},
        ),
        association(EYE, "Dataset_Subject", ("Dataset", f"{ml}:Dataset"), ("Subject", "eye:Subject")),
        association(EYE, "Dataset_Image", ("Dataset", f"{ml}:Dataset"), ("Image", "eye:Image")),
        association(
            EYE,
            "Execution_Image_Quality",
            ("Execution", f"{ml}:Execution"),
            ("Image", "eye:Image"),
            ("Feature_Name", f"{ml}:Feature_Name", "Name"),
            columns=[column("Image_Quality", need=True), column("Score", "float8")],
            references=[
                refer("Image_Quality", "eye:Image_Quality", "Name", on_delete="CASCADE", on_update="CASCADE"),
            ],
            comment="What a program thought of each picture (a feature of deriva-ml)",
        ),
    ]


def eye_schema(*, whole: bool = True) -> Document:
    """The document of the schema; not `whole`, it holds only the twelve tables of the study's records."""
    tables = [*study_tables(), *(further_tables() if whole else ())]
    if not whole:
        for each in tables:
            each["acls"], each["acl_bindings"] = {}, {}
    for each in tables:
        for one in each["column_definitions"]:
            if each["table_name"] == "Execution_Image_Quality" and one["name"] == "Feature_Name":
                one["default"] = "Quality"
    return schema(
        EYE, tables, "A study of eyes", {DISPLAY: {"name": "Eye study"}, "name_style": {"underline_space": True}}
    )
