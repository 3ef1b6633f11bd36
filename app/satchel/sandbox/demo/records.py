"""The rows of the schema `eye`, made one after the other, so that a million of them need no memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from satchel.sandbox.demo import words
from satchel.sandbox.demo.chance import Chance, shares
from satchel.sandbox.demo.moments import DAY_ONE, WAVE_TWO_DAY_ONE, minutes_after
from satchel.sandbox.demo.pictures import picture
from satchel.sandbox.demo.rids import FIRST, Block
from satchel.sandbox.demo.sizes import Size

Row = dict[str, Any]

BLOCKS = (
    "Study",
    "Clinic",
    "Room",
    "Device",
    "Species",
    "Diagnosis",
    "Laterality",
    "Image_Quality",
    "Investigator",
    "Study_Investigator",
    "Subject",
    "Subject_Diagnosis",
    "Visit",
    "Observation",
    "Image",
    "Report",
    "Consent",
    "Randomization",
    "Cage",
    "Animal",
    "Transfer",
    "Feeding",
    "Dataset_Subject",
    "Dataset_Image",
    "Quality",
    "Ml",
)


@dataclass(frozen=True, slots=True)
class File:
    """A file to put into Hatrac, and the row that describes it, without its URL."""

    table: str
    row: Row
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Wave:
    """Which subjects, visits and observations were entered together; each from the first to before the last."""

    subjects: range
    visits: range
    observations: range
    images: range


class Records:
    """The demo's rows.

    Args:
        size: how many of what.
        seed: another seed gives another catalog of the same size.
    """

    def __init__(self, size: Size, seed: int) -> None:
        self.size = size
        self.seed = seed
        self.rids = self._blocks()
        self.first_wave_subjects = size.subjects * 2 // 3 if size.whole else size.subjects

    def _blocks(self) -> dict[str, Block]:
        s = self.size
        counts = {
            "Study": s.studies,
            "Clinic": s.clinics,
            "Room": s.clinics * s.rooms_each,
            "Device": s.devices,
            "Species": len(words.SPECIES),
            "Diagnosis": len(words.DIAGNOSES),
            "Laterality": len(words.LATERALITY),
            "Image_Quality": len(words.QUALITY),
            "Investigator": len(words.INVESTIGATORS),
            "Study_Investigator": 3 * s.studies,
            "Subject": s.subjects,
            "Subject_Diagnosis": s.diagnoses,
            "Visit": s.visits,
            "Observation": s.observations,
            "Image": s.images,
            "Report": s.reports,
            "Consent": s.subjects,
            "Randomization": s.subjects,
            "Cage": s.animals // 3,
            "Animal": s.animals,
            "Transfer": s.animals,
            "Feeding": 3 * s.animals,
            "Dataset_Subject": s.subjects,
            "Dataset_Image": s.images,
            "Quality": s.images,
            "Ml": 1000,
        }
        blocks = {}
        first = FIRST
        for name in BLOCKS:
            blocks[name] = Block(first, counts[name])
            first += counts[name]
        return blocks

    # How children are shared among their parents.

    @cached_property
    def visits_of(self) -> list[int]:
        """Where the visits of each subject begin."""
        return shares(self.size.visits, self.size.subjects, Chance(self.seed, "visits"))

    @cached_property
    def observations_of(self) -> list[int]:
        """Where the observations of each visit begin."""
        return shares(self.size.observations, self.size.visits, Chance(self.seed, "observations"))

    @cached_property
    def diagnoses_of(self) -> list[int]:
        """Where the diagnoses of each subject begin."""
        return shares(self.size.diagnoses, self.size.subjects, Chance(self.seed, "diagnoses"))

    def wave(self, number: int) -> Wave:
        """What was entered in the first (0) or the second (1) wave."""
        border = self.first_wave_subjects
        subjects = range(border) if number == 0 else range(border, self.size.subjects)
        visits = range(self.visits_of[subjects.start], self.visits_of[subjects.stop])
        observations = range(self.observations_of[visits.start], self.observations_of[visits.stop])
        return Wave(
            subjects, visits, observations, range(*map(self._images_before, (observations.start, observations.stop)))
        )

    def _images_before(self, observation: int) -> int:
        """How many images belong to the observations before one: image i belongs to observation i * all // images."""
        return -(-observation * self.size.images // self.size.observations)

    def study_of(self, subject: int) -> int:
        """The study that a subject takes part in: two in three the first one."""
        if self.size.studies == 1 or subject % 3 != 2:
            return 0
        return 2 if self.size.studies > 2 and subject % 9 == 8 else 1

    def restricted(self, subject: int) -> bool:
        """Whether a plain user may not see a subject: one in ten."""
        return self.size.whole and subject % 10 == 7

    # Terms and other rows that are there from the start.

    def terms(self, table: str) -> Iterator[Row]:
        """The terms of a vocabulary."""
        terms = {
            "Species": words.SPECIES,
            "Diagnosis": words.DIAGNOSES,
            "Laterality": words.LATERALITY,
            "Image_Quality": words.QUALITY,
        }[table]
        for k, (name, description, synonyms) in enumerate(terms):
            yield term(self.rids[table][k], "EYE", name, description, synonyms)

    def clinic_code(self, number: int) -> str:
        """The code of a clinic."""
        return words.CLINICS[number][0] if number < len(words.CLINICS) else f"C{number:02d}"

    def clinics(self) -> Iterator[Row]:
        """The clinics."""
        for k in range(self.size.clinics):
            _, name, city, country, who = words.CLINICS[k % len(words.CLINICS)]
            again = k // len(words.CLINICS)
            yield {
                "RID": self.rids["Clinic"][k],
                "Code": self.clinic_code(k),
                "Name": f"{name}, {again + 1}" if again else name,
                "Address": f"{name}\n{k + 1}, Retina Road\n{city}",
                "City": city,
                "Country": country,
                "Opened": date(1970 + k, 1 + k % 12, 1 + k % 28).isoformat(),
                "Recruiting": (True, False, True)[k % 3],
                "Contact": None if k == 3 else {"name": who, "phone": ["+49 89 1234", None], "hours": {"mo": "9–12"}},
            }

    def rooms(self) -> Iterator[Row]:
        """The rooms."""
        each = self.size.rooms_each
        for k in range(self.size.clinics * each):
            yield {
                "RID": self.rids["Room"][k],
                "Clinic": self.clinic_code(k // each),
                "Number": 101 + k % each,
                "Title": words.ROOM_TITLES[k % len(words.ROOM_TITLES)],
                "Equipment": words.EQUIPMENT[k % len(words.EQUIPMENT)],
                "Dark": k % 4 == 0,
            }

    def devices(self) -> Iterator[Row]:
        """The devices."""
        for k in range(self.size.devices):
            maker, model = words.MAKERS[k % len(words.MAKERS)]
            yield {
                "RID": self.rids["Device"][k],
                "Serial": f"{maker[:2].upper()}/{4711 + 13 * k}",
                "Maker": maker,
                "Model": model,
                "Calibrated": None if k % 5 == 4 else f"2024-01-{1 + k % 9:02d}T07:30:00",
                "Settings": None if k % 6 == 5 else {"iso": 200 * (1 + k % 4), "flash": "3/4", "note": 'say "ah"'},
                "Aperture": 1.5 + k % 8 / 4,
                "Pixels": None if k % 7 == 6 else [3072 + k, 2048],
            }

    def studies(self) -> Iterator[Row]:
        """The studies; the first is the demo's root."""
        for k in range(self.size.studies):
            code, title = words.STUDIES[k]
            yield {
                "RID": self.rids["Study"][k],
                "Code": code,
                "Title": title,
                "Protocol": words.protocol(code),
                "Begun": (DAY_ONE - timedelta(days=7 * k)).isoformat(),
                "Ended": None,
                "Approved": k != 2,
                "Milestones": [[], ["2024-06-30", None, "2025-06-30"], None][(k + 1) % 3],
                "Budget": 2_500_000_000_00 + k,
            }

    def investigators(self) -> Iterator[Row]:
        """The investigators."""
        for k, (name, orcid, email, skills) in enumerate(words.INVESTIGATORS):
            yield {"RID": self.rids["Investigator"][k], "Name": name, "ORCID": orcid, "Email": email, "Skills": skills}

    def study_investigators(self) -> Iterator[Row]:
        """Who works on which study."""
        for k in range(3 * self.size.studies):
            who = (k // 3 * 2 + k % 3) % len(words.INVESTIGATORS)
            yield {
                "RID": self.rids["Study_Investigator"][k],
                "Study": self.rids["Study"][k // 3],
                "Investigator": self.rids["Investigator"][who],
            }

    # Rows of a wave.

    def subjects(self, wave: Wave) -> Iterator[Row]:
        """The subjects."""
        chance = Chance(self.seed, "Subject")
        for k in wave.subjects:
            bits = chance.bits(k)
            odd = k < len(words.ODD_NAMES)
            species = "human" if bits & 7 else words.SPECIES[1 + (bits >> 3) % 3][0]
            full = f"{words.GIVEN[(bits >> 8) % len(words.GIVEN)]} {words.FAMILY[(bits >> 16) % len(words.FAMILY)]}"
            person = species == "human"
            born = date(1935, 1, 1) + timedelta(
                days=(bits >> 24) % (27_000 if person else 1) + (0 if person else 31_000)
            )
            yield {
                "RID": self.rids["Subject"][k],
                "Study": self.rids["Study"][self.study_of(k)],
                "Code": f"S-{k + 1:04d}",
                "Name": words.ODD_NAMES[k] if odd else full,
                "Aliases": ([full.upper(), 'the "one"'], [], None, None)[(bits >> 40) & 3],
                "Species": species,
                "Sex": ("female", "male", None, "")[(bits >> 42) & 3 if bits >> 44 & 1 else (bits >> 42) & 1],
                "Born": None if k % 13 == 12 else born.isoformat(),
                "Weight": None if k % 6 == 5 else (3 if not person else 48) + (bits >> 46) % 400 / 8,
                "Restricted": self.restricted(k),
                "Remarks": words.ODD_NOTES[k % len(words.ODD_NOTES)] if k % 4 == 3 else None,
            }

    def diagnoses(self, wave: Wave) -> Iterator[Row]:
        """Which subject suffers from what: different diagnoses for the same subject."""
        chance = Chance(self.seed, "Subject_Diagnosis")
        count = len(words.DIAGNOSES)
        for subject in wave.subjects:
            start = chance.below(subject, count)
            own = range(self.diagnoses_of[subject], self.diagnoses_of[subject + 1])
            for k in own:
                yield {
                    "RID": self.rids["Subject_Diagnosis"][k],
                    "Subject": self.rids["Subject"][subject],
                    # 5 and the number of terms have no common divisor, so that none comes twice.
                    "Diagnosis": words.DIAGNOSES[(start + 5 * (k - own.start)) % count][0],
                }

    def _visit_day(self, visit: int, second: bool) -> date:
        bits = Chance(self.seed, "Visit day").bits(visit)
        return WAVE_TWO_DAY_ONE + timedelta(days=bits % 176) if second else DAY_ONE + timedelta(days=bits % 98)

    def visits(self, wave: Wave) -> Iterator[Row]:
        """The visits."""
        chance = Chance(self.seed, "Visit")
        rooms = self.size.clinics * self.size.rooms_each
        for subject in wave.subjects:
            for k in range(self.visits_of[subject], self.visits_of[subject + 1]):
                bits = chance.bits(k)
                room = bits % rooms
                day = self._visit_day(k, subject >= self.first_wave_subjects)
                yield {
                    "RID": self.rids["Visit"][k],
                    "Subject": self.rids["Subject"][subject],
                    "Date": minutes_after(day, 480 + 5 * ((bits >> 20) % 100)),
                    "Clinic": None if k % 37 == 12 else self.clinic_code(room // self.size.rooms_each),
                    "Room": None if k % 37 == 12 or k % 11 == 5 else 101 + room % self.size.rooms_each,
                    "Purpose": ("first visit", "follow-up", "emergency; by night", None)[(bits >> 28) & 3],
                    "Notes": words.ODD_NOTES[(k // 3) % len(words.ODD_NOTES)] if k % 3 == 0 else None,
                    "Minutes": 10 + (bits >> 32) % 50,
                }

    def observations(self, wave: Wave) -> Iterator[Row]:
        """The observations."""
        chance = Chance(self.seed, "Observation")
        own, visit_rids = self.rids["Observation"], self.rids["Visit"]
        all_images, everything = self.size.images, self.size.observations
        second = wave.subjects.start >= self.first_wave_subjects
        for visit in wave.visits:
            visit_rid = visit_rids[visit]
            day = self._visit_day(visit, second)
            for k in range(self.observations_of[visit], self.observations_of[visit + 1]):
                bits = chance.bits(k)
                imaging = -(-k * all_images // everything) * everything // all_images == k
                measure, unit, lowest, step = words.MEASURES[bits % len(words.MEASURES)]
                value: float | None = round(lowest + step * ((bits >> 8) % 100), 6)
                if k % 53 == 52:
                    value = words.ODD_NUMBERS[k // 53 % len(words.ODD_NUMBERS)]
                odd_note = k % 19 == 7
                odd_raw = k % 29 == 3
                yield {
                    "RID": own[k],
                    "Visit": visit_rid,
                    "Laterality": self._side(k),
                    "Measure": "Fundus photograph" if imaging else measure,
                    "Value": None if imaging or k % 41 == 17 else value,
                    "Unit": None if imaging else unit,
                    "Reliable": (True, True, False, True)[(bits >> 16) & 3],
                    "Taken": minutes_after(day, 600 + (bits >> 20) % 300),
                    "Series": words.ODD_SERIES[k // 9 % len(words.ODD_SERIES)] if k % 9 == 2 else None,
                    "Raw": words.ODD_JSON[k // 29 % len(words.ODD_JSON)] if odd_raw else None,
                    "Note": words.ODD_NOTES[k // 19 % len(words.ODD_NOTES)] if odd_note else None,
                }

    @staticmethod
    def _side(observation: int) -> str | None:
        if observation % 31 == 30:
            return None
        return "left" if observation & 1 else "right"

    def images(self, wave: Wave) -> Iterator[File]:
        """The pictures, drawn."""
        chance = Chance(self.seed, "Image")
        second = wave.subjects.start >= self.first_wave_subjects
        for k in wave.images:
            bits = chance.bits(k)
            observation = k * self.size.observations // self.size.images
            visit = bisect_right(self.observations_of, observation) - 1
            subject = bisect_right(self.visits_of, visit) - 1
            side = self._side(observation)
            day = self._visit_day(visit, second)
            edge = self.size.pictures[k % len(self.size.pictures)]
            data = picture(self.seed, k, edge, side == "left", spots=bits % 9)
            odd = k - 12
            usual = f"S-{subject + 1:04d}_{'OS' if side == 'left' else 'OD'}_{day:%Y%m%d}_{k + 1}.png"
            yield File(
                "Image",
                {
                    "RID": self.rids["Image"][k],
                    "Filename": words.ODD_FILENAMES[odd] if 0 <= odd < len(words.ODD_FILENAMES) else usual,
                    "Description": (None, "", 'Disc "pale", macula flat', "Two\nlines")[(bits >> 8) & 3],
                    "Observation": self.rids["Observation"][observation],
                    "Laterality": side,
                    "Device": None if k % 23 == 22 else self.rids["Device"][(bits >> 16) % self.size.devices],
                    "Taken": minutes_after(day, 600 + (bits >> 24) % 300),
                    "Width": edge,
                    "Height": edge,
                },
                data,
                "image/png",
            )

    def reports(self, wave: Wave) -> Iterator[File]:
        """Letters to the family doctor, as text; one of them is empty."""
        languages = (
            ("de", "Sehr geehrte Kollegin,\nder Befund:"),
            ("ja", "先生へ\n所見："),
            ("en", "Dear Doctor,\nthe result:"),
        )
        for k in range(self.size.reports):
            visit = k * self.size.visits // self.size.reports
            if visit not in wave.visits:
                continue
            language, opening = languages[k % 3]
            text = f"{opening} {words.DIAGNOSES[k % len(words.DIAGNOSES)][0]}.\n"
            data = b"" if k == 4 else (text * (1 + k % 5)).encode()
            yield File(
                "Report",
                {
                    "RID": self.rids["Report"][k],
                    "Filename": f"Report {k + 1}, {language}.txt",
                    "Description": None,
                    "Visit": self.rids["Visit"][visit],
                    "Signed": k % 4 != 3,
                    "Language": language,
                },
                data,
                "text/plain; charset=utf-8",
            )

    def consents(self, wave: Wave) -> Iterator[Row]:
        """Signed papers."""
        for k in wave.subjects:
            yield {
                "RID": self.rids["Consent"][k],
                "Subject": self.rids["Subject"][k],
                "Given": (DAY_ONE + timedelta(days=k % 90)).isoformat(),
                "Withdrawn": None,
                "Text": "I agree.\n\n*Signed*",
            }

    def randomizations(self, wave: Wave) -> Iterator[Row]:
        """Who gets which treatment."""
        chance = Chance(self.seed, "Randomization")
        for k in wave.subjects:
            yield {
                "RID": self.rids["Randomization"][k],
                "Subject": self.rids["Subject"][k],
                "Arm": chance.pick(k, ("drug", "placebo")),
                "Opened": None,
            }


def term(rid: str, prefix: str, name: str, description: str, synonyms: list[str | None] | None = None) -> Row:
    """A row of a vocabulary, its identifiers as the server's defaults would make them."""
    return {
        "RID": rid,
        "ID": f"{prefix}:{rid}",
        "URI": f"/id/{rid}",
        "Name": name,
        "Description": description,
        "Synonyms": synonyms,
    }
