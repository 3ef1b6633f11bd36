"""The cache of bags: what is put comes out as it was, damage is found, a limit holds, processes share it."""

from __future__ import annotations

import json
import multiprocessing
import threading
from pathlib import Path

import msgspec
import pytest

from satchel.core.bags.digests import StoppedError
from satchel.core.deriva.authn import Person
from satchel.core.errors import SatchelError
from satchel.core.export.cache.key import is_key, record_key, spec_key
from satchel.core.export.cache.store import Cache, DamagedError, Entry
from satchel.core.export.request import AssetChoice, ExportRequest, Offers
from satchel.core.export.spec.request import SpecRequest
from satchel.core.paths import Home

SNAPSHOT = "2ZZ-ABCD-EFGH"
KEY = f"{'0' * 15}1_{SNAPSHOT}"
OTHER = f"{'0' * 15}2_{SNAPSHOT}"


def entry(key: str = KEY) -> Entry:
    return Entry(
        key=key, name="", folder=False, title="Export 1-A", host="h", catalog="1", snapshot=SNAPSHOT, who="me",
        made=0.0, bytes=0, result={"a": 1}, pieces=(),
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.under(tmp_path / "home")


@pytest.fixture
def cache(home: Home) -> Cache:
    return Cache(home)


def archive(tmp_path: Path, data: bytes = b"some bag" * 1000, name: str = "bag.zip") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def folder(tmp_path: Path) -> Path:
    bag = tmp_path / "bag"
    (bag / "data" / "deep").mkdir(parents=True)
    (bag / "bagit.txt").write_text("BagIt-Version: 1.0\n")
    (bag / "data" / "deep" / "a.csv").write_text("RID\n1\n")
    (bag / "data" / "empty").write_bytes(b"")
    return bag


def test_an_archive_comes_out_as_it_went_in(cache: Cache, tmp_path: Path) -> None:
    made = archive(tmp_path)
    kept = cache.put(entry(), made)
    assert kept is not None
    assert (kept.name, kept.folder, kept.bytes) == ("bag.zip", False, made.stat().st_size)
    made.write_bytes(b"changed by its owner")
    taken = cache.take(KEY, tmp_path / "out.zip")
    assert taken.result == {"a": 1}
    assert (tmp_path / "out.zip").read_bytes() == b"some bag" * 1000
    assert [e.key for e in cache.entries()] == [KEY]


def test_a_folder_comes_out_file_by_file(cache: Cache, tmp_path: Path) -> None:
    bag = folder(tmp_path)
    assert cache.put(entry(), bag) is not None
    cache.take(KEY, tmp_path / "again")
    before = {p.relative_to(bag): p.read_bytes() for p in bag.rglob("*") if p.is_file()}
    after = {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert before == after
    assert cache.verify(KEY) == []


@pytest.mark.parametrize("how", ["flip", "shorten", "remove"])
def test_a_damaged_entry_is_found_removed_and_never_given(cache: Cache, tmp_path: Path, how: str) -> None:
    cache.put(entry(), folder(tmp_path))
    (victim,) = cache.folder.glob("*/bag/bag/data/deep/a.csv")
    if how == "remove":
        victim.unlink()
    else:
        victim.write_text("RID\n2\n" if how == "flip" else "RID\n")
    assert any("a.csv" in line for line in cache.verify(KEY))
    with pytest.raises(DamagedError):
        cache.take(KEY, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert cache.find(KEY) is None
    assert cache.entries() == []
    with pytest.raises(SatchelError, match="no cached bag"):
        cache.take(KEY, tmp_path / "out")


def test_what_an_entry_says_leads_nowhere_else(cache: Cache, tmp_path: Path) -> None:
    cache.put(entry(), archive(tmp_path))
    file = cache.folder / KEY / "entry.json"
    said = json.loads(file.read_bytes())
    said["pieces"][0]["path"] = "../../../../outside"
    file.write_text(json.dumps(said))
    assert cache.find(KEY) is None
    assert cache.put(entry(), archive(tmp_path)) is not None
    said = json.loads(file.read_bytes())
    said["name"] = "../outside"
    said["pieces"][0]["path"] = "../outside"
    file.write_text(json.dumps(said))
    assert cache.find(KEY) is None
    with pytest.raises(SatchelError, match="not the key"):
        cache.delete("../../x")


def test_the_limit_removes_what_was_not_used_for_longest_but_for_what_is_pinned(cache: Cache, tmp_path: Path) -> None:
    keys = [f"{n:016x}_{SNAPSHOT}" for n in range(4)]
    for n, key in enumerate(keys[:3]):
        cache.put(entry(key), archive(tmp_path, bytes([n]) * 1000))
        used = cache.folder / key / "used"
        import os

        os.utime(used, (1000 + n, 1000 + n))
    cache.pin(keys[0])
    assert [e.pinned for e in cache.entries()] == [False, False, True]
    assert cache.set_limit(2500) == 1000
    assert {e.key for e in cache.entries()} == {keys[0], keys[2]}
    assert cache.put(entry(keys[3]), archive(tmp_path, b"3" * 1000)) is not None
    assert {e.key for e in cache.entries()} == {keys[0], keys[3]}
    assert cache.put(entry(keys[1]), archive(tmp_path, b"x" * 2501)) is None, "larger than the limit"
    cache.pin(keys[0], pinned=False)
    assert cache.set_limit(0) == 2000
    assert cache.entries() == []
    assert cache.set_limit(None) == 0
    assert cache.settings().limit is None


def test_stopped_it_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        cache.put(entry(), archive(tmp_path), stop)
    assert list(cache.folder.iterdir()) == []
    cache.put(entry(), archive(tmp_path))
    with pytest.raises(StoppedError):
        cache.take(KEY, tmp_path / "out", stop)
    assert not (tmp_path / "out").exists()
    assert cache.find(KEY) is not None


def _worker(home: Path, number: int, results: multiprocessing.Queue[str]) -> None:
    cache = Cache(Home.under(home))
    for turn in range(15):
        target = home / f"out-{number}-{turn}"
        try:
            cache.take(KEY, target)
            assert target.read_bytes() == b"x" * 50_000
            target.unlink()
        except SatchelError as error:
            if "no cached bag" not in error.message:
                results.put(error.message)
        cache.put(entry(), home / "bag.zip")
        if turn % 4 == number:
            cache.delete(KEY)
    results.put("done")


def test_processes_share_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "bag.zip").write_bytes(b"x" * 50_000)
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    workers = [context.Process(target=_worker, args=(home, n, results)) for n in range(3)]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=100) for _ in workers] == ["done"] * 3
    for worker in workers:
        worker.join(30)
    assert not [p for p in (home / "cache" / "exports" / "bags").iterdir() if p.name.startswith(".")]


