"""QR codes of identifiers: drawn by segno, read by ZXing."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.names import Name, find

LARGEST = 50_000_000
"""Bytes of a picture."""
MOST_PIXELS = 60_000_000


def matrix(text: str) -> tuple[tuple[bool, ...], ...]:
    """The code's modules, row by row, with the quiet border that readers need; True is dark."""
    import segno

    made = segno.make(text, error="m", micro=False)
    return tuple(tuple(bool(module) for module in row) for row in made.matrix_iter(scale=1, border=4))


def svg(text: str) -> str:
    """The code as a picture that scales."""
    import segno

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=4, scale=8, light="white")
    return out.getvalue().decode()


def png(text: str, scale: int = 8) -> bytes:
    """The code as a PNG picture."""
    import segno

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", border=4, scale=scale)
    return out.getvalue()


def of_grey(pixels: bytes, width: int, height: int) -> Name | None:
    """The identifier in the codes of a picture; None where there is none.

    Args:
        pixels: one byte each, row by row, without padding.
        width: of a row.
        height: rows.
    """
    import zxingcpp

    view = memoryview(pixels).cast("B", (height, width))
    for code in zxingcpp.read_barcodes(view):
        if (name := find(code.text)) is not None:
            return name
    return None


def of_picture(path: Path) -> Name:
    """The identifier in the QR code of a picture's file. Blocking.

    Raises:
        SatchelError: it is no picture, or there is no code with an identifier in it.
    """
    import warnings

    from PIL import Image

    try:
        if path.stat().st_size > LARGEST:
            raise SatchelError(Kind.INVALID, f"{path} is too large to be looked at for a QR code.", "Cut it out of it.")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise SatchelError(Kind.INVALID, f"{path} is too large to be looked at for a QR code.", "")
                grey = picture.convert("L")
                found = of_grey(grey.tobytes(), grey.width, grey.height)
    except SatchelError:
        raise
    except Exception as error:  # what reads pictures raises all sorts of things at damaged ones
        raise SatchelError(
            Kind.INVALID,
            f"{path} is no picture that can be read.",
            "Paste the identifier itself.",
            type(error).__name__,
        ) from None
    if found is None:
        raise SatchelError(
            Kind.INVALID, f"There is no QR code with an identifier in {path}.", "Paste the identifier itself."
        )
    return found


def is_picture(path: str) -> bool:
    """Whether a file's name is that of a picture."""
    return path.lower().endswith(tuple(PICTURES))


PICTURES: Iterable[str] = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
