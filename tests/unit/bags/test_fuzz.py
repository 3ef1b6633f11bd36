"""All that reads what others have written is given nonsense, for a short while: `make fuzz` takes its time."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.__main__ import NAMES
from fuzz.targets import TARGETS, seeds

TESTS = Path(__file__).parents[2]


def test_the_names_are_those_of_the_targets() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("target", NAMES)
def test_nonsense_ends_well(target: str) -> None:
    begun = st.sampled_from(seeds(target))

    @st.composite
    def spoilt(draw: st.DrawFn) -> bytes:
        """A good beginning of which a piece is other bytes."""
        data = draw(begun)
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, min(64, len(data) - place)))
        return data[:place] + draw(st.binary(max_size=64)) + data[place + length :]

    @settings(max_examples=60, deadline=None)
    @given(data=st.binary(max_size=300) | spoilt() | begun)
    def check(data: bytes) -> None:
        TARGETS[target](data)

    check()


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris: pip install '.[fuzz]'")
@pytest.mark.parametrize("target", NAMES)
def test_a_short_run_of_atheris_finds_nothing(target: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", target, "--runs", "500", "--seconds", "20", "--corpus", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((tmp_path / target).iterdir())) >= len(seeds(target))
