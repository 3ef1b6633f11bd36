"""How large a demo catalog can be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows there are of what.

    `whole` adds the tables beyond the twelve of the study's records, the schemas `lab` and `deriva-ml`, the rows
    that not everyone may see, and a history. `pictures` are the edge lengths that pictures take turns at, in pixels.
    """

    studies: int
    clinics: int
    rooms_each: int
    devices: int
    subjects: int
    diagnoses: int
    visits: int
    observations: int
    images: int
    reports: int = 0
    animals: int = 0
    whole: bool = True
    pictures: tuple[int, ...] = (128,)
    training_subjects: int = 0
    training_images: int = 0


SIZES = {
    "small": Size(
        studies=2,
        clinics=5,
        rooms_each=4,
        devices=6,
        subjects=60,
        diagnoses=80,
        visits=140,
        observations=400,
        images=120,
        reports=12,
        animals=24,
        pictures=(128, 128, 128, 96),
        training_subjects=12,
        training_images=20,
    ),
    "large": Size(
        studies=3,
        clinics=40,
        rooms_each=8,
        devices=200,
        subjects=8_000,
        diagnoses=12_000,
        visits=60_000,
        observations=1_000_000,
        images=20_000,
        reports=400,
        animals=2_000,
        pictures=(64, 64, 64, 96, 64, 64, 64, 128),
        training_subjects=400,
        training_images=2_000,
    ),
    # 200,000 rows in all, every one of them reachable from the one study.
    "bench": Size(
        studies=1,
        clinics=10,
        rooms_each=6,
        devices=20,
        subjects=4_000,
        diagnoses=6_000,
        visits=20_000,
        observations=200_000 - (1 + 10 + 60 + 20 + 4_000 + 6_000 + 20_000 + 2_000) - (7 + 16 + 3),
        images=2_000,
        whole=False,
        pictures=(64, 40, 96, 64, 128, 40),
    ),
}
"""The sizes by name."""
