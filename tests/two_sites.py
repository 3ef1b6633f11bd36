"""Two sandboxes as two sites: credentials for both in one file, objects in one's Hatrac, asset tables in the other."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from sandbox_catalog import secret
from sandbox_process import SandboxProcess
from satchel.core.deriva.hatrac_write import Content, HatracWriter
from satchel.core.deriva.session import Session
from satchel.core.jobs.request import Access


def access(folder: Path, *sandboxes: SandboxProcess, who: str = "admin") -> Access:
    """Trust in both, and one credential file in which each has its own."""
    file = folder / f"credential-{who}.json"
    known = {s.host: {"cookie": secret(s, who)["Cookie"]} for s in sandboxes}
    file.write_text(json.dumps(known))
    file.chmod(0o600)
    return Access(ca=tuple(s.ca for s in sandboxes), credential=str(file))


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


async def put(session: Session, path: str, body: bytes, *, sha256: bool = False, readable: bool = True) -> str:
    """An object in a session's Hatrac. Returns its version's address, without the host."""
    writer = HatracWriter(session)
    made = await writer.make_namespaces(path.rpartition("/")[0])
    if made and readable:
        await writer.set_acl(made[0], "subtree-read", ["*"])
    digest = hashlib.sha256(body).hexdigest() if sha256 else None
    content = Content(len(body), md5(body), digest, "application/octet-stream", path.rpartition("/")[2])
    return await writer.put(path, content, body, fresh=False)


def row(rid: str, url: str, body: bytes, name: str | None = None, **more: Any) -> dict[str, Any]:
    """An asset's row."""
    return {"RID": rid, "URL": url, "Filename": name, "Length": len(body), "MD5": md5(body), **more}


async def read(session: Session, url: str) -> bytes:
    """An object's bytes."""
    return (await session.request("GET", url)).body


def b64(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
