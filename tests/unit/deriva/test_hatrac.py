"""Bytes of objects arrive whole, over cut connections, and never with a credential for somebody else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from aiohttp import web

from satchel.core.deriva.hatrac import Hatrac
from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access
from tls_server import serve

QUICK = Policy(tries=12, first_pause=0.001, longest_pause=0.01)
BODY = bytes(range(256)) * 4000


class Store:
    """An object store that cuts every answer after `cut` bytes."""

    def __init__(self, body: bytes = BODY, cut: int | None = None, etag: str = '"v1"', ranges: bool = True):
        self.body, self.cut, self.etag, self.ranges = body, cut, etag, ranges
        self.asked: list[str | None] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers.get("Range"))
        headers = {
            "ETag": self.etag,
            "Content-MD5": base64.b64encode(hashlib.md5(self.body).digest()).decode(),
            "Content-SHA256": hashlib.sha256(self.body).hexdigest(),
            "Content-Disposition": "filename*=UTF-8''%C3%A9ye.png",
        }
        start = 0
        wanted = request.headers.get("Range")
        if self.ranges and wanted and request.headers.get("If-Range", self.etag) == self.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.body):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        part = self.body[start:]
        if self.cut is None or len(part) <= self.cut or request.method == "HEAD":
            return web.Response(status=206 if start else 200, body=part, headers=headers)
        headers["Content-Length"] = str(len(part))
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        await response.write(part[: self.cut])
        request.transport.close()
        return response


def app(store: Store) -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", store.answer)
    return application


async def collect(served, url="/hatrac/x", *, start=0, etag=None):
    async with (
        Session.open(served.host, served.access, credential={}, policy=QUICK) as session,
        Hatrac(session).get(url, start=start, etag=etag) as download,
    ):
        return download, b"".join([chunk async for chunk in download])


async def test_an_object_comes_with_what_is_known_of_it(tmp_path: Path):
    async with serve(app(Store()), tmp_path) as served:
        download, body = await collect(served)
        async with Session.open(served.host, served.access, credential={}) as session:
            head = await Hatrac(session).head("/hatrac/x")
    assert body == BODY
    for info in (download.info, head):
        assert info.length == len(BODY)
        assert info.md5 == hashlib.md5(BODY).hexdigest()
        assert info.sha256 == hashlib.sha256(BODY).hexdigest()
        assert info.filename == "éye.png"


@pytest.mark.parametrize("ranges", [True, False])
async def test_cut_bodies_are_gone_on_with(tmp_path: Path, ranges):
    store = Store(cut=300_000 if ranges else 900_000, ranges=ranges)
    if not ranges:

        async def second(request, first=store):  # without ranges only a whole answer can end it
            if first.asked:
                first.cut = None
            return await first.answer(request)

        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", second)
    else:
        application = app(store)
    async with serve(application, tmp_path) as served:
        _, body = await collect(served)
    assert body == BODY
    assert len(store.asked) > 1


async def test_an_earlier_run_is_gone_on_with_unless_the_object_changed(tmp_path: Path):
    async with serve(app(Store()), tmp_path) as served:
        download, body = await collect(served, start=1000, etag='"v1"')
        assert (download.start, body) == (1000, BODY[1000:])
        assert download.info.length == len(BODY)
        download, body = await collect(served, start=1000, etag='"v0"')
        assert (download.start, body) == (0, BODY)
        download, body = await collect(served, start=len(BODY), etag='"v1"')
        assert (download.start, body) == (len(BODY), b"")


async def test_an_object_that_changes_while_it_is_read_is_not_patched_together(tmp_path: Path):
    store = Store(cut=300_000)

    async def changing(request):
        if store.asked:
            store.etag = '"v2"'
        return await store.answer(request)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", changing)
    async with serve(application, tmp_path) as served:
        with pytest.raises(SatchelError, match="changed while it was read"):
            await collect(served)


async def test_a_missing_object_and_one_without_content_are_not_found(tmp_path: Path):
    async def x(request):
        return web.Response(status=409 if request.path.endswith("pending") else 404, text="no")

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", x)
    async with serve(application, tmp_path) as served:
        for url in ("/hatrac/none", "/hatrac/pending"):
            with pytest.raises(SatchelError) as caught:
                await collect(served, url)
            assert caught.value.kind is Kind.NOT_FOUND


async def test_another_hosts_object_is_fetched_without_the_credential(tmp_path: Path):
    seen = []

    async def there(request):
        seen.append(dict(request.headers))
        return web.Response(body=b"there")

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", there)
    async with serve(application, tmp_path) as other, serve(web.Application(), tmp_path) as served:
        both = Access(ca=(served.ca, other.ca))
        async with (
            Session.open(served.host, both, credential={"Cookie": "webauthn=s3cret"}) as session,
            Hatrac(session).get(f"https://{other.host}/a b/é.png#frag") as download,
        ):
            assert b"".join([chunk async for chunk in download]) == b"there"
    assert "s3cret" not in str(seen)


@pytest.mark.parametrize("url", ["http://x/y", "file:///etc/passwd", "//x/y", "hatrac/x", "", "ftp://x/y", "https://"])
async def test_addresses_that_are_no_https_are_refused(url):
    async with Session.open("localhost:1", credential={"Cookie": "s3cret"}) as session:
        with pytest.raises(SatchelError, match="address"):
            await Hatrac(session).head(url)
