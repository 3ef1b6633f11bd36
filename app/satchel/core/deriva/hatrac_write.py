"""Writing into Hatrac: namespaces, objects in one piece or in chunks, who may read them.

Mirrors Hatrac's REST interface (informatics-isi-edu/hatrac, docs/REST-API.md). What is not to be relied on: a body's
SHA-256 is kept unchecked; a chunked upload without MD5 may end with a chunk missing; a name once deleted is gone.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from satchel.core.deriva.hatrac import Hatrac, ObjectInfo
from satchel.core.deriva.session import Answer, Session
from satchel.core.errors import Kind, SatchelError

NAMESPACE = "application/x-hatrac-namespace"
LONGEST_NAME = 200
"""Bytes of a name's last part as Hatrac keeps it: stores on files put a version behind it and stop at 255."""
READ_ACLS = {"namespace": ("read", "subtree-read"), "object": ("read", "subtree-read")}
"""What says who may read, for each kind of name. Owners are another matter."""
_VERSION = re.compile(r"/hatrac/[^\s:;?#]+:[A-Za-z0-9._~%-]+")


class NameTakenError(SatchelError):
    """A name cannot be used: it was deleted once, is a namespace, or lies under an object."""


class OccupiedError(SatchelError):
    """There is an object of that name already, with content."""


class UploadGoneError(SatchelError):
    """The server does not know a chunked upload (any more): it is finished, cancelled, or never was."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an object is to be. Checksums are hexadecimal; None: not known."""

    length: int
    md5: str | None
    sha256: str | None
    content_type: str
    filename: str | None

    @property
    def headers(self) -> dict[str, str]:
        """As headers of a PUT, and as keys of a chunked upload's job."""
        found = {"content-type": self.content_type or "application/octet-stream"}
        if self.md5:
            found["content-md5"] = base64.b64encode(bytes.fromhex(self.md5)).decode()
        if self.sha256:
            found["content-sha256"] = base64.b64encode(bytes.fromhex(self.sha256)).decode()
        if self.filename and not set(self.filename) & set("/\\") and self.filename.isprintable():
            found["content-disposition"] = "filename*=UTF-8''" + quote(self.filename, safe="")
        return found


def name_part(text: str, most: int = LONGEST_NAME) -> str:
    """A text as one part of a Hatrac name, escaped and at most so long; its end stays, where extensions are."""
    if text in ("", ".", ".."):
        return "_" * max(1, len(text))
    text = text[-most:]
    while len(escaped := quote(text, safe="", errors="replace")) > most:
        text = text[1:]
    return escaped


def split_object(url: str) -> tuple[str, str | None] | None:
    """Path and version of a Hatrac object's address, without its host; None where it is none.

    Args:
        url: `/hatrac/a/b.dat:VERSION`, with or without `https://host` and version.
    """
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    if not path.startswith("/hatrac/") or path.endswith("/") or ";" in path:
        return None
    head, _, last = path.rpartition("/")
    name, colon, version = last.partition(":")
    if not name or any(p in ("", ".", "..") for p in head.split("/")[1:]):
        return None
    return f"{head}/{name}", version if colon and version else None


