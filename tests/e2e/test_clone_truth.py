"""A clone holds exactly the rows, values and foreign keys that a test works out by itself from the source's rows."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog_maker import T
from clone_catalog import clone, contents, foresee, keys_of, make_source, request_of, stable
from plain_clone import judge, name_of, random_catalog
from plain_rule import reached
from sandbox_catalog import ref, session_of
from sandbox_process import SandboxProcess
from satchel.core.clone.request import CloneRequest
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.model import Model
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach.choices import check
from satchel.core.deriva.session import Session


def shown(tables: dict[str, T], rows: dict[str, dict[str, dict]]) -> dict[str, T]:
    """The tables with those rows, as the source gives them, that a plain user sees."""
    found = {}
    for name, table in tables.items():
        seen = [row for row in rows[name].values() if "Shown" not in table.columns or row["Shown"] is not None]
        found[name] = T(
            columns=table.columns,
            keys=table.keys,
            refs=table.refs,
            vocabulary=table.vocabulary,
            required=table.required,
            rows=seen,
        )
    return found


async def agrees(
    box: SandboxProcess, tables: dict[str, T], root: tuple[str, str], request: dict, folder: Path, to: SandboxProcess
) -> None:
    """Clone as the plain user; compare with what the plain rule and the plain strategies say, and with the forecast."""
    async with session_of(box) as here, session_of(to) as there:
        number = await make_source(here, tables)
        asked = request_of(box, number, root[1], to, who="user", **request)
        model, rows = await contents(here, number)
        seen = shown(tables, rows)
        choices = asked.selection.offers
        chosen = check(model, TableName.parse(root[0]), choices)
        _, comes = reached(seen, model, root, chosen.ways)
        forecast = await foresee(asked, folder / "home")
        result = await clone(asked, folder / "home")
        clone_model, found = await contents(there, result.catalog_id)
    strategies = {name_of(k): strategy(asked, k) for t in model for k in t.foreign_keys}
    expected = judge(seen, model, comes, found, strategies)

    assert {name for name, _ in comes} <= set(found), "tables"
    got = {(name, rid): stable(row) for name, some in found.items() for rid, row in some.items()}
    assert set(got) == set(expected.rows), "rows"
    for place, row in got.items():
        assert row == stable(expected.rows[place]), "values"
    possible = {name_of(k) for t in model for k in t.foreign_keys if {str(k.table), str(k.referenced)} <= set(found)}
    assert keys_of(clone_model) == possible - expected.failed, "foreign keys"

    report, summary = result.report, result.report.summary
    assert result.verified
    assert summary.tables_restored == len(found)
    assert summary.total_rows_restored == len(comes)
    assert (summary.orphan_rows_removed, summary.orphan_rows_nullified) == (expected.removed, expected.nullified)
    assert (summary.fkeys_applied, summary.fkeys_failed) == (
        len(possible - expected.failed),
        len(expected.failed),
    )
    assert summary.errors == len(expected.failed)
    # The forecast is the outcome.
    assert forecast.rows == len(comes)
    assert {t.table: t.rows for t in forecast.tables} == report.tables_restored
    assert {t.table: (t.removed, t.nullified) for t in forecast.tables} == {
        t.table: (t.removed, t.nullified) for t in report.tables
    }
    foreseen, found_keys = _outcomes(forecast.foreign_keys), _outcomes(report.foreign_keys)
    assert {n: (foreseen[n], found_keys[n]) for n in foreseen if foreseen[n] != found_keys.get(n)} == {}
    assert set(foreseen) == set(found_keys)


def _outcomes(keys):
    return {k.name: (k.state, k.orphans, k.removed, k.nullified, k.sample_rids) for k in keys}


def strategy(request: CloneRequest, key) -> str:
    return request.orphans_for.get(name_of(key)) or request.orphans_for.get(str(key.table)) or request.orphans


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
@pytest.mark.timeout(300)
def test_random_catalogs_are_cloned_as_the_plain_rule_says(
    empty_sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    dice = random.Random(seed)
    tables = random_catalog(dice)
    roots = [name for name, table in tables.items() if any(row["Shown"] for row in table.rows)]
    if not roots:
        return
    name = dice.choice(roots)
    root = (name, dice.choice([row["RID"] for row in tables[name].rows if row["Shown"]]))
    one = dice.choice(["fail", "delete", "nullify"])
    folder = tmp_path_factory.mktemp("random")
    asyncio.run(agrees(empty_sandbox, tables, root, {"orphans": one}, folder, empty_sandbox))


def chain(length: int) -> dict[str, T]:
    """A chain of tables that all belong to the root, whose first row is hidden."""
    tables = {
        "s:Root": T(rows=[{"RID": "1-R00T"}]),
        "s:C00": T(columns=["Shown"], rows=[{"RID": "1-C00A", "Shown": "yes"}, {"RID": "1-C00B", "Shown": None}]),
    }
    for n in range(1, length + 1):
        before = f"C{n - 1:02}"
        tables[f"s:C{n:02}"] = T(
            columns=["Up", "Root"],
            refs=[ref("Up", f"s:{before}"), ref("Root", "s:Root")],
            rows=[{"RID": f"1-C{n:02}{x}", "Up": f"1-{before}{x}", "Root": "1-R00T"} for x in "AB"],
        )
    return tables


@pytest.mark.parametrize("orphans", ["fail", "delete", "nullify"])
async def test_a_chain_of_thirty_tables(
    empty_sandbox: SandboxProcess, sandbox: SandboxProcess, tmp_path: Path, orphans: str
) -> None:
    """From one sandbox to another."""
    await agrees(empty_sandbox, chain(30), ("s:Root", "1-R00T"), {"orphans": orphans}, tmp_path, sandbox)


async def test_another_strategy_for_a_table_and_for_a_foreign_key(
    empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    tables = {
        "s:Root": T(rows=[{"RID": "1-R00T"}]),
        "s:P": T(columns=["Shown"], rows=[{"RID": "1-P1", "Shown": "yes"}, {"RID": "1-P2", "Shown": None}]),
    }
    for n in range(4):
        tables[f"s:S{n}"] = T(
            columns=["Root", "P"],
            refs=[ref("Root", "s:Root"), ref("P", "s:P")],
            rows=[{"RID": f"1-S{n}{r}", "Root": "1-R00T", "P": f"1-P{r}"} for r in (1, 2)],
        )
    request = {"orphans": "fail", "orphans_for": {"s:S1": "delete", "s:S2_1_fkey": "nullify", "s:S3": "delete",
                                                 "s:S3_1_fkey": "fail"}}  # fmt: skip
    await agrees(empty_sandbox, tables, ("s:Root", "1-R00T"), request, tmp_path, empty_sandbox)


# -- the demo catalog as the plain user -------------------------------------------------------------------------------


async def seen_by(session: Session, catalog: str, snapshot: str) -> tuple[Model, dict[str, T]]:
    """The demo catalog as a person sees it: schema and rows, by plain requests for whole tables."""
    here = Catalog(session, catalog, snapshot)
    model = await here.model()
    tables = {}
    for table in model:
        readable = table.selectable and table.column("RID") is not None
        rows = await here.rows(f"entity/{table.name.path}@sort(RID)") if readable else []
        own = [column for column in table.columns if column.name not in ("RID", "RCT", "RMT", "RCB", "RMB")]
        tables[str(table.name)] = T(
            columns=[column.name for column in own],
            keys=[list(key) for key in table.keys],
            refs=[(k.columns, str(k.referenced), k.referenced_columns) for k in table.foreign_keys],
            vocabulary=table.is_vocabulary,
            asset=table.asset is not None,
            select=table.selectable,
            hidden_columns=[column.name for column in table.columns if not column.selectable],
            required=[column.name for column in own if not column.nullok],
            rows=rows,
        )
    return model, tables


@pytest.mark.timeout(300)
@pytest.mark.parametrize("assets", ["references", "none"])
@pytest.mark.parametrize("orphans", ["fail", "delete", "nullify"])
async def test_the_demo_catalog_as_somebody_who_does_not_see_a_tenth_of_the_subjects(
    sandbox: SandboxProcess, empty_sandbox: SandboxProcess, tmp_path: Path, orphans: str, assets: str
) -> None:
    asked = request_of(
        sandbox, sandbox.catalog, sandbox.dataset, empty_sandbox, who="user", orphans=orphans, assets=assets
    )
    result = await clone(asked, tmp_path)
    async with session_of(sandbox, "user") as here, session_of(empty_sandbox) as there:
        model, tables = await seen_by(here, sandbox.catalog, result.source_snapshot)
        clone_model, found = await contents(there, result.catalog_id)
    root = ("deriva-ml:Dataset", sandbox.dataset)
    chosen = check(model, TableName.parse(root[0]), asked.selection.offers)
    _, comes = reached(tables, model, root, chosen.ways)
    if assets == "none":
        comes = {place for place in comes if not tables[place[0]].asset}
    comes = {place for place in comes if not place[0].startswith("public:ERMrest_")}
    strategies = {name_of(k): orphans for t in model for k in t.foreign_keys}
    expected = judge(tables, model, comes, found, strategies)
    assert result.verified
    assert {name for name, _ in comes} <= set(found)
    got = {(name, rid): row for name, some in found.items() for rid, row in some.items()}
    assert set(got) == set(expected.rows)
    for place, row in got.items():
        url = tables[place[0]].asset and str(row["URL"]).startswith(f"https://{sandbox.host}/hatrac/")
        before = stable(expected.rows[place])
        if url:  # made absolute, as it goes to another server
            before["URL"] = f"https://{sandbox.host}{before['URL']}"
        assert stable(row) == before
    possible = {name_of(k) for t in model for k in t.foreign_keys if {str(k.table), str(k.referenced)} <= set(found)}
    people = {name for name in keys_of(clone_model) if name.endswith(("_RCB_fkey", "_RMB_fkey"))}
    assert keys_of(clone_model) - people == possible - expected.failed
    assert len(people) == 2 * len(found)
    summary = result.report.summary
    assert (summary.orphan_rows_removed, summary.orphan_rows_nullified) == (expected.removed, expected.nullified)
    assert summary.fkeys_failed == len(expected.failed) == summary.errors
    assert (expected.removed > 0) is (orphans == "delete")
    assert (len(expected.failed) > 0) is (orphans != "delete")
