"""The journal keeps what it was told, through damage and newer versions too."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from satchel.core.errors import SatchelError
from satchel.core.jobs import registry
from satchel.core.jobs.journal import LOG_LINES, Journal, write_atomically
from satchel.core.jobs.request import Access
from satchel.core.jobs.schema import MIGRATIONS
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
    assert len(lines) == LOG_LINES + 1
    assert lines[0].message == "(500 older lines are left out)"
    assert lines[1].message == "500"
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


def test_damage_inside_the_file_is_found_when_it_is_opened(home: Home) -> None:
    journal = Journal(home)
    for n in range(300):
        journal.add("dummy", f"Dummy {n}", b"x" * 500)
    journal.close()
    file = home.data / "journal.db"
    content = bytearray(file.read_bytes())
    content[3 * 4096 : 12 * 4096] = b"\xff" * (9 * 4096)
    file.write_bytes(content)
    again = Journal(home)
    assert again.set_aside is not None
    assert again.set_aside.read_bytes() == content
    assert again.jobs() == []
    again.close()


def test_a_journal_of_the_first_version_is_taken_over(home: Home) -> None:
    home.private(home.data)
    db = sqlite3.connect(home.data / "journal.db")
    for statement in MIGRATIONS[0]:
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
    request = registry.encode(DummyRequest(units=3))
    db.execute(
        "INSERT INTO job (id, kind, title, request, state, created) VALUES ('old', 'dummy', 'Old', ?, 'failed', 1)",
        (request,),
    )
    db.commit()
    db.close()
    journal = Journal(home)
    entry = journal.job("old")
    assert (entry.title, entry.state, entry.request, entry.stages) == ("Old", "failed", request, None)
    journal.keep("old", "k", 1)
    assert journal.kept("old") == {"k": 1}
    journal.close()


def test_what_was_acknowledged_survives_a_kill_in_mid_write(home: Home) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from satchel.core.jobs.journal import Journal; from satchel.core.paths import Home\n"
        "journal = Journal(Home.under(Path(sys.argv[1])))\n"
        "job = journal.add('dummy', 'D', b'{}'); lease = journal.lease(job)\n"
        "journal.began(job)\n"
        "print(job, flush=True)\n"
        "n = 0\n"
        "while True:\n"
        "  n += 1\n"
        "  journal.record(job, kept={'n': n, 'text': 'x' * 5000}, lines=[(0.0, 'info', str(n))])\n"
        "  print(n, flush=True)\n"
    )
    for acknowledged in (1, 7, 40):
        process = subprocess.Popen([sys.executable, "-c", code, str(home.data.parent)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        job = process.stdout.readline().decode().strip()
        for _ in range(acknowledged):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        journal = Journal(home)
        assert journal.set_aside is None
        assert journal.job(job).state == "interrupted"
        kept = journal.kept(job)["n"]
        assert kept >= last
        assert [int(line.message) for line in journal.log_lines(job)] == list(range(1, kept + 1))
        journal.lease(job).release()
        journal.close()


def test_many_programs_may_open_a_new_journal_at_once(home: Home) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from satchel.core.jobs.journal import Journal; from satchel.core.paths import Home\n"
        "sys.stdin.readline(); journal = Journal(Home.under(Path(sys.argv[1])))\n"
        "journal.add('dummy', 'D', b'{}'); print(journal.set_aside); journal.close()\n"
    )
    command = [sys.executable, "-c", code, str(home.data.parent)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(5)]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0].strip() for process in started] == [b"None"] * 5
    journal = Journal(home)
    assert len(journal.jobs()) == 5
    journal.close()


def test_leases_are_one_at_a_time_and_a_removed_lock_is_not_taken(home: Home) -> None:
    journal = Journal(home)
    job = journal.add("dummy", "D", b"{}")
    lease = journal.lease(job)
    assert journal.is_leased(job)
    with pytest.raises(SatchelError, match="another window"):
        journal.lease(job, patience=0)
    lease.release()
    assert not journal.is_leased(job)
    lease = journal.lease(job)
    lease.retire()
    assert not journal.is_leased(job)
    journal.lease(job).release()
    journal.close()


def test_what_no_job_needs_is_swept_away_and_the_rest_stays(home: Home) -> None:
    journal = Journal(home)
    done, failed, held = (journal.add("dummy", "D", b"{}") for _ in range(3))
    lease = journal.lease(held)
    journal.ended(done, "done", 1.0)
    journal.ended(failed, "failed", 1.0)
    for job in (done, failed, held, "nobody-knows-it"):
        (journal.folder(job) / "page").write_text("x")
    journal.lease(done).release()
    journal.sweep()
    assert sorted(p.name for p in (home.data / "jobs").iterdir() if p.is_dir()) == sorted((failed, held))
    lease.release()
    journal.discard(failed)
    assert not journal.folder(failed).joinpath("page").exists()
    with pytest.raises(SatchelError, match="discarded"):
        journal.began(failed)
    with pytest.raises(SatchelError, match="discarded"):
        journal.keep(failed, "k", 1)
    journal.close()


def test_readers_do_not_wait_for_writers(home: Home) -> None:
    journal, other = Journal(home), Journal(home)
    job = journal.add("dummy", "D", b"{}")
    with other._writing():
        assert journal.log_lines(job) == []
        assert journal.job(job).id == job
    journal.close()
    other.close()


def test_the_folders_are_private(home: Home, tmp_path: Path) -> None:
    Journal(home).close()
    for folder in (home.data, home.data / "jobs"):
        assert folder.stat().st_mode & 0o077 == 0
    assert (home.data / "journal.db").stat().st_mode & 0o077 == 0


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