class HatracWriter:
    """Writes objects on a session's host."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.reader = Hatrac(session)
        self._there: set[str] = {"/hatrac"}

    async def find(self, path: str) -> ObjectInfo | None:
        """What is known of an object's newest version, or of a version; None where there is no such content.

        Raises:
            SatchelError: it cannot be looked at.
        """
        try:
            return await self.reader.head(path)
        except SatchelError as error:
            if error.kind is Kind.NOT_FOUND:
                return None
            raise

    async def taken(self, path: str) -> bool:
        """Whether there is an object of that name with content, for us to see or not."""
        answer = await self.session.request("HEAD", path, also=(401, 403, 404, 409))
        return answer.status not in (404, 409)

    async def make_namespaces(self, path: str) -> list[str]:
        """Make a namespace and those above it, where they are missing.

        Returns:
            Those that were made now, from the top.

        Raises:
            NameTakenError: one of the names cannot be a namespace.
            SatchelError: no right to make one.
        """
        wanted: list[str] = []
        while path not in self._there:
            wanted.append(path)
            path = path.rpartition("/")[0]
        made = []
        for name in reversed(wanted):
            if await self._make_namespace(name):
                made.append(name)
            self._there.add(name)
        return made

    async def _make_namespace(self, path: str) -> bool:
        """Make one namespace; False: it was there."""
        # Looked for first: whoever may write into a namespace need not own it, and a PUT would be refused.
        looked = await self.session.request("HEAD", path, also=(401, 403, 404, 409))
        if looked.status == 404:
            answer = await self.session.request("PUT", path, headers={"Content-Type": NAMESPACE}, also=(403, 409))
            if answer.status == 403:
                raise SatchelError(
                    Kind.NOT_ALLOWED,
                    f"You may not make {path} on {self.session.host}.",
                    "Choose a namespace below one that you may write to, or ask the server's administrator for it.",
                    answer.text,
                )
            if answer.status != 409:
                return True
            if "already" in answer.text:
                return False
            raise NameTakenError(
                Kind.SERVER, f"{self.session.host} does not let {path} be made.", "Choose another name.", answer.text
            )
        return False

    async def put(self, path: str, content: Content, body: bytes | Path, *, fresh: bool = True) -> str:
        """Put an object's next version.

        Args:
            path: `/hatrac/...`, escaped; its namespace is there.
            content: what it is; an MD5 is checked by the server.
            body: the bytes, or the file that holds them.
            fresh: only where the name has no content yet.

        Returns:
            The version's address, without the host.

        Raises:
            OccupiedError: `fresh`, and it has.
            NameTakenError: the name cannot be used.
            SatchelError: no right, or the bytes are not what `content` says.
        """
        headers = dict(content.headers)
        if fresh:
            headers["If-None-Match"] = "*"
        answer = await self.session.request("PUT", path, headers=headers, data=body, also=(400, 409, 412, 413))
        if answer.status in (400, 413):
            raise self._refused(path, answer)
        if answer.status == 412:
            raise OccupiedError(Kind.SERVER, f"{path} is there already.", "", answer.text)
        if answer.status == 409:
            raise self._taken(path, answer)
        return self._version(answer)

    async def open_upload(self, path: str, content: Content, chunk: int) -> str:
        """Begin an upload in chunks.

        Args:
            path: `/hatrac/...`; its namespace is there.
            content: what it will be.
            chunk: bytes of each chunk but the last.

        Returns:
            The job's address, without the host.

        Raises:
            NameTakenError: the name cannot be used.
            SatchelError: no right to it.
        """
        job = {"chunk-length": chunk, "content-length": content.length, **content.headers}
        # Repeated, a job is left over on the server, which does no harm.
        answer = await self.session.request("POST", f"{path};upload", json=job, idempotent=True, also=(400, 409))
        if answer.status == 400:
            raise self._refused(path, answer)
        if answer.status == 409:
            raise self._taken(path, answer)
        found = urlsplit(answer.headers.get("location") or answer.text.strip()).path
        if not found.startswith("/hatrac/") or ";upload/" not in found:
            raise SatchelError(Kind.SERVER, f"{self.session.host} does not say where an upload goes.", "", answer.text)
        return found

    async def upload_lives(self, job: str) -> bool:
        """Whether the server still waits for an upload's chunks."""
        return (await self.session.request("GET", job, accept=None, also=(404, 409))).status == 200

    async def put_chunk(self, job: str, number: int, data: bytes, md5: bytes) -> None:
        """Send a chunk; any order, and again, as you like.

        Raises:
            UploadGoneError: the server does not know the upload.
            SatchelError: it does not take it.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-MD5": base64.b64encode(md5).decode()}
        answer = await self.session.request("PUT", f"{job}/{number}", headers=headers, data=data, also=(404,))
        if answer.status == 404:
            raise UploadGoneError(Kind.SERVER, f"{self.session.host} has given up an upload.", "", answer.text)

    async def finish_upload(self, job: str) -> str:
        """End an upload; the object has its next version then.

        Returns:
            The version's address.

        Raises:
            UploadGoneError: the server does not know it: perhaps it was finished, and only the answer was lost.
            SatchelError: the bytes are not what was said of them.
        """
        answer = await self.session.request("POST", job, idempotent=True, also=(404, 409))
        if answer.status == 404:
            raise UploadGoneError(Kind.SERVER, f"{self.session.host} does not know the upload.", "", answer.text)
        if answer.status == 409:
            raise SatchelError(
                Kind.INVALID, f"{self.session.host} has other bytes than were sent: {answer.text.strip()}", "Try again."
            )
        return self._version(answer)

    async def cancel_upload(self, job: str) -> None:
        """Give an upload up; nothing happens where there is none."""
        await self.session.request("DELETE", job, idempotent=True, also=(404, 409))

    async def acls(self, path: str) -> dict[str, list[str]] | None:
        """The ACLs of a name; None where only others may see them."""
        answer = await self.session.request("GET", f"{path};acl/", also=(401, 403, 404))
        found = answer.json() if answer.status == 200 else None
        return found if isinstance(found, dict) else None

    async def set_acl(self, path: str, name: str, members: list[str]) -> None:
        """Replace one ACL. Raises SatchelError."""
        await self.session.request("PUT", f"{path};acl/{name}", json=members)

    def _refused(self, path: str, answer: Answer) -> SatchelError:
        words = answer.text.strip()[:300] or f"status {answer.status}"
        return SatchelError(Kind.INVALID, f"{self.session.host} refuses {path}: {words}", "", f"{answer.status}")

    def _taken(self, path: str, answer: Answer) -> NameTakenError:
        return NameTakenError(
            Kind.SERVER, f"{self.session.host} does not let {path} be used: {answer.text.strip()[:300]}", "", path
        )

    def _version(self, answer: Answer) -> str:
        found = urlsplit(answer.headers.get("location") or answer.text.strip()).path
        if not _VERSION.fullmatch(found):
            raise SatchelError(
                Kind.SERVER, f"{self.session.host} does not say where the object is.", "", answer.text[:300]
            )
        return found
