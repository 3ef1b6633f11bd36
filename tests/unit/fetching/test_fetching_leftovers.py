"""A fetching job that is discarded leaves no beginnings of files in the bag."""

from __future__ import annotations

from pathlib import Path

import portalocker

from bag_maker import make_bag
from satchel.core.bags.reading import PARTS
from satchel.core.fetching.request import MaterializeRequest
from satchel.core.jobs import registry
from satchel.core.jobs.journal import Journal
from satchel.core.jobs.run import begin
from satchel.core.paths import Home


def test_discarding_removes_the_beginnings(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"})
    (bag / PARTS).mkdir()
    (bag / PARTS / "x.part").write_bytes(b"begun")
    home = Home.under(tmp_path / "home")
    journal = Journal(home)
    job, lease = begin(journal, MaterializeRequest(path=str(bag)))
    lease.release()
    journal.discard(job)
    journal.close()
    assert not (bag / PARTS).exists()
    assert (bag / "data/a").exists()


def test_what_another_job_fetches_stays(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"})
    (bag / PARTS).mkdir()
    request = registry.encode(MaterializeRequest(path=str(bag)))
    with portalocker.Lock(bag / PARTS / "lock", "a", flags=portalocker.LockFlags.EXCLUSIVE):
        assert registry.leftovers_of(request, "1", {}) == []
    assert registry.leftovers_of(request, "1", {}) == [bag / PARTS]


def test_nothing_but_a_bags_own_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / "other" / PARTS).mkdir(parents=True)
    bag = make_bag(tmp_path / "bag", {"data/a": b"a"})
    (bag / PARTS).symlink_to(tmp_path / "other" / PARTS)
    for path in (tmp_path / "other", bag, Path("bag")):
        assert registry.leftovers_of(registry.encode(MaterializeRequest(path=str(path))), "1", {}) == []
