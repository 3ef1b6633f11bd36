"""What happened in the demo catalog, in order: the steps that `build` takes and that the catalog's snapshots show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from satchel.sandbox.demo import moments
from satchel.sandbox.demo.datasets import (
    ABANDONED,
    BUILDING,
    EVERYTHING,
    FAMILY,
    GRADING,
    LOGS,
    TESTING,
    Datasets,
    Members,
)
from satchel.sandbox.demo.define import Document
from satchel.sandbox.demo.eye_schema import EYE
from satchel.sandbox.demo.house import House
from satchel.sandbox.demo.lab_schema import FEEDING, LAB, lab_schema
from satchel.sandbox.demo.ml_schema import ML
from satchel.sandbox.demo.records import File, Records, Row, Wave


@dataclass(frozen=True, slots=True)
class At:
    """From here on it is that moment, or shortly after."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class Create:
    """Schemas are made, with their tables."""

    schemas: list[Document]


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows come in, RIDs and all. They may be too many to hold in memory."""

    schema: str
    table: str
    rows: Iterable[Row]


@dataclass(frozen=True, slots=True)
class Upload:
    """Files go into Hatrac, and their rows, with URL, Length and MD5 added, into `File.table`."""

    schema: str
    files: Iterable[File]


@dataclass(frozen=True, slots=True)
class Update:
    """Some columns of rows change; each row names its RID and the columns."""

    schema: str
    table: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Delete:
    """Rows go."""

    schema: str
    table: str
    rids: list[str]


@dataclass(frozen=True, slots=True)
class Release:
    """Datasets get a new version. `versions` are the new rows, as yet without their snapshot.

    deriva-ml 1.17.10 first inserts the rows, then asks the catalog for its snapshot, writes that into the rows, and
    last points the datasets at them: a version's snapshot shows the row of the version, without its snapshot.
    """

    versions: list[Row]


Step = At | Create | Insert | Upload | Update | Delete | Release


class History:
    """The history of a demo catalog.

    Attributes:
        root: RID of the study from which most of the catalog can be reached.
        dataset: RID of the dataset `Everything`, None when there is no schema `deriva-ml`.
        version: the newest version of that dataset, None when there is none.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.root = records.rids["Study"][0]
        self.dataset: str | None = None
        self.version: str | None = None
        self._datasets = Datasets(records)
        self._rows: list[Row] = []
        self._executions: list[Row] = []
        self._testing_images: list[Row] = []

    def steps(self) -> Iterator[Step]:
        """The steps, in order; they can be walked through once."""
        records = self.records
        yield At(moments.EQUIPPED)
        yield from self._foundations()
        yield At(moments.FIRST_WAVE)
        yield from self._wave(records.wave(0))
        if not records.size.whole:
            return
        yield At(moments.FIRST_DATASETS)
        yield from self._first_datasets()
        yield At(moments.SECOND_WAVE)
        yield from self._wave(records.wave(1))
        yield from self._amendments()
        yield At(moments.SECOND_DATASETS)
        yield from self._second_datasets()
        yield At(moments.CORRECTIONS)
        yield from self._corrections()
        yield At(moments.THIRD_DATASETS)
        yield from self._third_datasets()
        yield At(moments.ANIMALS)
        yield from self._animals()
        yield At(moments.AFTERWARDS)
        yield from self._afterwards()

    def _foundations(self) -> Iterator[Step]:
        records, whole = self.records, self.records.size.whole
        for vocabulary in ("Species", "Diagnosis", "Laterality", *(("Image_Quality",) if whole else ())):
            yield Insert(EYE, vocabulary, records.terms(vocabulary))
        yield Insert(EYE, "Clinic", records.clinics())
        yield Insert(EYE, "Room", records.rooms())
        yield Insert(EYE, "Device", records.devices())
        yield Insert(EYE, "Study", records.studies())
        if not whole:
            return
        yield Insert(EYE, "Investigator", records.investigators())
        yield Insert(EYE, "Study_Investigator", records.study_investigators())
        for table, rows in self._datasets.terms():
            yield Insert(ML, table, rows)

    def _wave(self, wave: Wave) -> Iterator[Step]:
        records = self.records
        yield Insert(EYE, "Subject", records.subjects(wave))
        yield Insert(EYE, "Subject_Diagnosis", records.diagnoses(wave))
        yield Insert(EYE, "Visit", records.visits(wave))
        yield Insert(EYE, "Observation", records.observations(wave))
        yield Upload(EYE, records.images(wave))
        if records.size.whole:
            yield Upload(EYE, records.reports(wave))
            yield Insert(EYE, "Consent", records.consents(wave))
            yield Insert(EYE, "Randomization", records.randomizations(wave))

    def _first_datasets(self) -> Iterator[Step]:
        make = self._datasets
        workflows = make.workflows()
        yield Insert(ML, "Workflow", workflows)
        self._executions = make.executions(workflows)
        yield Insert(ML, "Execution", self._executions)
        self._rows = make.datasets()
        self.dataset = self._rows[EVERYTHING]["RID"]
        yield Insert(ML, "Dataset", self._rows)
        yield Insert(ML, "Dataset_Dataset_Type", make.types(self._rows))
        runs = [
            {"RID": make.next_rid(), "Dataset": row["RID"], "Execution": self._executions[BUILDING]["RID"]}
            for row in self._rows
        ]
        yield Insert(ML, "Dataset_Execution", runs)
        yield self._release((*FAMILY, LOGS, ABANDONED), (0, 1, 0), "Initial dataset creation.")
        yield Insert(ML, "Dataset_Dataset", make.nesting(self._rows))
        yield from self._join(make.first_members())
        files = make.files()
        yield Upload(ML, files)
        for table, uses in make.file_uses(files, self._executions, self._rows):
            yield Insert(ML, table, uses)
        yield self._release((*FAMILY, LOGS), (0, 2, 0), "Members added")
        grades = make.grades(self._executions[GRADING], self.records.wave(0).images)
        yield Insert(EYE, "Execution_Image_Quality", grades)
        yield self._release(FAMILY, (1, 0, 0), "First release, for the workshop in May")

    def _second_datasets(self) -> Iterator[Step]:
        yield from self._join(self._datasets.second_members())
        yield self._release(FAMILY, (1, 1, 0), 'Members of the second wave added; "late" ones too')

    def _third_datasets(self) -> Iterator[Step]:
        image = self._testing_images[0]
        yield Delete(EYE, "Dataset_Image", [image["RID"]])
        yield self._release(FAMILY, (2, 0, 0), "One image was in the wrong part, corrections of February")

    def _join(self, joining: dict[int, Members]) -> Iterator[Step]:
        for number, members in joining.items():
            subjects, images = self._datasets.members(self._rows[number], members)
            if number == TESTING and images:
                self._testing_images = images
            yield Insert(EYE, "Dataset_Subject", subjects)
            yield Insert(EYE, "Dataset_Image", images)

    def _release(self, datasets: Iterable[int], version: tuple[int, int, int], description: str) -> Release:
        text = ".".join(map(str, version))
        if EVERYTHING in datasets:
            self.version = text
        return Release(
            [
                {
                    "RID": self._datasets.next_rid(),
                    "Version": text,
                    "Description": description,
                    "Dataset": self._rows[number]["RID"],
                    "Execution": self._executions[BUILDING]["RID"],
                }
                for number in datasets
            ]
        )

    def _amendments(self) -> Iterator[Step]:
        """Errors of the first wave, put right when the second was entered."""
        rids = self.records.rids
        values = [{"RID": rids["Observation"][k], "Value": 17.25, "Note": "put right"} for k in range(4, 60, 7)]
        yield Update(EYE, "Observation", values)
        yield Update(EYE, "Subject", [{"RID": rids["Subject"][3], "Name": "now known", "Aliases": ["null"]}])

    def _corrections(self) -> Iterator[Step]:
        """A consent taken back, a wrong diagnosis."""
        rids = self.records.rids
        yield Update(EYE, "Consent", [{"RID": rids["Consent"][24], "Withdrawn": "2025-01-31"}])
        yield Update(EYE, "Subject", [{"RID": rids["Subject"][24], "Name": None, "Remarks": "withdrawn"}])
        yield Delete(EYE, "Subject_Diagnosis", [rids["Subject_Diagnosis"][1]])

    def _animals(self) -> Iterator[Step]:
        """A second schema of the catalog's own.

        It comes after the last version of the datasets, for deriva-ml 1.17.10 downloads a version only where the
        version's snapshot has one such schema.
        """
        yield Create([lab_schema()])
        house = House(self.records)
        yield Insert(LAB, "Cage", house.cages())
        yield Insert(LAB, "Animal", house.animals())
        yield Update(LAB, "Cage", list(house.inhabitants()))
        yield Insert(LAB, "Transfer", house.transfers())
        yield Insert(LAB, FEEDING, house.feedings())

    def _afterwards(self) -> Iterator[Step]:
        """What no version shows; days on which nothing was eaten."""
        rids = self.records.rids
        yield Update(EYE, "Clinic", [{"RID": rids["Clinic"][0], "Recruiting": False, "Address": "moved,\nsee notes"}])
        yield Update(EYE, "Observation", [{"RID": rids["Observation"][k], "Reliable": False} for k in range(4, 18, 7)])
        yield Delete(LAB, FEEDING, [rids["Feeding"][k] for k in (2, 5)])
