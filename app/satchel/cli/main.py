"""The command line."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run a command."""
    raise NotImplementedError(argv)
