"""The demo catalog before any server has seen it: its schema, its rows, its pictures, its history."""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from satchel.sandbox.demo import pictures
from satchel.sandbox.demo.define import ASSET, EXPORT
from satchel.sandbox.demo.eye_schema import eye_schema
from satchel.sandbox.demo.history import Delete, History, Insert, Release, Update, Upload
from satchel.sandbox.demo.lab_schema import lab_schema
from satchel.sandbox.demo.ml_schema import ml_schema
from satchel.sandbox.demo.records import Records
from satchel.sandbox.demo.rids import rid
from satchel.sandbox.demo.sizes import SIZES, Size

SEED = 7
SYSTEM = {"RID", "RCT", "RMT", "RCB", "RMB"}

Rows = dict[str, dict[str, dict[str, Any]]]


def tables(size: Size) -> dict[str, dict[str, Any]]:
    documents = [eye_schema(whole=size.whole), *([ml_schema(), lab_schema()] if size.whole else [])]
    return {f"{d['schema_name']}:{name}": table for d in documents for name, table in d["tables"].items()}


def play(records: Records) -> Iterator[tuple[str, Rows]]:
    """Walk through the history with a dictionary as the catalog; after each step its kind and all rows."""
    rows: Rows = defaultdict(dict)
    for step in History(records).steps():
        if isinstance(step, Insert):
            for row in step.rows:
                assert row["RID"] not in rows[f"{step.schema}:{step.table}"]
                rows[f"{step.schema}:{step.table}"][row["RID"]] = dict(row)
        elif isinstance(step, Upload):
            for file in step.files:
                facts = {
                    "URL": f"/{file.row['RID']}",
                    "Length": len(file.data),
                    "MD5": hashlib.md5(file.data).hexdigest(),
                }
                rows[f"{step.schema}:{file.table}"][file.row["RID"]] = {**file.row, **facts}
        elif isinstance(step, Update):
            for row in step.rows:
                rows[f"{step.schema}:{step.table}"][row["RID"]].update(row)
        elif isinstance(step, Delete):
            for gone in step.rids:
                del rows[f"{step.schema}:{step.table}"][gone]
        elif isinstance(step, Release):
            for row in step.versions:
                rows["deriva-ml:Dataset_Version"][row["RID"]] = dict(row)
                rows["deriva-ml:Dataset"][row["Dataset"]]["Version"] = row["RID"]
        yield type(step).__name__, rows


def last(records: Records) -> Rows:
    *_, (_, rows) = play(records)
    return rows


@pytest.fixture(scope="module")
def small() -> Rows:
    return last(Records(SIZES["small"], SEED))


def test_the_ml_schema_is_that_of_deriva_ml_1_17_10() -> None:
    observed = json.loads((Path(__file__).parent / "deriva_ml_1_17_10.json").read_text())
    made = {
        name: {
            "columns": [[c["name"], c["type"]["typename"], c["nullok"], c["default"]] for c in t["column_definitions"]],
            "keys": sorted([k["names"][0][1], k["unique_columns"]] for k in t["keys"]),
            "foreign_keys": sorted(
                [
                    f["names"][0][1],
                    [c["column_name"] for c in f["foreign_key_columns"]],
                    [":".join((c["schema_name"], c["table_name"], c["column_name"])) for c in f["referenced_columns"]],
                    f["on_delete"],
                    f["on_update"],
                ]
                for f in t["foreign_keys"]
            ),
        }
        for name, t in ml_schema()["tables"].items()
    }
    assert made == observed


@pytest.mark.parametrize("size", ["small", "bench"])
def test_rows_fit_their_tables_and_refer_to_rows_that_are_there(size: str) -> None:
    few = SIZES[size] if size == "small" else scaled_bench()
    defined = tables(few)
    rows = last(Records(few, SEED))
    assert set(rows) <= set(defined)
    rids = [r for of in rows.values() for r in of]
    assert len(rids) == len(set(rids))
    for name, table in defined.items():
        columns = {c["name"]: c for c in table["column_definitions"]}
        for row in rows[name].values():
            assert set(row) <= set(columns), name
            missing = [c for c, d in columns.items() if not d["nullok"] and c not in SYSTEM and row.get(c) is None]
            assert not [c for c in missing if columns[c]["default"] is None], (name, row)
        for key in table["keys"]:
            values = [tuple(row.get(c) for c in key["unique_columns"]) for row in rows[name].values()]
            full = [v for v in values if None not in v]
            assert len(full) == len(set(full)), (name, key["unique_columns"])
        for reference in table["foreign_keys"]:
            far = reference["referenced_columns"]
            to = f"{far[0]['schema_name']}:{far[0]['table_name']}"
            if to == "public:ERMrest_Client":
                continue
            there = {tuple(row[c["column_name"]] for c in far) for row in rows[to].values()}
            own = [c["column_name"] for c in reference["foreign_key_columns"]]
            used = {tuple(row.get(c) for c in own) for row in rows[name].values()}
            assert {u for u in used if None not in u} <= there, reference["names"]


