"""What the real servers do not let pass, and how they say so."""

from __future__ import annotations

import csv
import hashlib
import io
import json
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

INDEXING = "tag:isrd.isi.edu,2018:indexing-preferences"
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def admin(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox) as peer:
        yield peer


def noise(length: int) -> str:
    """A text that does not compress."""
    text = ""
    number = 0
    while len(text) < length:
        text += hashlib.sha256(str(number).encode()).hexdigest()
        number += 1
    return text[:length]


def prose(length: int) -> str:
    """A text that compresses as prose does."""
    chance = random.Random(5)
    words = [
        "".join(chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(chance.randint(1, 9))) for _ in range(300)
    ]
    return " ".join(chance.choice(words) for _ in range(length))[:length]


def test_a_query_is_cut_after_its_time(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    heavy = "A:=s:N/B:=(N)=(s:N:N)/C:=(N)=(s:N:N)"
    with start_sandbox("--demo", "none", "--query-seconds", "0", folder=folder) as sandbox, Peer(sandbox) as peer:
        catalog = peer.new_catalog(table("N", column("N", "int4"), column("Text")))
        peer.ask("POST", f"{catalog}/entity/s:N", [{"N": n, "Text": "x" * 300} for n in range(30_000)])
        peer.ask("POST", f"{catalog}/entity/s:N", [{"N": -1} for n in range(200)])
        (found,) = peer.get(f"{catalog}/aggregate/{heavy}/N=-1/n:=cnt(*)")
        assert found["n"] == 200**3
    with start_sandbox("--demo", "none", "--query-seconds", "0.05", folder=folder) as sandbox, Peer(sandbox) as peer:
        for accept in ("application/json", "text/csv"):
            answer = peer.send("GET", f"{catalog}/aggregate/{heavy}/N=-1/n:=cnt(*)", headers={"Accept": accept})
            assert answer.status_code == 400
            assert answer.text == "Request malformed. Detail: Query run time limit exceeded.\n"
        # One that has begun to answer is broken off: its reader notices.
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            peer.send("GET", f"{catalog}/entity/s:N")
        # As CSV each step through it has the whole time.
        text = peer.send("GET", f"{catalog}/entity/s:N", headers={"Accept": "text/csv"}).text
        assert text.count("\n") == 30_201
    with start_sandbox("--demo", "none", "--query-seconds", "0.001", folder=folder) as sandbox, Peer(sandbox) as peer:
        # A write that takes too long leaves nothing.
        rows = [{"N": 7_000_000 + n} for n in range(4_000)]
        assert peer.send("POST", f"{catalog}/entity/s:N", rows).text.endswith("Query run time limit exceeded.\n")
    with start_sandbox("--demo", "none", folder=folder) as sandbox, Peer(sandbox) as peer:
        assert peer.get(f"{catalog}/entity/s:N/N::geq::7000000") == []


@pytest.mark.parametrize("kind", ["text/csv", "application/x-json-stream"])
def test_long_bodies_have_the_time_of_a_query_for_each_part(kind: str) -> None:
    """They are streamed, and so are the answers; what is wrong at their end undoes them."""
    count = 125_000
    remark = 'several\nlines, with ""quotes""'
    csv_lines = ["N,Text", *(f'{n},"{remark}"' for n in range(count))]
    json_lines = [f'{{"N": {n}, "Text": "several\\nlines, with \\"quotes\\""}}' for n in range(count)]
    lines = csv_lines if kind == "text/csv" else json_lines
    wrong = {"text/csv": '7,"not ended', "application/x-json-stream": '{"N": 7'}[kind]
    again = lines[-1]
    with start_sandbox("--demo", "none", "--query-seconds", "0.6") as sandbox, Peer(sandbox) as peer:
        catalog = peer.new_catalog(table("N", column("N", "int4"), column("Text"), keys=[["N"]]))
        for end, told in ((wrong, "Bad "), (again, "Multiple input rows share the same unique key information.")):
            body = "\n".join([*lines, end]).encode()
            assert len(body) > 4 << 20
            answer = peer.send("POST", f"{catalog}/entity/s:N", body, headers={"Content-Type": kind})
            assert answer.status_code == 400
            assert told in answer.text
            assert peer.get(f"{catalog}/aggregate/s:N/n:=cnt(*)") == [{"n": 0}]
        answer = peer.send("POST", f"{catalog}/entity/s:N", "\n".join(lines).encode(), headers={"Content-Type": kind})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == kind
        if kind == "text/csv":
            given = list(csv.reader(io.StringIO(answer.text)))
            assert [row[0] for row in given[1:]] == [str(n) for n in range(count)]
        else:
            assert [json.loads(line)["N"] for line in answer.text.splitlines()] == list(range(count))
        assert peer.get(f"{catalog}/aggregate/s:N/n:=cnt(*),k:=cnt_d(Text),t:=max(Text)") == [
            {"n": count, "k": 1, "t": remark.replace('""', '"')}
        ]


def test_a_slow_query_keeps_nobody_else_waiting() -> None:
    with start_sandbox("--demo", "none", "--query-seconds", "3") as sandbox, Peer(sandbox) as peer:
        catalog = peer.new_catalog(table("N", column("N", "int4")))
        peer.ask("POST", f"{catalog}/entity/s:N", [{"N": 1} for n in range(2_000)])
        endless = f"{catalog}/aggregate/A:=s:N/B:=(N)=(s:N:N)/C:=(N)=(s:N:N)/D:=(N)=(s:N:N)/n:=cnt(*)"
        answers: list[int] = []

        def slow() -> None:
            with Peer(sandbox) as other:
                answers.append(other.send("GET", endless).status_code)

        thread = threading.Thread(target=slow)
        thread.start()
        for _ in range(5):
            assert len(peer.get(f"{catalog}/entity/s:N?limit=3")) == 3
        peer.ask("POST", f"{catalog}/entity/s:N", [{"N": 2}])
        assert answers == []
        thread.join()
        assert answers == [400]


def test_many_waiting_writers_keep_no_reader_waiting() -> None:
    with start_sandbox("--demo", "none") as sandbox, Peer(sandbox) as peer:
        catalog = peer.new_catalog(table("N", column("N", "int4"), column("Text")))
        body = ("N,Text\n" + "".join(f"{n},some text\n" for n in range(300_000))).encode()
        done: list[int] = []

        def write(data: bytes) -> None:
            with Peer(sandbox) as other:
                done.append(other.send("POST", f"{catalog}/entity/s:N", data, headers=CSV).status_code)

        threads = [threading.Thread(target=write, args=(body,))]
        threads += [threading.Thread(target=write, args=(b"N,Text\n1,x\n",)) for _ in range(50)]
        threads[0].start()
        time.sleep(0.5)  # until it writes
        for thread in threads[1:]:
            thread.start()
        time.sleep(2)  # until they wait for it
        read_meanwhile, waiting = 0, threads[0].is_alive()
        while threads[0].is_alive():
            peer.get(f"{catalog}/entity/s:N?limit=1")
            read_meanwhile += threads[0].is_alive()
        for thread in threads:
            thread.join()
        assert done == [200] * 51
        assert read_meanwhile > 50 or not waiting
        assert peer.get(f"{catalog}/aggregate/s:N/n:=cnt(*)") == [{"n": 300_050}]


def test_long_urls(admin: Peer, empty_sandbox: SandboxProcess) -> None:
    catalog = admin.new_catalog(table("N", column("N")))
    base = f"{catalog}/entity/s:N/N="
    for length, status in ((4037, 200), (4038, 404), (8190, 404), (8191, 414), (60_000, 414)):
        answer = admin.send("GET", base + "x" * (length - len(base)))
        assert (answer.status_code, length) == (status, length)
        assert answer.headers["Content-Type"].startswith("application/json" if status == 200 else "text/html")
    # The path is what counts, until the line as a whole is too long.
    assert admin.send("GET", f"{catalog}/entity/s:N?limit=1&download={'x' * 5000}").status_code == 200
    assert admin.send("GET", f"{catalog}/entity/s:N?limit=1&download={'x' * 8200}").status_code == 414
    with start_sandbox("--demo", "none", "--long-urls") as sandbox, Peer(sandbox) as peer:
        catalog = peer.new_catalog(table("N", column("N")))
        peer.ask("POST", f"{catalog}/entity/s:N", [{"N": f"value {n}"} for n in range(3000)])
        anything = ";".join(f"N=value%20{n}" for n in range(0, 3000, 2))
        assert len(peer.get(f"{catalog}/entity/s:N/{anything}")) == 1500


def test_writers_of_one_catalog_conflict_when_told_to() -> None:
    with start_sandbox("--demo", "none", "--conflicts") as sandbox, Peer(sandbox) as peer:
        catalogs = [peer.new_catalog(table("N", column("W", "int4"), column("N", "int4"))) for _ in range(2)]

        def write(job: tuple[int, str]) -> tuple[int, int]:
            number, catalog = job
            done = refused = 0
            barrier.wait()
            with Peer(sandbox) as own:
                for turn in range(12):
                    rows = [{"W": number, "N": turn * 300 + n} for n in range(300)]
                    answer = own.send("POST", f"{catalog}/entity/s:N", rows)
                    if answer.status_code == 503:
                        assert answer.text == ("The service is temporarily unavailable. Detail: Transaction aborted.\n")
                        refused += 1
                    else:
                        assert answer.status_code == 200
                        done += 300
            return done, refused

        barrier = threading.Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(write, [(n, catalogs[0]) for n in range(4)]))
        assert sum(refused for _, refused in found) > 0
        assert sum(done for done, _ in found) > 0
        for number, (done, _) in enumerate(found):
            (count,) = peer.get(f"{catalogs[0]}/aggregate/s:N/W={number}/n:=cnt(*)")
            assert count["n"] == done
        # Writers of different catalogs, and readers, are in nobody's way.
        barrier = threading.Barrier(1)
        assert write((9, catalogs[1])) == (3600, 0)


