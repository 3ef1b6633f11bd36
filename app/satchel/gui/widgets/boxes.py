"""Grounds and rows: cards, lines, section headers, pages."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QScrollArea, QVBoxLayout, QWidget

from satchel.gui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, SPACE_6
from satchel.gui.widgets.text import label


def column(*, spacing: int = SPACE_3, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QVBoxLayout:
    """A vertical layout with the theme's distances."""
    made = QVBoxLayout()
    made.setSpacing(spacing)
    made.setContentsMargins(*margins)
    return made


def row(*items: QWidget | QLayout | None, spacing: int = SPACE_2) -> QHBoxLayout:
    """A horizontal layout of items; None stands for stretch."""
    made = QHBoxLayout()
    made.setSpacing(spacing)
    made.setContentsMargins(0, 0, 0, 0)
    for item in items:
        if item is None:
            made.addStretch(1)
        elif isinstance(item, QWidget):
            made.addWidget(item)
        else:
            made.addLayout(item)
    return made


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and delete it."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


class Card(QFrame):
    """A ground with a border and room inside; `body` takes what is put on it."""

    def __init__(self, *, margin: int = SPACE_4, spacing: int = SPACE_3, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(margin, margin, margin, margin)
        self.body.setSpacing(spacing)


class Line(QFrame):
    """A hairline between two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "line")
        self.setFixedHeight(1)


class Section(QWidget):
    """A heading with an optional remark and things at its right."""

    def __init__(self, title: str, remark: str = "", *right: QWidget) -> None:
        super().__init__()
        self.title = label(title, "heading")
        self.remark = label(remark, "caption", "muted")
        if not remark:
            self.remark.hide()
        self.setLayout(row(self.title, self.remark, None, *right))
        self.setMinimumHeight(34)

    def set_remark(self, text: str) -> None:
        """Change the remark; an empty one takes no room."""
        self.remark.setText(text)
        self.remark.setVisible(bool(text))


class PageHead(QWidget):
    """A page's title and one line under it; things to do at the right."""

    def __init__(self, title: str, subtitle: str = "", *right: QWidget) -> None:
        super().__init__()
        self.title: QLabel = label(title, "title")
        self.subtitle: QLabel = label(subtitle, "body", "muted")
        words = column(spacing=SPACE_1)
        words.addWidget(self.title)
        words.addWidget(self.subtitle)
        if not subtitle:
            self.subtitle.hide()
        whole = row(words, None, *right)
        self.setLayout(whole)


class ScrollPage(QScrollArea):
    """A page that scrolls up and down when the window is low; `body` takes its parts."""

    def __init__(self, *, width: int = 920, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setProperty("role", "page")
        self.viewport().setAutoFillBackground(False)
        middle = QWidget()
        middle.setMaximumWidth(width)
        self.body = QVBoxLayout(middle)
        self.body.setContentsMargins(SPACE_6, SPACE_6, SPACE_6, SPACE_6)
        self.body.setSpacing(SPACE_6)
        around = QHBoxLayout(inside)
        around.setContentsMargins(0, 0, 0, 0)
        around.addStretch(1)
        around.addWidget(middle, 1000)
        around.addStretch(1)
        self.setWidget(inside)