def scaled_bench() -> Size:
    """The benchmark's catalog with a hundredth of its rows."""
    full = SIZES["bench"]
    return Size(
        studies=1,
        clinics=2,
        rooms_each=2,
        devices=3,
        subjects=full.subjects // 100,
        diagnoses=full.diagnoses // 100,
        visits=full.visits // 100,
        observations=full.observations // 100,
        images=full.images // 100,
        whole=False,
        pictures=full.pictures,
    )


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    def digest(seed: int) -> str:
        rows = last(Records(SIZES["small"], seed))
        return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()

    assert digest(SEED) == digest(SEED)
    assert digest(SEED) != digest(SEED + 1)


def test_the_small_catalog_never_changes_by_accident(small: Rows) -> None:
    """Exports of the demo are compared between machines; whoever changes the catalog on purpose changes this."""
    digest = hashlib.sha256(json.dumps(small, sort_keys=True).encode()).hexdigest()
    assert digest == "e8af7f3f78177557495d0c16a30a477eeb7a5803ce637b773519962f2932bf93"


def test_a_plain_user_may_not_see_one_subject_in_ten(small: Rows) -> None:
    subjects = small["eye:Subject"].values()
    assert len(subjects) == 10 * sum(s["Restricted"] for s in subjects)
    table = tables(SIZES["small"])["eye:Subject"]
    assert table["acls"]["select"] == []
    assert table["acl_bindings"]["visible"]["projection"] == [{"filter": "Restricted", "operand": False}, "RID"]


def test_what_is_difficult_is_there(small: Rows) -> None:
    texts = [v for rows in small.values() for row in rows.values() for v in row.values() if isinstance(v, str)]
    for piece in ('"', ",", "\n", "\r\n", "\\", "山", "مريم", "\U0001f441", "\ufeff", "'"):
        assert any(piece in text for text in texts), piece
    assert max(map(len, texts)) > 2704 * 3
    names = {row["Name"] for row in small["eye:Subject"].values()}
    assert {None, ""} <= names
    raw = [row["Raw"] for row in small["eye:Observation"].values() if row["Raw"] is not None]
    assert any(isinstance(r, dict) for r in raw)
    assert any(isinstance(r, list) for r in raw)
    series = [row["Series"] for row in small["eye:Observation"].values()]
    assert None in series
    assert [] in series
    assert any(s and None in s for s in series)
    half = [v for v in small["eye:Visit"].values() if v["Clinic"] is not None and v["Room"] is None]
    assert half, "a composite reference with one part null"
    assert any(row["Length"] == 0 for row in small["eye:Report"].values())


def test_the_lab_has_a_self_reference_a_cycle_and_two_references_to_one_table(small: Rows) -> None:
    made = tables(SIZES["small"])
    arrows = [
        (name, f"{f['referenced_columns'][0]['schema_name']}:{f['referenced_columns'][0]['table_name']}")
        for name, table in made.items()
        for f in table["foreign_keys"]
    ]
    assert ("lab:Animal", "lab:Animal") in arrows
    assert ("lab:Animal", "lab:Cage") in arrows
    assert ("lab:Cage", "lab:Animal") in arrows
    assert arrows.count(("lab:Transfer", "lab:Cage")) == 2
    animals = small["lab:Animal"]
    assert any(a["Mother"] and animals[a["Mother"]]["Mother"] for a in animals.values()), "a grandmother"
    assert any(
        c.get("Current_Animal") and animals[c["Current_Animal"]]["Cage"] == r for r, c in small["lab:Cage"].items()
    )


def test_deriva_ml_can_walk_the_domain_schema() -> None:
    """From no table do two ways lead to another one, but through vocabularies and members of datasets."""
    made = {n: t for n, t in tables(SIZES["small"]).items() if n.startswith("eye:")}
    vocabularies = {
        n for n, t in made.items() if {"ID", "URI", "Synonyms"} <= {c["name"] for c in t["column_definitions"]}
    }
    edges = []
    for name, table in made.items():
        for f in table["foreign_keys"]:
            to = f"{f['referenced_columns'][0]['schema_name']}:{f['referenced_columns'][0]['table_name']}"
            if to.startswith("eye:") and to not in vocabularies and name not in vocabularies:
                edges.append((name, to))
    group = {name: name for name in made}

    def find(name: str) -> str:
        return name if group[name] == name else find(group[name])

    for a, b in edges:
        assert find(a) != find(b), f"{a} and {b} are tied in two ways"
        group[find(a)] = find(b)


