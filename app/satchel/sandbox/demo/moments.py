"""The demo's calendar: its history happened at fixed moments, whatever the machine's clock says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

FOUNDED = datetime(2024, 1, 8, 8, 0, tzinfo=UTC)
"""The catalog is made, and its schemas."""
EQUIPPED = datetime(2024, 1, 9, 9, 30, tzinfo=UTC)
"""Terms, clinics, devices and studies are entered."""
FIRST_WAVE = datetime(2024, 5, 2, 14, 0, tzinfo=UTC)
"""The first two thirds of the subjects are entered."""
FIRST_DATASETS = datetime(2024, 5, 16, 10, 0, tzinfo=UTC)
SECOND_WAVE = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
"""The others are entered, and errors put right."""
SECOND_DATASETS = datetime(2024, 11, 18, 10, 0, tzinfo=UTC)
CORRECTIONS = datetime(2025, 2, 3, 11, 0, tzinfo=UTC)
THIRD_DATASETS = datetime(2025, 2, 10, 10, 0, tzinfo=UTC)
ANIMALS = datetime(2025, 2, 24, 9, 0, tzinfo=UTC)
"""The animals' house comes in, with a schema of its own."""
AFTERWARDS = datetime(2025, 3, 10, 16, 0, tzinfo=UTC)
"""What changed after the last version of the datasets."""

STEP = timedelta(seconds=1, microseconds=234_567)

DAY_ONE = date(2024, 1, 22)
"""The day of the first visit. The first wave's visits lie in the 98 days from then on."""
WAVE_TWO_DAY_ONE = date(2024, 5, 6)
"""The second wave's visits lie in the 176 days from then on."""


class Clock:
    """A clock that stands still until asked: each `tick` is a moment later than the one before."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def tick(self) -> datetime:
        """The next moment."""
        self._now += STEP
        return self._now

    def advance(self, to: datetime) -> None:
        """Go on to a later moment."""
        if to <= self._now:
            raise ValueError(f"the demo's clock cannot go back from {self._now} to {to}")
        self._now = to


def stamp(moment: datetime) -> str:
    """A moment as ERMrest writes it in JSON: UTC, without needless zeros."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else "") + "+00:00"


def minutes_after(day: date, minutes: int) -> str:
    """A moment so many minutes after midnight of a day, as ERMrest writes it."""
    return stamp(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes))
