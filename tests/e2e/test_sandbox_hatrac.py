"""Hatrac's objects over HTTPS: namespaces, versions, ranges, checksums, uploads in chunks, new names, limits."""

from __future__ import annotations

import base64
import hashlib
import http.client
import ssl
import uuid
from collections.abc import Iterator

import pytest

from sandbox_client import Peer
from sandbox_process import SandboxProcess

NAMESPACE = {"Content-Type": "application/x-hatrac-namespace"}
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def admin(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox) as peer:
        yield peer


@pytest.fixture
def space(admin: Peer) -> str:
    """A new namespace."""
    path = f"/hatrac/{uuid.uuid4().hex}"
    admin.ask("PUT", path, headers=NAMESPACE)
    return path


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def put(peer: Peer, path: str, data: bytes, **headers: str) -> str:
    """Gives the version's path."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    made: str = peer.ask("PUT", path, data, headers={**OCTETS, **more}).strip()
    return made


def test_namespaces(admin: Peer, space: str) -> None:
    assert admin.send("PUT", f"{space}/a/b", headers=NAMESPACE).status_code == 404
    admin.ask("PUT", f"{space}/a/b?parents=true", headers=NAMESPACE)
    put(admin, f"{space}/a/x%20y%2Fz.txt", b"1")
    assert admin.send("GET", f"{space}/a/x%20y%2Fz.txt").content == b"1"
    assert f"{space}/a/x%20y%2Fz.txt" in admin.get(f"{space}/a")
    assert admin.send("PUT", f"{space}/a/x+y.txt", b"1").status_code == 400
    put(admin, f"{space}/top.txt", b"2")
    assert sorted(admin.get(space)) == [f"{space}/a", f"{space}/top.txt"]
    answer = admin.send("GET", space, headers={"Accept": "text/uri-list"})
    assert sorted(answer.text.split()) == [f"{space}/a", f"{space}/top.txt"]
    assert admin.send("PUT", f"{space}/top.txt", headers=NAMESPACE).status_code == 409
    assert admin.send("PUT", f"{space}/a", b"3", headers=OCTETS).status_code == 409
    # A namespace goes with all that is in it, and no name comes back.
    admin.ask("DELETE", f"{space}/a")
    for path in (f"{space}/a", f"{space}/a/b"):
        assert admin.send("GET", path).status_code == 404
        assert admin.send("PUT", path, headers=NAMESPACE).status_code == 409
    assert admin.get(space) == [f"{space}/top.txt"]


def test_versions(admin: Peer, space: str) -> None:
    path = f"{space}/v.bin"
    made = [put(admin, path, data) for data in (b"one", b"two", b"two", b"")]
    assert len(set(made)) == 4
    assert admin.get(f"{path};versions") == made[::-1]
    assert [admin.send("GET", url).content for url in made] == [b"one", b"two", b"two", b""]
    answer = admin.send("GET", path)
    assert (answer.content, answer.headers["Content-Location"]) == (b"", made[-1])
    assert answer.headers["Content-Length"] == "0"
    admin.ask("DELETE", made[-1])
    assert admin.send("GET", made[-1]).status_code == 404
    assert admin.send("GET", path).content == b"two"
    for url in made[:-1]:
        admin.ask("DELETE", url)
    assert admin.send("GET", path).status_code == 409
    assert admin.send("HEAD", path).status_code == 409
    put(admin, path, b"new")
    assert admin.send("GET", path).content == b"new"


@pytest.mark.parametrize(
    ("header", "status", "span"),
    [
        ("bytes=0-0", 206, (0, 1)),
        ("bytes=10-19", 206, (10, 20)),
        ("bytes=299990-", 206, (299_990, 300_000)),
        ("bytes=-5", 206, (299_995, 300_000)),
        ("bytes=-999999", 206, (0, 300_000)),
        ("bytes=299999-400000", 206, (299_999, 300_000)),
        ("bytes=0-299999", 206, (0, 300_000)),
        ("bytes=300000-", 416, None),
        ("bytes=0-1,5-6", 501, None),
        ("lines=1-2", 200, (0, 300_000)),
    ],
)
def test_ranges(admin: Peer, space: str, header: str, status: int, span: tuple[int, int] | None) -> None:
    data = b"".join(b"%09d\n" % n for n in range(30_000))
    url = put(admin, f"{space}/r.bin", data, Content_MD5=md5(data))
    answer = admin.send("GET", url, headers={"Range": header})
    assert answer.status_code == status
    if span is not None:
        assert answer.content == data[span[0] : span[1]]
        assert answer.headers["Content-Length"] == str(len(answer.content))
        # A checksum is that of the whole: it goes with the whole alone.
        assert ("Content-MD5" in answer.headers) == (status == 200)
    if status == 206:
        assert span is not None
        assert answer.headers["Content-Range"] == f"bytes {span[0]}-{span[1] - 1}/300000"


def test_wrong_checksums_are_refused(admin: Peer, space: str) -> None:
    path = f"{space}/c.bin"
    wrong = {**OCTETS, "Content-MD5": md5(b"other")}
    assert admin.send("PUT", path, b"data", headers=wrong).status_code == 400
    assert admin.send("GET", path).status_code == 409
    put(admin, path, b"data", Content_MD5=md5(b"data"))
    put(admin, path, b"data", Content_MD5=hashlib.md5(b"data").hexdigest())
    assert admin.send("PUT", path, b"data", headers=wrong).status_code == 400
    assert admin.send("PUT", path, b"data", headers={**OCTETS, "Content-MD5": "nonsense"}).status_code == 400
    answer = admin.send("GET", path)
    assert (answer.content, answer.headers["Content-MD5"]) == (b"data", md5(b"data"))
    # The real one takes a wrong SHA-256 and serves it back.
    false = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    put(admin, path, b"data", Content_SHA256=false)
    assert admin.send("GET", path).headers["Content-SHA256"] == false


def test_an_upload_in_chunks(admin: Peer, space: str) -> None:
    path = f"{space}/big.bin"
    data = bytes(range(256)) * 4
    spec = {
        "chunk-length": 300,
        "content-length": len(data),
        "content-type": "image/png",
        "content-md5": md5(data),
        "content-disposition": "filename*=UTF-8''big.png",
    }
    job = admin.ask("POST", f"{path};upload", spec).strip()
    assert admin.send("HEAD", path).status_code == 409
    assert admin.get(f"{path};upload") == [job]
    assert admin.get(job)["content-length"] == len(data)
    pieces = [data[at : at + 300] for at in range(0, len(data), 300)]
    assert admin.send("PUT", f"{job}/0", pieces[0][:-1], headers=OCTETS).status_code == 409
    assert admin.send("PUT", f"{job}/4", pieces[0], headers=OCTETS).status_code == 409
    bad = {**OCTETS, "Content-MD5": md5(b"")}
    assert admin.send("PUT", f"{job}/0", pieces[0], headers=bad).status_code == 400
    for number in (3, 1, 0):
        admin.ask("PUT", f"{job}/{number}", pieces[number], headers={**OCTETS, "Content-MD5": md5(pieces[number])})
    assert admin.send("POST", job).status_code == 409
    # A chunk may be sent again; the job outlives a finish that came too early.
    admin.ask("PUT", f"{job}/2", b"x" * 300, headers=OCTETS)
    assert admin.send("POST", job).status_code == 409
    admin.ask("PUT", f"{job}/2", pieces[2], headers=OCTETS)
    url = admin.ask("POST", job).strip()
    assert admin.send("POST", job).status_code == 404
    answer = admin.send("GET", url)
    assert answer.content == data
    assert (answer.headers["Content-Type"], answer.headers["Content-MD5"]) == ("image/png", md5(data))
    assert answer.headers["Content-Disposition"] == "filename*=UTF-8''big.png"
    assert admin.get(f"{path};upload") == []


def test_a_cancelled_upload_leaves_a_name_without_content(admin: Peer, space: str) -> None:
    spec = {"chunk-length": 10, "content-length": 5}
    job = admin.ask("POST", f"{space}/c.bin;upload", spec).strip()
    admin.ask("PUT", f"{job}/0", b"12345", headers=OCTETS)
    admin.ask("DELETE", job)
    assert admin.send("POST", job).status_code == 404
    assert admin.send("HEAD", f"{space}/c.bin").status_code == 409
    assert admin.send("POST", f"{space}/n/c.bin;upload", spec).status_code == 404
    admin.ask("POST", f"{space}/n/c.bin;upload?parents=true", spec)
    zero = {"chunk-length": 10, "content-length": 0}
    job = admin.ask("POST", f"{space}/zero.bin;upload", zero).strip()
    url = admin.ask("POST", job).strip()
    assert admin.send("GET", url).content == b""


def test_a_new_name_leads_to_the_same_bytes(admin: Peer, space: str) -> None:
    old = [put(admin, f"{space}/old.txt", data) for data in (b"one", b"two")]
    made = admin.ask(
        "POST",
        f"{space}/new.txt",
        {"command": "rename_from", "source_name": f"{space}/old.txt".removeprefix("/hatrac")},
    ).strip()
    assert made.startswith(f"{space}/new.txt:")
    assert admin.send("GET", made).content == b"two"
    assert [admin.send("GET", url).content for url in reversed(admin.get(f"{space}/new.txt;versions"))] == [
        b"one",
        b"two",
    ]
    assert [admin.send("GET", url).content for url in old] == [b"one", b"two"]
    again = {"command": "rename_from", "source_name": f"{space}/new.txt".removeprefix("/hatrac")}
    assert admin.send("POST", f"{space}/old.txt", again).status_code == 409


def test_preconditions(admin: Peer, space: str) -> None:
    path = f"{space}/p.txt"
    put(admin, path, b"one", If_None_Match="*")
    assert admin.send("PUT", path, b"two", headers={**OCTETS, "If-None-Match": "*"}).status_code == 412
    tag = admin.send("HEAD", path).headers["ETag"]
    put(admin, path, b"two", If_Match=tag)
    assert admin.send("PUT", path, b"three", headers={**OCTETS, "If-Match": tag}).status_code == 412
    assert admin.send("GET", path).content == b"two"


def test_who_may_read(admin: Peer, space: str, empty_sandbox: SandboxProcess) -> None:
    path = f"{space}/secret.txt"
    version = put(admin, path, b"secret")
    with Peer(empty_sandbox, "user") as user, Peer(empty_sandbox, None) as nobody:
        assert user.send("GET", path).status_code == 403
        assert nobody.send("GET", path).status_code == 401
        assert user.send("PUT", path, b"mine", headers=OCTETS).status_code == 403
        assert user.send("DELETE", path).status_code == 403
        admin.ask("PUT", f"{path};acl/read/user", b"")
        # That opens no version.
        assert user.send("GET", version).status_code == 403
        assert user.send("PUT", f"{version};acl/read", ["user"]).status_code == 403
        admin.ask("PUT", f"{version};acl/read", ["user"])
        assert admin.get(f"{version};acl/read") == ["user"]
        assert user.send("GET", version).content == b"secret"
        admin.ask("DELETE", f"{version};acl/read/user")
        assert user.send("GET", version).status_code == 403
        second = put(admin, path, b"shared")
        assert user.send("GET", second).status_code == 403
        admin.ask("PUT", f"{path};acl/subtree-read/user", b"")
        assert user.send("GET", second).content == b"shared"
        assert nobody.send("GET", second).status_code == 401
        admin.ask("PUT", f"{space};acl/subtree-read", ["*"])
        assert nobody.send("GET", version).content == b"secret"
        assert user.send("PUT", f"{space};acl/subtree-read", ["*"]).status_code == 403


def test_limits_of_a_body(admin: Peer, space: str, empty_sandbox: SandboxProcess) -> None:
    host, _, port = empty_sandbox.host.partition(":")
    trust = ssl.create_default_context(cafile=empty_sandbox.ca)
    cookie = str(admin.session.headers["Cookie"])
    for headers, status in (
        ({"Content-Length": "134217729"}, 413),
        ({"Transfer-Encoding": "chunked"}, 411),
    ):
        connection = http.client.HTTPSConnection(host, int(port), context=trust, timeout=30)
        try:
            connection.putrequest("PUT", f"{space}/large.bin")
            for name, value in {"Cookie": cookie, **OCTETS, **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            if "Transfer-Encoding" in headers:
                connection.send(b"3\r\nabc\r\n0\r\n\r\n")
            assert connection.getresponse().status == status
        finally:
            connection.close()
    assert admin.get(space) == []
