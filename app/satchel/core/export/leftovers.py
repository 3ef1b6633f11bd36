"""What an export that did not end leaves beside its target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from satchel.core.export.request import ExportRequest

KEY = "leftovers"
"""The checkpoint under which an export keeps the names of what it makes outside its own folder."""


def work_folder(goal: Path, job: str) -> Path:
    """The hidden folder in which a job makes what will be `goal`; the same one when the job is resumed."""
    return goal.parent / f".{goal.name}.{job}.satchel"


def leftovers(request: ExportRequest, job: str, kept: Mapping[str, Any]) -> list[Path]:
    """The folders to remove when the job is discarded.

    The journal is believed only as far as it names what this job makes: a folder (no link) of the name that
    `work_folder` gives, right in the request's own output folder.

    Args:
        request: the job's.
        job: its id.
        kept: its checkpoints.
    """
    names = kept.get(KEY)
    paths = [Path(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [path for path in paths if _is_ours(path, Path(request.out), job)]


def _is_ours(path: Path, out: Path, job: str) -> bool:
    named = path.name.startswith(".") and path.name.endswith(f".{job}.satchel")
    return bool(job) and named and path.parent == out and path.is_dir() and not path.is_symlink()
