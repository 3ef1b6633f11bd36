"""A real S3-compatible store for tests: OpenStack Swift (PyPI: swift) with its S3 interface, in a folder of its own.

Swift is what many universities and clouds run; its `s3api` verifies signatures, clocks and checksums, knows multipart
uploads and conditional requests. Four processes on loopback, ready within about a second.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ACCESS, SECRET = "lab:minter", "minter-secret-JqX7rT2vLw9s"
"""Of whom may write."""
READER, READER_SECRET = "lab:reader", "reader-secret-Zk4hN8bQ1y"
"""Of whom may not."""
_MODULES = {"account": "account", "container": "container", "object": "obj", "proxy": "proxy"}
_PREFIX = """
[swift-hash]
swift_hash_path_suffix = t
swift_hash_path_prefix = t
[storage-policy:0]
name = one
default = yes
"""
_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
devices = {devices}
mount_check = false
recon_cache_path = {run}
log_level = ERROR
fallocate_reserve = 0
"""
_BACK = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_FRONT = """
[pipeline:main]
pipeline = catch_errors cache s3api tempauth slo symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:tempauth]
use = egg:swift#tempauth
user_lab_minter = {secret} .admin
user_lab_reader = {reader}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = 1
[filter:slo]
use = egg:swift#slo
[filter:symlink]
use = egg:swift#symlink
"""


@dataclass(frozen=True)
class Swift:
    """A running store, over plain http: tests put their own TLS in front of it."""

    url: str
    folder: Path

    def client(self) -> Any:
        """boto3's own view of it, as who may write."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}),
        )

    def bucket(self, name: str, *, public: bool = True) -> str:
        """Make a bucket that everybody may read. Returns its path below the store's address, as everybody reads it."""
        client = self.client()
        client.create_bucket(Bucket=name)
        if public:
            client.put_bucket_acl(Bucket=name, ACL="public-read")
        client.close()
        return f"/v1/AUTH_lab/{name}"

    def keys(self, bucket: str) -> list[str]:
        """The names of all objects in a bucket."""
        client = self.client()
        found = client.list_objects_v2(Bucket=bucket)
        client.close()
        return sorted(entry["Key"] for entry in found.get("Contents", []))


@contextmanager
def swift(folder: Path) -> Iterator[Swift]:
    """Start it, and stop it at the end. Raises RuntimeError where it does not start."""
    if sys.platform != "linux":
        pytest.skip("Swift runs on Linux alone")
    etc, devices, run = folder / "etc", folder / "devices", folder / "run"
    for made in (etc, devices / "d1", run):
        made.mkdir(parents=True)
    (etc / "swift.conf").write_text(_PREFIX)
    user = subprocess.check_output(["id", "-un"], text=True).strip()
    env = {**os.environ, "SWIFT_CONF_DIR": str(etc), "PYTHONWARNINGS": "ignore"}
    processes = []
    try:
        for kind in ("account", "container", "object", "proxy"):
            port = _free()
            common = _COMMON.format(port=port, user=user, etc=etc, devices=devices, run=run)
            if kind == "proxy":
                own = _FRONT.format(secret=SECRET, reader=READER_SECRET)
            else:
                own = _BACK.format(kind=kind)
                builder = str(etc / f"{kind}.builder")
                for words in (["create", "1", "1", "0"], ["add", f"r1z1-127.0.0.1:{port}/d1", "1"], ["rebalance"]):
                    subprocess.run(
                        [*_python("cli.ringbuilder", "error_handling_main"), builder, *words],
                        env=env,
                        stdout=subprocess.DEVNULL,
                    )
            (etc / f"{kind}.conf").write_text(common + own)
            with (folder / f"{kind}.log").open("w") as log:
                command = [*_python(f"{_MODULES[kind]}.server", "main"), str(etc / f"{kind}.conf")]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=env))
        _wait(port, processes, folder)
        yield Swift(f"http://127.0.0.1:{port}", folder)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _python(module: str, name: str) -> list[str]:
    """A program of Swift's, wherever its package is installed."""
    return [
        sys.executable,
        "-c",
        f"import sys; sys.argv[0] = 'swift'; from swift.{module} import {name}; sys.exit({name}())",
    ]


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, processes: list[subprocess.Popen[bytes]], folder: Path) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if any(process.poll() is not None for process in processes):
                break
            time.sleep(0.1)
    logs = "\n".join(log.read_text()[-1000:] for log in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the store did not start:\n{logs}")
