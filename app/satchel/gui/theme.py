"""The look: colours by what they mean, spacing, type sizes, and how they become a QPalette and a style sheet.

Widgets ask for a role (`tokens().danger`), never for a colour. A light and a dark set hold the same roles; a test keeps
every pair that carries text at a contrast of 4.5 or more.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from string import Template

from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from satchel.gui.resources import resource_folder
from satchel.gui.window import SIDEBAR_WIDTH as SIDEBAR_WIDTH

SPACE_1, SPACE_2, SPACE_3, SPACE_4, SPACE_6, SPACE_8 = 4, 8, 12, 16, 24, 32
"""Distances in device-independent pixels."""
RADIUS_SMALL, RADIUS, RADIUS_LARGE = 4, 6, 10

SCALE = {"caption": 0.9, "body": 1.0, "strong": 1.0, "heading": 1.15, "title": 1.6, "display": 2.1}
"""Type sizes as multiples of the system's font size."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One set of colours; every field but `name` is a colour in #rrggbb."""

    name: str
    window: str
    """Behind everything."""
    surface: str
    """Cards, tables, inputs."""
    raised: str
    """Menus, notices, tool tips: what floats."""
    sunken: str
    """Headers of tables, wells, disabled inputs."""
    sidebar: str
    border: str
    edge: str
    """Borders of what can be operated: 3 to 1 against its surroundings."""
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    accent_pressed: str
    on_accent: str
    accent_text: str
    """Links and marks in the accent's colour on window or surface."""
    accent_soft: str
    """Behind what is selected."""
    hover: str
    success: str
    success_soft: str
    warning: str
    warning_soft: str
    danger: str
    danger_soft: str
    brand: str
    brand_soft: str

    def color(self, role: str) -> QColor:
        """The colour of a role. Raises AttributeError for an unknown one."""
        return QColor(str(getattr(self, role)))


LIGHT = Tokens(
    name="light",
    window="#f7f6f3",
    surface="#ffffff",
    raised="#ffffff",
    sunken="#f0eee9",
    sidebar="#ebe8e1",
    border="#dedad2",
    edge="#8d877c",
    text="#1d2124",
    muted="#5a5f65",
    disabled="#8f9297",
    accent="#0b6b7c",
    accent_hover="#095a69",
    accent_pressed="#074a56",
    on_accent="#ffffff",
    accent_text="#0a6170",
    accent_soft="#d9ecee",
    hover="#f0eee9",
    success="#1b6e3f",
    success_soft="#e0f1e6",
    warning="#7d5200",
    warning_soft="#fbeed3",
    danger="#ab241c",
    danger_soft="#fbe5e3",
    brand="#9c5220",
    brand_soft="#f6e7da",
)

DARK = Tokens(
    name="dark",
    window="#16191b",
    surface="#1e2225",
    raised="#272c30",
    sunken="#191c1f",
    sidebar="#101315",
    border="#33393e",
    edge="#757d84",
    text="#e9ebec",
    muted="#a6adb3",
    disabled="#6f767c",
    accent="#4fb8c7",
    accent_hover="#6cc7d4",
    accent_pressed="#8bd4de",
    on_accent="#06262b",
    accent_text="#6fcbd8",
    accent_soft="#173a41",
    hover="#272c30",
    success="#64ca90",
    success_soft="#16301f",
    warning="#e5b552",
    warning_soft="#362a12",
    danger="#f58d85",
    danger_soft="#3e1f1d",
    brand="#e0995b",
    brand_soft="#38271a",
)


