"""A clone's report as a Qt model: severity, category, table, issue. Nothing is made of an issue before it is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from satchel.gui.icons import icon

if TYPE_CHECKING:
    from satchel.core.clone.report import CloneIssue
    from satchel.core.clone.report_tree import Branch, ReportTree

Index = QModelIndex | QPersistentModelIndex
HEADS = ("What", "Rows")
_ICONS = {
    "critical": ("error", "danger"),
    "error": ("error", "danger"),
    "warning": ("warning", "warning"),
    "info": ("info", "accent_text"),
}
_TOP = 0
"""What indexes of the first level carry; others carry the number of the branch above, plus one."""


class ReportModel(QAbstractItemModel):
    """The tree; an index carries the branch above it, so that a million issues need nothing of their own."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tree: ReportTree | None = None
        self._icons: dict[str, QIcon] = {}

    def show(self, tree: ReportTree) -> None:
        """Show a report, or those of its issues that were looked for."""
        self.beginResetModel()
        self._tree = tree
        self.endResetModel()

    def repaint(self) -> None:
        """The theme changed: icons are to be made anew."""
        self._icons.clear()
        self.layoutChanged.emit()

    def branch(self, index: Index) -> Branch | None:
        """The branch at an index; None for an issue."""
        tree, above = self._tree, self._above(index)
        if tree is None or not index.isValid():
            return None
        if above is None:
            return tree.branches[tree.top[index.row()]]
        return tree.branches[above.branches[index.row()]] if above.branches else None

    def issue(self, index: Index) -> CloneIssue | None:
        """The issue at an index; None for a branch."""
        tree, above = self._tree, self._above(index)
        if tree is None or above is None or above.branches or not index.isValid():
            return None
        return tree.issues[above.issues[index.row()]]

    def _above(self, index: Index) -> Branch | None:
        number = int(index.internalId()) if index.isValid() else _TOP
        return None if self._tree is None or number == _TOP else self._tree.branches[number - 1]

    # -- the model ------------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not 0 <= row < self.rowCount(parent) or not 0 <= column < len(HEADS):
            return QModelIndex()
        branch = self.branch(parent)
        return self.createIndex(row, column, _TOP if branch is None else branch.number + 1)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        above = self._above(index)
        if above is None:
            return QModelIndex()
        return self.createIndex(above.row, 0, _TOP if above.above < 0 else above.above + 1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if self._tree is None or parent.column() > 0:
            return 0
        if not parent.isValid():
            return len(self._tree.top)
        branch = self.branch(parent)
        return 0 if branch is None else len(branch.branches) or len(branch.issues)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 1:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        branch = self.branch(index)
        if branch is not None:
            if role == Qt.ItemDataRole.DisplayRole:
                return f"{branch.title} ({branch.count:,})" if index.column() == 0 else ""
            if role == Qt.ItemDataRole.DecorationRole and index.column() == 0 and branch.kind == "severity":
                return self._icon(branch.name)
            return None
        issue = self.issue(index)
        if issue is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return issue.message if index.column() == 0 else f"{issue.row_count:,}" if issue.row_count else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(text for text in (issue.message, issue.details, issue.action) if text)
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == 0:
            rows = f", {issue.row_count:,} rows" if issue.row_count else ""
            return f"{issue.severity}: {issue.message}{rows}"
        return None

    def _icon(self, severity: str) -> QIcon:
        if severity not in self._icons:
            name, role = _ICONS[severity]
            self._icons[severity] = icon(name, role, 18)
        return self._icons[severity]
