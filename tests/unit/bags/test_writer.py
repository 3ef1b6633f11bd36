"""What we write, read by the witnesses: bagit-py and bdbag."""

from __future__ import annotations

import hashlib
from pathlib import Path

import bagit
from bdbag import bdbag_api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satchel.core.bags.digests import hash_file
from satchel.core.bags.names import Names, safe_name
from satchel.core.bags.writer import Entry, Inventory, write_tags

ALGORITHMS = ("md5", "sha256")
INFO = [("Source-Host", "host"), ("External-Description", "rows\nand\r\nmore: of it"), ("Bagging-Date", "2026-11-21")]


def write_bag(folder: Path, files: dict[str, bytes], remote: dict[str, tuple[int, str]] | None = None) -> Path:
    """A bag with files of these names below data/, as an export would make it."""
    bag = folder / "bag"
    (bag / "data").mkdir(parents=True)
    inventory = Inventory(folder / "inventory.sqlite")
    entries = []
    for name, data in files.items():
        path = bag / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        hashers = hash_file(path, ALGORITHMS)
        entries.append(Entry(f"data/{name}", hashers.length, hashers.digests()))
    for name, (length, url) in (remote or {}).items():
        digests = {a: hashlib.new(a, b"x" * length).hexdigest() for a in ALGORITHMS}
        entries.append(Entry(f"data/{name}", length, digests, url))
    inventory.add(entries)
    write_tags(bag, inventory, INFO, ALGORITHMS)
    inventory.close()
    return bag


NAMES = st.text(
    st.one_of(st.sampled_from("% .\r\n\u0338\u00a0#*'\""), st.characters(exclude_categories=["Cs"])), max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(NAMES, st.binary(max_size=20)), min_size=1, max_size=5))
def test_any_names_make_a_bag_for_bagit_and_bdbag(tmp_path_factory, found):
    names = Names()
    files = {names.take(f"{safe_name(name)}"): data for name, data in found}
    bag = write_bag(tmp_path_factory.mktemp("w"), files)
    witness = bagit.Bag(str(bag))
    witness.validate()
    assert sorted(witness.payload_entries()) == sorted(f"data/{name}" for name in files)
    assert witness.info["Payload-Oxum"] == f"{sum(map(len, files.values()))}.{len(files)}"
    bdbag_api.validate_bag(str(bag), fast=False)


def test_tag_files_in_full(tmp_path):
    bag = write_bag(
        tmp_path,
        {"records/eye.Image.csv": b"RID\n", "a b.txt": b""},
        {"assets/x.png": (3, "https://h/hatrac/a b%20c;v=1?x=ü\n"), "assets/y": (0, "https://h/y")},
    )
    assert (bag / "bagit.txt").read_bytes() == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert (bag / "bag-info.txt").read_text() == (
        "Source-Host: host\nExternal-Description: rows and more: of it\nBagging-Date: 2026-11-21\nPayload-Oxum: 7.4\n"
    )
    assert (bag / "fetch.txt").read_text().splitlines() == [
        "https://h/hatrac/a%20b%20c;v=1?x=%C3%BC%0A 3 data/assets/x.png",
        "https://h/y 0 data/assets/y",
    ]
    listed = [line.split("  ") for line in (bag / "manifest-md5.txt").read_text().splitlines()]
    assert [path for _, path in listed] == [
        "data/a b.txt",
        "data/assets/x.png",
        "data/assets/y",
        "data/records/eye.Image.csv",
    ]
    assert {p: s for s, p in listed}["data/records/eye.Image.csv"] == hashlib.md5(b"RID\n").hexdigest()
    tags = [line.split("  ")[1] for line in (bag / "tagmanifest-sha256.txt").read_text().splitlines()]
    assert tags == ["bag-info.txt", "bagit.txt", "fetch.txt", "manifest-md5.txt", "manifest-sha256.txt"]
    witness = bagit.Bag(str(bag))
    assert sorted(path for _, _, path in witness.fetch_entries()) == ["data/assets/x.png", "data/assets/y"]
    bdbag_api.validate_bag_structure(str(bag))


def test_the_inventory_survives(tmp_path):
    file = tmp_path / "i.sqlite"
    first = Inventory(file)
    first.add([Entry("data/b", 2, {"md5": "b"}), Entry("data/a", None, {"md5": "a", "sha256": "c"}, "https://h/a")])
    first.add([Entry("data/b", 5, {"md5": "d"})])
    assert first.get("data/b") == Entry("data/b", 5, {"md5": "d"})
    second = Inventory(file)
    assert [e.path for e in second] == ["data/a", "data/b"]
    assert (second.oxum(), second.remote(), second.algorithms(("sha256", "md5"))) == ((5, 2), 1, ("md5",))
    second.remove("data/b")
    assert first.get("data/b") is None
    first.close()
    second.close()
