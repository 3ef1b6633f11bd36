"""The rows of the schema `deriva-ml`: a dataset of nested datasets, who made it, and its versions.

    Everything (Complete)  two subjects of its own
      +- Training          subjects and images of the first wave; more in the second
      |    +- Pilot        a few of them
      +- Testing           subjects and images; one image is withdrawn before the last version
    Scanner logs (File)    two files
    Abandoned              deleted

Versions come about as deriva-ml 1.17.10 makes them: creating a dataset is version 0.1.0; adding or removing members
raises the minor number of the dataset and of all its relatives; a release raises the major one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from satchel.sandbox.demo.ml_schema import ASSET_ROLES, ASSET_TYPES, DATASET_TYPES, ML, Term
from satchel.sandbox.demo.records import File, Records, Row, term

EVERYTHING, TRAINING, TESTING, PILOT, LOGS, ABANDONED = range(6)
FAMILY = (EVERYTHING, TRAINING, TESTING, PILOT)
"""The datasets that get their versions together, as they are nested in each other."""

DESCRIPTIONS = (
    "Everything that the network may see: *training*, testing and the pilot",
    "For training",
    'For testing, "never to be trained on"',
    "The first few, to try the pipeline on",
    "What the scanners wrote",
    "Abandoned: wrong clinic",
)
TYPES: tuple[tuple[str, ...], ...] = (("Complete",), ("Training",), ("Testing",), ("Training", "Pilot"), ("File",), ())

MORE_DATASET_TYPES: tuple[Term, ...] = (
    ("Complete", "All parts together"),
    ("Training", "To train a model on"),
    ("Testing", "To test a model on"),
    ("Pilot", "To try things on"),
)
WORKFLOW_TYPES: tuple[Term, ...] = (
    ("Dataset_Management", "Makes or changes datasets"),
    ("Prediction", "Asks a model"),
)
QUALITY = "Quality"

GRADING, BUILDING, FAILED = range(3)


@dataclass(frozen=True, slots=True)
class Members:
    """Which rows belong to a dataset."""

    subjects: Sequence[int] = ()
    images: Sequence[int] = ()


@dataclass(slots=True)
class Datasets:
    """Makes the rows. RIDs come from the block that the records keep for this schema, in the order of asking."""

    records: Records
    _used: int = 0
    _members_used: dict[str, int] = field(default_factory=dict)

    def next_rid(self) -> str:
        """A RID that no row has yet."""
        self._used += 1
        return self.records.rids["Ml"][self._used - 1]

    def terms(self) -> Iterator[tuple[str, list[Row]]]:
        """The terms of the schema's vocabularies: table and rows."""
        for table, terms in (
            ("Asset_Type", ASSET_TYPES),
            ("Asset_Role", ASSET_ROLES),
            ("Dataset_Type", DATASET_TYPES + MORE_DATASET_TYPES),
            ("Workflow_Type", WORKFLOW_TYPES),
            ("Feature_Name", ((QUALITY, "How good a picture is, as a program sees it"),)),
        ):
            yield table, [term(self.next_rid(), ML, name, description) for name, description in terms]

    def workflows(self) -> list[Row]:
        """Two workflows."""
        return [
            {
                "RID": self.next_rid(),
                "Name": name,
                "Description": f"{name}, as a notebook",
                "URL": f"https://git.example.org/eye/{script}/blob/4f1c2d9/{script}.ipynb",
                "Checksum": checksum,
                "Version": "1.2.0",
                "Workflow_Type": kind,
            }
            for name, script, checksum, kind in (
                ("Grade pictures", "grade", "0cc175b9c0f1b6a831c399e269772661", "Prediction"),
                ("Build datasets", "build", "92eb5ffee6ae2fec3ad71c777531578f", "Dataset_Management"),
            )
        ]

    def executions(self, workflows: list[Row]) -> list[Row]:
        """One run that graded pictures, one that built datasets, one that failed."""
        return [
            {
                "RID": self.next_rid(),
                "Workflow": workflow["RID"],
                "Description": description,
                "Duration": duration,
                "Status": status,
                "Status_Detail": detail,
            }
            for workflow, description, duration, status, detail in (
                (workflows[0], "Grading with model 7", "0.0H 12.0min 3.25sec", "Completed", "Successfully run Ml."),
                (workflows[1], "First datasets", "0.0H 0.0min 41.5sec", "Completed", "Successfully run Ml."),
                (workflows[0], "Grading, first try", None, "Failed", 'ValueError: invalid literal "n/a",\nline 7'),
            )
        ]

    def datasets(self) -> list[Row]:
        """The datasets, without versions as yet."""
        return [
            {"RID": self.next_rid(), "Description": text, "Deleted": k == ABANDONED}
            for k, text in enumerate(DESCRIPTIONS)
        ]

    def types(self, datasets: list[Row]) -> list[Row]:
        """Which types the datasets have."""
        return [
            {"RID": self.next_rid(), "Dataset": dataset["RID"], "Dataset_Type": name}
            for dataset, names in zip(datasets, TYPES, strict=True)
            for name in names
        ]

    def nesting(self, datasets: list[Row]) -> list[Row]:
        """Which dataset lies in which."""
        pairs = ((EVERYTHING, TRAINING), (EVERYTHING, TESTING), (TRAINING, PILOT))
        return [
            {
                "RID": self.next_rid(),
                "Dataset": datasets[outer]["RID"],
                "Nested_Dataset": datasets[inner]["RID"],
            }
            for outer, inner in pairs
        ]

    def members(self, dataset: Row, members: Members) -> tuple[list[Row], list[Row]]:
        """The rows that make subjects, and images, members of a dataset."""
        subjects = [
            {
                "RID": self._member("Dataset_Subject"),
                "Dataset": dataset["RID"],
                "Subject": self.records.rids["Subject"][k],
            }
            for k in members.subjects
        ]
        images = [
            {"RID": self._member("Dataset_Image"), "Dataset": dataset["RID"], "Image": self.records.rids["Image"][k]}
            for k in members.images
        ]
        return subjects, images

    def _member(self, table: str) -> str:
        number = self._members_used.get(table, 0)
        self._members_used[table] = number + 1
        return self.records.rids[table][number]

    def first_members(self) -> dict[int, Members]:
        """Whom the datasets hold at first: subjects of the first study, images of the first wave."""
        size = self.records.size
        study = [k for k in range(self.records.first_wave_subjects) if self.records.study_of(k) == 0]
        train, images = size.training_subjects, size.training_images
        return {
            EVERYTHING: Members(subjects=study[:2]),
            TRAINING: Members(study[2 : 2 + train], range(images)),
            TESTING: Members(study[2 + train : 2 + train + train // 2], range(images, images + images // 2)),
            PILOT: Members(study[2:5], range(4)),
        }

    def second_members(self) -> dict[int, Members]:
        """Who joins in the second wave."""
        size, first = self.records.size, self.records.first_wave_subjects
        study = [k for k in range(first, size.subjects) if self.records.study_of(k) == 0]
        images = self.records.wave(1).images
        return {
            TRAINING: Members(study[: size.training_subjects // 3], images[: size.training_images // 4]),
            TESTING: Members(study[size.training_subjects // 3 :][:2], ()),
        }

    def grades(self, execution: Row, images: range) -> Iterator[Row]:
        """What the grading run thought of pictures."""
        for k in images:
            yield {
                "RID": self.records.rids["Quality"][k],
                "Execution": execution["RID"],
                "Image": self.records.rids["Image"][k],
                "Feature_Name": QUALITY,
                "Image_Quality": ("good", "good", "usable", "bad")[k * 7 % 11 % 4],
                "Score": (k * 37 % 100) / 100,
            }

    def files(self) -> list[File]:
        """Files of executions, and the two files of the dataset of files."""
        metadata = (
            '{"workflow": "grade", "datasets": ["Testing"], "parameters": {"threshold": 0.5, "note": "a \\"b\\""}}\n'
        )
        metrics = "epoch,loss,accuracy\n1,0.71,0.62\n2,0.55,0.71\n3,0.49,0.78\n"
        log = "2024-05-02 09:00:01 INFO scanner ready\n2024-05-02 09:00:07 WARN dust on lens, größer als 3 µm\n"
        return [
            File(
                table,
                {"RID": self.next_rid(), "Filename": name, "Description": text},
                content.encode(),
                content_type,
            )
            for table, name, text, content, content_type in (
                ("Execution_Metadata", "configuration.json", "What was asked for", metadata, "application/json"),
                ("Execution_Metadata", "environment.txt", "Where it ran", "python 3.12\n", "text/plain"),
                ("Execution_Asset", "metrics.csv", "How well it learned", metrics, "text/csv"),
                ("File", "scanner 1.log", "First scanner", log, "text/plain"),
                ("File", "scanner 2.log", "Second scanner", log.replace("INFO", "INFO 2"), "text/plain"),
            )
        ]

    def file_uses(
        self, files: list[File], executions: list[Row], datasets: list[Row]
    ) -> Iterator[tuple[str, list[Row]]]:
        """What ties the files to types, executions and the dataset of files: table and rows."""
        types = ("Execution_Config", "Runtime_Env", "Output_File", "File", "File")
        runs = (GRADING, GRADING, GRADING, BUILDING, BUILDING)
        for file, kind, run in zip(files, types, runs, strict=True):
            own = {file.table: file.row["RID"]}
            yield f"{file.table}_Asset_Type", [{"RID": self.next_rid(), **own, "Asset_Type": kind}]
            role = "Input" if file.table == "File" else "Output"
            use = {"RID": self.next_rid(), **own, "Execution": executions[run]["RID"], "Asset_Role": role}
            yield f"{file.table}_Execution", [use]
            if file.table == "File":
                yield "Dataset_File", [{"RID": self.next_rid(), "Dataset": datasets[LOGS]["RID"], **own}]
