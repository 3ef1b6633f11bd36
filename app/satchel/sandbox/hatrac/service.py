"""Hatrac over HTTP: namespaces, objects, versions, ranges, metadata, ACLs, uploads in chunks."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import hashlib
import json
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from satchel.sandbox.ermrest.model import Client

from .files import Arrived, Hatrac, HatracError, Job, Version, refused, sync

BODY_LIMIT = 134_217_728
NAMESPACE = "application/x-hatrac-namespace"
_METADATA = ("content-type", "content-md5", "content-sha256", "content-disposition")
_ACLS = {
    "namespace": ("owner", "create", "read", "subtree-owner", "subtree-create", "subtree-read", "subtree-update"),
    "object": ("owner", "update", "read", "subtree-owner", "subtree-read"),
    "version": ("owner", "read"),
}
_DISPOSITION = re.compile(r"filename\*=UTF-8''[^\s\"\\/;]+")
_PIECE = 256 * 1024


_NAME = re.compile(r"(?:[-._~A-Za-z0-9/]|%[0-9A-Fa-f]{2})*")


def _check_name(path: str) -> None:
    if not _NAME.fullmatch(path):
        raise HatracError(
            400,
            "Request malformed. Hatrac names may only have the characters A-Z, a-z, 0-9, -, ., _ and ~, and UTF-8 "
            "bytes encoded as percent and two hexadecimal digits.\n",
        )


def _text(status: int, text: str = "", **headers: str) -> web.Response:
    if status == 204:
        return web.Response(status=204, headers=headers)
    return web.Response(status=status, text=text, content_type="text/plain", headers=headers)


class _Kept(web.Response):
    """An answer to what is on the disk already."""


class HatracService:
    """Everything under `/hatrac`."""

    def __init__(self, folder: Path) -> None:
        self.files = Hatrac(folder)
        self._arrived: list[tuple[Arrived, asyncio.Future[Version]]] = []
        self._keeping: asyncio.Task[None] | None = None
        self._running: asyncio.Future[None] | None = None
        self._next: asyncio.Future[None] | None = None

    async def close(self) -> None:
        """Close the files."""
        self.files.close()

    async def handle(self, request: web.Request, client: Client) -> web.StreamResponse:
        """Answer a request; errors are answers too."""
        try:
            answer = await self._route(request, client)
        except HatracError as error:
            return _text(error.status, error.text)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return _text(507, "Insufficient storage.\n")
        if request.method not in ("GET", "HEAD") and not isinstance(answer, _Kept):
            await self._durable()
        return answer

    async def _keep(self, arrived: Arrived) -> Version:
        """Write a version down; it is on the disk then. Those that come meanwhile wait, and then go together."""
        future: asyncio.Future[Version] = asyncio.get_running_loop().create_future()
        self._arrived.append((arrived, future))
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_all())
        return await asyncio.shield(future)

    async def _keep_all(self) -> None:
        while self._arrived:
            batch, self._arrived = self._arrived, []
            made: Sequence[Version | Exception]
            try:
                made = await asyncio.to_thread(self.files.add_versions, [arrived for arrived, _ in batch])
            except (OSError, sqlite3.Error) as error:
                made = [error] * len(batch)
            for (_, future), result in zip(batch, made, strict=True):
                if future.cancelled():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._keeping = None

    async def _durable(self) -> None:
        """Wait until all that is committed by now is on the disk: one write for all who wait."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._sync_after(self._running))
        await asyncio.shield(self._next)

    async def _sync_after(self, before: asyncio.Future[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        await asyncio.to_thread(self.files.sync_log)

    async def _route(self, request: web.Request, client: Client) -> web.StreamResponse:
        raw = request.raw_path.partition("?")[0].removeprefix("/hatrac")
        path, *parts = raw.split(";")
        # Names are kept as they are written in URLs, as the real one does: `%20` is part of a name.
        path = path.rstrip("/")
        if any(p in ("", ".", "..") for p in path.split("/")[1:]):
            raise HatracError(400, f"Name /hatrac{path} is not allowed.\n")
        head, _, last = path.rpartition("/")
        name, colon, version = last.partition(":")
        path = f"{head}/{name}" if path else ""
        _check_name(path)
        part = unquote(parts[0]) if parts else ""
        if part.startswith("upload"):
            return await self._upload(request, client, path, part.removeprefix("upload").strip("/"))
        if part == "versions":
            self.files.require(path)
            found = [v.url for v in self.files.versions(path)]
            return _json(found)
        if part.startswith("metadata"):
            return await self._metadata(request, client, path, version, part.removeprefix("metadata").strip("/"))
        if part.startswith("acl"):
            return await self._acl(request, client, path, version, part.removeprefix("acl").strip("/"))
        if part:
            raise HatracError(501, f"The sandbox has no ;{part} of Hatrac.\n")
        if request.method in ("GET", "HEAD"):
            return await self._get(request, client, path, version if colon else None)
        if request.method == "PUT" and not colon:
            return await self._put(request, client, path)
        if request.method == "DELETE":
            return await self._delete(client, path, version if colon else None)
        if request.method == "POST" and not colon:
            return await self._rename(request, client, path)
        raise HatracError(405, f"Method {request.method} not allowed on /hatrac{path}.\n")

    # -- reading --------------------------------------------------------------------------------------------------

    def _content(self, path: str, version: str | None) -> Version:
        kind = self.files.require(path)
        if kind == "namespace":
            raise HatracError(404, f"Resource /hatrac{path} not found.\n")
        found = self.files.version(path, version) if version else self.files.current(path)
        if found is None:
            raise HatracError(409, f"Object /hatrac{path} currently has no content.\n")
        return found

    async def _get(self, request: web.Request, client: Client, path: str, version: str | None) -> web.StreamResponse:
        if self.files.require(path) == "namespace":
            if not self.files.may(client, "read", path):
                raise refused(client, path)
            listed = [f"/hatrac{p}" for p in self.files.children(path)]
            if "text/uri-list" in request.headers.get("Accept", ""):
                return web.Response(text="".join(p + "\n" for p in listed), content_type="text/uri-list")
            return _json(listed)
        found = self._content(path, version)
        if not self.files.may(client, "read", path, found):
            raise refused(client, f"{path}:{found.id}")
        etag = f'"{found.id}"'
        headers = {"ETag": etag, "Content-Location": found.url, "Accept-Ranges": "bytes"}
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers={"ETag": etag})
        if (wanted := request.headers.get("If-Match")) and etag not in wanted and wanted.strip() != "*":
            return _text(412, "Resource state does not match requested preconditions.\n", ETag=etag)
        headers["Content-Type"] = found.metadata.get("content-type", "application/octet-stream")
        if "content-disposition" in found.metadata:
            headers["Content-Disposition"] = found.metadata["content-disposition"]
        span = self._range(request, found, etag)
        if span is None:
            for name in ("content-md5", "content-sha256"):
                if name in found.metadata:
                    headers[name.title().replace("Md5", "MD5").replace("Sha", "SHA")] = found.metadata[name]
        if request.method != "HEAD":
            del headers["Accept-Ranges"]
        body = self.files.content(found)
        start, end = span if span else (0, found.length)
        if span:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.length}"
        status = 206 if span else 200
        if request.method == "HEAD":
            return web.Response(status=status, headers={**headers, "Content-Length": str(end - start)})
        if end - start <= _PIECE:
            return web.Response(status=status, headers=headers, body=_read(body, start, end))
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = end - start
        await response.prepare(request)
        for at in range(start, end, _PIECE):
            await response.write(await asyncio.to_thread(_read, body, at, min(end, at + _PIECE)))
        await response.write_eof()
        return response

    @staticmethod
    def _range(request: web.Request, found: Version, etag: str) -> tuple[int, int] | None:
        header = request.headers.get("Range")
        if not header or (request.headers.get("If-Range") or etag) != etag:
            return None
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
        if match is None:
            if "," in header:
                raise HatracError(501, "Multiple ranges are not implemented.\n")
            return None
        first, last = match.groups()
        if first:
            start, end = int(first), min(int(last) + 1 if last else found.length, found.length)
        elif last:
            start, end = max(0, found.length - int(last)), found.length
        else:
            return None
        if start >= end:
            raise web.HTTPRequestRangeNotSatisfiable(
                text=f"Range not satisfiable for resource {found.url}.\n",
                headers={"Content-Range": f"bytes */{found.length}"},
            )
        return start, end

    # -- writing --------------------------------------------------------------------------------------------------

    async def _put(self, request: web.Request, client: Client, path: str) -> web.StreamResponse:
        parents = request.query.get("parents") == "true"
        content_type = request.headers.get("Content-Type", "application/octet-stream")
        if content_type == NAMESPACE:
            if client.id is None:
                raise refused(client, path.rpartition("/")[0])
            self.files.make_namespace(path, client, parents)
            return _uri(f"/hatrac{path}")
        if request.headers.get("Transfer-Encoding", "").lower() == "chunked" or request.content_length is None:
            raise HatracError(411, "Content-Length is required.\n")
        if request.content_length > BODY_LIMIT:
            raise HatracError(413, f"Request body exceeds {BODY_LIMIT} bytes.\n")
        if self.files.kind(path) == "object":
            current = self.files.current(path)
            etag = f'"{current.id}"' if current else ""
            never = request.headers.get("If-None-Match")
            only = request.headers.get("If-Match")
            if current and never and (never.strip() == "*" or etag in never):
                return _text(412, "Resource state does not match requested preconditions.\n", ETag=etag)
            if only and etag not in only:
                return _text(412, "Resource state does not match requested preconditions.\n", ETag=etag)
        metadata = {
            "content-type": content_type,
            "content-disposition": "filename*=UTF-8''" + path.rpartition("/")[2],
            **self._declared(request),
        }
        if client.id is None:
            raise refused(client, path.rpartition("/")[0])
        self.files.claim(path, client, parents)
        version, part = self.files.new_body()
        data: bytes | None = None
        if request.content_length <= _PIECE:
            data = await request.read()
            length, digest = len(data), hashlib.md5(data, usedforsecurity=False).digest()
        else:
            length, digest = await _receive(request, part)
        try:
            if length != request.content_length:
                raise HatracError(400, "The body is shorter than its Content-Length.\n")
            _check_md5(metadata.get("content-md5"), digest)
            if data is None:
                await asyncio.to_thread(sync, part)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        made = await self._keep(Arrived(path, version, length, metadata, client, part, data))
        return _Kept(status=201, text=made.url + "\n", content_type="text/uri-list", headers={"Location": made.url})

    @staticmethod
    def _declared(request: web.Request) -> dict[str, str]:
        """Metadata that the client gives in headers, checked for form."""
        found = {}
        for name in _METADATA[1:]:
            value = request.headers.get(name)
            if value is None:
                continue
            if name == "content-disposition":
                if not _DISPOSITION.fullmatch(value):
                    raise HatracError(400, f"Invalid Content-Disposition {value!r}.\n")
                found[name] = value
            else:
                found[name] = _digest(value, 16 if name == "content-md5" else 32)
        return found

    async def _delete(self, client: Client, path: str, version: str | None) -> web.StreamResponse:
        self.files.require(path)
        if not path:
            raise HatracError(403, "The root namespace cannot be deleted.\n")
        if not self.files.may(client, "owner", path):
            raise refused(client, path)
        if version is not None:
            self.files.delete_version(self.files.version(path, version))
        else:
            await asyncio.to_thread(self.files.delete_name, path)
        return _text(204)

    async def _rename(self, request: web.Request, client: Client, path: str) -> web.StreamResponse:
        if client.id is None:
            raise refused(client, path)
        given = _load(await request.read())
        if not isinstance(given, dict) or given.get("command") != "rename_from":
            raise HatracError(400, "The only command on a new name is rename_from.\n")
        source, versions = given.get("source_name"), given.get("versions")
        if not isinstance(source, str) or not (versions is None or isinstance(versions, list)):
            raise HatracError(400, "rename_from needs a source_name, and versions are a list.\n")
        _check_name(source)
        if self.files.require(source) != "object":
            raise HatracError(409, f"Resource /hatrac{source} is not an object.\n")
        if not self.files.may(client, "owner", source):
            raise refused(client, source)
        ids = None if versions is None else [str(v).rpartition(":")[2] for v in versions]
        made = await asyncio.to_thread(self.files.rename, source, path, ids, given.get("copy_acls") is True, client)
        return _uri(made.url)

    async def _metadata(
        self, request: web.Request, client: Client, path: str, version: str, name: str
    ) -> web.StreamResponse:
        found = self._content(path, version or None)
        if request.method in ("GET", "HEAD"):
            if not self.files.may(client, "read", path, found):
                raise refused(client, f"{path}:{found.id}")
            if not name:
                return _json(found.metadata)
            if name not in found.metadata:
                raise HatracError(404, f"Resource {found.url};metadata/{name} not found.\n")
            return _text(200, found.metadata[name] + "\n")
        if not self.files.may(client, "owner", path):
            raise refused(client, path)
        if name not in _METADATA:
            raise HatracError(400, f"Metadata {name} is not supported.\n")
        metadata = dict(found.metadata)
        if request.method == "DELETE":
            metadata.pop(name, None)
        elif request.method == "PUT":
            value = (await request.text()).strip()
            if name in ("content-md5", "content-sha256"):
                value = _digest(value, 16 if name == "content-md5" else 32)
                if metadata.get(name, value) != value:
                    raise HatracError(409, f"Metadata {name} cannot be changed.\n")
            metadata[name] = value
        else:
            raise HatracError(405, "Method not allowed.\n")
        self.files.set_metadata(found, metadata)
        return _text(204)

    async def _acl(
        self, request: web.Request, client: Client, path: str, version: str, rest: str
    ) -> web.StreamResponse:
        kind = self.files.require(path)
        if not self.files.may(client, "owner", path):
            raise refused(client, path)
        single = self._content(path, version) if version else None
        if single is not None:
            kind = "version"
        name, _, member = rest.partition("/")
        acls = single.acls if single is not None else self.files.acls(path)
        if name and name not in _ACLS[kind]:
            raise HatracError(400, f"Invalid ACL name {name} for /hatrac{path}.\n")
        if request.method in ("GET", "HEAD"):
            if not name:
                return _json({n: acls.get(n, []) for n in _ACLS[kind]})
            if member:
                if member not in acls.get(name, []):
                    raise HatracError(404, f"ACL member {member} not found.\n")
                return _text(200, member + "\n")
            return _json(acls.get(name, []))
        members = list(acls.get(name, []))
        if request.method == "PUT":
            if member:
                members = [*members, member] if member not in members else members
            else:
                given = _load(await request.read())
                if not (isinstance(given, list) and all(isinstance(m, str) for m in given)):
                    raise HatracError(400, "An ACL is a list of texts.\n")
                members = given
        elif request.method == "DELETE":
            members = [m for m in members if member and m != member]
        else:
            raise HatracError(405, "Method not allowed.\n")
        changed = {**acls, name: members}
        if single is not None:
            self.files.set_version_acl(single, changed)
        else:
            self.files.set_acl(path, changed)
        return _text(204)

    # -- uploads in chunks ----------------------------------------------------------------------------------------

    async def _upload(self, request: web.Request, client: Client, path: str, rest: str) -> web.StreamResponse:
        if client.id is None:
            raise refused(client, path)
        number, _, chunk = rest.partition("/")
        if not number:
            if request.method == "GET":
                self.files.require(path)
                return _json([f"/hatrac{path};upload/{j.id}" for j in self.files.jobs(path)])
            if request.method != "POST":
                raise HatracError(405, "Method not allowed.\n")
            return await self._open_upload(request, client, path)
        job = self.files.job(path, number)
        if job.owner != client.id and not self.files.may(client, "owner", path):
            raise refused(client, path)
        if chunk:
            if request.method != "PUT":
                raise HatracError(405, "Method not allowed.\n")
            return await self._put_chunk(request, job, chunk)
        if request.method in ("GET", "HEAD"):
            described = {"url": f"/hatrac{path};upload/{job.id}", "target": f"/hatrac{path}", "owner": [job.owner]}
            return _json({**described, **job.spec})
        if request.method == "DELETE":
            self.files.drop_job(job)
            return _text(204)
        if request.method == "POST":
            return await self._finish(job, client)
        raise HatracError(405, "Method not allowed.\n")

    async def _open_upload(self, request: web.Request, client: Client, path: str) -> web.StreamResponse:
        spec = _load(await request.read())
        if not isinstance(spec, dict):
            raise HatracError(400, "An upload job is an object.\n")
        try:
            length, total = int(spec["chunk-length"]), int(spec["content-length"])
        except (KeyError, TypeError, ValueError):
            raise HatracError(400, "An upload job needs chunk-length and content-length.\n") from None
        if length <= 0 or total < 0:
            raise HatracError(400, "chunk-length must be positive.\n")
        for name, size in (("content-md5", 16), ("content-sha256", 32)):
            if spec.get(name):
                spec[name] = _digest(str(spec[name]), size)
        self.files.claim(path, client, request.query.get("parents") == "true")
        job = self.files.add_job(path, client, spec)
        return _uri(f"/hatrac{path};upload/{job.id}")

    async def _put_chunk(self, request: web.Request, job: Job, chunk: str) -> web.StreamResponse:
        length, total = int(job.spec["chunk-length"]), int(job.spec["content-length"])
        count = max(1, -(-total // length))
        if not chunk.isdigit() or int(chunk) >= count:
            raise HatracError(409, f"Uploaded chunk number {chunk} out of range.\n")
        number = int(chunk)
        expected = min(length, total - number * length)
        if request.content_length is None:
            raise HatracError(411, "Content-Length is required.\n")
        if request.content_length != expected:
            raise HatracError(409, f"Uploaded chunk number {number} must have {expected} bytes.\n")
        target = self.files.chunk(job, number)
        part = target.with_name(f".{number}.part")
        received, digest = await _receive(request, part)
        try:
            if received != expected:
                raise HatracError(400, "The body is shorter than its Content-Length.\n")
            if request.headers.get("Content-MD5"):
                _check_md5(_digest(request.headers["Content-MD5"], 16), digest)
            await asyncio.to_thread(sync, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return _text(204)

    async def _finish(self, job: Job, client: Client) -> web.StreamResponse:
        length, total = int(job.spec["chunk-length"]), int(job.spec["content-length"])
        version, part = self.files.new_body()

        def join() -> bytes:
            digest = hashlib.md5(usedforsecurity=False)
            with part.open("wb") as whole:
                for number in range(max(1, -(-total // length))):
                    chunk = self.files.chunk(job, number)
                    if not chunk.exists():
                        continue
                    with chunk.open("rb") as source:
                        while piece := source.read(_PIECE):
                            digest.update(piece)
                            whole.write(piece)
                whole.flush()
            sync(part)
            return digest.digest()

        try:
            digest = await asyncio.to_thread(join)
            expected = job.spec.get("content-md5")
            if expected and base64.b64decode(expected) != digest:
                raise HatracError(
                    409,
                    f"Current uploaded content MD5 {binascii.hexlify(digest)!r} does not match expected "
                    f"{binascii.hexlify(base64.b64decode(expected))!r}.\n",
                )
            if part.stat().st_size != total:
                raise HatracError(409, f"Only {part.stat().st_size} of {total} bytes have been uploaded.\n")
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        metadata = {name: str(job.spec[name]) for name in _METADATA if job.spec.get(name)}
        metadata.setdefault("content-type", "application/octet-stream")
        made = await self._keep(Arrived(job.path, version, total, metadata, client, part))
        self.files.drop_job(job)
        return _uri(made.url)


def _read(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _json(value: Any) -> web.Response:
    return web.json_response(value, dumps=lambda v: json.dumps(v) + "\n")


def _uri(url: str) -> web.Response:
    return web.Response(status=201, text=url + "\n", content_type="text/uri-list", headers={"Location": url})


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HatracError(400, "The body is no JSON.\n") from None


def _digest(value: str, size: int) -> str:
    """A checksum of a header, base 64 or hexadecimal, as base 64. Raises HatracError 400."""
    value = value.strip()
    try:
        raw = bytes.fromhex(value) if len(value) == 2 * size else base64.b64decode(value, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != size:
        raise HatracError(400, f"Invalid checksum {value!r}.\n")
    return base64.b64encode(raw).decode()


def _check_md5(expected: str | None, digest: bytes) -> None:
    if expected is not None and base64.b64decode(expected) != digest:
        raise HatracError(
            400, f"Received content MD5 {digest!r} does not match expected {base64.b64decode(expected)!r}.\n"
        )


async def _receive(request: web.Request, part: Path) -> tuple[int, bytes]:
    """Stream a body into a file. Returns its length and MD5; removes the file when the client goes away."""
    digest = hashlib.md5(usedforsecurity=False)
    length = 0
    try:
        with part.open("wb") as file:
            async for piece in request.content.iter_chunked(_PIECE):
                digest.update(piece)
                file.write(piece)
                length += len(piece)
    except BaseException:
        part.unlink(missing_ok=True)  # noqa: ASYNC240 - one name, nobody waits for it
        raise
    return length, digest.digest()
