"""What is found wrong with a spec."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a spec, and where."""

    code: str
    """Stable and machine-readable; docs/specs.md lists them."""
    severity: Severity
    """`error`: it cannot run, or loses data. `warning`: it runs, and probably not as it is meant."""
    message: str
    """A sentence."""
    pointer: str
    """JSON pointer to the value."""
    line: int
    """From 1."""
    column: int
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.severity}: {self.message} [{self.code}]"
