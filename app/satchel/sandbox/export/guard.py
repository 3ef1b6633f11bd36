"""What a job's process may do: write into its own folder, talk to its own server, and nothing else.

Processors of deriva-py build paths and addresses from what a spec and a catalog say. Two walls stand around them:
paths and addresses are checked where deriva-py makes them, with a sentence for the user, and an audit hook of the
interpreter refuses whatever got past that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FIRST_PATH = {"os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.utime", "shutil.rmtree"}
_BOTH_PATHS = {"os.rename", "os.link", "os.symlink"}
_NEVER = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "ctypes.dlopen"}


class OutsideError(PermissionError):
    """The job wanted something that is none of its business."""


class OtherHostError(Exception):
    """The job wanted to ask another server: a real one would, the sandbox does not."""


def stand(folder: Path, ports: set[int], names: set[str]) -> None:
    """Put the second wall up; it cannot be taken down again.

    Args:
        folder: where the process may write; it may read wherever its user may, since Python itself must.
        ports: where it may connect to.
        names: the hosts that it may look up.
    """
    own = str(folder.resolve())
    named = {name.lower() for name in names}

    def inside(path: Any) -> bool:
        if isinstance(path, int):
            return True
        real = os.path.realpath(os.fsdecode(path))
        return real == own or real.startswith(own + os.sep) or real == os.devnull

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & _WRITES if isinstance(flags, int) else any(c in str(mode) for c in "wax+")
            if writes and not inside(path):
                raise OutsideError(f"A job writes only into its own folder, not to {path!r}")
        elif event in _FIRST_PATH or event in _BOTH_PATHS:
            # os.symlink's first path is only text; what it names is checked when it is opened.
            for path in arguments[: 2 if event in _BOTH_PATHS else 1]:
                # A relative path below an open folder cannot be judged here; rmtree itself was judged before.
                if not isinstance(path, int) and not _below_descriptor(event, arguments) and not inside(path):
                    raise OutsideError(f"A job changes only its own folder, not {path!r}")
        elif event == "socket.connect":
            address = arguments[1]
            if not (isinstance(address, tuple) and address[1] in ports):
                raise OutsideError(f"A job asks only its own server, not {address!r}")
        elif event == "socket.getaddrinfo":
            host = arguments[0]
            if (host.decode() if isinstance(host, bytes) else str(host)).lower() not in named:
                raise OutsideError(f"A job asks only its own server, not {host!r}")
        elif event in _NEVER:
            raise OutsideError(f"A job does not {event}")

    sys.addaudithook(hook)


def _below_descriptor(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether the path is relative to an open folder (`dir_fd`, the last argument; -1 for none)."""
    return event in ("os.remove", "os.rmdir", "os.mkdir") and isinstance(arguments[-1], int) and arguments[-1] >= 0


def hold_paths(files: Path) -> None:
    """Let deriva-py's processors make paths only below where their outputs belong."""
    from deriva.transfer.download import DerivaDownloadConfigurationError
    from deriva.transfer.download import deriva_download as module
    from deriva.transfer.download.processors.base_processor import BaseProcessor

    made = BaseProcessor.create_paths

    def create_paths(base_path: Any, *arguments: Any, is_bag: bool = False, **options: Any) -> tuple[str, str]:
        relative, absolute = made(base_path, *arguments, is_bag=is_bag, **options)
        top = os.path.realpath(os.path.join(base_path, "data" if is_bag else ""))  # noqa: PTH118
        real = os.path.realpath(absolute)
        if "\x00" in relative or not (real == top or real.startswith(top + os.sep)):
            raise DerivaDownloadConfigurationError(f"The path {relative!r} leads out of the export's folder.")
        return relative, absolute

    BaseProcessor.create_paths = staticmethod(create_paths)
    ensure = module.bdb.ensure_bag_path_exists

    def ensure_bag_path_exists(bag_path: str, *arguments: Any, **options: Any) -> Any:
        if Path(bag_path).parent != files:
            raise DerivaDownloadConfigurationError("A bag's name has no folders in it.")
        return ensure(bag_path, *arguments, **options)

    module.bdb.ensure_bag_path_exists = ensure_bag_path_exists


def hold_requests(own: str, authority: str) -> None:
    """Let `requests` ask only the server at `own` (host and port), and verify it by the given authority."""
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def guarded(self: HTTPAdapter, request: Any, *arguments: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        if parts.scheme != "https" or parts.netloc.lower() != own:
            raise OtherHostError(f"The sandbox's export asks no other host: {parts.scheme}://{parts.netloc}")
        options["verify"] = authority
        return send(self, request, *arguments, **options)

    HTTPAdapter.send = guarded  # type: ignore[method-assign]
