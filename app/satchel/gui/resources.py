"""Where the files that are shown live."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path


@cache
def resource_folder() -> Path:
    """The folder of icons and style. Qt's style sheets take files by path: Satchel is never run out of an archive."""
    package = Path(str(files("satchel")))
    carried = package / "resources"  # a wheel carries them along; a working copy has them at its top
    return carried if carried.is_dir() else package.parent.parent / "resources"
