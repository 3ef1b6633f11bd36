"""Receiving: what a service says is looked at twice, what is downloaded is what was registered, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bag_maker import make_bag
from file_store import Store
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.request import ResolveRequest, ResolveResult
from satchel.core.identifiers.shelf import Shelf
from satchel.core.jobs.request import Access
from satchel.core.jobs.run import run_job
from satchel.core.paths import Home
from tls_server import Served, serve

ID = "ark:/57799/b9abc123"
BODY = random.Random(7).randbytes(3_000_000)
SHA = hashlib.sha256(BODY).hexdigest()


class House:
    """A service and a store on one server, and a person who asks."""

    def __init__(self, store: Store, served: Served, home: Path) -> None:
        self.store, self.served, self.home = store, served, home
        self.url = f"https://{served.host}"
        self.out = home / "out"
        self.out.mkdir(parents=True)
        self.document: dict[str, Any] = {
            "identifier": ID,
            "landing_page": f"{self.url}/ids/{ID}",
            "location": [f"{self.url}/file.zip"],
            "checksums": [{"function": "sha256", "value": SHA.upper()}],
            "metadata": {"title": "Eyes.zip", "length": len(BODY), "created_by": "Ada"},
            "active": True,
        }
        store.files["/file.zip"] = BODY
        self.tell()

    def tell(self, **changes: Any) -> None:
        self.document.update(changes)
        self.store.files[f"/ids/{ID}"] = json.dumps(self.document).encode()

    async def resolve(self, **options: Any) -> ResolveResult:
        request = ResolveRequest(
            identifier=options.pop("identifier", "minid:b9abc123"),
            service=options.pop("service", f"{self.url}/ids"),
            out=options.pop("out", str(self.out)),
            access=options.pop("access", self.served.access),
            **options,
        )
        _, result = await run_job(request, Home.find())
        assert isinstance(result, ResolveResult)
        return result

    async def refused(self, **options: Any) -> SatchelError:
        with pytest.raises(SatchelError) as refused:
            await self.resolve(**options)
        return refused.value

    def left(self) -> list[str]:
        return sorted(p.name for p in self.out.iterdir())


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr("satchel.core.identifiers.receive.PATIENT", _quick())
    monkeypatch.setattr("satchel.core.identifiers.receive.BRISK", _quick())
    store = Store()
    async with serve(store.application(), tmp_path) as served:
        yield House(store, served, tmp_path)


def _quick() -> Any:
    from satchel.core.deriva.retry import Policy

    return Policy(tries=4, first_pause=0.01, longest_pause=0.02)


async def test_metadata_locations_checksum(house: House) -> None:
    found = await house.resolve(out="")
    assert (found.identifier, found.compact, found.name) == (ID, "minid:b9abc123", "Eyes.zip")
    assert (found.checksum, found.length, found.created_by) == (SHA, len(BODY), "Ada")
    assert found.locations == (f"{house.url}/file.zip",)
    assert found.archive is None
    assert [path for _, path, _, _ in house.store.asked] == [f"/ids/{ID}"]


async def test_a_landing_page_needs_no_service(house: House) -> None:
    found = await house.resolve(out="", service="", identifier=f"see {house.url}/ids/{ID}.")
    assert found.identifier == ID


async def test_a_download_is_what_was_registered(house: House) -> None:
    found = await house.resolve()
    assert found.archive == str(house.out / "file.zip")
    assert (house.out / "file.zip").read_bytes() == BODY
    assert house.left() == ["file.zip"]
    with Shelf(Home.find()) as shelf:
        (kept,) = shelf.all()
    assert (kept.id, kept.role, kept.path) == (ID, "received", found.archive)
    again = await house.resolve()
    assert (again.downloaded, again.archive) == (False, found.archive)
    assert [p for _, p, _, _ in house.store.asked].count("/file.zip") == 1


async def test_cut_again_and_again_it_goes_on_where_it_stopped(house: House) -> None:
    house.store.cut_after = [1_000_000, 500_000, 700_000]
    found = await house.resolve()
    assert Path(found.archive or "").read_bytes() == BODY
    ranges = [asked for _, path, asked, _ in house.store.asked if path == "/file.zip"]
    assert len(ranges) == 4
    assert all(asked for asked in ranges[1:])


async def test_a_job_that_was_stopped_goes_on_at_the_same_byte(house: House) -> None:
    house.store.hang = lambda sent: sent > 2_500_000
    job = asyncio.create_task(house.resolve())
    for _ in range(400):
        await asyncio.sleep(0.02)
        parts = list(house.out.glob(".*/.satchel-fetch/*.part"))
        if parts and parts[0].stat().st_size >= 2 << 20:
            break
    job.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await job
    assert [name for name in house.left() if not name.startswith(".")] == []
    house.store.hang = lambda _: False
    house.store.asked.clear()
    from satchel.core.jobs.journal import Journal

    journal = Journal(Home.find())
    (entry,) = journal.jobs()
    journal.close()
    await run_job(None, Home.find(), resume=entry.id)
    assert (house.out / "file.zip").read_bytes() == BODY
    (asked,) = [asked for _, path, asked, _ in house.store.asked if path == "/file.zip"]
    assert asked.startswith("bytes=")
    assert int(asked[6:-1]) >= 2 << 20
    assert house.left() == ["file.zip"]


async def test_another_file_is_not_kept(house: House) -> None:
    house.store.files["/file.zip"] = BODY[:-1] + bytes([BODY[-1] ^ 1])
    error = await house.refused(open=True)
    assert error.kind is Kind.INVALID
    assert "sha256 is another" in error.message
    assert [name for name in house.left() if not name.startswith(".")] == []


@pytest.mark.parametrize("body", [BODY[:-5], BODY + b"more", b""])
async def test_another_length_is_not_kept(house: House, body: bytes) -> None:
    house.store.files["/file.zip"] = body
    error = await house.refused()
    assert error.kind is Kind.INVALID
    assert "bytes that are registered" in error.message
    assert not (house.out / "file.zip").exists()


async def test_without_a_checksum_nothing_is_downloaded(house: House) -> None:
    house.tell(checksums=[{"function": "crc32", "value": "00"}, {"function": "sha256", "value": "zz"}])
    error = await house.refused(open=True)
    assert "No checksum is registered" in error.message
    assert house.left() == []


async def test_the_next_location_is_tried(house: House) -> None:
    house.store.files["/good.zip"] = BODY
    house.store.files["/bad.zip"] = BODY[::-1]
    gone = [f"{house.url}/gone.zip", "ftp://x/y", f"{house.url}/bad.zip", f"{house.url}/good.zip"]
    house.tell(location=gone)
    found = await house.resolve()
    assert found.location == gone[-1]
    assert Path(found.archive or "").read_bytes() == BODY


async def test_nothing_is_overwritten(house: House) -> None:
    (house.out / "file.zip").write_text("mine")
    error = await house.refused()
    assert error.kind is Kind.FILES
    assert (house.out / "file.zip").read_text() == "mine"


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fevil.zip", "/%2e%2e%2f%2e%2e%2fevil.zip", "/a%00b.zip", "/CON.zip", "/" + "x" * 280 + ".zip"]
)
async def test_a_name_does_not_lead_out_of_the_folder(house: House, path: str) -> None:
    from urllib.parse import unquote

    house.store.files[unquote(path)] = BODY
    house.store.headers = {"Content-Disposition": "attachment; filename*=UTF-8''..%2F..%2Fworse.zip"}
    house.tell(location=[house.url + path])
    with contextlib.suppress(SatchelError):  # some of these no server would find
        found = await house.resolve()
        assert Path(found.archive or "").parent == house.out
    outside = [p for p in house.home.rglob("*.zip") if house.out not in p.parents]
    assert outside == []


async def test_a_bag_is_checked(house: House, tmp_path: Path) -> None:
    import shutil

    bag = make_bag(tmp_path / "made" / "eyes", {"data/a.txt": b"a"})
    archive = Path(shutil.make_archive(str(tmp_path / "eyes"), "zip", bag.parent, bag.name))
    data = archive.read_bytes()
    house.store.files["/file.zip"] = data
    house.tell(
        checksums=[{"function": "sha256", "value": hashlib.sha256(data).hexdigest()}], metadata={"length": len(data)}
    )
    found = await house.resolve(open=True, out="")
    checked = found.validation
    assert checked is not None
    assert (checked.valid, checked.complete, checked.level, checked.error_count) == (True, True, "full", 0)
    assert checked.path == found.archive
    assert Home.find().cache in Path(found.archive or "").parents


# -- services that mean no good ----------------------------------------------------------------------------------------


async def test_a_service_that_talks_too_much(house: House) -> None:
    house.store.files[f"/ids/{ID}"] = b"[" + b'"x",' * 2_000_000 + b'"x"]'
    error = await house.refused(out="")
    assert "more than makes sense" in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"identifier": 7}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"identifier": "minid:b9other"}',
        b"null",
    ],
)
async def test_a_service_that_talks_nonsense(house: House, body: bytes) -> None:
    house.store.files[f"/ids/{ID}"] = body
    error = await house.refused(out="", identifier=f"{house.url}/ids/{ID}")
    assert error.kind is Kind.SERVER


async def test_a_service_that_fills_every_field_with_nonsense(house: House) -> None:
    house.tell(
        location=[7, None, {"uri": "https://x/y\x1b[2J\u202e.zip"}, "x" * 9000, *(f"https://x/{n}" for n in range(99))],
        checksums=[None, {"function": 1}, {"function": "sha256", "value": "../etc"}, {"function": "md5", "value": "0"}],
        metadata={"title": "\x1b]0;a\x07", "length": -4, "deep": [["x" * 100_000]], **{f"k{n}": n for n in range(500)}},
        landing_page="javascript:alert(1)", created=["x"], replaced_by={"a": 1}, visible_to="public", active="no",
    )  # fmt: skip
    found = await house.resolve(out="")
    assert found.checksum is None
    assert found.length is None
    assert found.landing_page == f"{house.url}/ids/{ID}"
    assert len(found.locations) <= 50
    assert len(found.metadata) <= 100
    assert "\x1b" not in found.name + "".join(found.locations)


async def test_tokens_stay_with_their_server(house: House, tmp_path: Path) -> None:
    """The service wants a sign-in; it leads to another server, which gets none, by location and by redirect."""
    elsewhere = Store(files={"/file.zip": BODY})
    credential = tmp_path / "credential.json"
    async with serve(elsewhere.application(), tmp_path) as other:
        credential.write_text(json.dumps({house.served.host: {"bearer-token": "very-secret-token"}}))
        credential.chmod(0o600)
        access = Access(ca=(house.served.ca, other.ca), credential=str(credential))
        real = house.store.files.pop(f"/ids/{ID}")

        async def only_signed_in(request: web.Request) -> web.StreamResponse:
            if request.path == f"/ids/{ID}":
                house.store.asked.append(("GET", request.path, "", request.headers.get("Authorization", "")))
                if request.headers.get("Authorization") != "Bearer very-secret-token":
                    return web.Response(status=401)
                return web.Response(body=real, content_type="application/json")
            return await house.store.answer(request)

        guarded = web.Application()
        guarded.router.add_route("*", "/{path:.*}", only_signed_in)
        async with serve(guarded, tmp_path) as served:
            credential.write_text(json.dumps({served.host: {"bearer-token": "very-secret-token"}}))
            document = json.loads(real)
            document["location"] = [f"https://{served.host}/moved.zip"]
            real = json.dumps(document).encode()
            house.store.redirects["/moved.zip"] = f"https://{other.host}/file.zip"
            found = await house.resolve(
                service=f"https://{served.host}/ids",
                access=Access(ca=(served.ca, other.ca), credential=access.credential),
            )
            assert Path(found.archive or "").read_bytes() == BODY
    secrets = [secret for _, path, _, secret in house.store.asked if path == f"/ids/{ID}"]
    assert secrets == ["", "Bearer very-secret-token"]
    assert [secret for _, _, _, secret in elsewhere.asked] == [""]


async def test_a_stranger_does_not_lead_into_the_own_network(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service on the open internet names a location on this computer."""
    from satchel.core.identifiers import asking

    async def as_if_far(self: asking.Asking, service: str) -> None:
        self.guard.name(house.served.host)

    monkeypatch.setattr(asking.Asking, "named", as_if_far)
    async with serve(house.store.application(), house.home) as inner:
        house.tell(location=[f"https://{inner.host}/file.zip"])
        access = Access(ca=(house.served.ca, inner.ca))
        error = await house.refused(access=access)
        assert "local network" in error.message
        found = await house.resolve(access=access, allow_private=True)
        assert found.downloaded


async def test_a_certificate_that_is_not_trusted(house: House) -> None:
    error = await house.refused(access=Access(), identifier=f"{house.url}/ids/{ID}", service="")
    assert error.kind is Kind.UNTRUSTED
    assert house.store.asked == []


async def test_inactive_ones_are_told_of(house: House) -> None:
    house.tell(active=False, replaced_by="minid:b9newer")
    found = await house.resolve(out="")
    assert (found.active, found.replaced_by) == (False, "ark:/57799/b9newer")
