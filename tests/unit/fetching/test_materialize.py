"""Bags are completed over real HTTPS, by servers that behave and by servers that do not."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import random
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bag_maker import edit_fetch, make_bag, tree
from satchel.cli.job import status
from satchel.core.bags.reading import PARTS
from satchel.core.deriva.retry import Policy
from satchel.core.errors import Kind, SatchelError
from satchel.core.fetching import materialize, writing
from satchel.core.fetching.request import MaterializeRequest, MaterializeResult, retry
from satchel.core.fetching.web import Web
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import local_context
from satchel.core.jobs.trouble import explain
from small_bags import judge
from tls_server import Served, serve

LARGE = random.Random(1).randbytes(3_000_000)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """What is served, and what was asked."""

    served: Served
    other: Served
    files: dict[str, bytes] = field(default_factory=dict)
    special: dict[str, Answer] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://{self.served.host}{path}"

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materialize, "POLICY", Policy(tries=3, first_pause=0.01, longest_pause=0.02))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async def answer(request: web.Request) -> web.StreamResponse:
        found.asked.append(request)
        if request.path in found.special:
            return await found.special[request.path](request)
        if request.path not in found.files:
            raise web.HTTPNotFound
        return ranged(request, found.files[request.path])

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", answer)
    elsewhere = web.Application()
    elsewhere.router.add_route("*", "/{rest:.*}", answer)
    async with serve(application, tmp_path) as served, serve(elsewhere, tmp_path) as other:
        bundle = tmp_path / "both.pem"
        bundle.write_text(Path(served.ca).read_text() + Path(other.ca).read_text())
        found = Server(Served(served.host, str(bundle)), Served(other.host, str(bundle)))
        yield found


def ranged(request: web.Request, body: bytes) -> web.Response:
    """A file as servers give it, with entity tag and ranges."""
    tag = f'"{hashlib.md5(body).hexdigest()}"'
    start = request.http_range.start or 0
    if start and request.headers.get("If-Range", tag) == tag:
        return web.Response(
            status=206,
            body=body[start:],
            headers={"ETag": tag, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"},
        )
    return web.Response(body=body, headers={"ETag": tag})


def a_bag(server: Server, folder: Path, files: dict[str, bytes], here: dict[str, bytes] | None = None) -> Path:
    """A bag whose files are on the server, which it names as its own."""
    server.files.update({f"/{name}": content for name, content in files.items()})
    remote = {f"data/{name}": (server.url(f"/{name}"), content) for name, content in files.items()}
    return make_bag(folder / "bag", here or {"data/here": b"here"}, remote, [("Source-Host", server.served.host)])


async def fetch(bag: Path, server: Server | None = None, **how: object) -> MaterializeResult:
    if server is not None:
        how.setdefault("access", server.served.access)
    context = local_context(bag.parent / "context")
    return await materialize.run(MaterializeRequest(path=str(bag), **how), context)  # type: ignore[arg-type]


# -- what it does -----------------------------------------------------------------------------------------------------


async def test_a_bag_is_completed_and_valid(server: Server, tmp_path: Path) -> None:
    files = {f"small/{n}": b"%d" % n * n for n in range(60)} | {"large": LARGE, "with space": b"x", "empty": b""}
    bag = a_bag(server, tmp_path, files)
    result = await fetch(bag, server, check="full")
    assert (result.fetched, result.already, result.problem_count) == (63, 0, 0)
    assert result.bytes == sum(map(len, files.values()))
    assert (result.complete, result.valid) == (True, True)
    assert {name: (bag / "data" / name).read_bytes() for name in files} == files
    assert not (bag / PARTS).exists()


async def test_what_is_here_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"aa", "b": b"bb"})
    (bag / "data/a").write_bytes(b"aa")
    result = await fetch(bag, server)
    assert (result.fetched, result.already) == (1, 1)
    assert server.paths() == ["/b"]
    again = await fetch(bag, server)
    assert (again.fetched, again.already, again.valid) == (0, 2, True)


async def test_repair_fetches_what_is_wrong_and_nothing_else(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"good": b"good", "bad": b"right", "short": b"whole", "lost": b"lost"})
    for name, content in (("good", b"good"), ("bad", b"wrong"), ("short", b"who")):
        (bag / "data" / name).write_bytes(content)
    result = await fetch(bag, server, repair=True, check="full")
    assert sorted(server.paths()) == ["/bad", "/lost", "/short"]
    assert (result.fetched, result.already, result.valid, result.complete) == (3, 1, True, True)


async def test_only_and_largest_choose(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"img/1.png": b"1", "img/2.png": b"2" * 9000, "doc/1.txt": b"3"})
    result = await fetch(bag, server, only=("img/*", "data/nothing"), largest=5000)
    assert server.paths() == ["/img/1.png"]
    assert (result.fetched, result.left, result.problem_count, result.complete) == (1, 2, 0, False)
    assert result.valid is None


async def test_what_is_ticked_is_fetched_and_the_nearer_word_counts(server: Server, tmp_path: Path) -> None:
    files = {"img/1.png": b"1", "img/raw/2.png": b"22", "img/raw/[3]*.png": b"333", "doc/1.txt": b"4", "image": b"5"}
    bag = a_bag(server, tmp_path, files)
    result = await fetch(bag, server, pick=("data/img/", "img/raw/[3]*.png"), skip=("data/img/raw",))
    assert sorted(server.paths()) == ["/img/1.png", "/img/raw/[3]*.png"]
    assert (result.fetched, result.left, result.problem_count) == (2, 3, 0)
    result = await fetch(bag, server, skip=("img", "image"))
    assert server.paths()[2:] == ["/doc/1.txt"]
    assert (result.fetched, result.already, result.left) == (1, 2, 2)


async def test_what_failed_is_fetched_by_the_next_run_and_nothing_else(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"aa", "b": b"bb"})
    lost = server.files.pop("/b")
    result = await fetch(bag, server)
    (problem,) = result.problems
    assert (problem.code, problem.path, problem.line) == ("not-found", "data/b", 2)
    assert "data/b could not be fetched" in problem.message
    assert (result.fetched, result.complete, result.valid) == (1, False, None)
    server.files["/b"] = lost
    server.asked.clear()
    assert (await fetch(bag, server)).complete
    assert server.paths() == ["/b"]


async def test_relative_addresses_are_the_catalogs(server: Server, tmp_path: Path) -> None:
    server.files["/hatrac/x:ABC"] = b"x"
    remote = {"data/x": ("/hatrac/x:ABC", b"x")}
    named = make_bag(tmp_path / "named", {}, remote, [("Source-Host", server.served.host)])
    assert (await fetch(named, server)).complete
    nameless = make_bag(tmp_path / "nameless", {}, remote)
    refused = await fetch(nameless, server)
    assert [p.code for p in refused.problems] == ["refused"]
    assert "--host" in refused.problems[0].message or "does not name its server" in refused.problems[0].message
    assert (await fetch(nameless, server, hosts=(server.served.host,))).complete


# -- going on ---------------------------------------------------------------------------------------------------------


async def test_a_large_file_is_gone_on_with_after_a_stop(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"large": LARGE})
    half = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": f'"{hashlib.md5(LARGE).hexdigest()}"'})
        response.content_length = len(LARGE)
        await response.prepare(request)
        await response.write(LARGE[:2_000_000])
        half.set()
        await asyncio.sleep(60)
        return response

    server.special["/large"] = stall
    task = asyncio.create_task(fetch(bag, server))
    await half.wait()
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (bag / "data/large").exists()
    del server.special["/large"]
    server.asked.clear()
    result = await fetch(bag, server, check="full")
    (asked,) = server.asked
    start = asked.http_range.start
    assert start == 2_000_000, "at the very byte"
    assert asked.headers["If-Range"] == f'"{hashlib.md5(LARGE).hexdigest()}"'
    assert (result.complete, result.valid) == (True, True)


async def test_a_beginning_that_was_spoilt_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"large": LARGE})
    (bag / PARTS).mkdir()
    part = bag / PARTS / f"{hashlib.sha256(b'data/large').hexdigest()[:32]}.part"
    part.write_bytes(b"\0" * 1_000_000)
    part.with_suffix(".json").write_text(json.dumps({"url": server.url("/large"), "etag": None}))
    result = await fetch(bag, server, check="full")
    assert [request.http_range.start or 0 for request in server.asked] == [1_000_000, 0]
    assert (result.complete, result.valid) == (True, True)


async def test_a_cut_body_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"large": LARGE, "small": b"small" * 100})
    cuts = {"/large": 2, "/small": 2}

    async def cut(request: web.Request) -> web.StreamResponse:
        body = server.files[request.path]
        if not cuts[request.path]:
            return ranged(request, body)
        cuts[request.path] -= 1
        start = request.http_range.start or 0
        response = web.StreamResponse(
            status=206 if start else 200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
        )
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        response.content_length = len(body) - start
        await response.prepare(request)
        await response.write(body[start : start + len(body) // 4])
        assert request.transport is not None
        request.transport.close()
        return response

    server.special.update(dict.fromkeys(cuts, cut))
    result = await fetch(bag, server, check="full")
    assert (result.complete, result.valid, result.problem_count) == (True, True, 0)
    assert max(request.http_range.start or 0 for request in server.asked) > 0


async def test_two_jobs_do_not_fetch_into_one_bag(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a"})
    begun, go = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        begun.set()
        await go.wait()
        return web.Response(body=b"a")

    server.special["/a"] = wait
    first = asyncio.create_task(fetch(bag, server))
    await begun.wait()
    with pytest.raises(SatchelError, match="Another job is fetching"):
        await materialize.run(
            MaterializeRequest(path=str(bag), access=server.served.access), local_context(tmp_path / "second")
        )
    go.set()
    assert (await first).complete


# -- servers that do not do as they should ----------------------------------------------------------------------------


def sends(body: bytes, length: int | None) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if length is None:
            response.enable_chunked_encoding()
        else:
            response.content_length = length
        await response.prepare(request)
        await response.write(body)
        if length is not None and len(body) < length:
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    while True:
        await response.write(b"\0" * 65536)


@pytest.mark.parametrize("content", [b"small content", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("fault", ["other", "long", "short", "chunked-long", "endless", "failing", "cut"])
async def test_a_file_that_is_not_the_bags_is_not_taken(
    server: Server, tmp_path: Path, content: bytes, fault: str
) -> None:
    bag = a_bag(server, tmp_path, {"bad": content, "good": b"good"})
    answers: dict[str, tuple[Answer, str]] = {
        "other": (sends(content[::-1], len(content)), "checksum"),
        "long": (sends(content + b"!", len(content) + 1), "length"),
        "short": (sends(content[:-1], len(content) - 1), "length"),
        "chunked-long": (sends(content + b"!" * 70_000, None), "length"),
        "endless": (endless, "length"),
        "failing": (sends(b"", 0), "length"),
        "cut": (sends(content[:-1], len(content)), "unreachable"),
    }
    server.special["/bad"], code = answers[fault]
    result = await fetch(bag, server)
    (problem,) = result.problems
    assert problem.path == "data/bad"
    # Of a server that cannot go on in the middle it is not known whether it still has the same file.
    assert problem.code == code or (fault, problem.code) == ("cut", "server")
    assert not (bag / "data/bad").exists()
    assert (bag / "data/good").read_bytes() == b"good"
    assert (result.fetched, result.complete) == (1, False)


@pytest.mark.parametrize("content", [b"small content" * 100, LARGE], ids=["small", "large"])
async def test_a_server_that_sends_byte_by_byte_is_cut(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(materialize, "SLOW_SECONDS", 0.3)
    bag = a_bag(server, tmp_path, {"slow": content, "good": b"good"})

    async def dribble(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(content)
        await response.prepare(request)
        for byte in content:
            await response.write(bytes([byte]))
            await asyncio.sleep(0.05)
        return response

    server.special["/slow"] = dribble
    result = await fetch(bag, server)
    (problem,) = result.problems
    assert (problem.path, problem.code) == ("data/slow", "unreachable")
    assert "so slowly" in problem.message
    assert result.fetched == 1


async def test_a_file_of_unknown_length_ends_where_the_bags_size_ends(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a" * 5000})
    edit_fetch(bag, (bag / "fetch.txt").read_text().replace(" 5000 ", " - "))
    server.special["/a"] = endless
    result = await fetch(bag, server)
    assert [p.code for p in result.problems] == ["length"]
    del server.special["/a"]
    assert (await fetch(bag, server)).complete


async def test_a_server_that_is_not_there_is_left_alone_after_some_tries(server: Server, tmp_path: Path) -> None:
    remote = {f"data/{n}": (f"https://nowhere.invalid/{n}", b"%d" % n) for n in range(200)}
    server.files["/a"] = b"a"
    bag = make_bag(
        tmp_path / "bag",
        {},
        {**remote, "data/a": (server.url("/a"), b"a")},
        [("Source-Host", server.served.host)],
    )
    result = await fetch(bag, server)
    assert (result.fetched, result.problem_count) == (1, 200)
    assert {p.code for p in result.problems} == {"unreachable"}


async def test_an_untrusted_server_gets_nothing(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a"})
    result = await fetch(bag, allow_private=True)
    assert [p.code for p in result.problems] == ["untrusted"]
    assert server.asked == []


# -- who gets the credential ------------------------------------------------------------------------------------------


def credential_file(folder: Path, *hosts: str) -> str:
    file = folder / "credential.json"
    file.write_text(json.dumps({host: {"cookie": "webauthn=secret"} for host in hosts}))
    file.chmod(0o600)
    return str(file)


async def test_the_catalogs_host_gets_the_credential_and_a_redirect_takes_it_nowhere(
    server: Server, tmp_path: Path
) -> None:
    from satchel.core.jobs.request import Access

    bag = a_bag(server, tmp_path, {"a": b"a", "b": b"b", "large": LARGE})

    def elsewhere(path: str) -> Answer:
        async def answer(_request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(f"https://{server.other.host}{path}")

        return answer

    server.files.update({"/b2": b"b", "/large2": LARGE})
    server.special.update({"/b": elsewhere("/b2"), "/large": elsewhere("/large2")})
    access = Access(ca=(server.served.ca,), credential=credential_file(tmp_path, server.served.host, server.other.host))
    result = await fetch(bag, access=access, allow_private=True)
    assert result.complete
    cookies = {(request.host, request.path): request.headers.get("Cookie") for request in server.asked}
    assert cookies == {
        (server.served.host, "/a"): "webauthn=secret",
        (server.served.host, "/b"): "webauthn=secret",
        (server.served.host, "/large"): "webauthn=secret",
        (server.other.host, "/b2"): None,
        (server.other.host, "/large2"): None,
    }


async def test_other_hosts_of_a_bag_get_no_credential_unless_named(server: Server, tmp_path: Path) -> None:
    from satchel.core.jobs.request import Access

    server.files["/a"] = b"a"
    bag = make_bag(tmp_path / "bag", {}, {"data/a": (f"https://{server.other.host}/a", b"a")})
    access = Access(ca=(server.served.ca,), credential=credential_file(tmp_path, server.other.host))
    assert (await fetch(bag, access=access, allow_private=True)).complete
    assert [request.headers.get("Cookie") for request in server.asked] == [None]
    (bag / "data/a").unlink()
    assert (await fetch(bag, access=access, hosts=(server.other.host,))).complete
    assert [request.headers.get("Cookie") for request in server.asked] == [None, "webauthn=secret"]


async def test_a_host_whose_name_begins_like_the_catalogs_gets_no_credential(server: Server, tmp_path: Path) -> None:
    from satchel.core.jobs.request import Access

    server.files.update({"/": b"root", "/steal": b"s", "/ok": b"ok"})
    # Nothing listens there; what matters is whose session each line gets.
    lines = {
        "data/0": (f"HTTPS://{server.served.host}", b"root"),
        "data/1": (f"https://{server.served.host[:-1]}/steal", b"s"),
        "data/2": (f"https://{server.served.host}/ok", b"ok"),
        "data/3": (f"https://{server.served.host}?x", b"root"),
    }
    bag = make_bag(tmp_path / "bag", {}, lines, [("Source-Host", server.served.host)])
    access = Access(ca=(server.served.ca,), credential=credential_file(tmp_path, server.served.host))
    seen: list[tuple[str, str]] = []
    quick = Web.quick

    async def noted(self: Web, url: str, length: int) -> bytes | None:
        seen.append((self.host, url))
        return await quick(self, url, length)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Web, "quick", noted)
        result = await fetch(bag, access=access)
    assert all(url.startswith(f"https://{host}/") for host, url in seen)
    assert {problem.path for problem in result.problems} == {"data/1"}


async def test_a_host_that_wants_a_sign_in_is_told(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {str(n): b"%d" % n for n in range(50)})

    async def who(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPUnauthorized

    server.special.update({f"/{n}": who for n in range(50)})
    result = await fetch(bag, server)
    assert (result.problem_count, result.sign_in) == (50, (server.served.host,))
    assert {problem.code for problem in result.problems} == {"sign-in-needed"}
    assert status(result) == 3
    assert len({request.path for request in server.asked}) <= materialize.CONNECTIONS


async def test_who_has_not_signed_in_is_offered_it_where_a_host_forbids(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a", "b": b"b"})

    async def no(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPForbidden

    server.special["/a"] = no
    result = await fetch(bag, server)
    (problem,) = result.problems
    assert (problem.code, problem.host, problem.path) == ("sign-in-needed", server.served.host, "data/a")
    assert (result.fetched, status(result)) == (1, 1)
    again = retry(MaterializeRequest(path=str(bag), only=("x",)), result)
    assert (again.pick, again.only) == (("data/a",), ())
    access = Access(ca=(server.served.ca,), credential=credential_file(tmp_path, server.served.host))
    (problem,) = (await fetch(bag, access=access)).problems
    assert problem.code == "not-allowed", "signing in would not help"


async def test_names_in_other_forms_are_the_manifests(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"Núñez 1": b"a", "50%": b"b"})
    text = (bag / "fetch.txt").read_text()
    edit_fetch(bag, unicodedata.normalize("NFD", text).replace("data/50%25", "data/50%2525").replace("z 1", "z%25201"))
    result = await fetch(bag, server)
    assert (result.problems, result.fetched, result.complete) == ((), 2, True)
    assert sorted(tree(bag / "data")) == sorted(["50%", "Núñez 1", "here"])


async def test_a_completed_bag_can_do_without_fetch_txt(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a", "large": LARGE})
    result = await fetch(bag, server, full=True)
    assert (result.full, result.valid) == (True, True)
    assert not (bag / "fetch.txt").exists()
    found = await asyncio.to_thread(judge, bag)
    assert (found.valid, found.complete) == (True, True)
    assert "fetch.txt" not in (bag / "tagmanifest-md5.txt").read_text()
    assert not [name for name in tree(bag) if name.startswith(".")]


async def test_a_bag_with_a_wrong_file_keeps_fetch_txt(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a", "b": b"b"})
    (bag / "data/a").write_bytes(b"x")
    result = await fetch(bag, server, full=True)
    assert (result.full, result.valid, result.complete) == (False, False, True)
    assert (bag / "fetch.txt").exists()
    result = await fetch(bag, server, full=True, repair=True)
    assert (result.full, result.valid) == (True, True)


# -- bags that mean harm ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc/passwd", "refused"),
        ("FILE:///etc/passwd", "refused"),
        ("ftp://example.org/a", "refused"),
        ("data:,a", "refused"),
        ("//example.org/a", "refused"),
        ("https://user:secret@example.org/a", "refused"),
        ("https://[::1/a", "refused"),
        ("https:///a", "refused"),
        ("https://example.org:99999/a", "refused"),
        ("s3://onlybucket", "refused"),
        ("http://127.0.0.1:1/a", "private-address"),
        ("https://127.1:1/a", "private-address"),
        ("https://2130706433:1/a", "private-address"),
        ("https://0x7f.1:1/a", "private-address"),
        ("https://[::ffff:127.0.0.1]:1/a", "private-address"),
        ("https://[::1]:1/a", "private-address"),
        ("https://169.254.169.254/latest/meta-data", "private-address"),
        ("https://10.0.0.1/a", "private-address"),
        ("https://localhost:1/a", "private-address"),
        ("http://localhost:1/a", "private-address"),
        ("https://0.0.0.0:1/a", "private-address"),
    ],
)
async def test_addresses_that_a_bag_has_no_business_with(tmp_path: Path, url: str, code: str) -> None:
    bag = make_bag(tmp_path / "bag", {}, {"data/a": (url, b"a")})
    result = await fetch(bag)
    (problem,) = result.problems
    assert problem.code == code, problem.message
    assert "secret" not in problem.message + problem.url
    assert problem.message.endswith(".")
    assert not (bag / "data/a").exists()


@pytest.mark.parametrize(
    "target", ["https://{other}/b", "http://{other}/b", "file:///etc/hostname", "https://10.0.0.1/b"]
)
async def test_a_redirect_leads_nowhere_private_and_never_to_less_than_https(
    server: Server, tmp_path: Path, target: str
) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a"})
    server.files["/b"] = b"a"

    async def away(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target.format(other=server.other.host)})

    server.special["/a"] = away
    result = await fetch(bag, server)
    assert [p.code for p in result.problems] in (["private-address"], ["server"])
    assert set(server.paths()) == {"/a"}


async def test_plain_http_only_where_the_line_says_so_and_without_credential(tmp_path: Path) -> None:
    from satchel.core.jobs.request import Access

    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Cookie"))
        return web.Response(body=b"a")

    application = web.Application()
    application.router.add_get("/a", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        bag = make_bag(tmp_path / "bag", {}, {"data/a": (f"http://{host}/a", b"a")}, [("Source-Host", host)])
        access = Access(credential=credential_file(tmp_path, host))
        assert (await fetch(bag, access=access, allow_private=True)).complete
    finally:
        await runner.cleanup()
    assert seen == [None]


async def test_nothing_is_written_outside_the_bag(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"link/a": b"a", "file/b": b"b", "c": b"c", "d": b"d"})
    outside = tmp_path / "outside"
    outside.mkdir()
    (bag / "data/link").symlink_to(outside, target_is_directory=True)
    (bag / "data/file").write_bytes(b"a file where a folder should be")
    (bag / "data/c").symlink_to(outside / "c")
    (bag / "data/d").mkdir()
    lines = (bag / "fetch.txt").read_text()
    hostile = [
        "data/../../up",
        "/etc/up",
        "~/up",
        "C:/up",
        "..\\up",
        "data\\..\\..\\up",
        "bagit.txt",
        "manifest-md5.txt",
    ]
    edit_fetch(bag, lines + "".join(f"{server.url('/c')} 1 {path}\n" for path in hostile) + "nonsense\n")
    result = await fetch(bag, server)
    codes = {p.path: p.code for p in result.problems}
    assert codes.pop("") == "malformed"
    assert {path: codes.pop(path) for path in hostile} == dict.fromkeys(hostile, "unsafe-path")
    assert codes == {"data/link/a": "link", "data/file/b": "link", "data/d": "unwritable"}
    assert list(outside.iterdir()) == []
    assert (bag / "data/c").read_bytes() == b"c"
    assert not (bag / "data/c").is_symlink()
    assert not list(tmp_path.rglob("up"))


async def test_a_link_in_place_of_the_folder_for_parts_is_not_followed(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a"})
    (tmp_path / "outside").mkdir()
    (bag / PARTS).symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(SatchelError, match="is not a folder"):
        await fetch(bag, server)
    assert list((tmp_path / "outside").iterdir()) == []


async def test_a_file_without_checksum_is_not_fetched(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a"})
    edit_fetch(bag, (bag / "fetch.txt").read_text() + f"{server.url('/b')} 1 data/b\n")
    server.files["/b"] = b"b"
    result = await fetch(bag, server)
    assert [(p.path, p.code) for p in result.problems] == [("data/b", "not-listed")]
    assert server.paths() == ["/a"]


async def test_lines_that_disagree_are_told(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"a": b"a"})
    line = (bag / "fetch.txt").read_text()
    edit_fetch(bag, line + line + line.replace("/a 1", "/b 1"))
    result = await fetch(bag, server)
    assert [(p.path, p.code, p.line) for p in result.problems] == [("data/a", "malformed", 3)]
    assert result.fetched == 1


async def test_a_full_disk_stops_with_a_sentence(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = a_bag(server, tmp_path, {"large": LARGE, "small": b"s"})
    before = tree(bag)
    with monkeypatch.context() as full:
        full.setattr(materialize, "RESERVE", 1 << 60)
        with pytest.raises(SatchelError, match="are free on the disk"):
            await fetch(bag, server)
        assert tree(bag) == before
    with monkeypatch.context() as filling:
        filling.setattr(writing, "RESERVE", 1 << 60)
        with pytest.raises(OSError, match="space") as caught:
            await fetch(bag, server)
        assert explain(caught.value).kind is Kind.DISK_FULL
    assert not (bag / "data/large").exists()
    assert (await fetch(bag, server)).complete


async def test_a_body_that_is_packed_on_the_way_is_no_way_around_its_length(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"bomb": b"small", "fine": b"fine" * 100})

    async def packed(request: web.Request) -> web.StreamResponse:
        body = b"\0" * 50_000_000 if request.path == "/bomb" else server.files[request.path]
        return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})

    server.special.update({"/bomb": packed, "/fine": packed})
    result = await fetch(bag, server)
    assert [(p.path, p.code) for p in result.problems] == [("data/bomb", "length")]
    assert (bag / "data/fine").read_bytes() == b"fine" * 100


async def test_a_stopped_fetch_of_small_files_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {str(n): b"%d" % n for n in range(5)})
    begun = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        begun.set()
        await asyncio.sleep(60)
        return web.Response()

    server.special["/3"] = wait
    task = asyncio.create_task(fetch(bag, server))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (bag / PARTS).exists()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from([b"http://127.0.0.1:1/a 1 data/a", b"https://[::1]:1/a - data/a", b"file:///a 1 data/a"])
        | st.tuples(
            st.sampled_from([b"http://127.0.0.1:1/", b"https://localhost:1/", b"//", b"x:", b"/"]),
            st.sampled_from([b" - ", b" 1 ", b" -1 ", b"\t99999999999999999999 "]),
            st.sampled_from(
                [b"data/a", b"data/../b", b"data/\x00", b"data/" + b"n" * 300, b"data/a/b", b"\xff", b"data/"]
            ),
        ).map(b"".join),
        max_size=6,
    ).map(b"\n".join)
)
def test_any_fetch_txt_ends_in_sentences(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    bag = make_bag(folder / "bag", {"data/here": b"here"}, {"data/a": ("https://localhost:1/a", b"a")})
    for manifest in bag.glob("tagmanifest-*.txt"):
        manifest.unlink()
    (bag / "fetch.txt").write_bytes(text)
    before = tree(folder / "bag")
    result = asyncio.run(fetch(bag))
    assert result.fetched == 0
    assert all(problem.message.endswith(".") for problem in result.problems)
    assert tree(folder / "bag") == before


async def test_what_is_no_bags_folder(tmp_path: Path) -> None:
    with pytest.raises(SatchelError, match="There is no"):
        await fetch(tmp_path / "none")
    with pytest.raises(SatchelError, match="not a bag"):
        await fetch(tmp_path)
    (tmp_path / "bag.zip").write_bytes(b"PK")
    with pytest.raises(SatchelError, match="is a file") as caught:
        await fetch(tmp_path / "bag.zip")
    assert "satchel extract" in caught.value.hint


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a folder that cannot be written")
async def test_a_folder_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    bag = a_bag(server, tmp_path, {"locked/a": b"a", "b": b"b"})
    (bag / "data/locked").mkdir(mode=0o500)
    result = await fetch(bag, server)
    assert [(p.path, p.code) for p in result.problems] == [("data/locked/a", "unwritable")]
    assert "data/b" in tree(bag)
