"""The guided tour of `make demo` goes well, in a process of its own as there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sandbox_process import environment

TESTS = Path(__file__).parent.parent


def test_the_tour_drives_window_wizard_and_sandbox_and_bdbag_accepts_the_bag(tmp_path: Path) -> None:
    env = {**environment(tmp_path / "home"), "QT_QPA_PLATFORM": "offscreen"}
    env["PYTHONPATH"] = os.pathsep.join([str(TESTS), env.get("PYTHONPATH", "")])
    command = [sys.executable, "-X", "faulthandler", "-m", "e2e.tour", str(tmp_path / "pictures")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The tour went well." in done.stdout
    assert "Traceback" not in done.stderr
    pictures = sorted(path.name for path in (tmp_path / "pictures").glob("*.png"))
    for page in ("home", "catalog", "export-what", "export-preview", "export-options", "export-run", "export-done"):
        assert any(page in name for name in pictures), pictures
    assert not any("failed" in name for name in pictures)
