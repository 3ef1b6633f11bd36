"""`satchel sandbox`: serve until told to stop; says where it is in one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .authn import ADMIN, LIFETIME, PASSWORDS, Authn, write_private
from .faults import Faults

if TYPE_CHECKING:
    from .app import Sandbox

DEMOS = ("none", "small", "large", "bench")
_DEMO_FILE = "demo.json"


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    people = ", ".join(f"{name} with the password {password}" for name, password in PASSWORDS.items())
    found = argparse.ArgumentParser(
        prog="satchel sandbox",
        description="A Deriva server in a folder, on loopback: a demo catalog to try Satchel on.",
        epilog=f"Who may sign in: {people}.",
    )
    found.add_argument("--dir", type=Path, help="the folder; kept between starts (default: a temporary one)")
    found.add_argument("--port", type=int, default=0, help="the port (default: a free one)")
    found.add_argument("--demo", choices=DEMOS, default="small", help="the demo catalog (default small)")
    found.add_argument("--latency", type=float, default=0.0, metavar="MS", help="milliseconds before each answer")
    found.add_argument("--bandwidth", type=float, default=0.0, metavar="MBS", help="megabytes a second for each answer")
    found.add_argument("--fail", type=float, default=0.0, metavar="RATE", help="share of requests that get 503")
    found.add_argument("--cut", type=float, default=0.0, metavar="RATE", help="share of answers cut in mid-body")
    found.add_argument(
        "--query-seconds",
        type=float,
        default=15.0,
        metavar="S",
        help="seconds after which a query is cut, 0 for never (default 15)",
    )
    found.add_argument("--long-urls", action="store_true", help="take URLs that are too long for the real servers")
    found.add_argument(
        "--conflicts", action="store_true", help="503 for who writes to a catalog while somebody else does"
    )
    found.add_argument(
        "--keep-exports", type=int, default=5, metavar="N", help="results kept for each user (default 5; 0 for all)"
    )
    found.add_argument(
        "--export-hours", type=float, default=24.0, metavar="H", help="hours a result is kept (default 24; 0 for ever)"
    )
    found.add_argument(
        "--export-timeout", type=float, default=600.0, metavar="S", help="seconds an export may take (default 600)"
    )
    found.add_argument(
        "--export-wait",
        type=float,
        default=5.0,
        metavar="S",
        help="seconds an export waits for another one of the same user (default 5)",
    )
    found.add_argument(
        "--s3",
        metavar="URL",
        help="S3 endpoint for cloud_upload; its credentials come from AWS_ACCESS_KEY_ID and so on",
    )
    found.add_argument(
        "--session-seconds",
        type=float,
        default=LIFETIME,
        metavar="S",
        help="how long somebody who signs in stays signed in (default a day; a device fourteen times as long)",
    )
    found.add_argument("--seed", type=int, default=0, help="of what goes wrong")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Serve. Returns the exit status."""
    options = parser().parse_args(argv)
    for name in ("fail", "cut"):
        if not 0 <= getattr(options, name) <= 1:
            print(f"satchel sandbox: --{name} is a share between 0 and 1", file=sys.stderr)
            return 2
    if options.s3 and importlib.util.find_spec("boto3") is None:
        print("satchel sandbox: --s3 needs boto3: pip install deriva-satchel[s3]", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="sandbox: %(message)s")
    temporary = options.dir is None
    folder = Path(tempfile.mkdtemp(prefix="satchel-sandbox-")) if temporary else options.dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with asyncio.Runner(loop_factory=_loop) as runner:
            return runner.run(_serve(folder, options))
    except OSError as error:
        print(f"satchel sandbox: {error}", file=sys.stderr)
        return 1
    finally:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)


def _loop() -> asyncio.AbstractEventLoop:
    """uvloop's where there is one: it takes a third less of the processor for TLS."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(folder: Path, options: argparse.Namespace) -> int:
    # Imported here: `satchel sandbox --help` answers at once.
    from aiohttp import web
    from aiohttp.http_exceptions import HttpProcessingError

    from .app import LONGEST_LINE_EVER, Limits, Sandbox
    from .export.service import ExportSettings
    from .tls import certificates

    # What is not HTTP is its sender's trouble, and answered.
    logging.getLogger("aiohttp.server").addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
    )
    faults = Faults(options.latency / 1000, options.bandwidth * 1e6, options.fail, options.cut, options.seed)
    context, authority = certificates(folder / "tls")
    limits = Limits(options.query_seconds, not options.long_urls, options.conflicts, options.session_seconds)
    exports = ExportSettings(
        options.keep_exports, options.export_hours, options.export_timeout, options.export_wait, options.s3
    )
    sandbox = Sandbox(folder, faults, limits, exports)
    demo = await asyncio.to_thread(_demo, folder, options.demo, sandbox)
    runner = web.AppRunner(
        sandbox.application(),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=0.3,
        max_line_size=LONGEST_LINE_EVER,
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=context)
    await site.start()
    addresses = runner.addresses
    port = int(addresses[0][1])
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    print(json.dumps(_ready(folder, port, authority, sandbox.authn, demo)), flush=True)
    parent = os.getppid()
    while not stopped.is_set():
        try:
            await asyncio.wait_for(stopped.wait(), 1.0)
        except TimeoutError:
            # A temporary sandbox does not outlive who started it.
            if options.dir is None and os.getppid() != parent:
                break
    await runner.cleanup()
    return 0


def _demo(folder: Path, size: str, sandbox: Sandbox) -> dict[str, str | None]:
    """Build the demo catalog unless the folder has one already. Gives catalog, root, dataset, version."""
    kept = folder / _DEMO_FILE
    if kept.exists():
        found: dict[str, str | None] = json.loads(kept.read_text())
        return found
    if size == "none":
        return {}
    from .demo import build

    info = build(sandbox.ermrest.store, sandbox.hatrac.files, size)
    made = {"catalog": info.catalog, "root": info.root, "dataset": info.dataset, "version": info.version}
    temporary = kept.with_suffix(".new")
    temporary.write_text(json.dumps(made))
    temporary.replace(kept)
    return made


def _ready(
    folder: Path, port: int, authority: Path, authn: Authn, demo: dict[str, str | None]
) -> dict[str, str | None]:
    host = f"localhost:{port}"
    files = {}
    for name, token in authn.tokens.items():
        files[name] = folder / ("credential.json" if name == ADMIN.id else "credential-user.json")
        write_private(files[name], {host: {"bearer-token": token, "cookie": f"webauthn={token}"}})
    users = folder / "users.json"
    write_private(users, {name: f"webauthn={token}" for name, token in authn.tokens.items()})
    return {
        "url": f"https://{host}",
        "host": host,
        "ca": str(authority),
        "credential": str(files["admin"]),
        "credential_user": str(files["user"]),
        "users": str(users),
        "identifiers": f"https://{host}/identifiers/",
        "catalog": demo.get("catalog"),
        "root": demo.get("root"),
        "dataset": demo.get("dataset"),
        "version": demo.get("version"),
    }
