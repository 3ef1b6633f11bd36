"""Bags that were made before: what is kept, how large it is, and what may go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QCheckBox, QSpinBox, QVBoxLayout, QWidget

from satchel.core import words
from satchel.gui.preferences import cache_source
from satchel.gui.tasks import spawn
from satchel.gui.theme import SPACE_2, SPACE_3
from satchel.gui.widgets.announce import announce
from satchel.gui.widgets.boxes import row
from satchel.gui.widgets.buttons import button
from satchel.gui.widgets.table import RowsTable
from satchel.gui.widgets.text import label

if TYPE_CHECKING:
    from satchel.core.export.cache.store import Entry
    from satchel.gui.window import MainWindow

Index = QModelIndex | QPersistentModelIndex
HEADS = ("What", "Size", "Used", "Kept")
DISPLAY = int(Qt.ItemDataRole.DisplayRole)
GB = 1_000_000_000
_EXPLAINED = (
    "A copy of each exported bag is kept, so that the same export of the same snapshot is there at once. It is checked "
    "whenever it is used. Bags that were not used for longest go first; pinned ones stay."
)


class CacheModel(QAbstractTableModel):
    """The cached bags."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        """Show these."""
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = DISPLAY) -> Any:
        if role == DISPLAY and orientation is Qt.Orientation.Horizontal:
            return HEADS[section]
        return None

    def data(self, index: Index, role: int = DISPLAY) -> Any:
        entry = self.entries[index.row()]
        if role == int(Qt.ItemDataRole.TextAlignmentRole) and index.column() == 1:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == int(Qt.ItemDataRole.ToolTipRole):
            return f"{entry.title}\nSnapshot {entry.snapshot}, {entry.name}\n{entry.key}"
        if role != DISPLAY:
            return None
        used = datetime.fromtimestamp(entry.used).astimezone()
        return (
            entry.title,
            words.size(entry.bytes),
            f"{used:%Y-%m-%d %H:%M}",
            "pinned" if entry.pinned else "",
        )[index.column()]


class CacheSection(QWidget):
    """The table, what can be done with a line of it, and the limit."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self._window = window
        self.model = CacheModel(self)
        self.table = RowsTable("Bags that were made before")
        self.table.setModel(self.model)
        self.table.setMinimumHeight(190)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.none = label("No bags are kept yet.", role="muted")
        self.said = label("", role="muted", wrap=True)
        self.verify = button("&Verify", self._verify, icon="check-bag", tip="Read it again and compare its checksums")
        self.pin = button("&Pin", self._pin, icon="lock")
        self.delete = button("&Delete", self._delete, icon="trash", danger=True)
        self.limited = QCheckBox("Keep &at most")
        self.limit = QSpinBox()
        self.limit.setRange(1, 100_000)
        self.limit.setSuffix(" GB")
        self.limit.setAccessibleName("Largest size of the cache in gigabytes")
        self.limit.lineEdit().setAccessibleName("Largest size of the cache in gigabytes")
        self.limit.setKeyboardTracking(False)
        self.limit.valueChanged.connect(self._limit)
        self.limited.toggled.connect(self._limit)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE_3)
        inside.addWidget(label(_EXPLAINED, role="muted", wrap=True))
        inside.addWidget(self.none)
        inside.addWidget(self.table)
        inside.addLayout(row(self.verify, self.pin, self.delete, None, self.limited, self.limit, spacing=SPACE_2))
        inside.addWidget(self.said)
        self._enable()

    def look(self) -> None:
        """Show what is there; nothing happens before the engine runs."""
        if self._window.bridge.engine is not None:
            spawn(self._look(), "look into the cache")

    async def _look(self) -> None:
        kept = {entry.key for entry in self._chosen()}
        entries, limit = await self._window.bridge.call(cache_source.listing)
        self.model.show(entries)
        self.table.fit_columns()
        self.table.setVisible(bool(entries))
        self.none.setVisible(not entries)
        for place, entry in enumerate(entries):
            if entry.key in kept:
                self.table.go_to_row(place)
        whole = sum(entry.bytes for entry in entries)
        self.said.setText(f"{words.count(len(entries), 'bags')}, {words.size(whole)}." if entries else "")
        for part, value in ((self.limited, limit is not None), (self.limit, max(1, round((limit or 20 * GB) / GB)))):
            blocked = part.blockSignals(True)
            if isinstance(part, QCheckBox):
                part.setChecked(bool(value))
            else:
                part.setValue(int(value))
            part.blockSignals(blocked)
        self.limit.setEnabled(limit is not None)
        self._enable()

    def _chosen(self) -> list[Entry]:
        rows = sorted({index.row() for index in self.table.selectionModel().selectedIndexes()})
        return [self.model.entries[place] for place in rows if place < len(self.model.entries)]

    def _enable(self) -> None:
        chosen = self._chosen()
        for part in (self.verify, self.pin, self.delete):
            part.setEnabled(bool(chosen))
        self.pin.setText("Un&pin" if chosen and all(entry.pinned for entry in chosen) else "&Pin")

    # -- doing ----------------------------------------------------------------------------------------------------

    def _do(self, work: Callable[[], Awaitable[str]]) -> None:
        async def whole() -> None:
            said = await work()
            await self._look()
            if said:
                self.said.setText(said)
                announce(self, said)

        spawn(whole(), "look after the cache", self._not_done)

    def _not_done(self, fault: BaseException) -> None:
        self._window.fail(fault)
        self.look()

    def _verify(self) -> None:
        keys = [entry.key for entry in self._chosen()]
        self.said.setText("Reading …")

        async def work() -> str:
            damaged = await self._window.bridge.call(cache_source.verify, keys)
            if damaged:
                return f"{words.count(len(damaged), 'bags')} damaged and removed; it is made anew at the next export."
            return "As it was made: every checksum is right."

        self._do(work)

    def _pin(self) -> None:
        chosen = self._chosen()
        pinned = not all(entry.pinned for entry in chosen)

        async def work() -> str:
            for entry in chosen:
                await self._window.bridge.call(cache_source.pin, entry.key, pinned)
            return ""

        self._do(work)

    def _delete(self) -> None:
        keys = [entry.key for entry in self._chosen()]

        async def work() -> str:
            freed = await self._window.bridge.call(cache_source.delete, keys)
            return f"{words.size(freed)} are free again."

        self._do(work)

    def _limit(self) -> None:
        size = self.limit.value() * GB if self.limited.isChecked() else None
        self.limit.setEnabled(size is not None)

        async def work() -> str:
            freed = await self._window.bridge.call(cache_source.limit, size)
            return f"{words.size(freed)} are free again." if freed else ""

        self._do(work)
