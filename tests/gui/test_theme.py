"""The look: contrast, both themes, switching, icons."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QIcon, QImage, QPalette
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from satchel.gui import window as window_module
from satchel.gui.icons import dress, icon, pixmap
from satchel.gui.resources import resource_folder
from satchel.gui.theme import DARK, LIGHT, Tokens, palette, style_sheet, theme
from satchel.gui.window import MainWindow

GROUNDS = ("window", "surface", "raised", "sunken", "sidebar", "hover")
BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=lambda t: t.name)


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in QColor(color).getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def text_pairs() -> list[tuple[str, str]]:
    """Every text role with every ground that it is written on."""
    pairs = list(itertools.product(("text", "muted"), (*GROUNDS, "accent_soft")))
    pairs += list(itertools.product(("accent_text", "danger", "success", "warning", "brand"), ("window", "surface")))
    for tone in ("success", "warning", "danger", "brand"):
        pairs += [(tone, f"{tone}_soft"), ("text", f"{tone}_soft"), ("accent_text", f"{tone}_soft")]
    pairs += [("accent_text", "accent_soft")]
    return pairs + [("on_accent", ground) for ground in ("accent", "accent_hover", "accent_pressed")]


@BOTH
@pytest.mark.parametrize(("ink", "ground"), text_pairs())
def test_text_can_be_read(tokens: Tokens, ink: str, ground: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 4.5


@BOTH
@pytest.mark.parametrize("ground", ["window", "surface"])
@pytest.mark.parametrize("mark", ["edge", "accent"])
def test_what_can_be_operated_stands_out(tokens: Tokens, mark: str, ground: str) -> None:
    assert contrast(getattr(tokens, mark), getattr(tokens, ground)) >= 3


@BOTH
def test_the_style_sheet_is_complete(app: QApplication, tokens: Tokens) -> None:
    sheet = style_sheet(tokens, 10)
    assert "$" not in sheet
    for name in re.findall(r"url\(satchel:([^)]+)\)", sheet):
        assert (resource_folder() / name).is_file(), name


def test_the_first_paint_has_the_themes_colours() -> None:
    assert (LIGHT.window, LIGHT.sidebar, LIGHT.text) == window_module.FIRST_LIGHT
    assert (DARK.window, DARK.sidebar, DARK.text) == window_module.FIRST_DARK


def test_switching_the_theme_changes_palette_sheet_and_icons(app: QApplication, window: MainWindow) -> None:
    button = QPushButton("x", window)
    dress(button, "trash")
    before = button.icon().pixmap(18).toImage()
    window.menus.actions["theme-dark"].trigger()
    assert QApplication.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
    assert DARK.surface in app.styleSheet()
    assert button.icon().pixmap(18).toImage() != before
    assert window.settings.theme == "dark"
    window.menus.actions["theme-light"].trigger()
    assert button.icon().pixmap(18).toImage() == before
    assert QApplication.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)


def test_the_settings_page_and_the_menu_agree_on_the_theme(window: MainWindow) -> None:
    page = window.show_page("settings")
    page.theme.options["dark"].click()  # type: ignore[attr-defined]
    assert theme().tokens is DARK
    assert window.menus.actions["theme-dark"].isChecked()
    window.menus.actions["theme-light"].trigger()
    assert page.theme.options["light"].isChecked()  # type: ignore[attr-defined]


def test_palettes_have_every_colour(app: QApplication) -> None:
    made = palette(LIGHT)
    assert made.color(QPalette.ColorRole.PlaceholderText) == QColor(LIGHT.muted)
    disabled = made.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
    assert disabled == QColor(LIGHT.disabled)


def icon_names() -> list[str]:
    return sorted(path.stem for path in (resource_folder() / "icons").glob("*.svg"))


@pytest.mark.parametrize("name", icon_names())
def test_icons_are_drawn_in_the_colour_asked_for(app: QApplication, name: str) -> None:
    made = pixmap(name, 24, "#ff0000", 2.0)
    assert (made.width(), made.devicePixelRatio()) == (48, 2.0)
    image = made.toImage().convertToFormat(QImage.Format.Format_ARGB32)
    inked = [image.pixelColor(x, y) for x in range(48) for y in range(48) if image.pixelColor(x, y).alpha() > 200]
    assert len(inked) > 20, "it is empty"
    assert all(color.red() > 200 and color.green() < 60 and color.blue() < 60 for color in inked)


def test_every_icon_that_is_named_is_there(app: QApplication) -> None:
    """Names are strings in the code; a misspelt one would only show when its page is opened."""
    source = "".join(path.read_text() for path in Path(window_module.__file__).parent.rglob("*.py"))
    made_by = r"icon=|IconLabel\(|IconDisc\(|dress\([^,]+, |icon\(|EmptyState\(|ActionTile\(\s*|RowButton\(\s*"
    named = set(re.findall(rf'(?:{made_by})"([a-z-]+)"', source))
    assert named
    assert named <= set(icon_names())


def test_an_icon_is_faint_when_disabled(qtbot: QtBot, app: QApplication) -> None:
    made = icon("trash")
    assert made.pixmap(18, QIcon.Mode.Disabled).toImage() != made.pixmap(18, QIcon.Mode.Normal).toImage()
