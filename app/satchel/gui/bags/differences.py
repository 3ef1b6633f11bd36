"""What differs between two bags, in the form in which the tree of problems shows things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.core import words
from satchel.gui.bags.verdict import Verdict

if TYPE_CHECKING:
    from satchel.core.bags.compare import DiffResult

_FILES = {
    "added": "Files that are only in the second",
    "removed": "Files that are only in the first",
    "changed": "Files with another content",
    "unknown": "Files of which nobody can tell",
}
_ROWS = {"added": "only in the second", "removed": "only in the first", "changed": "with other values"}


class Differences:
    """Files, rows and fields of bag-info, one after the other; see `satchel.gui.bags.verdict.Findings`."""

    def __init__(self, result: DiffResult | None = None) -> None:
        self._lines: list[tuple[str, str, str, str]] = []
        """Severity, kind, message, where."""
        if result is None:
            return
        for file in result.files:
            self._lines.append((file.kind, _FILES[file.kind], file.path, ""))
        for table in result.tables:
            kind = f"Rows of {table.path.rpartition('/')[2]}"
            notes = [table.note] if table.note else []
            notes += [f"The column {name} is only in the second." for name in table.columns_added]
            notes += [f"The column {name} is only in the first." for name in table.columns_removed]
            self._lines += [("info", kind, note, table.path) for note in notes]
            for row in table.rows:
                columns = ", ".join(row.columns)
                self._lines.append((row.kind, f"{kind}, {_ROWS[row.kind]}", row.rid, columns))
        for field in result.info:
            before, after = ("; ".join(values) or "nothing" for values in (field.before, field.after))
            self._lines.append(("info", "Bag-info", f"{field.label}: {before} → {after}", "bag-info.txt"))

    def __len__(self) -> int:
        return len(self._lines)

    def severity(self, place: int) -> str:
        """`added`, `removed`, `changed`, `unknown` or `info`."""
        return self._lines[place][0]

    def code(self, place: int) -> str:
        """What kind of difference, in words."""
        return self._lines[place][1]

    def message(self, place: int) -> str:
        """What differs."""
        return self._lines[place][2]

    def where(self, place: int) -> str:
        """In which columns or file."""
        return self._lines[place][3]

    def matching(self, text: str) -> list[int] | range:
        """The places with a text in them, in upper or lower case."""
        wanted = text.strip().casefold()
        if not wanted:
            return range(len(self))
        return [n for n, line in enumerate(self._lines) if wanted in f"{line[1]}\n{line[2]}\n{line[3]}".casefold()]


def said(result: DiffResult) -> Verdict:
    """The result in a sentence."""
    if result.same:
        text = f"All {words.count(result.unchanged, 'files')} have the same content."
        if result.info:
            text += " Only bag-info differs."
        return Verdict("success", "Both bags hold the same", text)
    counts = (
        (result.added, "only in the second"),
        (result.removed, "only in the first"),
        (result.changed, "with another content"),
        (result.unknown, "of which nobody can tell"),
        (result.unchanged, "the same"),
    )
    text = ", ".join(f"{words.count(number, 'files')} {told}" for number, told in counts if number)
    rows = [(t.added, t.removed, t.changed) for t in result.tables]
    if rows:
        added, removed, changed = (sum(column) for column in zip(*rows, strict=True))
        text += f". Rows: {added:,} added, {removed:,} removed, {changed:,} changed"
    return Verdict("warning", "The bags differ", f"{text}.")
