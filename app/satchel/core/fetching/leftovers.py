"""What fetching leaves in a bag when it was stopped and will not be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import portalocker

from satchel.core.bags.places import is_file, is_folder
from satchel.core.bags.reading import PARTS
from satchel.core.fetching.request import MaterializeRequest


def leftovers(request: object, _job: str, _kept: Mapping[str, Any]) -> list[Path]:
    """The folder of beginnings of files in the bag, unless another job is fetching into it now.

    Args:
        request: the job's that is discarded.
        _job: its id.
        _kept: its checkpoints.
    """
    if not isinstance(request, MaterializeRequest):
        return []
    bag = Path(request.path)
    parts = bag / PARTS
    if not bag.is_absolute() or not is_file(bag / "bagit.txt") or not is_folder(parts):
        return []
    lock = portalocker.Lock(
        parts / "lock", "a", timeout=0, flags=portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    )
    try:
        lock.acquire()
    except (portalocker.LockException, OSError):
        return []
    lock.release()
    return [parts]
