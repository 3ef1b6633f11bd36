"""Paths: joins, semijoins and pages against a plain evaluation of what they mean, and that they use indexes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ermrest_eye import ADMIN, START, Store, foreign_key, read, table
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.sandbox.ermrest import compile as compiler
from satchel.sandbox.ermrest import render, url
from satchel.sandbox.ermrest.model import ErmrestError, Model, Schema

WHEN = "2026-11-21T00:12:47.5+00:00"
Row = dict[str, Any]

# Tables, their own columns, and for each link: the table it leads to, what the URL says, and the columns that match.
COLUMNS = {"Clinic": ["Name"], "Subject": ["Name", "Clinic"], "Visit": ["Subject", "Second", "Kind"], "Kind": ["Name"]}
LINKS: dict[str, list[tuple[str, str, list[tuple[str, str]]]]] = {
    "Clinic": [("Subject", "eye:Subject", [("Name", "Clinic")]), ("Subject", "(Name)", [("Name", "Clinic")])],
    "Subject": [
        ("Clinic", "eye:Clinic", [("Clinic", "Name")]),
        ("Clinic", "(Clinic)", [("Clinic", "Name")]),
        # Two foreign keys lead from a visit to a subject: without columns either will do.
        ("Visit", "eye:Visit", [("RID", "Subject"), ("RID", "Second")]),
        ("Visit", "(eye:Visit:Second)", [("RID", "Second")]),
        ("Subject", "(Clinic)=(eye:Subject:Clinic)", [("Clinic", "Clinic")]),
    ],
    "Visit": [
        ("Subject", "eye:Subject", [("Subject", "RID"), ("Second", "RID")]),
        ("Subject", "(Subject)", [("Subject", "RID")]),
        ("Subject", "(Second)", [("Second", "RID")]),
        ("Kind", "eye:Kind", [("Kind", "Name")]),
    ],
    "Kind": [("Visit", "eye:Visit", [("Name", "Kind")])],
}


@dataclass
class Small:
    """A small catalog in SQLite and as plain rows."""

    connection: sqlite3.Connection
    model: Model
    rows: dict[str, list[Row]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    connection = sqlite3.connect(":memory:")
    model = Model(acls={"owner": ["test1"]}, schemas={"eye": Schema("S", "eye")})
    tables = model.schemas["eye"].tables
    for name, columns in COLUMNS.items():
        keys = [["Name"]] if columns[0] == "Name" else []
        tables[name] = table(name, [f"{c} text" for c in columns], keys)
    tables["Subject"].foreign_keys = [foreign_key("sc", ["Clinic"], "Clinic", ["Name"])]
    tables["Visit"].foreign_keys = [
        foreign_key("vs", ["Subject"], "Subject", ["RID"]),
        foreign_key("v2", ["Second"], "Subject", ["RID"]),
        foreign_key("vk", ["Kind"], "Kind", ["Name"]),
    ]
    made = Small(connection, model)
    made.rows = {
        "Clinic": [{"RID": f"1-C{i}", "Name": f"c{i}"} for i in range(4)],
        "Kind": [{"RID": f"1-K{i}", "Name": f"k{i}"} for i in range(3)],
        "Subject": [{"RID": f"1-S{i}", "Name": f"s{i}", "Clinic": f"c{i % 3}" if i % 4 else None} for i in range(9)],
        "Visit": [
            {
                "RID": f"1-V{i}",
                "Subject": f"1-S{i % 5}" if i % 6 else None,
                "Second": f"1-S{i % 7}" if i % 3 else None,
                "Kind": f"k{i % 2}" if i % 5 else None,
            }
            for i in range(14)
        ],
    }
    store = Store(connection, model)
    for name, rows in made.rows.items():
        names = [c.name for c in tables[name].columns]
        # Old versions, which nobody may see any more.
        store.now = START
        store.insert(tables[name], [[dict(row, RCT=WHEN, RMT=WHEN).get(n) for n in names] for row in rows])
        store.now = START + 1
        for row in rows:
            store.update(tables[name], {"RID": row["RID"]}, {"RCB": "somebody"})
    yield made
    connection.close()


@st.composite
def walks(draw: st.DrawFn) -> list[tuple[str, int, Any]]:
    """Steps of a path: ("link", from instance, number of the link), ("filter", instance, column and value)."""
    names = [draw(st.sampled_from(sorted(COLUMNS)))]
    steps: list[tuple[str, int, Any]] = [("root", 0, names[0])]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(names) - 1))
        if draw(st.booleans()) and draw(st.booleans()):
            column = draw(st.sampled_from(["RID", *COLUMNS[names[at]]]))
            steps.append(("filter", at, (column, draw(st.integers(0, 4)), draw(st.booleans()))))
        elif draw(st.integers(0, 4)) == 0 and len(names) > 1:
            steps.append(("either", at, draw(st.integers(0, len(names) - 1))))
        else:
            number = draw(st.integers(0, len(LINKS[names[at]]) - 1))
            names.append(LINKS[names[at]][number][0])
            steps.append(("link", at, number))
    steps.append(("context", draw(st.integers(0, len(names) - 1)), None))
    return steps


def evaluate(small: Small, steps: list[tuple[str, int, Any]]) -> tuple[str, list[str], list[list[Row]], int]:
    """The URL of a walk, the tables of its instances, all combinations of rows, and which instance it denotes."""
    names: list[str] = []
    path = ""
    combinations: list[list[Row]] = []
    context = 0
    for kind, at, what in steps:
        if kind == "root":
            names, path = [what], f"A0:=eye:{what}"
            combinations = [[row] for row in small.rows[what]]
            continue
        if kind in ("link", "context") and context != at:
            path += f"/$A{at}"
        if kind == "context":
            context = at
        elif kind == "link":
            target, text, pairs = LINKS[names[at]][what]
            path += f"/A{len(names)}:={text}"
            combinations = [
                [*combination, row]
                for combination in combinations
                for row in small.rows[target]
                if any(combination[at][a] is not None and combination[at][a] == row[b] for a, b in pairs)
            ]
            names.append(target)
            context = len(names) - 1
        elif kind == "filter":
            column, number, negated = what
            values = sorted({row[column] for row in small.rows[names[at]] if row[column] is not None})
            value = values[number % len(values)]
            path += f"/{'!' if negated else ''}A{at}:{column}={value}"
            combinations = [
                c for c in combinations if c[at][column] is not None and (c[at][column] == value) is not negated
            ]
        else:
            first, second = small.rows[names[at]][0]["RID"], small.rows[names[what]][1]["RID"]
            path += f"/A{at}:RID={first};A{what}:RID={second}"
            combinations = [c for c in combinations if c[at]["RID"] == first or c[what]["RID"] == second]
    return path, names, combinations, context


@settings(max_examples=300, deadline=None)
@given(steps=walks(), at=st.sampled_from([None, START, START + 1]))
def test_paths_mean_what_they_say(small: Small, steps: list[tuple[str, int, Any]], at: int | None) -> None:
    path, names, combinations, context = evaluate(small, steps)
    wanted = sorted({c[context]["RID"] for c in combinations})

    def rows(resource: str) -> list[Row]:
        found: list[Row] = json.loads(read(small.connection, small.model, resource, at=at))
        return found

    assert [row["RID"] for row in rows(f"entity/{path}@sort(RID)")] == wanted
    assert rows(f"aggregate/{path}/n:=cnt(*)") == [{"n": len(combinations)}]
    middle = wanted[len(wanted) // 2] if wanted else "1-S0"
    page = rows(f"attribute/{path}/RID@sort(RID)@after({middle})?limit=3")
    assert [row["RID"] for row in page] == [rid for rid in wanted if rid > middle][:3]
    page = rows(f"attribute/{path}/RID@sort(RID::desc::)@before({middle})?limit=2")
    assert [row["RID"] for row in page] == [rid for rid in reversed(wanted) if rid > middle][-2:]
    # Columns of another instance come from one of the combinations.
    other = len(names) - 1 if context == 0 else 0
    pairs = {(c[context]["RID"], c[other]["RID"]) for c in combinations}
    found = rows(f"attribute/{path}/RID,o:=A{other}:RID@sort(RID)")
    assert [row["RID"] for row in found] == wanted
    assert {(row["RID"], row["o"]) for row in found} <= pairs
    groups = rows(f"attributegroup/{path}/k:=A{other}:RID;n:=cnt(*),d:=cnt_d(RID)@sort(k)")
    assert [(g["k"], g["n"], g["d"]) for g in groups] == [
        (
            key,
            sum(c[other]["RID"] == key for c in combinations),
            len({c[context]["RID"] for c in combinations if c[other]["RID"] == key}),
        )
        for key in sorted({c[other]["RID"] for c in combinations})
    ]
    if at is None:
        targets = compiler.targets(url.parse("entity", path, ""), small.model, ADMIN)
        assert targets.table is small.model.schemas["eye"].tables[names[context]]
        ids = [row[0] for row in small.connection.execute(targets.sql, targets.params)]
        assert len(ids) == len(wanted)
        assert len(set(ids)) == len(ids)


def left(small: Small, kind: str) -> list[tuple[str | None, str | None]]:
    body = read(
        small.connection,
        small.model,
        f"attributegroup/S:=eye:Subject/C:={kind}(Clinic)=(eye:Clinic:Name)/s:=S:RID,c:=C:RID@sort(s,c)",
    )
    return [(row["s"], row["c"]) for row in json.loads(body)]


def test_outer_joins_keep_what_has_no_partner(small: Small) -> None:
    clinics = {row["Name"]: row["RID"] for row in small.rows["Clinic"]}
    inner = [(row["RID"], clinics[row["Clinic"]]) for row in small.rows["Subject"] if row["Clinic"]]
    alone = [(row["RID"], None) for row in small.rows["Subject"] if not row["Clinic"]]
    unused = [(None, clinics["c3"])]
    assert left(small, "left") == sorted(inner + alone)
    assert left(small, "right") == sorted(inner) + unused
    assert left(small, "full") == sorted(inner + alone) + unused


def test_pages_cover_a_sort_by_several_keys_once(small: Small) -> None:
    for keys in ("Kind,RID", "Kind::desc::,RID", "Kind,RID::desc::", "Second::desc::,Kind,RID::desc::"):
        names = [key.split("::")[0] for key in keys.split(",")]
        body = read(small.connection, small.model, f"entity/eye:Visit@sort({keys})")
        everything = json.loads(body)
        seen: list[Row] = []
        after = ""
        while True:
            page = json.loads(read(small.connection, small.model, f"entity/eye:Visit@sort({keys}){after}?limit=4"))
            if not page:
                break
            seen += page
            values = ["::null::" if page[-1][n] is None else page[-1][n] for n in names]
            after = f"@after({','.join(values)})"
        assert seen == everything
        values = ["::null::" if everything[9][n] is None else everything[9][n] for n in names]
        page_before = f"entity/eye:Visit@sort({keys})@before({','.join(values)})?limit=4"
        assert json.loads(read(small.connection, small.model, page_before)) == everything[5:9]


def plan(small: Small, resource: str, at: int | None = None) -> str:
    """How SQLite goes about it, of the statement that render would run for all rows at once."""
    api, _, rest = resource.partition("/")
    path, _, query = rest.partition("?")
    compiled = compiler.select(url.parse(api, path, query), small.model, ADMIN, at)
    steps = small.connection.execute(f"EXPLAIN QUERY PLAN {render.statement(compiled, render.CSV)}", compiled.params)
    return "\n".join(step[3] for step in steps)


@pytest.mark.parametrize("at", [None, START + 1])
def test_pages_and_lookups_use_indexes(small: Small, at: int | None) -> None:
    for resource in (
        "entity/eye:Visit@sort(RID)?limit=5",
        "entity/eye:Visit@sort(RID)@after(1-V3)?limit=5",
        "entity/eye:Visit@sort(RID::desc::)@after(1-V3)?limit=5",
        "attribute/eye:Visit/RID,Kind@sort(RID)@after(1-V3)?limit=5",
        "entity/eye:Visit/RID=any(1-V3,1-V4)",
    ):
        found = plan(small, resource, at)
        assert "USING INDEX t Visit" in found, resource
        assert "TEMP B-TREE" not in found, resource
    small.connection.execute('CREATE INDEX IF NOT EXISTS "t Visit by subject" ON "t Visit" (c5)')
    assert "SEARCH t0 USING INDEX t Visit by subject" in plan(small, "entity/eye:Visit/Subject=any(1-S1,1-S2)", at)
    assert "USING INDEX t Visit by subject" in plan(small, "entity/eye:Subject/RID=1-S1/(eye:Visit:Subject)", at)


def test_one_table_makes_one_plain_select(small: Small) -> None:
    compiled = compiler.select(url.parse("entity", "eye:Visit/Kind=k1@sort(RID)", "limit=3"), small.model, ADMIN)
    assert compiled.sql.count("SELECT") == 1
    assert [name for name, _ in compiled.columns][-3:] == ["Subject", "Second", "Kind"]
    assert [t.name for t in compiled.tables] == ["Visit"]
    rows = small.connection.execute(compiled.sql, compiled.params).fetchall()
    assert [row[0] for row in rows] == ["1-V1", "1-V11", "1-V13"]


def test_what_writing_takes_from_urls(small: Small) -> None:
    query = url.parse("entity", "eye:Visit", "defaults=RID")
    assert compiler.root_table(query, small.model, ADMIN).name == "Visit"
    with pytest.raises(ErmrestError) as caught:
        compiler.root_table(url.parse("entity", "eye:Visit/RID=1", ""), small.model, ADMIN)
    assert caught.value.status == 400
    targets = compiler.targets(url.parse("attribute", "eye:Visit/Kind=k1/Kind,Second", ""), small.model, ADMIN)
    assert [name for name, _ in targets.columns] == ["Kind", "Second"]
    assert targets.forbidden is None
    with pytest.raises(ErmrestError) as caught:
        compiler.targets(url.parse("attribute", "eye:Visit/Kind=k1/RID", ""), small.model, ADMIN)
    assert caught.value.status in (403, 409)
