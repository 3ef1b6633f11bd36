"""What deriva-py does for a spec, in a process of its own: rare transforms, uploads, identifiers.

It blocks, prints, changes the working folder and is never told to stop: ending its process is how it is cancelled.
A job goes in as JSON on standard input; the outcome comes out as JSON. No secret is passed: deriva-py looks for
credentials where it keeps them itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from satchel.core.errors import Kind, SatchelError
from satchel.core.export.errors import (
    AuthenticationError,
    AuthorizationError,
    ConfigurationError,
    ExportError,
    ExportTimeoutError,
)
from satchel.core.export.spec.model import Step

_ENDED = 5.0


async def transform(step: Step, inputs: Sequence[Path], output: Path, payload: Path, worker: Mapping[str, Any]) -> None:
    """Have deriva-py transform files. Raises SatchelError.

    Args:
        step: the processor.
        inputs: its input files.
        output: the file that it makes.
        payload: the folder that all are below.
        worker: host, catalog and person.
    """
    names = [path.relative_to(payload).as_posix() for path in inputs]
    params = {
        **step.params,
        "input_paths": [_plain(name) for name in names],
        "output_path": _plain(output.relative_to(payload).as_posix()),
        "output_filename": None,
        "delete_input": False,
    }
    await _run(
        {
            "do": "transform",
            "kind": step.kind,
            "params": params,
            "base": str(payload),
            "outputs": {name: {"local_path": str(path)} for name, path in zip(names, inputs, strict=True)},
            **worker,
        },
        f"{step.kind} ({step.where})",
    )


async def post(
    step: Step, outputs: Mapping[str, Mapping[str, Any]], env: Mapping[str, Any], worker: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Have deriva-py do something with what was made.

    Args:
        step: the processor.
        outputs: by name, as deriva-py keeps them (`local_path`, `size`, `remote_paths`, ...).
        env: values for placeholders.
        worker: host, catalog and person.

    Returns:
        The outputs, with what was learnt of them.

    Raises:
        SatchelError: it failed.
    """
    found = await _run(
        {
            "do": "post", "kind": step.kind, "params": dict(step.params), "impl": step.impl,
            "outputs": dict(outputs), "env": dict(env), **worker,
        },
        f"{step.kind} ({step.where})",
    )  # fmt: skip
    return dict(found["outputs"])


def _plain(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")


async def _run(job: Mapping[str, Any], what: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "satchel.core.export.spec.peer_worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        out, _ = await process.communicate(json.dumps(job).encode())
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _ENDED)
            except TimeoutError:
                process.kill()
                await process.wait()
    try:
        found = json.loads(out)
    except ValueError:
        raise ExportError(
            Kind.INTERNAL, f"{what}: deriva-py ended without a word (status {process.returncode}).", ""
        ) from None
    if "error" in found:
        raise _error(found, what)
    return dict(found)


_NAMED: dict[str, tuple[type[ExportError], Kind]] = {
    "DerivaDownloadAuthenticationError": (AuthenticationError, Kind.NOT_SIGNED_IN),
    "DerivaDownloadAuthorizationError": (AuthorizationError, Kind.NOT_ALLOWED),
    "DerivaDownloadTimeoutError": (ExportTimeoutError, Kind.SERVER),
}


def _error(found: Mapping[str, Any], what: str) -> SatchelError:
    name, said = str(found["error"]), str(found.get("message", ""))
    if name in ("DerivaDownloadConfigurationError", "KeyError"):
        return ConfigurationError(f"{what}: {said or name}")
    if name in _NAMED:
        kind, sort = _NAMED[name]
        return kind(sort, f"{what}: {said}", "", name)
    return ExportError(Kind.SERVER, f"{what} failed: {said or name}", "deriva-py's words are in the details.", name)
