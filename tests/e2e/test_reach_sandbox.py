"""Session, catalog, browsing and the rule against the sandbox: a whole ERMrest, over TLS, with its own mind."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog_maker import T
from plain_rule import reached
from sandbox_catalog import make, ref, session_of
from sandbox_process import start_sandbox
from satchel.core.deriva import browse
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import explore, gather, solve
from satchel.core.deriva.reach.choices import check
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.preview import PreviewSession
from satchel.core.export.request import ExportRequest, Offers
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import JobContext


def study() -> dict[str, T]:
    """As strange as names and keys may be."""
    return {
        "eye:Clinic": T(columns=["Name"], rows=[{"RID": "9-C001", "Name": "North"}, {"RID": "9-C002", "Name": ""}]),
        "eye:Site Room": T(
            columns=["Site", "No, or so"],
            keys=[["Site", "No, or so"]],
            rows=[
                {"RID": f"9-R00{n}", "Site": s, "No, or so": r} for n, (s, r) in enumerate([("N/é", "1"), ("N/é", "2")])
            ],
        ),
        "eye:Species": T(
            vocabulary=True,
            rows=[
                {
                    "RID": f"9-V00{n}",
                    "Name": name,
                    "ID": f"x:{n}",
                    "URI": f"/id/{n}",
                    "Description": "",
                    "Synonyms": None,
                }
                for n, name in enumerate(["mouse", "zebra fish, (wild) & 'odd'"])
            ],
        ),
        "eye:Subject": T(
            columns=["Name", "Clinic", "Species", "Site", "Room", "Mother"],
            keys=[["Name"]],
            refs=[
                ref("Clinic", "eye:Clinic"),
                (("Site", "Room"), "eye:Site Room", ("Site", "No, or so")),
                ref("Mother", "eye:Subject", "Name"),
            ],
            rows=[
                {"RID": "9-S001", "Name": "a,b", "Clinic": "9-C001", "Site": "N/é", "Room": "1", "Mother": None},
                {"RID": "9-S002", "Name": "", "Clinic": "9-C002", "Site": "N/é", "Room": None, "Mother": "a,b"},
                {"RID": "9-S003", "Name": "x=y&z", "Clinic": None, "Site": None, "Room": None, "Mother": ""},
                {"RID": "9-S004", "Name": "S4", "Clinic": "9-C001", "Site": None, "Room": None, "Mother": None},
            ],
        ),
        "eye:Image": T(
            columns=["Subject"],
            asset=True,
            refs=[ref("Subject", "eye:Subject")],
            rows=[
                {
                    "RID": f"9-{n:04}",
                    "Subject": f"9-S00{1 + n % 4}",
                    "URL": f"/hatrac/i/{n}" if n % 5 else None,
                    "Filename": f"{n}.png",
                    "Length": n,
                    "MD5": "0" * 32,
                }
                for n in range(500)
            ],
        ),
        "eye:Tag": T(columns=["Name"], rows=[{"RID": f"9-T00{n}", "Name": f"t{n}"} for n in range(3)]),
        "eye:Image_Tag": T(
            columns=["Image", "Tag"],
            keys=[["Image", "Tag"]],
            refs=[ref("Image", "eye:Image"), ref("Tag", "eye:Tag")],
            rows=[{"RID": f"9-A{n:03}", "Image": f"9-{n:04}", "Tag": f"9-T00{n % 3}"} for n in range(100)],
        ),
    }


@pytest.mark.parametrize("rid", ["9-S001", "9-S002", "9-C001", "9-T001", "9-0007"])
@pytest.mark.parametrize("how", ["all", "explored"])
async def test_the_rule_on_a_whole_server(empty_sandbox, tmp_path: Path, rid, how, monkeypatch):
    monkeypatch.setattr(explore, "WORTH_IT", 0 if how == "explored" else 10**9)
    monkeypatch.setattr(explore._Explorer, "_spend", lambda self, cost: None)
    tables = study()
    offers = Offers(follow=("eye:Image_Tag",)) if rid == "9-T001" else Offers()
    async with session_of(empty_sandbox) as session:
        catalog = await Catalog(session, await make(session, tables)).pin()
        gathered = await gather(catalog, rid, offers, tmp_path / "r", page=64)
        assert gathered.store.explored() is (how == "explored")
        model = await catalog.model()
        ways = check(model, gathered.root, offers).ways
        _, comes = reached(tables, model, (str(gathered.root), rid), ways)
        with solve(gathered, offers) as found:
            mine = {(str(t.name), r) for t in found.tables for _, r in found.rids(t.name)}
            for table in found.tables:
                rids = [r for _, r in found.rids(table.name)]
                theirs = await catalog.rows(f"attribute/{table.name.path}/r:=RID@sort(r)")
                assert rids == [row["r"] for row in theirs if row["r"] in set(rids)]
            images = next((t for t in found.tables if t.name.table == "Image"), None)
        gathered.close()
    assert mine == comes
    if images is not None and images.rows:
        numbers = [int(r[2:]) for name, r in comes if name == "eye:Image"]
        assert images.assets == sum(1 for n in numbers if n % 5)
        assert images.asset_bytes == sum(n for n in numbers if n % 5)


async def test_failures_and_cuts_change_nothing(tmp_path: Path):
    with start_sandbox("--demo", "none", folder=tmp_path / "sandbox") as sandbox:
        async with session_of(sandbox) as session:
            number = await make(session, study())
        contents = []
        for more in ((), ("--fail", "0.2", "--cut", "0.1")):
            sandbox.stop()
            sandbox.start("--port", sandbox.ready["host"].rpartition(":")[2], *more)
            async with session_of(sandbox) as session:
                catalog = await Catalog(session, number).pin()
                gathered = await gather(catalog, "9-C002", Offers(), tmp_path / f"r{len(contents)}", page=20)
            with solve(gathered, Offers()) as found:
                contents.append({str(t.name): list(found.rids(t.name)) for t in found.tables})
            gathered.close()
    assert contents[0] == contents[1]
    assert len(contents[0]["eye:Image"]) == 250


async def test_looking_around(empty_sandbox):
    async with session_of(empty_sandbox) as session:
        number = await make(session, study())
    access = Access(ca=(empty_sandbox.ca,), credential=empty_sandbox.credential)
    async with await browse.open_catalog(empty_sandbox.host, number, access) as opened:
        image = TableName("eye", "Image")
        after, rids = None, []
        while True:
            page = await browse.rows(opened, image, after=after, limit=150)
            rids += [row.rid for row in page.rows]
            if (after := page.next) is None:
                break
        assert rids == [f"9-{n:04}" for n in range(500)]
        page = await browse.rows(opened, TableName("eye", "Species"), filter_text="(WILD) & 'o")
        assert [row.rid for row in page.rows] == ["9-V001"]
        assert (await browse.find(opened, "9-s003")).table == TableName("eye", "Subject")
        with pytest.raises(SatchelError) as caught:
            await browse.find(opened, "9-NONE")
        assert caught.value.kind is Kind.NOT_FOUND
    found = await browse.list_catalogs(empty_sandbox.host, access)
    assert number in [entry.id for entry in found if entry.accessible]


async def test_snapshots_stand_still(empty_sandbox, tmp_path: Path):
    async with session_of(empty_sandbox) as session:
        number = await make(session, study())
        live = Catalog(session, number)
        before = await live.pin()
        rows = [{"RID": "9-S009", "Name": "new", "Clinic": "9-C001"}]
        await session.request("POST", f"{live.path}/entity/eye:Subject?nondefaults=RID&defaults=Species", json=rows)
        after = await live.pin()
        assert before.snapshot != after.snapshot
        assert (await before.count(TableName("eye", "Subject")), await after.count(TableName("eye", "Subject"))) == (
            4,
            5,
        )
        with pytest.raises(SatchelError) as caught:
            await live.pin("0")
        assert caught.value.kind is Kind.NOT_FOUND
        with pytest.raises(SatchelError, match="future"):
            await live.pin("ZZZ-ZZZZ-ZZZZ")
        assert (await live.pin(before.snapshot)).snapshot == before.snapshot


async def test_objects_come_from_hatrac(empty_sandbox):
    body = bytes(range(256)) * 2000
    async with session_of(empty_sandbox) as session:
        await session.request(
            "PUT",
            "/hatrac/reach/a%20b.bin?parents=true",
            data=body,
            headers={"Content-Type": "application/octet-stream"},
        )
        async with Hatrac(session).get("/hatrac/reach/a b.bin") as download:
            assert b"".join([chunk async for chunk in download]) == body
            etag = download.info.etag
        async with Hatrac(session).get("/hatrac/reach/a b.bin", start=1000, etag=etag) as download:
            assert download.start == 1000
            assert b"".join([chunk async for chunk in download]) == body[1000:]
        with pytest.raises(SatchelError) as caught:
            await Hatrac(session).head("/hatrac/reach/none")
        assert caught.value.kind is Kind.NOT_FOUND
    async with session_of(empty_sandbox) as session:
        with pytest.raises(SatchelError) as caught:
            await Catalog(session, "99999").info()
        assert "no catalog 99999" in caught.value.message


async def test_nobody_is_asked_to_sign_in(empty_sandbox):
    async with session_of(empty_sandbox) as session:
        number = await make(session, study())
    async with Session.open(empty_sandbox.host, Access(ca=(empty_sandbox.ca,)), credential={}) as session:
        with pytest.raises(SatchelError) as caught:
            await Catalog(session, number).info()
    assert caught.value.kind is Kind.NOT_SIGNED_IN
    assert "satchel login" in caught.value.hint


async def test_a_plain_user_is_told_what_stays_hidden(empty_sandbox, tmp_path: Path):
    async with session_of(empty_sandbox) as session:
        number = await make(session, study())
        path = f"/ermrest/catalog/{number}"
        for right in ("enumerate", "select"):
            await session.request("PUT", f"{path}/acl/{right}", json=["*"])
        await session.request("PUT", f"{path}/schema/eye/table/Image_Tag/acl/select", json=[])
        await session.request("PUT", f"{path}/schema/eye/table/Clinic/acl/select", json=[])
        only = {"projection": [{"filter": "Name", "operand": "North"}, "RID"], "projection_type": "nonnull"}
        binding = {"types": ["select"], "scope_acl": ["*"], **only}
        await session.request("PUT", f"{path}/schema/eye/table/Clinic/acl_binding/north", json=binding)
    request = ExportRequest(
        host=empty_sandbox.host,
        catalog=number,
        rid="9-S002",
        out=str(tmp_path),
        access=Access(ca=(empty_sandbox.ca,), credential=empty_sandbox.credential_user),
    )
    async with await PreviewSession.open(request, JobContext("1", tmp_path / "job")) as preview:
        found = await preview.solve(Offers())
    assert found.hidden == ("eye:Image_Tag",)
    told = {(d.table, d.referenced, d.rows, d.reason) for d in found.dangling}
    assert told == {("eye:Subject", "eye:Clinic", 1, "missing")}
    rows = {t.table: t.rows for t in found.tables}
    assert (rows["eye:Subject"], rows["eye:Image"], rows["eye:Clinic"]) == (3, 250, 1)
    assert found.csv_bytes is not None
    assert found.csv_bytes > 250 * 20
