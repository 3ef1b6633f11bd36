"""What a person hears, and what a server gets to see, when things go wrong between them."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session, host_name
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access
from tls_server import serve

QUICK = Policy(tries=12, first_pause=0.001, longest_pause=0.01)
TOKEN = {"Authorization": "Bearer s3cret"}


def app(**routes) -> web.Application:
    application = web.Application()
    for name, handler in routes.items():
        application.router.add_route("*", f"/{name}", handler)
    return application


async def get(served, path="/x", *, credential=None, log=None, access=None, **kw):
    async with Session.open(
        served.host, access or served.access, credential=credential or {}, log=log, policy=QUICK
    ) as session:
        return await session.request("GET", path, **kw)


async def test_answers_come_whole_and_the_credential_is_sent(tmp_path: Path):
    seen = []

    async def x(request):
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"n": 1})

    async with serve(app(x=x), tmp_path) as served:
        answer = await get(served, credential=TOKEN, accept="application/json")
    assert answer.json() == {"n": 1}
    assert seen == ["Bearer s3cret"]


async def test_paths_arrive_as_they_were_escaped(tmp_path: Path):
    seen = []
    application = web.Application()

    async def anything(request):
        seen.append(request.raw_path)
        return web.Response(text="ok")

    application.router.add_get("/{rest:.*}", anything)
    path = "/e/S%3Ax:T/a=%2F%25%C3%A9/b::ciregexp::%5E@sort(RID)@after(::null::)?limit=2"
    async with serve(application, tmp_path) as served:
        await get(served, path)
    assert seen == [path]


async def test_an_untrusted_certificate_is_told_at_once_with_its_authority(tmp_path: Path):
    hits = []

    async def x(request):
        hits.append(request)
        return web.Response(text="x")

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await get(served, access=Access())
    assert caught.value.kind is Kind.UNTRUSTED
    assert "Throw-away Authority" in caught.value.message
    assert "--ca" in caught.value.hint
    assert not hits


async def test_a_certificate_for_another_name_is_told(tmp_path: Path):
    async with serve(app(), tmp_path, "elsewhere.example") as served:
        with pytest.raises(SatchelError) as caught:
            await get(served)
    assert caught.value.kind is Kind.UNTRUSTED
    assert "another name" in caught.value.message


async def test_an_unknown_host_is_told():
    async with Session.open("no-such-host.invalid", credential={}) as session:
        with pytest.raises(SatchelError) as caught:
            await session.request("GET", "/x")
    assert caught.value.kind is Kind.UNREACHABLE
    assert "no-such-host.invalid" in caught.value.message


async def test_a_refused_connection_is_told():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    async with Session.open(f"localhost:{port}", credential={}) as session:
        with pytest.raises(SatchelError) as caught:
            await session.request("GET", "/x")
    assert caught.value.kind is Kind.UNREACHABLE
    assert str(port) in caught.value.message


async def test_a_server_without_tls_is_told():
    async def plain(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with Session.open(f"localhost:{port}", credential={}) as session:
            with pytest.raises(SatchelError) as caught:
                await session.request("GET", "/x")
    assert caught.value.kind is Kind.UNREACHABLE
    assert "HTTPS" in caught.value.message


@pytest.mark.parametrize("secret", [TOKEN, {"Cookie": "webauthn=s3cret"}])
async def test_a_redirect_to_another_host_never_carries_the_credential(tmp_path: Path, secret):
    seen = []

    async def there(request):
        seen.append(dict(request.headers))
        return web.Response(text="moved")

    async with serve(app(there=there), tmp_path) as other:

        async def x(request):
            raise web.HTTPFound(f"https://{other.host}/there?X-Signature=abc")

        async with serve(app(x=x), tmp_path) as served:
            both = Access(ca=(served.ca, other.ca))
            answer = await get(served, credential=secret, access=both)
            assert answer.text == "moved"
            # The same machine under another name is another host, too.
            port = other.host.partition(":")[2]

            async with Session.open(other.host, both, credential=secret, policy=QUICK) as session:
                await session.request("GET", f"https://127.0.0.1:{port}/there")
    assert len(seen) == 2
    assert all("s3cret" not in str(headers) for headers in seen)


async def test_a_redirect_within_the_host_keeps_the_credential(tmp_path: Path):
    seen = []

    async def there(request):
        seen.append(request.headers.get("Authorization"))
        return web.Response(text="moved")

    async def x(request):
        raise web.HTTPFound("/there")

    async with serve(app(x=x, there=there), tmp_path) as served:
        assert (await get(served, credential=TOKEN)).text == "moved"
    assert seen == ["Bearer s3cret"]


async def test_no_redirect_leaves_https(tmp_path: Path):
    async def x(request):
        raise web.HTTPFound(f"http://localhost:{request.url.port}/x")

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await get(served, credential=TOKEN)
    assert "https" in caught.value.hint


async def test_redirects_in_circles_end(tmp_path: Path):
    hits = Counter()

    async def x(request):
        hits["x"] += 1
        raise web.HTTPFound("/x")

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError, match="circles"):
            await get(served)
    assert hits["x"] == 6


async def test_cut_bodies_and_busy_answers_are_tried_again_and_told_in_the_log(tmp_path: Path):
    hits = Counter()
    body = b"x" * 100_000

    async def x(request):
        hits["x"] += 1
        if hits["x"] == 1:
            return web.Response(
                status=503, text="The service is temporarily unavailable.", headers={"Retry-After": "0"}
            )
        if hits["x"] == 2:
            response = web.Response(body=body)
            await response.prepare(request)
            request.transport.abort()
            return response
        if hits["x"] == 3:
            response = web.StreamResponse()  # chunked, cut between chunks
            await response.prepare(request)
            await response.write(body[:5000])
            request.transport.close()
            return response
        if hits["x"] == 4:
            return web.Response(status=500, text="Internal Server Error")
        if hits["x"] == 5:
            request.transport.abort()
            return web.Response()
        return web.Response(body=body)

    lines = []
    async with serve(app(x=x), tmp_path) as served:
        answer = await get(served, log=lambda message, level="info": lines.append(message))
    assert answer.body == body
    assert hits["x"] == 6
    assert len(lines) >= 3  # aiohttp replaces a kept-alive connection that turns out dead by itself
    assert "503" in lines[0]


async def test_patience_ends_and_the_last_failure_is_told(tmp_path: Path):
    hits = Counter()

    async def x(request):
        hits["x"] += 1
        return web.Response(status=502, text="<html><title>502 Bad Gateway</title></html>", content_type="text/html")

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await get(served)
    assert hits["x"] == QUICK.tries
    assert caught.value.kind is Kind.SERVER
    assert "502 Bad Gateway" in caught.value.detail


async def test_retry_after_beyond_reason_is_told_instead_of_waited_for(tmp_path: Path):
    async def x(request):
        return web.Response(status=429, headers={"Retry-After": "86400"})

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError, match="too many requests"):
            await get(served)


@pytest.mark.parametrize("how", ["abort", "500"])
async def test_a_post_is_not_repeated_when_it_may_have_arrived(tmp_path: Path, how):
    hits = Counter()

    async def x(request):
        hits["x"] += 1
        if how == "abort":
            request.transport.abort()
        return web.Response(status=500)

    async with (
        serve(app(x=x), tmp_path) as served,
        Session.open(served.host, served.access, credential={}, policy=QUICK) as session,
    ):
        with pytest.raises(SatchelError):
            await session.request("POST", "/x", json=[1])
    assert hits["x"] == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, "Access requires authentication. Detail: catalog\n", Kind.NOT_SIGNED_IN, "sign in first"),
        (403, "Access forbidden. Detail: select access on :eye:Image\n", Kind.NOT_ALLOWED,
         "select access on :eye:Image"),
        (404, "Resource not found. Detail: schema nope\n", Kind.NOT_FOUND, "schema nope"),
        (409, "Request conflicts with state of server. Detail: Table Nope does not exist in schema eye.\n",
         Kind.SERVER, "Table Nope does not exist in schema eye."),
        (400, "Request malformed. Detail: Query run time limit exceeded.\n", Kind.SERVER, "ran too long"),
    ],
)  # fmt: skip
async def test_refusals_are_told_once_in_the_servers_words(tmp_path: Path, status, body, kind, said):
    hits = Counter()

    async def x(request):
        hits["x"] += 1
        return web.Response(status=status, text=body)

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await get(served)
    assert caught.value.kind is kind
    assert said in caught.value.message
    assert hits["x"] == 1
    if status == 401:
        assert "satchel login" in caught.value.hint


async def test_an_expired_sign_in_is_told_apart_from_none(tmp_path: Path):
    async def x(request):
        return web.Response(status=401, text="no")

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError, match="any more"):
            await get(served, credential=TOKEN)


async def test_a_sign_in_page_is_not_data(tmp_path: Path):
    async def x(request):
        return web.Response(text="<html><title>Hotel WiFi</title></html>", content_type="text/html")

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await get(served, accept="application/json")
    assert "web page" in caught.value.message
    assert "Hotel WiFi" in caught.value.detail


async def test_a_body_without_an_end_mark_is_not_believed(tmp_path: Path):
    async def x(request):
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nConnection: close\r\n\r\nRID\n1-A\n")
        request.transport.close()
        return web.Response()

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError, match="where they end"):
            await get(served)


async def test_secrets_are_in_no_error(tmp_path: Path):
    async def x(request):
        return web.Response(status=409, text="no")

    async with serve(app(x=x), tmp_path) as served:
        with pytest.raises(SatchelError) as caught:
            await get(served, credential=TOKEN)
    error = caught.value
    assert "s3cret" not in f"{error.message}{error.hint}{error.detail}"


async def test_cancelling_a_silent_server_is_prompt(tmp_path: Path):
    reached = asyncio.Event()

    async def x(request):
        reached.set()
        await asyncio.sleep(100)
        return web.Response()

    async with serve(app(x=x), tmp_path) as served:
        task = asyncio.create_task(get(served))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("www.example.org", "www.example.org"),
        ("https://WWW.Example.org/", "www.example.org"),
        ("localhost:8443", "localhost:8443"),
        ("example.org:443", "example.org"),
        ("[::1]:8443", "[::1]:8443"),
    ],
)
def test_hosts_are_written_in_one_way(given, name):
    assert host_name(given) == name


@pytest.mark.parametrize(
    "given", ["", "http://example.org", "a b", "user@host", "host/path", "host:0", "host:99999", "-x"]
)
def test_what_is_no_host_is_refused(given):
    with pytest.raises(SatchelError) as caught:
        host_name(given)
    assert caught.value.kind is Kind.USAGE


async def test_a_certificate_authority_file_that_is_none_is_told(tmp_path: Path):
    (tmp_path / "ca.pem").write_text("hello")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(SatchelError) as caught:
            async with Session.open("localhost", Access(ca=(str(tmp_path / name),)), credential={}):
                pass
        assert name in caught.value.message
