"""What the sandbox has acknowledged is there: after restarts, kills, failed writes, and with many clients at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from sandbox_client import Peer, column, refer, table
from sandbox_process import SandboxProcess, start_sandbox

ITEM = table("Item", column("Batch", "int4", need=True), column("Name", need=True), keys=[["Name"]])
CSV = {"Content-Type": "text/csv"}
KILLS = 50


@pytest.fixture
def admin(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox) as peer:
        yield peer


def names(peer: Peer, catalog: str) -> list[str]:
    return [row["Name"] for row in peer.get(f"{catalog}/attribute/s:Item/Name@sort(Name)")]


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    with start_sandbox("--demo", "none", folder=tmp_path / "kept") as sandbox:
        with Peer(sandbox) as peer:
            catalog = peer.new_catalog(ITEM)
            peer.ask("PUT", f"{catalog}/schema/s/annotation/tag:example", {"a": 1})
            peer.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 1, "Name": n} for n in ("one", "two")])
            before = peer.snapshot(catalog)
            peer.ask("DELETE", f"{catalog}/entity/s:Item/Name=two")
            peer.ask("PUT", f"{catalog}/attributegroup/s:Item/Name;Batch", [{"Name": "one", "Batch": 2}])
            peer.ask("PUT", "/hatrac/kept", headers={"Content-Type": "application/x-hatrac-namespace"})
            peer.ask("PUT", "/hatrac/kept/a.txt", b"first", headers={"Content-Type": "text/plain"})
            peer.ask("PUT", "/hatrac/kept/a.txt", b"second", headers={"Content-Type": "text/plain"})
            job = peer.ask(
                "POST",
                "/hatrac/kept/b.bin;upload",
                {"chunk-length": 3, "content-length": 5, "content-type": "application/octet-stream"},
            ).strip()
            peer.ask("PUT", f"{job}/0", b"abc")
            paths = [
                f"{catalog}/schema",
                f"{catalog}/entity/s:Item@sort(RID)",
                f"{before}/entity/s:Item@sort(RID)",
                "/hatrac/kept/a.txt;versions",
                "/hatrac/kept/a.txt",
            ]
            then = [peer.get(path) for path in paths]
        sandbox.restart()
        with Peer(sandbox) as peer:
            assert [peer.get(path) for path in paths] == then
            assert [(r["Name"], r["Batch"]) for r in then[1]] == [("one", 2)]
            assert [(r["Name"], r["Batch"]) for r in then[2]] == [("one", 1), ("two", 1)]
            assert then[4] == "second"
            # An upload in chunks goes on where it was.
            peer.ask("PUT", f"{job}/1", b"de")
            peer.ask("POST", job)
            assert peer.get("/hatrac/kept/b.bin") == "abcde"
            # New rows get RIDs and moments that nothing had before.
            (made,) = peer.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 3, "Name": "three"}])
            assert made["RID"] not in {row["RID"] for row in then[2]}
            assert peer.snapshot(catalog) > before


class _Writer(threading.Thread):
    """Writes batches of rows and objects, one after another, until its server is gone; notes what it was told."""

    def __init__(self, sandbox: SandboxProcess, catalog: str, round_number: int, lane: int) -> None:
        super().__init__()
        self.peer = Peer(sandbox)
        self.catalog = catalog
        self.number = round_number * 1_000_000 + lane * 10_000
        self.acknowledged: dict[str, list[str]] = {}
        self.refused: list[str] = []
        self.unanswered: list[str] = []
        self.objects: dict[str, bytes] = {}

    def run(self) -> None:
        with self.peer:
            try:
                while True:
                    self._turn()
            except requests.ConnectionError:
                return

    def _turn(self) -> None:
        self.number += 1
        batch = [f"{self.number}-{n}" for n in range(20)]
        rows = [{"Batch": self.number, "Name": name} for name in batch]
        bad = self.number % 4 == 0
        if bad:
            rows.append(rows[-1])
        self.unanswered.append(str(self.number))
        answer = self.peer.send("POST", f"{self.catalog}/entity/s:Item", rows)
        if bad:
            assert answer.status_code == 400, answer.text
            self.refused += batch
        else:
            assert answer.status_code == 200, answer.text
            self.acknowledged[str(self.number)] = batch
        self.unanswered.remove(str(self.number))
        body = f"object {self.number}".encode() * 50
        answer = self.peer.send("PUT", f"/hatrac/many/{self.number}", body)
        assert answer.status_code == 201, answer.text
        self.objects[answer.text.strip()] = body


@pytest.mark.slow
def test_killed_fifty_times_while_writing_it_loses_nothing_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(3)
    writers: list[_Writer] = []
    with start_sandbox("--demo", "none", folder=tmp_path / "killed") as sandbox:
        with Peer(sandbox) as peer:
            catalog = peer.new_catalog(ITEM)
            peer.ask("PUT", "/hatrac/many", headers={"Content-Type": "application/x-hatrac-namespace"})
        for number in range(1, KILLS + 1):
            now = [_Writer(sandbox, catalog, number, lane) for lane in range(2)]
            for writer in now:
                writer.start()
            time.sleep(chance.uniform(0.02, 0.15))
            sandbox.kill()
            for writer in now:
                writer.join()
            writers += now
            sandbox.start()
        with Peer(sandbox) as peer:
            found = peer.get(f"{catalog}/attribute/s:Item/Batch,Name@sort(Name)")
            there: dict[str, set[str]] = {}
            for row in found:
                there.setdefault(str(row["Batch"]), set()).add(row["Name"])
            assert len(found) == sum(len(of) for of in there.values())
            told = {number: set(batch) for writer in writers for number, batch in writer.acknowledged.items()}
            assert len(told) > KILLS
            assert {number: there.get(number) for number in told} == told
            # What was cut off before its answer is there as a whole or not at all; what was refused is not there.
            open_ended = {number for writer in writers for number in writer.unanswered}
            assert there.keys() - told.keys() <= open_ended
            assert {len(of) for of in there.values()} == {20}
            assert not {name for writer in writers for name in writer.refused} & set().union(*there.values())
            objects = {url: body for writer in writers for url, body in writer.objects.items()}
            assert len(objects) > KILLS
            for url, body in objects.items():
                answer = peer.send("GET", url)
                assert (answer.status_code, answer.content) == (200, body)
            # Whatever is listed can be read.
            for url in peer.get("/hatrac/many"):
                assert peer.send("GET", url).status_code in (200, 409)


def test_a_write_that_fails_in_the_middle_leaves_nothing(admin: Peer) -> None:
    catalog = admin.new_catalog(ITEM)
    admin.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 0, "Name": "there"}])
    before = admin.snapshot(catalog)
    lines = [f"{n},n{n}" for n in range(20_000)]
    failures = {
        "a bad literal": ("none,late", 400),
        "a null": (",late", 409),
        "a key that is there": ("1,there", 409),
        "a key of an earlier line": ("1,n7", 400),
        "too few fields": ("1", 400),
    }
    for what, (line, status) in failures.items():
        body = "\n".join(["Batch,Name", *lines, line, ""]).encode()
        answer = admin.send("POST", f"{catalog}/entity/s:Item", body, headers=CSV)
        assert answer.status_code == status, (what, answer.text[:300])
        assert names(admin, catalog) == ["there"], what
    assert admin.snapshot(catalog) == before


def test_a_failed_change_of_the_model_leaves_nothing(admin: Peer) -> None:
    catalog = admin.new_catalog(ITEM)
    before = admin.get(f"{catalog}/schema")
    admin.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 1, "Name": n} for n in "ab"])
    good = table("Good", column("X"))
    bad = table("Bad", column("Y"), references=[refer("Y", "s:Nowhere")])
    both = {"schema_name": "t", "tables": {"Good": good, "Bad": bad}}
    assert admin.send("POST", f"{catalog}/schema", [both]).status_code == 409
    # A key that the rows do not have, a column that they cannot fill.
    assert admin.send("POST", f"{catalog}/schema/s/table/Item/key", {"unique_columns": ["Batch"]}).status_code == 409
    more = column("Must", need=True)
    assert admin.send("POST", f"{catalog}/schema/s/table/Item/column", more).status_code == 409
    after = admin.get(f"{catalog}/schema")
    assert after["schemas"] == before["schemas"]
    assert names(admin, catalog) == ["a", "b"]


def test_fifty_clients_read_and_write_at_once(empty_sandbox: SandboxProcess, admin: Peer) -> None:
    clients, turns = 50, 8
    catalog = admin.new_catalog(ITEM)
    admin.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 0, "Name": f"0-{n}"} for n in range(500)])
    moment = admin.snapshot(catalog)

    def work(number: int) -> list[str]:
        made = []
        with Peer(empty_sandbox) as peer:
            for turn in range(turns):
                batch = [f"{number}-{turn}-{n}" for n in range(5)]
                answer = peer.ask(
                    "POST", f"{catalog}/entity/s:Item", [{"Batch": number, "Name": name} for name in batch]
                )
                assert [row["Name"] for row in answer] == batch
                made += batch
                own = peer.get(f"{catalog}/attribute/s:Item/Batch={number}/Name")
                assert {row["Name"] for row in own} == set(made)
                (count,) = peer.get(f"{moment}/aggregate/s:Item/n:=cnt(*)")
                assert count["n"] == 500
        return made

    with ThreadPoolExecutor(clients) as pool:
        made = [name for names_ in pool.map(work, range(1, clients + 1)) for name in names_]
    assert len(made) == clients * turns * 5
    assert set(names(admin, catalog)) == {*made, *(f"0-{n}" for n in range(500))}


def test_a_reader_sees_one_moment_while_others_write(empty_sandbox: SandboxProcess, admin: Peer) -> None:
    catalog = admin.new_catalog(table("Pair", column("A", "int4"), column("B", "int4")))
    admin.ask("POST", f"{catalog}/entity/s:Pair", [{"A": 0, "B": 0} for _ in range(3_000)])
    (first,) = admin.get(f"{catalog}/attribute/s:Pair/RID?limit=1")
    stop = threading.Event()

    def write() -> None:
        with Peer(empty_sandbox) as peer:
            rids = [row["RID"] for row in peer.get(f"{catalog}/attribute/s:Pair/RID@sort(RID)")]
            turn = 0
            while not stop.is_set():
                turn += 1
                rows = [{"RID": rid, "A": turn, "B": -turn} for rid in (rids[0], rids[-1], first["RID"])]
                unique = list({row["RID"]: row for row in rows}.values())
                peer.ask("PUT", f"{catalog}/attributegroup/s:Pair/RID;A,B", unique)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            rows = admin.get(f"{catalog}/attribute/s:Pair/RID,A,B@sort(RID)")
            assert len(rows) == 3_000
            assert (rows[0]["A"], rows[0]["B"]) == (rows[-1]["A"], rows[-1]["B"])
            assert all(row["A"] == -row["B"] for row in rows)
    finally:
        stop.set()
        writer.join()


def test_two_sandboxes_are_two_sites(empty_sandbox: SandboxProcess, admin: Peer) -> None:
    with start_sandbox("--demo", "none") as other, Peer(other) as there:
        assert other.host != empty_sandbox.host
        here = admin.new_catalog(ITEM)
        number = here.rpartition("/")[2]
        admin.ask("POST", f"{here}/entity/s:Item", [{"Batch": 1, "Name": "here"}])
        assert there.send("GET", f"/ermrest/catalog/{number}").status_code == 404
        mine = there.new_catalog(ITEM)
        there.ask("POST", f"{mine}/entity/s:Item", [{"Batch": 1, "Name": "there"}])
        assert names(admin, here) == ["here"]
        assert names(there, mine) == ["there"]
        # Who is signed in at one is nobody at the other.
        there.session.headers["Cookie"] = admin.session.headers["Cookie"]
        assert there.send("POST", "/ermrest/catalog", {}).status_code == 401


def test_snapshots_hold_what_was_then(admin: Peer) -> None:
    catalog = admin.new_catalog(ITEM, table("Part", column("Item"), references=[refer("Item", "s:Item", "Name")]))
    number = catalog.rpartition("/")[2]
    shots = [(admin.snapshot(catalog), admin.get(f"{catalog}/schema"))]
    expected: list[list[tuple[str, int]]] = [[]]

    def note(*rows: tuple[str, int]) -> None:
        shots.append((admin.snapshot(catalog), admin.get(f"{catalog}/schema")))
        expected.append(sorted(rows))

    admin.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 1, "Name": n} for n in "abc"])
    note(("a", 1), ("b", 1), ("c", 1))
    admin.ask("PUT", f"{catalog}/attributegroup/s:Item/Name;Batch", [{"Name": "a", "Batch": 2}])
    note(("a", 2), ("b", 1), ("c", 1))
    admin.ask("DELETE", f"{catalog}/entity/s:Item/Name=b")
    note(("a", 2), ("c", 1))
    admin.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 9, "Name": "b"}])
    note(("a", 2), ("b", 9), ("c", 1))
    admin.ask("PUT", f"{catalog}/schema/s/table/Item/column/Batch", {"name": "Lot"})
    for (shot, document), rows in zip(shots, expected, strict=True):
        found = admin.get(f"{shot}/entity/s:Item@sort(Name)")
        assert [(row["Name"], row["Batch"]) for row in found] == rows
        (count,) = admin.get(f"{shot}/aggregate/s:Item/n:=cnt(*)")
        assert count["n"] == len(rows)
        assert admin.get(f"{shot}/schema")["schemas"].keys() == document["schemas"].keys()
        for name in ("Item", "Part"):
            then, now = (d["schemas"]["s"]["tables"][name] for d in (document, admin.get(f"{shot}/schema")))
            assert [c["name"] for c in now["column_definitions"]] == [c["name"] for c in then["column_definitions"]]
        for row in found:
            assert admin.get(f"{shot}/entity_rid/{row['RID']}")["table_name"] == "Item"
    assert [row["Lot"] for row in admin.get(f"{catalog}/entity/s:Item@sort(Name)")] == [2, 9, 1]
    # What is before the first change is no part of the history; what is to come is the newest.
    for revision in ("000-0000-0000", "100-0000-0000", "2026-01-01T00:00:00"):
        answer = admin.send("GET", f"/ermrest/catalog/{number}@{revision}/entity/s:Item")
        assert answer.status_code == 409, answer.text
        assert "prior to any known revision" in answer.text
    assert len(admin.get(f"/ermrest/catalog/{number}@7ZZ-ZZZZ-ZZZZ/entity/s:Item")) == 3
    assert admin.send("POST", f"{shots[0][0]}/entity/s:Item", [{"Batch": 1, "Name": "x"}]).status_code == 403


def test_history_can_be_forgotten(admin: Peer, empty_sandbox: SandboxProcess) -> None:
    catalog = admin.new_catalog(ITEM, table("Old", column("X")))
    admin.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": 1, "Name": n} for n in "abc"])
    admin.ask("POST", f"{catalog}/entity/s:Old", [{"X": "x"}])
    early = admin.snapshot(catalog)
    admin.ask("DELETE", f"{catalog}/entity/s:Item/Name=b")
    admin.ask("DELETE", f"{catalog}/schema/s/table/Old")
    middle = admin.snapshot(catalog)
    admin.ask("PUT", f"{catalog}/attributegroup/s:Item/Name;Batch", [{"Name": "a", "Batch": 2}])
    assert names(admin, early) == ["a", "b", "c"]
    low, high = admin.get(f"{catalog}/history/,")["snaprange"]
    assert low < early.rpartition("@")[2] < middle.rpartition("@")[2] < high
    with Peer(empty_sandbox, "user") as user:
        assert user.send("DELETE", f"{catalog}/history/,{high}").status_code == 403
    admin.ask("DELETE", f"{catalog}/history/,{middle.rpartition('@')[2]}")
    assert admin.send("GET", f"{early}/entity/s:Item").status_code == 409
    assert [(r["Name"], r["Batch"]) for r in admin.get(f"{middle}/entity/s:Item@sort(Name)")] == [("a", 1), ("c", 1)]
    assert [(r["Name"], r["Batch"]) for r in admin.get(f"{catalog}/entity/s:Item@sort(Name)")] == [("a", 2), ("c", 1)]
    assert admin.get(f"{catalog}/history/,")["snaprange"][0] == middle.rpartition("@")[2]
    assert admin.send("DELETE", f"{catalog}/history/,7ZZ-ZZZZ-ZZZZ").status_code == 400
    assert admin.send("DELETE", f"{catalog}/history/{low},{high}").status_code == 400
    assert admin.send("GET", f"{catalog}/history/nonsense").status_code == 400


def test_a_catalog_is_deleted_under_those_who_use_it(empty_sandbox: SandboxProcess, admin: Peer) -> None:
    for _ in range(5):
        catalog = admin.new_catalog(ITEM)
        admin.ask("POST", f"{catalog}/entity/s:Item", [{"Batch": n, "Name": f"{n}"} for n in range(2_000)])
        seen: set[int] = set()

        def use(number: int, catalog: str = catalog, seen: set[int] = seen) -> None:
            with Peer(empty_sandbox) as peer:
                for turn in range(1_000):
                    try:
                        if number % 2:
                            rows = [{"Batch": turn, "Name": f"{number}-{turn}"}]
                            status = peer.send("POST", f"{catalog}/entity/s:Item", rows).status_code
                        else:
                            status = peer.send("GET", f"{catalog}/entity/s:Item").status_code
                    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                        continue
                    seen.add(status)
                    if status == 404:
                        return

        threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        while 200 not in seen:
            time.sleep(0.01)
        admin.ask("DELETE", catalog)
        for thread in threads:
            thread.join()
        assert seen == {200, 404}
    assert admin.get("/ermrest/")["version"]
