"""The process that runs one export: it reads a job as JSON from standard input and writes its outcome as JSON.

The outcome is `{"outputs": {name: {...}}}`, or `{"status": ..., "detail": ...}` with the status that deriva.web gives
the failure (`deriva/web/export/api.py` of github.com/informatics-isi-edu/deriva-web).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

_MEMORY = 8 << 30
_WRITER = "https://auth.globus.org/scopes/identifiers.fair-research.org/writer"


def main() -> int:
    """Run the job."""
    # Libraries may print; the outcome is alone on the real standard output.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.load(sys.stdin)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        outcome = _run(job)
    except Exception as error:
        from deriva.core import format_exception

        outcome = {"status": _status(error), "detail": format_exception(error)}
        logging.getLogger().error(outcome["detail"])
    _tell(answer, outcome)
    return 0


def _tell(answer: TextIO, outcome: dict[str, Any]) -> None:
    answer.write(json.dumps(outcome, default=str))
    answer.flush()


def _status(error: Exception) -> int:
    from deriva.transfer import download

    from .guard import OtherHostError

    if isinstance(error, OtherHostError):
        return 501
    if isinstance(error, download.DerivaDownloadAuthenticationError):
        return 401
    if isinstance(error, download.DerivaDownloadAuthorizationError):
        return 403
    if isinstance(error, download.DerivaDownloadConfigurationError):
        return 409
    return 502


def _run(job: dict[str, Any]) -> dict[str, Any]:
    folder, own = Path(job["folder"]), str(job["host"])
    _log(folder / "log")
    _limit()
    # All that a spec may make deriva-py import is imported now: the guard judges what comes after.
    from deriva.transfer import GenericDownloader
    from deriva.transfer.download.processors.postprocess.identifier_post_processor import FAIRIdentifierPostProcessor

    from . import guard

    name, _, port = own.rpartition(":")
    ports, names = {int(port)}, {name, "127.0.0.1", "::1"}
    if job["s3"]:
        from urllib.parse import urlsplit

        import boto3  # noqa: F401

        endpoint = urlsplit(job["s3"])
        ports.add(endpoint.port or (443 if endpoint.scheme == "https" else 80))
        names.add(endpoint.hostname or "")
    files = folder / "files"
    guard.hold_paths(files)
    guard.hold_requests(own, job["ca"])
    guard.stand(folder, ports, names)
    service = f"https://{own}/identifiers/"
    FAIRIdentifierPostProcessor.IDENTIFIER_SERVICE = service
    FAIRIdentifierPostProcessor.IDENTIFIER_SERVICE_TEST = service
    token = job["token"]
    downloader = GenericDownloader(
        server={"protocol": "https", "host": own, "catalog_id": job["catalog"]},
        output_dir=str(files),
        envars={"request_ip": job["ip"], GenericDownloader.SERVICE_URL_KEY: job["url"]},
        config=job["spec"],
        credentials={"bearer-token": token} if token else None,
        allow_anonymous=True,
        timeout=job["timeout"],
        dcctx_cid="export/" + job["kind"],
    )
    # A real server finds the identifier service's token in the wallet that Globus filled when the user signed in.
    wallet = {"oauth2": {"https://auth.globus.org": [{"scope": _WRITER, "access_token": token}]}} if token else None
    return {"outputs": downloader.download(identity=job["identity"], wallet=wallet)}


def _log(path: Path) -> None:
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s - %(levelname)s - %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)


def _end_with(parent: int) -> None:
    """Nobody waits for the outcome once the server is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _limit() -> None:
    """A spec may ask for a string of any length: better this process ends than the machine swaps."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


if __name__ == "__main__":
    sys.exit(main())
