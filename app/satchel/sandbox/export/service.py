"""The export service over HTTP: one export per user at a time, and its results for a while."""

from __future__ import annotations

import asyncio
import json
import logging
import mimetypes
import os
import shutil
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from satchel.sandbox.ermrest.model import Client

_logger = logging.getLogger(__name__)
LARGEST_SPEC = 16 << 20
KINDS = ("bdbag", "file")
_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_RUNNING, _ACCESS = "running", "access"
_INHERITED = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "SYSTEMROOT", "COVERAGE_PROCESS_START")
_S3 = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_DEFAULT_REGION")


@dataclass(frozen=True)
class ExportSettings:
    """How the service keeps house."""

    keep: int = 5
    """Results kept for each user; the oldest goes when another export begins. 0 for all."""
    hours: float = 24.0
    """Hours that a result is kept at most. 0 for ever."""
    timeout: float = 600.0
    """Seconds that an export may take."""
    wait: float = 5.0
    """Seconds that an export waits for another one of the same user."""
    s3: str | None = None
    """The S3 endpoint that `cloud_upload` may use; its credentials come from the AWS_* variables."""


class ExportError(Exception):
    """An answer that is an error, with deriva.web's status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass
class ExportService:
    """Everything under `/deriva/export`.

    Args:
        folder: holds the results: `user/key/{files/..., log, access}`.
        authority: the file of the certificate authority that the sandbox's own certificate is signed by.
        settings: how long results are kept, and what else may be switched.
    """

    folder: Path
    authority: Path
    settings: ExportSettings = field(default_factory=ExportSettings)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict, init=False)
    _children: set[asyncio.subprocess.Process] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # What a killed server was working at is no result.
        for unfinished in self.folder.glob(f"*/*/{_RUNNING}"):
            shutil.rmtree(unfinished.parent, ignore_errors=True)

    async def close(self) -> None:
        """End what is still running."""
        for child in list(self._children):
            if child.returncode is None:
                child.kill()

    async def handle(self, request: web.Request, client: Client, token: str) -> web.StreamResponse:
        """Answer a request; errors are answers too.

        Args:
            request: any request below `/deriva`.
            client: who asks.
            token: the caller's own, with which the export reads the catalog; empty for nobody.
        """
        try:
            match request.path.strip("/").split("/"):
                case ["deriva", "export", kind] if kind in KINDS:
                    if request.method != "POST":
                        raise ExportError(405, f"{request.method} is not for /deriva/export/{kind}; POST a spec.")
                    return await self._export(request, client, token, kind)
                case ["deriva", "export", kind, key, *rest] if kind in KINDS:
                    if request.method not in ("GET", "HEAD"):
                        raise ExportError(405, f"{request.method} is not for an export's results.")
                    return await asyncio.to_thread(self._result, client, request.remote or "", key, "/".join(rest))
            return web.Response(status=404, text="<h1>Not Found</h1>\n", content_type="text/html")
        except ExportError as error:
            # deriva.web writes "None" where its generic sentence should be.
            return _text(error.status, f"None Detail: {error}\n", "text/plain")

    # -- results ----------------------------------------------------------------------------------------------------

    def _own(self, client: Client, ip: str) -> Path:
        """A user's folder. Nobody's is that of their address."""
        name = f"anon-{ip or 'unknown'}" if client.id is None else client.id.rpartition("/")[2]
        return self.folder / (quote(name, safe="").replace(".", "%2E") or "%")

    def _result(self, client: Client, ip: str, key: str, wanted: str) -> web.StreamResponse:
        gone = ExportError(404, f"The resource {key} does not exist. It was never created or has been deleted.")
        try:
            if str(uuid.UUID(key)) != key:
                raise gone
        except ValueError:
            raise gone from None
        self._purge(self._own(client, ip), 0)
        folder = self._own(client, ip) / key
        if not folder.is_dir():
            raise gone
        log = folder / "log"
        if wanted == "log" and log.is_file():
            return web.Response(body=log.read_bytes(), content_type="text/plain", charset="utf-8")
        files = folder / "files"
        found = {p.relative_to(files).as_posix(): p for p in files.rglob("*") if p.is_file() and not p.is_symlink()}
        if (folder / _RUNNING).exists() or not found:
            text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
            raise ExportError(404, text or "No additional diagnostic information available.\n")
        if not wanted and len(found) > 1:
            raise ExportError(
                400,
                f"The resource {key} contains more than one file, it is therefore necessary "
                "to specify a filename in the request URL.",
            )
        path = found.get(wanted) if wanted else next(iter(found.values()))
        if path is None:
            raise ExportError(404, f'The requested file "{wanted}" does not exist.')
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        disposition = f"filename*=UTF-8''{quote(path.name)}"
        return web.FileResponse(path, headers={"Content-Type": kind, "Content-Disposition": disposition})

    def _purge(self, own: Path, coming: int) -> None:
        """Remove results that are too old, and the oldest where there would be too many."""
        if not own.is_dir():
            return
        kept = sorted((p for p in own.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        finished = [p for p in kept if not (p / _RUNNING).exists()]
        too_many = len(kept) + coming - self.settings.keep if self.settings.keep else 0
        oldest = time.time() - self.settings.hours * 3600 if self.settings.hours else 0.0
        for number, folder in enumerate(finished):
            if number < too_many or folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    # -- exports ----------------------------------------------------------------------------------------------------

    async def _export(self, request: web.Request, client: Client, token: str, kind: str) -> web.StreamResponse:
        if (request.content_length or 0) > LARGEST_SPEC:
            raise ExportError(413, f"A spec has at most {LARGEST_SPEC} bytes.")
        try:
            spec = json.loads(await request.read())
        except (ValueError, RecursionError) as error:
            raise ExportError(500, str(error)) from None
        socket = request.transport.get_extra_info("sockname") if request.transport else None
        host = f"localhost:{socket[1] if socket else 443}"
        job = self._job(spec, kind, host)
        own = self._own(client, request.remote or "")
        turn = self._turns.setdefault(own.name, asyncio.Lock())
        try:
            await asyncio.wait_for(turn.acquire(), self.settings.wait)
        except TimeoutError:
            raise ExportError(403, "Multiple concurrent exports per user are not supported.") from None
        try:
            key = str(uuid.uuid4())
            await asyncio.to_thread(self._purge, own, 1)
            folder = own / key
            for name in ("files", "home", "tmp"):
                (folder / name).mkdir(parents=True)
            (folder / _RUNNING).touch()
            (folder / "home" / ".aws").mkdir()
            # A bucket's name as part of the host's would be another host.
            (folder / "home" / ".aws" / "config").write_text("[default]\ns3 =\n    addressing_style = path\n")
            (folder / _ACCESS).write_text(f"{client.id or '*'}\n")
            base = f"https://{request.host}/deriva/export/{kind}/{key}"
            identity = (
                {"id": client.id, "display_name": client.id, "full_name": client.display_name} if client.id else None
            )
            job |= {"folder": str(folder), "host": host, "url": base, "ip": request.remote, "identity": identity}
            job["token"] = job["token"] or token
            try:
                outputs = await self._run(job, folder)
            finally:
                for name in ("home", "tmp"):
                    await asyncio.to_thread(shutil.rmtree, folder / name, ignore_errors=True)
            (folder / _RUNNING).unlink()
        finally:
            turn.release()
        return _answer(base, outputs, kind)

    def _job(self, spec: Any, kind: str, host: str) -> dict[str, Any]:
        """What the worker is given. Raises ExportError for what deriva.web refuses before it begins."""
        if not spec:
            raise ExportError(400, "No configuration specified.")
        try:
            catalog = spec["catalog"]
            asked = catalog["host"]
            parts = urlsplit(asked if asked.startswith("http") else f"https://{asked}")
            if "bag" in spec:
                if kind == "file":
                    del spec["bag"]
                elif not spec["bag"].get("bag_archiver"):
                    spec["bag"]["bag_archiver"] = "zip"
            port = parts.port
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise ExportError(400, f"Error parsing configuration: [{type(error).__name__}] {error}") from None
        if parts.hostname not in _NAMES or port not in (None, int(host.rpartition(":")[2])):
            raise ExportError(501, f"The sandbox exports from its own catalogs, not from {asked}.")
        posts = spec.get("post_processors")
        names = [p.get("processor") for p in posts if isinstance(p, dict)] if isinstance(posts, list) else []
        if "cloud_upload" in names and not self.settings.s3:
            raise ExportError(501, "The sandbox uploads only to an S3 endpoint that it was started with (--s3 URL).")
        return {
            "spec": spec,
            "kind": kind,
            "catalog": str(catalog.get("catalog_id", "1")),
            "token": str(catalog.get("oauth2_token") or catalog.get("token") or ""),
            "ca": str(self.authority),
            "s3": self.settings.s3,
            "timeout": self.settings.timeout,
        }

    def _environment(self, folder: Path) -> dict[str, str]:
        home = str(folder / "home")
        found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        found |= {"HOME": home, "USERPROFILE": home, "TMPDIR": str(folder / "tmp"), "TEMP": str(folder / "tmp")}
        found |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "NO_PROXY": "*"}
        if self.settings.s3:
            found |= {name: os.environ[name] for name in _S3 if name in os.environ}
            found |= {"AWS_ENDPOINT_URL": self.settings.s3, "AWS_EC2_METADATA_DISABLED": "true"}
            found.setdefault("AWS_DEFAULT_REGION", "us-east-1")
        return found

    async def _run(self, job: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
        said = folder / "stderr"
        with said.open("wb") as errors:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "satchel.sandbox.export.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=self._environment(folder),
                cwd=folder / "tmp",
            )
        self._children.add(child)
        try:
            # deriva-py notices its time limit only between processors.
            told, _ = await asyncio.wait_for(child.communicate(json.dumps(job).encode()), self.settings.timeout + 5)
        except TimeoutError:
            self._empty(folder)
            raise ExportError(
                502, f"[DerivaDownloadTimeoutError] Timeout ({self.settings.timeout:g} seconds) waiting for the export."
            ) from None
        finally:
            self._children.discard(child)
            if child.returncode is None:
                child.kill()
                await child.wait()
        try:
            outcome = json.loads(told)
        except ValueError:
            _logger.error("an export ended with %s:\n%s", child.returncode, said.read_text(errors="replace"))
            outcome = {"status": 502, "detail": f"The export's process ended with {child.returncode}."}
        said.unlink(missing_ok=True)
        if "outputs" not in outcome:
            self._empty(folder)
            raise ExportError(int(outcome["status"]), str(outcome["detail"]))
        outputs: dict[str, dict[str, Any]] = outcome["outputs"]
        return outputs

    @staticmethod
    def _empty(folder: Path) -> None:
        """Of an export that failed only the log stays."""
        shutil.rmtree(folder / "files", ignore_errors=True)
        (folder / _RUNNING).unlink(missing_ok=True)


def _text(status: int, text: str, kind: str, headers: dict[str, str] | None = None) -> web.Response:
    # What a spec says need not be text that can be written.
    body = text.encode("utf-8", "replace")
    return web.Response(status=status, body=body, content_type=kind, charset="utf-8", headers=headers)


def _answer(base: str, outputs: dict[str, dict[str, Any]], kind: str) -> web.Response:
    """201 and the addresses of what was made. Location is there for one file and for an identifier only."""
    if kind == "file":
        urls = []
        for name, about in outputs.items():
            remote = about.get("remote_paths")
            urls.append(str(remote[0]) if remote else f"{base}/{quote(name, errors='surrogateescape')}")
        located = len(urls) == 1
    else:
        about = next(iter(outputs.values()), {})
        landing = about.get("identifier_landing_page")
        urls = [str(landing), base] if landing else [base]
        located = len(urls) > 1
    for url in urls:
        if not url.isascii() or not url.isprintable():
            raise ExportError(502, f"The spec makes an address that is none: {url!r}")
    return _text(201, "\n".join(urls), "text/uri-list", {"Location": urls[0]} if located else None)
