"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Subprocesses that tests start must find the same satchel.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "app"), *filter(None, [os.environ.get("PYTHONPATH")])])

pytest_plugins = ["sandbox_fixtures"]
