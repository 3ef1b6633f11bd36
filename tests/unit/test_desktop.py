"""What tells a Linux desktop of Satchel is well formed, and speaks of what is there."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "packaging" / "linux"
METAINFO = LINUX / "org.derivacloud.satchel.metainfo.xml"
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


def desktop_entry() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(LINUX / "satchel.desktop", encoding="utf-8")
    return parser["Desktop Entry"]


def test_the_entry_opens_files_with_the_command_and_its_names_agree() -> None:
    entry = desktop_entry()
    assert entry["Exec"] == "satchel %F"
    assert (ROOT / "resources" / "app" / f"{entry['Icon']}.svg").is_file()
    app = (ROOT / "app" / "satchel" / "gui" / "app.py").read_text()
    assert f'setDesktopFileName("{entry["StartupWMClass"]}")' in app, "the window is known by the entry's name"
    types = entry["MimeType"].strip(";").split(";")
    assert {"inode/directory", "application/zip", "application/x-compressed-tar", "application/x-tar"} <= set(types)
    (own,) = [found.get("type") for found in ElementTree.parse(LINUX / "satchel.mime.xml").iter(f"{MIME}mime-type")]
    assert own in types
    told = ElementTree.parse(METAINFO)
    assert told.findtext("launchable") == "satchel.desktop"
    assert told.findtext("provides/mediatype") == own
    assert f"{told.findtext('id')}.metainfo.xml" == METAINFO.name


@pytest.mark.parametrize(
    "command",
    [
        ["desktop-file-validate", str(LINUX / "satchel.desktop")],
        ["appstreamcli", "validate", "--no-net", str(METAINFO)],
    ],
)
def test_the_desktops_own_tools_find_nothing_wrong(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "error" not in (found.stdout + found.stderr).lower()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_it_is_installed_for_one_person_and_removed_again(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "share")}
    subprocess.run([str(LINUX / "install")], env=environment, check=True, timeout=60, capture_output=True)
    share = tmp_path / "share"
    wanted = [
        share / "applications" / "satchel.desktop",
        share / "mime" / "packages" / "satchel.xml",
        share / "metainfo" / METAINFO.name,
        share / "icons" / "hicolor" / "scalable" / "apps" / "satchel.svg",
    ]
    assert [path for path in wanted if not path.is_file()] == []
    if shutil.which("update-mime-database") is not None:
        assert "text/x-bagit-declaration:bagit.txt" in (share / "mime" / "globs").read_text()
    subprocess.run([str(LINUX / "install"), "--remove"], env=environment, check=True, timeout=60, capture_output=True)
    assert [path for path in wanted if path.exists()] == []
