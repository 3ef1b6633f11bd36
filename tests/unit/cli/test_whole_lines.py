"""A long line reaches a slow reader whole, also where Python runs unbuffered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

PROGRAM = """
from satchel.cli.output import JsonOutput, prepare_streams
prepare_streams(True)
JsonOutput().result({"text": "x\\u00e9" * 200_000}, lambda: "")
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_result_longer_than_a_pipe_is_not_cut(unbuffered: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    time.sleep(1.5)
    out, _ = process.communicate(timeout=60)
    assert json.loads(out)["text"] == "xé" * 200_000