def test_one_makes_a_bag_and_others_know(cache: Cache, home: Home) -> None:
    with cache.making(KEY) as mine:
        assert mine
        with Cache(home).making(KEY) as theirs:
            assert not theirs
        with cache.making(OTHER) as another:
            assert another
    with cache.making(KEY) as again:
        assert again


ADA = Person(id="ada", name="Ada", expires="", groups=("g1", "g2"))
RECORD = ExportRequest(host="h", catalog="1", rid="1-A", out="/out")
SPEC = SpecRequest(
    host="h",
    catalog="1",
    out="/out",
    spec={"bag": {"bag_name": "x", "bag_archiver": "zip"}, "catalog": {"query_processors": []}},
)


def test_who_asks_is_part_of_the_key_for_rights_are_not_everybody_s() -> None:
    people = [
        None,
        ADA,
        msgspec.structs.replace(ADA, id="bob"),
        msgspec.structs.replace(ADA, groups=("g1",)),
    ]
    for keys in (
        [record_key(RECORD, SNAPSHOT, person) for person in people],
        [spec_key(SPEC, SNAPSHOT, person) for person in people],
    ):
        assert len(set(keys)) == len(people)
        assert all(map(is_key, keys))
        assert all(key.endswith(f"_{SNAPSHOT}") for key in keys)
    later = msgspec.structs.replace(ADA, expires="later", groups=("g2", "g1"))
    assert record_key(RECORD, SNAPSHOT, later) == record_key(RECORD, SNAPSHOT, ADA)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"out": "/elsewhere"}, True),
        ({"use_cache": False}, True),
        ({"offers": Offers(exclude=("b:c", "a:b"))}, False),
        ({"rid": "1-B"}, False),
        ({"host": "other"}, False),
        ({"catalog": "2"}, False),
        ({"archive": "none"}, False),
        ({"materialize": True}, False),
        ({"algorithms": ("md5",)}, False),
        ({"algorithms": ("sha256", "md5")}, True),
        ({"name": "mine"}, False),
        ({"info": (("Contact-Name", "Ada"),)}, False),
        ({"ro_crate": True}, False),
        ({"assets": AssetChoice(count=1)}, True),  # nothing is put inside
    ],
    ids=str,
)
def test_what_makes_another_bag_makes_another_key(change: dict[str, object], same: bool) -> None:
    changed = msgspec.structs.replace(RECORD, **change)
    assert (record_key(changed, SNAPSHOT, ADA) == record_key(RECORD, SNAPSHOT, ADA)) is same
    assert record_key(RECORD, "2ZZ-ABCD-EFGJ", ADA) != record_key(RECORD, SNAPSHOT, ADA)


def test_order_of_choices_and_ways_of_saying_the_same_make_no_other_key() -> None:
    one = msgspec.structs.replace(RECORD, offers=Offers(exclude=("a:b", "c:d")))
    two = msgspec.structs.replace(RECORD, offers=Offers(exclude=("c:d", "a:b")))
    assert record_key(one, SNAPSHOT, None) == record_key(two, SNAPSHOT, None)
    said = msgspec.structs.replace(SPEC, archive="zip")
    assert spec_key(said, SNAPSHOT, None) == spec_key(SPEC, SNAPSHOT, None)
    assert spec_key(msgspec.structs.replace(SPEC, server_side=True), SNAPSHOT, None) == spec_key(SPEC, SNAPSHOT, None)
    other = msgspec.structs.replace(SPEC, env={"RID": "1-A"})
    assert spec_key(other, SNAPSHOT, None) != spec_key(SPEC, SNAPSHOT, None)
