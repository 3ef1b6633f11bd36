"""A clone under way: what its stages share.

What comes after the constraints is a list of steps, each `async def step(work: Work) -> None`, in
`satchel.core.clone.after`. A step that fails notes an issue and lets the others go on; nothing fails in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satchel.core.clone.plan import ClonePlan
from satchel.core.clone.report import Findings
from satchel.core.clone.request import CloneRequest
from satchel.core.deriva.ermrest import Catalog
from satchel.core.jobs.context import Context


@dataclass
class Work:
    """One clone under way."""

    request: CloneRequest
    context: Context
    plan: ClonePlan
    """Which tables, rows and foreign keys; also the source's model."""
    findings: Findings
    source: Catalog | None
    """Pinned to a snapshot; None where the source is a bag."""
    destination: Catalog
    """Live, with a session that is patient."""
    bag: Path | None = None
    """The folder of the bag that is the source."""
    bag_folders: Mapping[str, str] = field(default_factory=dict)
    """Where it holds the files of each table (`schema:table`), below it."""
    outcome: dict[str, Any] = field(default_factory=dict)
    """What steps have to say for the result: `alias`, `ml_schema_added`, `datasets_reinitialized`."""

    @property
    def same_server(self) -> bool:
        """Whether source and destination are one server, so that addresses of files stay right as they are."""
        return self.source is not None and self.source.host == self.destination.host
