"""The preview tells what the export would bring, and answers changes of mind without asking the server again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from catalog_maker import T
from satchel.core.export.preview import Preview, PreviewSession, preview
from satchel.core.export.request import ExportRequest, Offers
from satchel.core.jobs.state import JobContext
from small_ermrest import SNAPSHOT, SmallErmrest
from tls_server import serve


def ref(column: str, table: str):
    return ((column,), table, ("RID",))


def study() -> dict[str, T]:
    return {
        "eye:Clinic": T(rows=[{"RID": "C1"}]),
        "eye:Secret": T(columns=["Subject"], refs=[ref("Subject", "eye:Subject")], select=False),
        "eye:Subject": T(
            columns=["Clinic"],
            refs=[ref("Clinic", "eye:Clinic")],
            rows=[{"RID": "S1", "Clinic": "C1"}, {"RID": "S2", "Clinic": "gone"}],
        ),
        "eye:Image": T(asset=True, rows=[{"RID": f"I{n}", "URL": f"/hatrac/{n}", "Length": 100} for n in range(3)]),
        "eye:Mark": T(columns=["Image"], refs=[ref("Image", "eye:Image")], rows=[{"RID": "M1", "Image": "I1"}]),
        "eye:Subject_Image": T(
            columns=["Subject", "Image"],
            keys=[["Subject", "Image"]],
            refs=[ref("Subject", "eye:Subject"), ref("Image", "eye:Image")],
            rows=[{"RID": "A1", "Subject": "S1", "Image": "I1"}, {"RID": "A2", "Subject": "S2", "Image": "I2"}],
        ),
    }


def request(served, out: Path, rid: str = "S1", **more) -> ExportRequest:
    return ExportRequest(host=served.host, catalog="1", rid=rid, out=str(out), access=served.access, **more)


async def test_a_preview_counts_names_what_is_hidden_and_says_what_choices_cost(tmp_path: Path):
    server = SmallErmrest(study())
    async with serve(server.application, tmp_path) as served:
        context = JobContext("1", tmp_path / "job")
        session = await PreviewSession.open(request(served, tmp_path), context)
        server.asked.clear()
        first = await session.solve(Offers())
        followed = await session.solve(Offers(follow=("eye:Subject_Image",)))
        narrow = await session.solve(Offers(exclude=("eye:Image",)))
        without = await session.cost(Offers(follow=("eye:Subject_Image",)), "eye:Image")
        again = await session.cost(Offers(follow=("eye:Subject_Image",), exclude=("eye:Image",)), "eye:Image")
        session.close()
    assert server.asked == []
    assert first.snapshot == SNAPSHOT
    assert {t.table: t.rows for t in first.tables} == {
        "eye:Subject": 1, "eye:Clinic": 1, "eye:Subject_Image": 1, "eye:Image": 1,
    }  # fmt: skip
    assert (first.rows, first.assets, first.asset_bytes) == (4, 1, 100)
    assert first.hidden == ("eye:Secret",)
    (offer,) = first.associations
    assert (offer.key, offer.current, offer.rows) == ("eye:Subject_Image", False, 1)
    assert followed.rows == first.rows + offer.rows
    assert {t.table for t in narrow.tables} == {"eye:Subject", "eye:Clinic", "eye:Subject_Image"}
    assert {t.table: t.parent for t in followed.tables} == {
        "eye:Subject": None,
        "eye:Clinic": "eye:Subject",
        "eye:Subject_Image": "eye:Subject",
        "eye:Image": "eye:Subject_Image",
        "eye:Mark": "eye:Image",
    }
    assert (without.rows, without.assets, without.asset_bytes) == (-2, -1, -100)
    assert without.tables == again.tables == ("eye:Mark",), "what is reached through it goes and comes with it"
    assert (again.rows, again.assets, again.asset_bytes) == (2, 1, 100)
    assert [(d.referenced, d.reason) for d in narrow.dangling] == [("eye:Image", "excluded")]
    (stage,) = context.stages
    assert stage.done == stage.total == 2 + 1 + 3 + 1 + 2


async def test_a_preview_is_a_result_that_goes_through_json(tmp_path: Path):
    async with serve(SmallErmrest(study()).application, tmp_path) as served:
        found = await preview(request(served, tmp_path, "S2"), JobContext("1", tmp_path / "job"))
    assert [(d.table, d.referenced, d.rows, d.reason) for d in found.dangling] == [
        ("eye:Subject", "eye:Clinic", 1, "missing")
    ]
    assert msgspec.json.decode(msgspec.json.encode(found), type=Preview) == found
