"""The files of a clone, copied from one sandbox's Hatrac to another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from catalog_maker import T
from sandbox_catalog import make, session_of
from satchel.core.clone.asset_mover import Limits
from satchel.core.clone.assets import AssetsCopied, copy_assets, referring
from satchel.core.deriva.ermrest import Catalog
from satchel.core.deriva.hatrac_write import HatracWriter
from satchel.core.deriva.names import TableName
from satchel.core.deriva.session import Session
from satchel.core.jobs.state import local_context
from two_sites import put, read, row

IMAGE = TableName("eye", "Image")


async def clone_of(source: Session, session: Session, rows: list[dict[str, Any]]) -> Catalog:
    """A catalog with rows as the copy stage leaves them: their addresses are made absolute."""
    number = await make(session, {"eye:Image": T(asset=True)})
    catalog = Catalog(session, number)
    table = (await catalog.model()).tables[IMAGE]
    change = referring(table, source.host)
    assert change is not None
    column, value = change
    changed = [{**r, column: value(r[column])} for r in rows]
    if changed:
        await session.request("POST", f"{catalog.path}/entity/eye:Image?nondefaults=RID", json=changed)
    return catalog


async def copied(source: Session, catalog: Catalog, folder: Path, **more: Any) -> AssetsCopied:
    tables = list((await catalog.model()).tables.values())
    return await copy_assets(source, catalog, tables, local_context(folder), **more)


async def urls(catalog: Catalog) -> dict[str, str]:
    return {r["RID"]: r["URL"] for r in await catalog.rows("entity/eye:Image")}


async def test_files_keep_their_names_at_the_other_site(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        first = await put(source, "/hatrac/study/a/one%20x.bin", b"one")
        second = await put(source, "/hatrac/study/a/one%20x.bin", b"another")
        big = bytes(range(256)) * 4000
        rows = [
            row("1-AAA1", first, b"one", "one x.bin"),
            row("1-AAA2", second, b"another", "one x.bin"),
            row("1-AAA3", await put(source, "/hatrac/study/b/big.bin", big), big, "big.bin"),
            row("1-AAA4", "https://elsewhere.example.org/hatrac/x", b"x"),
            {"RID": "1-AAA5", "URL": None, "Filename": None, "Length": None, "MD5": None},
            row("1-AAA6", f"https://{source.host}{first}", b"one", "again.bin"),
            row("1-AAA7", "/hatrac/study/none.bin", b"none"),
        ]
        await HatracWriter(source).set_acl("/hatrac/study/b/big.bin", "subtree-read", ["somebody"])
        catalog = await clone_of(source, session, rows)
        found = await copied(source, catalog, tmp_path, limits=Limits(chunked_above=500_000, chunk=262_144))
        assert found.copied == {"eye:Image": 4}
        assert (found.kept_why, found.failed) == ({"elsewhere": 1, "no-url": 1}, {"eye:Image": 1})
        assert [(p.rid, p.code) for p in found.problems] == [("1-AAA7", "missing")]
        now = await urls(catalog)
        assert now["1-AAA1"].startswith("/hatrac/study/a/one%20x.bin:")
        assert now["1-AAA2"].startswith("/hatrac/study/a/one%20x.bin:")
        assert now["1-AAA3"].startswith("/hatrac/study/b/big.bin:")
        assert now["1-AAA6"] == now["1-AAA1"], "one file, however many rows name it"
        assert now["1-AAA4"] == "https://elsewhere.example.org/hatrac/x"
        assert now["1-AAA7"] == f"https://{source.host}/hatrac/study/none.bin", "it still leads to the source"
        for rid, data in {"1-AAA1": b"one", "1-AAA2": b"another", "1-AAA3": big}.items():
            assert await read(session, now[rid]) == data
        writer = HatracWriter(session)
        assert (await writer.acls("/hatrac/study"))["subtree-read"] == ["*"]
        assert (await writer.acls("/hatrac/study/b/big.bin"))["subtree-read"] == ["somebody"]
        # Once more, as a job that is resumed does: nothing new.
        again = await copied(source, catalog, tmp_path)
        assert again.copied == {"eye:Image": 4}
        assert await urls(catalog) == now


async def test_other_peoples_objects_of_the_same_name_are_let_be(sandbox, empty_sandbox, tmp_path):
    async with session_of(empty_sandbox) as source, session_of(sandbox) as session:
        theirs = await put(session, "/hatrac/taken/a.bin", b"theirs")
        same = await put(session, "/hatrac/taken/same.bin", b"same")
        rows = [
            row("1-AAA1", await put(source, "/hatrac/taken/a.bin", b"mine"), b"mine"),
            row("1-AAA2", await put(source, "/hatrac/taken/same.bin", b"same"), b"same"),
        ]
        catalog = await clone_of(source, session, rows)
        found = await copied(source, catalog, tmp_path)
        assert found.copied == {"eye:Image": 2}
        now = await urls(catalog)
        assert now["1-AAA1"].startswith(f"/hatrac/clone-{catalog.id}/taken/a.bin:")
        assert await read(session, now["1-AAA1"]) == b"mine"
        assert now["1-AAA2"] == same, "what is there already need not be sent"
        assert await read(session, "/hatrac/taken/a.bin") == b"theirs"
        assert theirs


async def test_within_one_server_the_source_keeps_its_objects(sandbox, tmp_path):
    async with session_of(sandbox) as source, session_of(sandbox) as session:
        url = await put(source, "/hatrac/own/a.bin", b"mine")
        catalog = await clone_of(source, session, [])
        # Within one server the copy stage leaves addresses as they are.
        path = f"{catalog.path}/entity/eye:Image?nondefaults=RID"
        await session.request("POST", path, json=[row("1-AAA1", url, b"mine")])
        found = await copied(source, catalog, tmp_path)
        assert found.copied == {"eye:Image": 1}
        now = (await urls(catalog))["1-AAA1"]
        assert now.startswith(f"/hatrac/clone-{catalog.id}/own/a.bin:")
        versions = (await source.request("GET", "/hatrac/own/a.bin;versions", accept="application/json")).json()
        assert versions == [url], "a copy is no new version of the source's object"
        acls = await HatracWriter(session).acls(f"/hatrac/clone-{catalog.id}/own")
        assert acls is not None
        assert acls["subtree-read"] == ["*"]
