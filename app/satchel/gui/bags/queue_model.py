"""The bags of the queue as a table: which, the verdict, which checks ran, how much, where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from satchel.core import words
from satchel.gui import jobs_words
from satchel.gui.bags.repair import is_broken
from satchel.gui.bags.verdict import checks, verdict
from satchel.gui.engine_bridge import ALIVE
from satchel.gui.icons import icon
from satchel.gui.widgets.table import FullTextRole

if TYPE_CHECKING:
    from satchel.core.bags.validate import ValidateResult
    from satchel.core.fetching.request import MaterializeResult
    from satchel.core.jobs.views import JobView

Index = QModelIndex | QPersistentModelIndex
HEADS = ("Bag", "Verdict", "Checked", "Files", "Size", "Where")
_ICONS = {"success": ("success", "success"), "warning": ("warning", "warning"), "danger": ("error", "danger")}


@dataclass(frozen=True, slots=True)
class Line:
    """A bag.

    Attributes:
        path: the bag's.
        check: the newest job that checks it; None until it is submitted.
        mend: a job that fetches files into it, the newest.
        stopped: it is not checked any more, before it was.
    """

    path: str
    check: JobView | None
    mend: JobView | None = None
    stopped: bool = False

    @property
    def result(self) -> ValidateResult | None:
        """The verdict, when there is one that still holds."""
        if self.check is None or self.check.result is None or self.is_mending:
            return None
        return cast("ValidateResult", self.check.result)

    @property
    def is_mending(self) -> bool:
        """Whether files are fetched into it."""
        return self.mend is not None and self.mend.state in ALIVE

    @property
    def under_way(self) -> bool:
        """Whether something is being done to it, or waits to be."""
        if self.check is None:
            return not self.stopped
        return self.is_mending or self.check.state in ALIVE

    def texts(self) -> tuple[str, str, tuple[str, ...]]:
        """Icon, its colour's role, and what stands in the columns."""
        path = Path(self.path)
        result = self.result
        if result is not None:
            said = verdict(result)
            figures = (words.count(result.files), words.size(result.bytes))
            title = f"{said.title}{self._left()}"
            return *_ICONS[said.tone], (path.name, title, checks(result), *figures, str(path.parent))
        view = self.mend if self.is_mending else self.check
        if view is None:
            return (
                "clock",
                "muted",
                (path.name, "Cancelled" if self.stopped else "Waiting to start", "", "", "", str(path.parent)),
            )
        symbol, role = jobs_words.icon_and_role(view)
        return symbol, role, (path.name, self._how_far(view), "", "", "", str(path.parent))

    def _left(self) -> str:
        """What an earlier fetching could not get."""
        done = cast("MaterializeResult | None", self.mend.result) if self.mend is not None else None
        if self.mend is not None and self.mend.state == "failed" and self.mend.error is not None:
            return f"; not repaired: {self.mend.error.message}"
        if done is not None and done.problem_count:
            return f"; {words.count(done.problem_count, 'files')} could not be fetched"
        return ""

    def _how_far(self, view: JobView) -> str:
        if view.state != "running":
            return jobs_words.line(view)
        fraction, phase = jobs_words.progress(view)
        return phase if fraction is None else f"{phase}, {fraction:.0%}"


class QueueModel(QAbstractTableModel):
    """In the order in which the bags were dropped."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.lines: list[Line] = []
        self._texts: list[tuple[str, str, tuple[str, ...]]] = []
        self.broken: list[bool] = []
        """Whether a bag has lost, changed or damaged files; looked for once, for there may be many problems."""
        self._icons: dict[str, QIcon] = {}

    def put(self, lines: Sequence[Line]) -> None:
        """Show these; only what differs is told."""
        if [line.path for line in lines] != [line.path for line in self.lines]:
            self.beginResetModel()
            self.lines, self._texts = list(lines), [line.texts() for line in lines]
            self.broken = [_is_broken(line) for line in lines]
            self.endResetModel()
            return
        changed = []
        for row, (old, new) in enumerate(zip(self.lines, lines, strict=True)):
            if new.check is old.check and new.mend is old.mend and new.stopped is old.stopped:
                continue
            self.broken[row] = _is_broken(new)
            texts = new.texts()
            if texts != self._texts[row]:
                self._texts[row] = texts
                changed.append(row)
        self.lines = list(lines)
        if changed:
            self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(HEADS) - 1))

    def repaint(self) -> None:
        """The theme changed."""
        self._icons.clear()
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._texts)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._texts):
            return None
        symbol, tone, texts = self._texts[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, FullTextRole):
            return texts[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            if symbol not in self._icons:
                self._icons[symbol] = icon(symbol, tone, 16)
            return self._icons[symbol]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in (3, 4):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == 0:
            return f"{texts[0]}: {texts[1]}"
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None


def _is_broken(line: Line) -> bool:
    """Whether it has bad files, and somebody may have them: a folder with a fetch.txt."""
    result = line.result
    return result is not None and is_broken(result) and os.path.lexists(f"{line.path}/fetch.txt")


def summary(lines: Sequence[Line]) -> str:
    """How it stands with all: "7 of 100 checked: 5 valid and complete, 1 not complete, 1 not valid"."""
    ended = [line for line in lines if not line.under_way]
    results = [line.result for line in ended if line.result is not None]
    whole = sum(1 for result in results if result.valid and (result.complete or result.level == "structure"))
    partly = sum(1 for result in results if result.sound and not result.complete and result.level != "structure")
    bad = sum(1 for result in results if not result.sound)
    counts = ((whole, "valid and complete"), (partly, "not complete"), (bad, "not valid"))
    if results and all(result.level == "structure" for result in results):
        counts = ((whole, "well built"), counts[1], counts[2])
    pieces = [f"{number:,} {text}" for number, text in counts if number]
    if len(ended) > len(results):
        pieces.append(f"{len(ended) - len(results):,} could not be checked")
    told = f"{len(ended):,} of {len(lines):,} checked" if len(ended) < len(lines) else f"All {len(lines):,} checked"
    return f"{told}: {', '.join(pieces)}" if pieces else told
