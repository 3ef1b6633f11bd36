"""What the window remembers, and what it does with a broken file."""

from __future__ import annotations

import json
from pathlib import Path

from satchel.gui.settings import RECENT, Settings, load


def test_everything_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "config" / "window.json"
    kept = Settings(path)
    kept.theme, kept.parallel_jobs, kept.export_folder = "dark", 5, "/somewhere/Ünïcode"
    kept.remember_host("one.example", ca="/ca.pem", credential="/cred.json")
    kept.remember_catalog("one.example", "7", "Fish", 12.5)
    kept.sizes["window"] = [1000, 700]
    kept.bag_level = "fast"
    kept.remember_profile("/p.json")
    kept.remember_profile("bag")
    kept.remember_bag("/a")
    kept.remember_bag("/b")
    kept.remember_bag("/a")
    assert kept.save() == ""
    read = load(path)
    assert (read.theme, read.parallel_jobs, read.export_folder) == ("dark", 5, "/somewhere/Ünïcode")
    assert [vars(h) for h in read.hosts] == [{"host": "one.example", "ca": "/ca.pem", "credential": "/cred.json"}]
    assert [vars(r) for r in read.recent] == [vars(r) for r in kept.recent]
    assert read.sizes == {"window": [1000, 700]}
    assert (read.bag_level, read.bag_profile, read.bag_profiles) == ("fast", "bag", ["/p.json"])
    assert read.recent_bags == ["/a", "/b"]
    assert read.trouble == ""
    assert [p.name for p in path.parent.iterdir()] == ["window.json"], "no temporary file is left"


def test_a_broken_file_is_put_aside_and_said(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_text('{"theme": "dark", ')
    read = load(path)
    assert read.theme == "system"
    assert "window.json" in read.trouble
    assert (tmp_path / "window.json.broken").read_text() == '{"theme": "dark", '
    assert read.save() == ""
    assert json.loads(path.read_text())["theme"] == "system"


def test_senseless_values_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_text(json.dumps({"theme": "pink", "parallel_jobs": 900, "future": {"a": 1}, "hosts": [{"host": "h"}]}))
    read = load(path)
    assert (read.theme, read.parallel_jobs) == ("system", 8)
    assert [h.host for h in read.hosts] == ["h"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = Settings(tmp_path / "file" / "window.json").save()
    assert "could not be saved" in told


def test_recent_catalogs_are_few_newest_first_and_each_once() -> None:
    settings = Settings()
    for number in range(12):
        settings.remember_catalog("h", str(number), "", number)
    settings.remember_catalog("h", "8", "Eight", 99)
    assert len(settings.recent) == RECENT
    assert [r.catalog for r in settings.recent[:3]] == ["8", "11", "10"]
    assert settings.recent[0].title == "Eight"


def test_access_holds_paths_only_where_some_were_given() -> None:
    settings = Settings()
    settings.remember_host("h", ca="/ca.pem")
    assert settings.access("h").ca == ("/ca.pem",)
    assert settings.access("h").credential is None
    assert settings.access("unknown").ca == ()
    settings.remember_catalog("h", "1", "", 1)
    settings.forget_host("h")
    assert (settings.hosts, settings.recent) == ([], [])