class Theme(QObject):
    """Which set is in force. There is one, `theme()`, for one application."""

    changed = Signal()
    """The colours changed: pixmaps made from them are to be made anew."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = LIGHT
        self.preference = "system"

    def start(self, app: QApplication, preference: str) -> None:
        """Dress the application; call once."""
        app.setStyle("Fusion")
        QDir.setSearchPaths("satchel", [str(resource_folder())])
        _choose_font(app)
        app.styleHints().colorSchemeChanged.connect(self._platform_changed)
        self.use(preference, at_start=True)

    def use(self, preference: str, *, at_start: bool = False) -> None:
        """Follow the platform (`system`), or be `light` or `dark` whatever it says."""
        self.preference = preference
        scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(preference, Qt.ColorScheme.Unknown)
        hints = QApplication.styleHints()
        if not at_start or preference != "system":
            # Native parts (title bar, file dialogs) follow where the platform can do that.
            hints.setColorScheme(scheme)
        dark = preference == "dark" or (preference == "system" and hints.colorScheme() == Qt.ColorScheme.Dark)
        self._put_on(DARK if dark else LIGHT)

    def _platform_changed(self) -> None:
        if self.preference == "system":
            dark = QApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
            self._put_on(DARK if dark else LIGHT)

    def _put_on(self, tokens: Tokens) -> None:
        self.tokens = tokens
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.setPalette(palette(tokens))
            sheet = style_sheet(tokens, app.font().pointSizeF())
            if app.styleSheet() != sheet:
                app.setStyleSheet(sheet)
        self.changed.emit()


_theme: Theme | None = None


def theme() -> Theme:
    """The application's theme."""
    global _theme
    if _theme is None:
        _theme = Theme()
    return _theme


def tokens() -> Tokens:
    """The colours in force."""
    return theme().tokens


def _choose_font(app: QApplication) -> None:
    """Keep the desktop's font; where there is none (no desktop), take a good one that is installed."""
    font = app.font()
    family = QFontInfo(font).family()
    if family in ("DejaVu Sans", "Sans Serif", "Helvetica") or not family:
        known = set(QFontDatabase.families())
        better = next((f for f in ("Inter", "Cantarell", "Ubuntu", "Noto Sans", "Open Sans") if f in known), None)
        if better:
            font.setFamily(better)
    if font.pointSizeF() <= 0:
        font.setPointSizeF(10)
    app.setFont(font)


def set_type(widget: QWidget, kind: str) -> None:
    """Give a widget one of the type sizes of `SCALE`; headings are bold."""
    font = QFont(QApplication.font())
    font.setPointSizeF(font.pointSizeF() * SCALE[kind])
    if kind in ("strong", "heading", "title", "display"):
        font.setWeight(QFont.Weight.DemiBold)
    widget.setFont(font)
    widget.setProperty("type", kind)


def mono() -> QFont:
    """The font for identifiers and logs, as large as the body text."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(QApplication.font().pointSizeF())
    return font


def palette(t: Tokens) -> QPalette:
    """The tokens as a QPalette, for all that the style sheet does not name."""
    made = QPalette()
    role = QPalette.ColorRole
    roles = {
        role.Window: t.window,
        role.WindowText: t.text,
        role.Base: t.surface,
        role.AlternateBase: t.sunken,
        role.Text: t.text,
        role.Button: t.surface,
        role.ButtonText: t.text,
        role.BrightText: t.danger,
        role.ToolTipBase: t.raised,
        role.ToolTipText: t.text,
        role.PlaceholderText: t.muted,
        role.Highlight: t.accent,
        role.HighlightedText: t.on_accent,
        role.Accent: t.accent,
        role.Link: t.accent_text,
        role.LinkVisited: t.accent_text,
        role.Light: t.surface,
        role.Midlight: t.sunken,
        role.Mid: t.border,
        role.Dark: t.edge,
        role.Shadow: "#000000",
    }
    for which, color in roles.items():
        made.setColor(which, QColor(color))
    off = QPalette.ColorGroup.Disabled
    for which in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText):
        made.setColor(off, which, QColor(t.disabled))
    made.setColor(off, role.Highlight, QColor(t.border))
    made.setColor(off, role.HighlightedText, QColor(t.disabled))
    return made


def style_sheet(t: Tokens, points: float) -> str:
    """The style sheet for the tokens, read from resources; `points` is the body's type size."""
    text = (resource_folder() / "style" / "satchel.qss").read_text(encoding="utf-8")
    values = {f.name: str(getattr(t, f.name)) for f in fields(t)}
    values |= {f"size_{kind}": f"{points * factor:.1f}pt" for kind, factor in SCALE.items()}
    values |= {"radius": f"{RADIUS}px", "radius_small": f"{RADIUS_SMALL}px", "radius_large": f"{RADIUS_LARGE}px"}
    return Template(text).substitute(values)
