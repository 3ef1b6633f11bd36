"""In a large catalog only the rows to which the rule leads are read, and they are the same ones."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rule import random_question, study

from catalog_maker import T, model_of
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import explore as module
from satchel.core.deriva.reach import gather, solve
from satchel.core.errors import SatchelError
from satchel.core.export.request import Offers
from small_ermrest import SNAPSHOT, SmallErmrest


class Direct:
    """A catalog without the network between."""

    host = "test"
    id = "1"
    snapshot = SNAPSHOT

    def __init__(self, server: SmallErmrest, model):
        self.server, self._model = server, model

    async def read(self, path: str, accept: str) -> bytes:

        self.server.asked.append(path)
        status, document = self.server.document(f"/ermrest/catalog/1@{SNAPSHOT}/{path}")
        assert status == 200, document
        assert len(path) < 3900
        return json.dumps(document).encode()

    async def rows(self, path: str):

        return json.loads(await self.read(path, ""))

    async def model(self):
        return self._model

    async def entity_rid(self, rid: str) -> TableName:
        return TableName.parse(":".join(self.server._entity_rid(rid)[1][k] for k in ("schema_name", "table_name")))

    async def count(self, table) -> int:
        return len(self.server._visible(str(table.name)))


@pytest.fixture
def always(monkeypatch):
    """Explore however small the catalog is, and whatever it costs."""
    monkeypatch.setattr(module, "WORTH_IT", 0)
    monkeypatch.setattr(module._Explorer, "_spend", lambda self, cost: None)


async def both(tables, model, rid, choices, folder: Path, collation=str, everything=False):
    """What reading everything and what exploring finds, as RIDs in order by table, and the requests of exploring."""
    found = []
    for explored in (False, True):
        server = SmallErmrest(tables)
        server.collation = collation
        file = folder / f"{explored}.sqlite"
        if not explored:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, "WORTH_IT", 10**9)
                gathered = await gather(Direct(server, model), rid, choices, file, everything=everything)
        else:
            gathered = await gather(Direct(server, model), rid, choices, file, everything=everything)
            assert gathered.store.explored()
        with solve(gathered, choices) as reached:
            found.append(
                (
                    {str(t.name): [rid for _, rid in reached.rids(t.name)] for t in reached.tables},
                    reached.tables,
                    reached.hidden,
                    reached.dangling,
                    reached.associations if everything else (),
                )
            )
        gathered.close()
    return found[0], found[1], server.asked


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
async def test_exploring_finds_what_reading_all_finds(seed, everything):
    tables, model, _root, rid, choices = random_question(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WORTH_IT", 0)
        patch.setattr(module._Explorer, "_spend", lambda self, cost: None)

        with tempfile.TemporaryDirectory() as folder:
            whole, explored, _ = await both(tables, model, rid, choices, Path(folder), everything=everything)
    assert explored == whole


def large() -> dict[str, T]:
    tables = study()
    tables["eye:Observation"].rows += [{"RID": f"X{n}", "Subject": "S2"} for n in range(3000)]
    return tables


async def test_a_large_catalog_is_explored_with_few_requests(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "WORTH_IT", 20)
    monkeypatch.setattr(module, "ROWS_A_REQUEST", 50)
    tables = large()

    whole, explored, asked = await both(tables, model_of(tables), "S1", Offers(), tmp_path)
    assert explored == whole
    assert not any("@after" in path for path in asked)
    assert len(asked) < 15


async def test_exploring_is_given_up_when_it_costs_too_much(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "WORTH_IT", 20)
    monkeypatch.setattr(module, "ROWS_A_REQUEST", 50)
    tables = large()

    server = SmallErmrest(tables)
    gathered = await gather(Direct(server, model_of(tables)), "C1", Offers(), tmp_path / "r")
    assert not gathered.store.explored()
    with solve(gathered, Offers()) as reached:
        assert next(t for t in reached.tables if t.name.table == "Observation").rows == 3002
    gathered.close()


@pytest.mark.parametrize("collation", [str, lambda rid: (rid.replace("-", ""), rid)], ids=["bytes", "dashes last"])
async def test_rows_stand_in_the_servers_order_whatever_its_collation(tmp_path: Path, always, collation):
    dice = random.Random(1)
    rids = {
        "-".join(("".join(dice.choices("012AB", k=dice.randint(1, 3))), *["1"] * dice.randint(0, 2)))
        for _ in range(300)
    }
    tables = {
        "s:Root": T(rows=[{"RID": "ROOT"}]),
        "s:Row": T(
            columns=["Root"],
            refs=[(("Root",), "s:Root", ("RID",))],
            rows=[{"RID": rid, "Root": "ROOT"} for rid in sorted(rids - {"ROOT"})],
        ),
        "s:Of": T(
            columns=["Row"],
            refs=[(("Row",), "s:Row", ("RID",))],
            rows=[{"RID": f"Z{n}-{r}", "Row": rid} for n, rid in enumerate(sorted(rids)) for r in range(3)],
        ),
    }

    whole, explored, _ = await both(tables, model_of(tables), "ROOT", Offers(), tmp_path, collation)
    assert explored[0] == whole[0]


async def test_an_unknown_collation_is_not_guessed(tmp_path: Path, always):
    tables = large()

    server = SmallErmrest(tables)
    server.collation = lambda rid: rid[::-1]
    gathered = await gather(Direct(server, model_of(tables)), "S2", Offers(), tmp_path / "r")
    assert not gathered.store.explored()
    gathered.close()


async def test_a_root_that_is_not_seen_is_told_when_exploring(tmp_path: Path, always):
    tables = study()
    tables["eye:Subject"].rows[0]["_unseen"] = True

    with pytest.raises(SatchelError, match="may not see S1"):
        await gather(Direct(SmallErmrest(tables), model_of(tables)), "S1", Offers(), tmp_path / "r")
