"""The journal keeps what it was told, through damage and newer versions too."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from satchel.core.errors import SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.journal import LOG_LINES, Journal, write_atomically
from satchel.core.jobs.request import Access
from satchel.core.paths import Home
from unit.jobs.dummy import DummyRequest


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.under(tmp_path)


def test_a_request_comes_back_as_it_was_written() -> None:
    request = DummyRequest(units=3, access=Access(ca=("/a.pem",), credential="/c.json"))
    assert registry.decode_request(registry.encode(request)) == request


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"request":"dummy","units":"many"}', b'{"request":"unknown"}'])
def test_a_damaged_request_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(SatchelError):
        registry.decode_request(data)


def test_checkpoints_and_logs_survive_a_new_start(home: Home) -> None:
    journal = Journal(home)
    job = journal.add("dummy", "Dummy", b"{}")
    journal.keep(job, "pages", {"eye:Subject": [1, 2]})
    journal.keep(job, "pages", {"eye:Subject": [1, 2, 3]})
    journal.log(job, [(1.0, "info", "first"), (2.0, "info", "second")])
    journal.close()
    again = Journal(home)
    assert again.kept(job) == {"pages": {"eye:Subject": [1, 2, 3]}}
    lines = again.log_lines(job)
    assert [line.message for line in lines] == ["first", "second"]
    assert [line.message for line in again.log_lines(job, after=lines[0].number)] == ["second"]
    again.close()


def test_the_log_is_bounded(home: Home) -> None:
    journal = Journal(home)
    job = journal.add("dummy", "Dummy", b"{}")
    journal.log(job, ((float(n), "info", str(n)) for n in range(LOG_LINES + 500)))
    lines = journal.log_lines(job)
    assert len(lines) == LOG_LINES
    assert lines[-1].message == str(LOG_LINES + 499)
    journal.close()


def test_a_damaged_journal_is_set_aside_and_kept(home: Home) -> None:
    home.private(home.data)
    (home.data / "journal.db").write_bytes(b"this is no database" * 100)
    journal = Journal(home)
    assert journal.jobs() == []
    assert journal.set_aside is not None
    assert journal.set_aside.read_bytes().startswith(b"this is no database")
    journal.close()


def test_a_newer_journal_is_left_alone(home: Home) -> None:
    Journal(home).close()
    db = sqlite3.connect(home.data / "journal.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SatchelError, match="newer version"):
        Journal(home)


def test_an_unknown_job_is_named(home: Home) -> None:
    journal = Journal(home)
    with pytest.raises(SatchelError, match="no job 123"):
        journal.job("123")
    journal.close()


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    target = tmp_path / "settings.json"
    write_atomically(target, b"old")

    def broken(_: int) -> None:
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        write_atomically(target, b"new", sync=broken)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
