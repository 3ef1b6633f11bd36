"""The hidden folder in which a job makes what it will give its name at the end, and how it is found again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from satchel.core.jobs.context import Context

_KEY = "leftovers"


def workplace(goal: Path, context: Context) -> Path:
    """The folder in which a job makes `goal`, beside it; the same one when the job is resumed. Kept with the job, so
    that it is removed when the job is discarded."""
    folder = goal.parent / f".{goal.name[:150]}.{context.job_id}.satchel"
    context.checkpoint(_KEY, [str(folder)])
    return folder


def leftovers(_request: object, job: str, kept: Mapping[str, Any]) -> list[Path]:
    """The folders to remove when a job is discarded.

    The journal is believed only as far as it names what such a job makes: a folder (no link) of the job's own name.

    Args:
        _request: the job's.
        job: its id.
        kept: its checkpoints.
    """
    names = kept.get(_KEY)
    paths = [Path(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [
        path
        for path in paths
        if job
        and path.is_absolute()
        and path.name.startswith(".")
        and path.name.endswith(f".{job}.satchel")
        and path.is_dir()
        and not path.is_symlink()
    ]
