"""Every kind of job ends in words of its own, and in a status that scripts can use."""

from __future__ import annotations

from importlib import import_module

import pytest

from satchel.cli import job
from satchel.core.bags.validate import ValidateResult
from satchel.core.jobs.registry import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_of_each_kind_is_put_into_words(kind: str) -> None:
    module, name = KINDS[kind].result.split(":")
    assert getattr(import_module(module), name).__struct_config__.tag == kind
    place, function = job._WORDS[kind].split(":")
    assert callable(getattr(import_module(place), function))


@pytest.mark.parametrize(
    ("level", "valid", "complete", "status"),
    [("full", True, True, 0), ("full", True, False, 1), ("full", False, True, 1), ("structure", True, False, 0)],
)
def test_a_checks_status(level: str, valid: bool, complete: bool, status: int) -> None:
    result = ValidateResult(
        path="/b", level=level, valid=valid, complete=complete, version="1.0", algorithms=("md5",), files=1, bytes=1,
        remote=0, errors=(), warnings=(), error_count=int(not valid), warning_count=0,
    )  # type: ignore[arg-type]  # fmt: skip
    assert job.status(result) == status
    assert job.words(result).startswith("/b: ")