@pytest.fixture(scope="module")
def texts(empty_sandbox: SandboxProcess) -> Iterator[tuple[Peer, str]]:
    with Peer(empty_sandbox) as peer:
        yield (
            peer,
            peer.new_catalog(
                table("Plain", column("Text"), column("Other", "int4")),
                table("Keyed", column("Site"), column("Room", "int4"), keys=[["Site", "Room"]]),
                table(
                    "Free",
                    {**column("Text", "markdown"), "annotations": {INDEXING: {"btree": False, "trgm": False}}},
                ),
                table("Json", column("Value", "json"), column("Binary", "jsonb"), column("List", "text[]")),
                table("Refers", column("Site"), column("Room", "int4"),
                      references=[refer(["Site", "Room"], "s:Keyed", ["Site", "Room"])]),
            ),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("of", "row", "message"),
    [
        ("Plain", {"Text": noise(2600)}, None),
        ("Plain", {"Text": noise(2692)}, None),
        ("Plain", {"Text": noise(2693)}, 'index row size 2712 exceeds btree version 4 maximum 2704 for'),
        ("Plain", {"Text": noise(8000)}, 'maximum 2704 for index "Plain_Text_idx"'),
        ("Plain", {"Text": noise(9000)}, '9016 bytes, maximum size is 8191 for index "Plain_Text_idx"'),
        ("Plain", {"Text": "山" * 800 + noise(1200)}, None),
        ("Plain", {"Text": "abc " * 5000}, None),
        ("Plain", {"Text": prose(3500)}, None),
        ("Plain", {"Text": prose(12_000)}, "index row "),
        ("Keyed", {"Site": noise(4480), "Room": 1}, "index row size 4496 exceeds btree version 4 maximum 2704"),
        ("Keyed", {"Site": noise(2600), "Room": 1}, None),
        ("Free", {"Text": noise(100_000)}, None),
        ("Json", {"Value": {"a": noise(100_000)}}, None),
        ("Json", {"Binary": {"a": noise(5_000)}}, 'for index "Json_Binary_idx"'),
        ("Json", {"List": [noise(5_000)]}, 'for index "Json_List_idx"'),
        ("Json", {"Binary": {"a": "b" * 5_000}, "List": ["x"] * 300}, None),
        ("Refers", {"Site": noise(4480)}, 'for index "Refers_Site_Room_idx"'),
    ],
)  # fmt: skip
def test_values_too_long_for_an_index(
    texts: tuple[Peer, str], of: str, row: dict[str, object], message: str | None
) -> None:
    peer, catalog = texts
    answer = peer.send("POST", f"{catalog}/entity/s:{of}", [row])
    if message is None:
        assert answer.status_code == 200, answer.text
    else:
        assert answer.status_code == 400, answer.text[:200]
        assert message in answer.text
        assert answer.text.startswith("Request malformed. Detail: index row ")
        if "exceeds" in answer.text:
            assert "Values larger than 1/3 of a buffer page cannot be indexed." in answer.text
        assert answer.text.count("\n") <= 5


def test_an_update_to_a_value_too_long_is_refused_as_well(texts: tuple[Peer, str]) -> None:
    peer, catalog = texts
    (row,) = peer.ask("POST", f"{catalog}/entity/s:Plain", [{"Text": "short"}])
    change = [{"RID": row["RID"], "Text": noise(3000)}]
    answer = peer.send("PUT", f"{catalog}/attributegroup/s:Plain/RID;Text", change)
    assert answer.status_code == 400
    assert 'index "Plain_Text_idx"' in answer.text
    assert peer.get(f"{catalog}/entity/s:Plain/RID={row['RID']}")[0]["Text"] == "short"
