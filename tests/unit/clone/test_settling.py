"""Orphans worked out on key sets: by example and against the plain rule on random catalogs."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_maker import T, gathered_of
from plain_clone import judge, name_of, random_catalog
from satchel.core.clone.keysets import KeySets
from satchel.core.clone.plan import make_plan
from satchel.core.clone.request import CloneRequest
from satchel.core.clone.settling import State
from satchel.core.deriva.reach import solve
from satchel.core.export.request import Offers


def ref(column: str, table: str, to: str = "RID"):
    return ((column,), table, (to,))


def settled(tables: dict[str, T], root: str, rid: str, **request: object):
    """The state, what is left of each table, and the plan."""
    asked = CloneRequest(host="h", catalog="1", rid=rid, **request)
    with tempfile.TemporaryDirectory() as folder:
        gathered = gathered_of(tables, root, rid, Offers(), Path(folder) / "r.sqlite", everything=False)
        with solve(gathered, Offers()) as reached:
            plan = make_plan(asked, gathered, reached, [])
            comes = {(str(t.name), rid) for t in reached.tables for _, rid in reached.rids(t.name)}
            with KeySets(gathered, reached, plan) as keys:
                state = keys.settled(plan)
                left = {str(t.name): keys.rids(t.name) for t in plan.tables}
                failed = {k.name for k in plan.keys if k.state == "pending" and keys.orphans(k)}
        gathered.close()
    return state, left, failed, plan, comes


def chain(length: int) -> dict[str, T]:
    """Each table refers to the one before; the first to one of whose two rows only one can be seen."""
    tables = {"s:Root": T(rows=[{"RID": "R"}]), "s:C00": T(columns=["Up"], rows=[{"RID": "C00a"}])}
    for n in range(1, length + 1):
        table, before = f"s:C{n:02}", f"s:C{n - 1:02}"
        refs = [ref("Up", before), ref("Root", "s:Root")]
        last = f"C{n - 1:02}"
        rows = [{"RID": f"C{n:02}{x}", "Up": f"{last}{x}", "Root": "R"} for x in "ab"]
        tables[table] = T(columns=["Up", "Root"], refs=refs, rows=rows)
    return tables


def test_f12c_a_chain_of_thirty_tables_is_deleted_to_its_end():
    state, left, failed, _, _ = settled(chain(30), "s:Root", "R", orphans="delete")
    assert sum(state.removed.values()) == 30
    assert all(rids == {f"{name[2:]}a"} for name, rids in left.items() if name.startswith("s:C"))
    assert not failed


def test_f12b_a_self_reference_six_rows_deep_is_deleted_to_its_end():
    rows = [{"RID": f"A{n}", "Mother": f"A{n - 1}", "Root": "R"} for n in range(1, 7)]
    tables = {
        "s:Root": T(rows=[{"RID": "R"}]),
        "s:Animal": T(
            columns=["Mother", "Root"],
            refs=[ref("Mother", "s:Animal"), ref("Root", "s:Root")],
            rows=[*rows, {"RID": "B1", "Mother": "B1", "Root": "R"}, {"RID": "B2", "Mother": None, "Root": "R"}],
        ),
    }
    state, left, failed, _, _ = settled(tables, "s:Root", "R", orphans="delete")
    assert state.removed == {"s:Animal_Mother_0_fkey": 6}
    assert left["s:Animal"] == {"B1", "B2"}
    assert not failed


def test_f12a_a_foreign_key_is_looked_at_again_when_later_deletions_take_its_parents():
    tables = {
        "s:A": T(rows=[{"RID": "R"}]),
        "s:Gone": T(),
        "s:B": T(columns=["A", "G"], refs=[ref("A", "s:A"), ref("G", "s:Gone")],
                 rows=[{"RID": "B1", "A": "R", "G": "lost"}, {"RID": "B2", "A": "R", "G": None}]),
        "s:C": T(columns=["A", "B"], refs=[ref("A", "s:A"), ref("B", "s:B")],
                 rows=[{"RID": "C1", "A": "R", "B": "hidden"}, {"RID": "C2", "A": "R", "B": "B1"}]),
        "s:D": T(columns=["A", "C"], refs=[ref("A", "s:A"), ref("C", "s:C")],
                 rows=[{"RID": "D1", "A": "R", "C": "C2"}]),
    }  # fmt: skip
    state, left, failed, _, _ = settled(tables, "s:A", "R", orphans="delete")
    assert (left["s:B"], left["s:C"], left["s:D"]) == ({"B2"}, set(), set())
    assert sum(state.removed.values()) == 4
    assert not failed


def test_f13_rows_are_counted_not_values_and_two_foreign_keys_to_one_table_are_summed():
    rows = [{"RID": f"S{n}", "Root": "R", "One": "gone", "Two": None} for n in range(10)]
    rows += [{"RID": "T1", "Root": "R", "One": None, "Two": "gone"}]
    tables = {
        "s:Root": T(rows=[{"RID": "R"}]),
        "s:P": T(rows=[{"RID": "P"}]),
        "s:S": T(
            columns=["Root", "One", "Two"],
            refs=[ref("Root", "s:Root"), ref("One", "s:P"), ref("Two", "s:P")],
            rows=rows,
        ),
    }
    state, _, _, _, _ = settled(tables, "s:Root", "R", orphans="delete")
    assert state.removed == {"s:S_One_1_fkey": 10, "s:S_Two_2_fkey": 1}
    state, _, _, _, _ = settled(tables, "s:Root", "R", orphans="nullify")
    assert state.nullified == {"s:S_One_1_fkey": 10, "s:S_Two_2_fkey": 1}


def test_f14_composite_orphans_are_told_by_their_combination_and_a_null_part_makes_none():
    tables = {
        "s:Root": T(rows=[{"RID": "R"}]),
        "s:Room": T(
            columns=["Site", "No"],
            keys=[["Site", "No"]],
            rows=[{"RID": "1", "Site": "N", "No": "1"}, {"RID": "2", "Site": "S", "No": "2"}],
        ),
        "s:Visit": T(
            columns=["Root", "Site", "No"],
            refs=[ref("Root", "s:Root"), (("Site", "No"), "s:Room", ("Site", "No"))],
            rows=[
                {"RID": "V1", "Root": "R", "Site": "N", "No": "1"},
                {"RID": "V2", "Root": "R", "Site": "N", "No": "2"},  # each is there, together they are not
                {"RID": "V3", "Root": "R", "Site": "X", "No": None},
            ],
        ),
    }
    state, left, _, _, _ = settled(tables, "s:Root", "R", orphans="delete")
    assert left["s:Visit"] == {"V1", "V3"}
    assert sum(state.removed.values()) == 1


def test_f11_nullify_where_no_column_allows_null_is_dealt_with_as_fail():
    tables = {
        "s:Root": T(rows=[{"RID": "R"}]),
        "s:P": T(),
        "s:S": T(
            columns=["Root", "Must", "May"],
            refs=[ref("Root", "s:Root"), ref("Must", "s:P"), ref("May", "s:P")],
            required=["Must"],
            rows=[{"RID": "S1", "Root": "R", "Must": "gone", "May": "gone"}],
        ),
    }
    state, left, failed, _, _ = settled(tables, "s:Root", "R", orphans="nullify")
    assert state.nullified == {"s:S_May_2_fkey": 1}
    assert left["s:S"] == {"S1"}
    assert failed == {"s:S_Must_1_fkey"}


def test_f26_without_assets_their_rows_do_not_come_and_what_refers_to_them_is_an_orphan():
    tables = {
        "s:Root": T(rows=[{"RID": "R"}]),
        "s:Image": T(
            columns=["Root"], refs=[ref("Root", "s:Root")], asset=True, rows=[{"RID": "I", "Root": "R", "URL": "/h"}]
        ),
        "s:Mark": T(columns=["Image"], refs=[ref("Image", "s:Image")], rows=[{"RID": "M", "Image": "I"}]),
    }
    state, left, failed, _, _ = settled(tables, "s:Root", "R", orphans="delete", assets="none")
    assert left["s:Image"] == left["s:Mark"] == set()
    assert state.removed == {"s:Mark_Image_0_fkey": 1}
    _, left, failed, _, _ = settled(tables, "s:Root", "R", orphans="fail", assets="none")
    assert left["s:Mark"] == {"M"}
    assert failed == {"s:Mark_Image_0_fkey"}
    _, left, failed, _, _ = settled(tables, "s:Root", "R", orphans="delete", assets="references")
    assert left["s:Image"] == {"I"}


def hidden(tables: dict[str, T], root: tuple[str, str]) -> dict[str, T]:
    """The tables with the rows that a plain user sees."""
    seen = {}
    for name, table in tables.items():
        rows = [row for row in table.rows if row["Shown"] or (name, row["RID"]) == root]
        seen[name] = T(
            columns=table.columns,
            keys=table.keys,
            refs=table.refs,
            vocabulary=table.vocabulary,
            required=table.required,
            rows=rows,
        )
    return seen


def strategies_for(dice: random.Random, tables: dict[str, T]) -> tuple[str, dict[str, str]]:
    """One for all; and others for some tables and foreign keys."""
    words = ["fail", "delete", "nullify"]
    one = dice.choice(words)
    if dice.random() < 0.5:
        return one, {}
    return one, {name: dice.choice(words) for name in tables if dice.random() < 0.4}


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32))
def test_random_catalogs_are_settled_as_the_plain_rule_says(seed):
    dice = random.Random(seed)
    tables = random_catalog(dice)
    name = dice.choice([name for name, table in tables.items() if table.rows] or [next(iter(tables))])
    if not tables[name].rows:
        return
    root = (name, dice.choice(tables[name].rows)["RID"])
    seen = hidden(tables, root)
    one, some = strategies_for(dice, tables)
    state, left, failed, plan, comes = settled(seen, *root, orphans=one)
    clone = {str(table.name) for table in plan.tables}
    some = {name: strategy for name, strategy in some.items() if name in clone}
    state, left, failed, plan, comes = settled(seen, *root, orphans=one, orphans_for=some)
    chosen = {name_of(k): some.get(str(k.table), one) for t in plan.model for k in t.foreign_keys}
    expected = judge(seen, plan.model, comes, clone, chosen)
    assert {(name, rid) for name, rids in left.items() for rid in rids} == set(expected.rows)
    assert sum(state.removed.values()) == expected.removed
    assert sum(state.nullified.values()) == expected.nullified
    assert failed == expected.failed


def test_the_state_can_be_written_down_and_read_back():
    import msgspec

    state, *_ = settled(chain(3), "s:Root", "R", orphans="delete")
    assert msgspec.convert(msgspec.to_builtins(state), State) == state