def test_datasets_are_nested_have_members_and_versions_between_which_rows_change(small: Rows) -> None:
    everything = History(Records(SIZES["small"], SEED))
    for _ in everything.steps():
        pass
    root = everything.dataset
    assert root is not None
    children = [r["Nested_Dataset"] for r in small["deriva-ml:Dataset_Dataset"].values() if r["Dataset"] == root]
    assert len(children) == 2
    grandchildren = [r for r in small["deriva-ml:Dataset_Dataset"].values() if r["Dataset"] in children]
    assert grandchildren
    for members in ("eye:Dataset_Subject", "eye:Dataset_Image"):
        assert {r["Dataset"] for r in small[members].values()} >= set(children)
    versions = [r["Version"] for r in small["deriva-ml:Dataset_Version"].values() if r["Dataset"] == root]
    assert versions == ["0.1.0", "0.2.0", "1.0.0", "1.1.0", "2.0.0"]
    assert everything.version == "2.0.0"
    states = [
        json.dumps(rows, sort_keys=True) for kind, rows in play(Records(SIZES["small"], SEED)) if kind == "Release"
    ]
    assert len(set(states)) == len(states)


def test_the_benchmark_has_200_000_rows_in_twelve_tables() -> None:
    records = Records(SIZES["bench"], SEED)
    count = 0
    named = set()
    for step in History(records).steps():
        if isinstance(step, Insert):
            named.add(step.table)
            count += sum(1 for _ in step.rows)
        elif isinstance(step, Upload):
            named.add("Image")
            sizes = [len(file.data) for file in step.files]
            assert len(sizes) == 2000
            assert min(sizes) > 2048
            assert max(sizes) < 20 * 1024
            count += len(sizes)
    assert count == 200_000
    assert len(named) == len(eye_schema(whole=False)["tables"]) == 12
    assert not any(t["acls"] or t["acl_bindings"] for t in eye_schema(whole=False)["tables"].values())


def test_the_large_catalog_has_a_million_observations_and_twenty_thousand_images() -> None:
    size = SIZES["large"]
    assert (size.observations, size.images) == (1_000_000, 20_000)
    records = Records(size, SEED)
    first, second = records.wave(0), records.wave(1)
    assert len(first.observations) + len(second.observations) == 1_000_000
    assert len(first.images) + len(second.images) == 20_000
    rows = records.observations(second)
    assert next(rows)["RID"] == records.rids["Observation"][second.observations.start]


def test_pictures_are_pictures_and_their_bytes_are_for_ever() -> None:
    seen = set()
    for number in range(24):
        data = pictures.picture(SEED, number, 128, left=number % 2 == 1, spots=number % 5)
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            assert picture.size == (128, 128)
            shades = picture.convert("L")
            disc = max(range(16, 112), key=lambda x: sum(shades.getpixel((x, y)) for y in range(56, 72)))
        assert (disc < 64) == (number % 2 == 1), "the disc of a left eye lies to the left"
        seen.add(data)
    assert len(seen) == 24
    assert (
        hashlib.md5(pictures.picture(SEED, 1, 64, left=True, spots=3)).hexdigest() == "b424b548da8b6f1aaf6760dab531e473"
    )


def test_assets_are_marked_and_their_rows_match_their_bytes(small: Rows) -> None:
    for name in ("eye:Image", "eye:Report"):
        url = next(c for c in tables(SIZES["small"])[name]["column_definitions"] if c["name"] == "URL")
        marks = url["annotations"][ASSET]
        assert (marks["filename_column"], marks["byte_count_column"], marks["md5"]) == ("Filename", "Length", "MD5")
    assert len({row["MD5"] for row in small["eye:Image"].values()}) == SIZES["small"].images
    names = [row["Filename"] for row in small["eye:Image"].values()]
    assert len(names) > len(set(names)), "two files of one name"
    assert EXPORT in tables(SIZES["small"])["eye:Study"]["annotations"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (31, "Z"), (32, "10"), (32**4 - 1, "ZZZZ"), (32**4, "1-0000"), (32**8 + 5, "1-0000-0005")],
)
def test_rids_look_like_those_of_ermrest(number: int, text: str) -> None:
    assert rid(number) == text
