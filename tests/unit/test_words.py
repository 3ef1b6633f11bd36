"""Counts, sizes and durations as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.core import words


@pytest.mark.parametrize(
    ("n", "unit", "said"),
    [
        (0, "rows", "0 rows"),
        (1, "rows", "1 row"),
        (12340, "rows", "12,340 rows"),
        (1, "bytes", "1 B"),
        (1500, "bytes", "1.5 kB"),
        (7, "", "7"),
    ],
)
def test_counts(n: int, unit: str, said: str) -> None:
    assert words.count(n, unit) == said


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (8_000_000_000, "8.0 GB"),
    ],
)
def test_sizes(n: int, said: str) -> None:
    assert words.size(n) == said


@given(st.integers(0, 10**18))
def test_a_size_is_never_longer_than_eight_characters(n: int) -> None:
    assert len(words.size(n)) <= 8


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (7.9, "0:07"), (192, "3:12"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("speed", "unit", "said"),
    [(48000, "rows", "48,000 rows/s"), (3.25, "files", "3.2 files/s"), (1e6, "bytes", "1.0 MB/s")],
)
def test_rates(speed: float, unit: str, said: str) -> None:
    assert words.rate(speed, unit) == said
