"""What a server made arrives whole and unchanged, and is believed in nothing."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from aiohttp import web

from satchel.core.deriva.retry import Policy
from satchel.core.deriva.session import Session
from satchel.core.errors import SatchelError
from satchel.core.export.server_side.bringing import Brought, bring, server_log
from satchel.core.export.server_side.receiving import goal_of, receive
from satchel.core.export.server_side.submission import submission
from satchel.core.export.spec.request import SpecRequest
from satchel.core.jobs.events import AnyEvent, Logged
from satchel.core.jobs.state import JobContext, local_context
from tls_server import serve

KEY = "/deriva/export/bdbag/ecc61b2d-629c-4c31-8f1b-daa097a5e026"
BODY = bytes(range(256)) * 8_000
QUICK = Policy(tries=3, first_pause=0.001, longest_pause=0.01)


class Service:
    """The results of an export service that cuts its answers."""

    def __init__(self, *, cut: int | None = None, etag: str | None = '"a"', ranges: bool = True, md5: str = "") -> None:
        self.cut, self.etag, self.ranges, self.md5 = cut, etag, ranges, md5
        self.body = BODY
        self.asked: list[str | None] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/log"):
            return web.Response(text="first\nsecond \x1b[31m line\n")
        self.asked.append(request.headers.get("Range"))
        headers = {"Content-Disposition": "attachment; filename*=UTF-8''..%2F..%2Fevil.zip"}
        headers |= {"ETag": self.etag} if self.etag else {}
        headers |= {"Content-MD5": self.md5} if self.md5 else {}
        start, wanted = 0, request.headers.get("Range")
        if self.ranges and wanted and request.headers.get("If-Range", self.etag) == self.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        part = self.body[start:]
        headers["Content-Length"] = str(len(part))
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        await response.write(part if self.cut is None else part[: self.cut])
        if self.cut is not None and len(part) > self.cut:
            request.transport.close()
        return response


async def brought(service: Service, folder: Path, context: JobContext) -> Brought:
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", service.answer)
    async with (
        serve(application, folder) as served,
        Session.open(served.host, served.access, credential={}, policy=QUICK) as session,
    ):
        await server_log(session, KEY, context)
        return await bring(session, KEY, folder / "came", context)


async def test_a_cut_download_goes_on_where_it_was(tmp_path: Path) -> None:
    service = Service(cut=600_000)
    found = await brought(service, tmp_path, local_context(tmp_path / "job"))
    assert (tmp_path / "came").read_bytes() == BODY
    assert (found.length, found.sha256) == (len(BODY), hashlib.sha256(BODY).hexdigest())
    assert service.asked[0] is None
    assert all(asked and asked != "bytes=0-" for asked in service.asked[1:])
    assert [p.name for p in tmp_path.iterdir() if p.is_file() and p.suffix == ".zip"] == [], "no name of the server's"


async def test_after_a_restart_it_goes_on_and_what_was_damaged_meanwhile_is_noticed(tmp_path: Path) -> None:
    context = local_context(tmp_path / "job")
    half = len(BODY) // 2
    (tmp_path / "came").write_bytes(BODY[:half] + b"written after the checkpoint")
    context.checkpoint("server-part", {"path": KEY, "etag": '"a"', "length": len(BODY), "bytes": half})
    service = Service()
    found = await brought(service, tmp_path, context)
    assert service.asked == [f"bytes={half}-"]
    assert found.sha256 == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("etag", ['"b"', None])
async def test_what_the_server_has_no_longer_is_begun_anew(tmp_path: Path, etag: str | None) -> None:
    context = local_context(tmp_path / "job")
    (tmp_path / "came").write_bytes(b"x" * 1000)
    context.checkpoint("server-part", {"path": KEY, "etag": '"a"', "length": 5, "bytes": 1000})
    service = Service(etag=etag, ranges=etag is not None)
    found = await brought(service, tmp_path, context)
    assert (tmp_path / "came").read_bytes() == BODY
    assert found.sha256 == hashlib.sha256(BODY).hexdigest()


async def test_a_server_without_ranges_is_asked_again(tmp_path: Path) -> None:
    with pytest.raises(SatchelError):
        await brought(Service(cut=1000, ranges=False, etag=None), tmp_path, local_context(tmp_path / "job"))
    found = await brought(Service(ranges=False, etag=None), tmp_path, local_context(tmp_path / "other"))
    assert found.length == len(BODY)


async def test_a_checksum_that_is_named_must_be_right(tmp_path: Path) -> None:
    right = hashlib.md5(BODY).hexdigest()
    assert (await brought(Service(md5=right), tmp_path, local_context(tmp_path / "job"))).verified
    with pytest.raises(SatchelError, match="md5"):
        await brought(Service(md5="0" * 32), tmp_path, local_context(tmp_path / "other"))


async def test_the_server_s_log_is_repeated_without_what_moves_a_terminal(tmp_path: Path) -> None:
    events: list[AnyEvent] = []
    await brought(Service(), tmp_path, local_context(tmp_path / "job", events.append))
    lines = [e.message for e in events if isinstance(e, Logged)]
    assert any(line.endswith(": first") for line in lines)
    assert not any("\x1b" in line for line in lines)


REQUEST = SpecRequest(
    host="h",
    catalog="1",
    out="/out",
    env={"RID": "1-A", "NAME": "../../evil"},
    spec={
        "env": {"X": "{RID}/{NAME}", "Y": "{UNKNOWN}"},
        "bag": {"bag_name": "{NAME}", "bag_archiver": "tgz"},
        "catalog": {"host": "https://other", "catalog_id": "9", "token": "secret", "query_processors": [
            {"processor": "csv", "processor_params": {"query_path": "/x", "output_path": "x", "callback": "code"}}
        ]},
    },
)  # fmt: skip


def test_what_is_sent_is_complete_and_holds_no_secret() -> None:
    spec = submission(REQUEST, "2ZZ-ABCD", "https://h")
    assert spec["env"] == {"RID": "1-A", "NAME": "../../evil", "X": "1-A/../../evil", "Y": "{UNKNOWN}"}
    assert (spec["catalog"]["host"], spec["catalog"]["catalog_id"]) == ("https://h", "1@2ZZ-ABCD")
    assert "token" not in spec["catalog"]
    assert "callback" not in spec["catalog"]["query_processors"][0]["processor_params"]
    assert REQUEST.spec["catalog"]["token"] == "secret", "the request itself is not touched"


def test_the_result_s_name_stays_in_its_folder() -> None:
    goal = goal_of(REQUEST, submission(REQUEST, "S", "https://h"), "h")
    assert goal.parent == Path("/out")
    assert goal.name.endswith(".tgz")
    assert "/" not in goal.name
    assert not goal.name.startswith("..")


@pytest.mark.parametrize("kind", ["no archive", "leads out", "no bag", "damaged"])
async def test_what_is_no_sound_bag_is_refused(tmp_path: Path, kind: str) -> None:
    came, work = tmp_path / "came", tmp_path / "work"
    work.mkdir()
    if kind == "no archive":
        came.write_bytes(b"<html>an error page</html>")
    else:
        with zipfile.ZipFile(came, "w") as archive:
            name = "../../evil.txt" if kind == "leads out" else "bag/data/a.txt"
            archive.writestr(name, b"x")
            if kind == "damaged":
                archive.writestr("bag/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
                archive.writestr("bag/manifest-md5.txt", f"{'0' * 32}  data/a.txt\n")
    found = Brought(came, came.stat().st_size, "", verified=False)
    with pytest.raises(SatchelError) as caught:
        await receive(REQUEST, local_context(tmp_path / "job"), found, work, "zip", "h")
    assert caught.value.message
    assert not list(tmp_path.rglob("evil*"))
