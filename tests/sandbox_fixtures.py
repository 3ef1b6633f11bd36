"""Fixtures that give tests a running sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox_process import SandboxProcess, start_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """A sandbox with the small demo catalog. Tests that change it use a catalog of their own."""
    with start_sandbox("--demo", "small") as running:
        yield running


@pytest.fixture(scope="session")
def empty_sandbox() -> Iterator[SandboxProcess]:
    """A sandbox without demo."""
    with start_sandbox("--demo", "none") as running:
        yield running


@pytest.fixture(scope="session")
def slow_sandbox() -> Iterator[SandboxProcess]:
    """The small demo on a server that takes its time, so that there is something to see of a job that runs."""
    with start_sandbox("--demo", "small", "--latency", "60") as running:
        yield running
