"""An environment of its own with deriva-ml 1.17.10, kept under build/ from one run of the tests to the next.

It has other versions of packages than Satchel, so nothing of it is imported: scripts run in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import portalocker
import pytest

ROOT = Path(__file__).resolve().parent.parent
RELEASE = "deriva-ml==1.17.10"
# The release names no version of SQLAlchemy; it uses what 2.1 has removed.
MORE = ("sqlalchemy<2.1",)
FOLDER = ROOT / "build" / f"deriva-ml-1.17.10-py{sys.version_info.major}.{sys.version_info.minor}"
SECONDS = 540


def python() -> Path:
    """The environment's Python; made when it is missing. Skips the test where pip cannot get the release."""
    FOLDER.parent.mkdir(exist_ok=True)
    with portalocker.Lock(str(FOLDER) + ".lock", timeout=SECONDS):
        found = FOLDER / "bin" / "python"
        if (FOLDER / "complete").exists():
            return found
        shutil.rmtree(FOLDER, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True, timeout=SECONDS)
        pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", RELEASE, *MORE]
        done = subprocess.run(pip, capture_output=True, text=True, timeout=SECONDS)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["pip says nothing"]
            pytest.skip(f"{RELEASE} cannot be installed here (is there a network?): {lines[-1]}")
        (FOLDER / "complete").touch()
        return found


def run(*words: str) -> Any:
    """Run the reader. Returns what it says."""
    script = Path(__file__).parent / "deriva_ml" / "reader.py"
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(python()), str(script), *words], capture_output=True, text=True, env=kept, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])
