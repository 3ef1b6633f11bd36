"""A clone's report as a file to keep or send on: JSON and text as deriva-ml's users know them, and a page of HTML."""

from __future__ import annotations

from pathlib import Path

from satchel.core.clone.report_page import page
from satchel.core.clone.request import CloneResult
from satchel.core.errors import Kind, SatchelError
from satchel.core.files import write_atomically

ENDINGS = (".json", ".txt", ".html")


def save(result: CloneResult, path: Path) -> None:
    """Write the report; the file is there when it is whole, and what was there is replaced. Blocking.

    Args:
        result: of the clone.
        path: its ending says the format.

    Raises:
        SatchelError: another ending, or it cannot be written.
    """
    match path.suffix.lower():
        case ".json":
            text = result.report.to_json() + "\n"
        case ".txt":
            text = result.report.to_text() + "\n"
        case ".html" | ".htm":
            text = page(result)
        case _:
            raise SatchelError(
                Kind.USAGE,
                f"{path.name} does not say which kind of report it is.",
                "End its name in .json, .txt or .html.",
            )
    try:
        write_atomically(path, text.encode("utf-8", "backslashreplace"), mode=0o666 & ~_umask())
    except OSError as error:
        raise SatchelError(
            Kind.FILES, f"{path} cannot be written: {error.strerror}.", "Choose another folder."
        ) from error


def _umask() -> int:
    import os

    mask = os.umask(0o077)
    os.umask(mask)
    return mask
