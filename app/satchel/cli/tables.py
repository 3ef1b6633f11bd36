"""Columns of text, as wide as what is in them; nothing is cut off or wrapped, so that it can be copied and searched."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = (), indent: str = "") -> str:
    """Lay out rows in columns.

    Args:
        rows: of equally many cells.
        right: which columns stand at the right, by number.
        indent: before every line.
    """
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if number in right else cell + space)
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)
