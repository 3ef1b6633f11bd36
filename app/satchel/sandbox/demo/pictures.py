"""Pictures of the eye's background, drawn without a library so that their bytes are the same everywhere.

A picture is a PNG with a palette: the drawing holds shades (0 dark to 255 bright along a ramp from black over red to
pale yellow), the palette holds the colours. A few drawings are made in full; each picture is one of them, perhaps
mirrored (left and right eye), with spots of its own and a tint of its own, which costs microseconds. Pixels are
stored without compression, as compressors differ between machines in the bytes that they give.

Only +, -, *, / and comparisons touch floating point numbers here: unlike sines, these are exact everywhere.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

from satchel.sandbox.demo.chance import Chance

DRAWINGS = 4
"""How many drawings there are to choose from at each size."""

SHADES = 224
"""Shades from 0 to 223 belong to the ramp; above are colours for spots."""
DARK_SPOT, PALE_SPOT = 250, 251


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing: one byte a pixel, row by row, of a right eye (its disc lies to the right of the middle)."""

    size: int
    pixels: bytes

    def mirrored(self) -> Drawing:
        """The same, of a left eye."""
        size = self.size
        return Drawing(size, b"".join(self.pixels[y * size : (y + 1) * size][::-1] for y in range(size)))


def _background(size: int, chance: Chance) -> list[list[float]]:
    """The lit disc of the fundus: brightest around the optic disc, darker at the rim, dark in the macula."""
    disc_x, disc_y = 0.68 + chance.below(1, 5) / 100, 0.47 + chance.below(2, 6) / 100
    macula_x, macula_y = 0.38 + chance.below(3, 4) / 100, 0.5 + chance.below(4, 4) / 100
    cup = 0.0012 + chance.below(5, 8) / 10000
    rows = []
    for j in range(size):
        y = (j + 0.5) / size
        dy, disc_dy, macula_dy = (y - 0.5) ** 2, (y - disc_y) ** 2 * 0.8, (y - macula_y) ** 2
        row = []
        for i in range(size):
            x = (i + 0.5) / size
            rim = (x - 0.5) ** 2 + dy
            if rim > 0.2401:
                row.append(0.0)
                continue
            to_disc = (x - disc_x) ** 2 + disc_dy
            to_macula = (x - macula_x) ** 2 + macula_dy
            light = 0.60 - 0.95 * rim + 0.10 * 0.03 / (0.03 + to_disc) - 0.24 * 0.006 / (0.006 + to_macula)
            if to_disc < 0.0072:
                light += (0.0072 - to_disc) / 0.0072 * 0.45 + (0.12 if to_disc < cup else 0.0)
            if rim > 0.225:
                light *= (0.2401 - rim) / 0.0151
            row.append(light)
        rows.append(row)
    _vessels(rows, size, disc_x, disc_y, chance)
    return rows


def _vessels(rows: list[list[float]], size: int, x: float, y: float, chance: Chance) -> None:
    """Four arcades that leave the disc, and their branches."""
    for number, (bend_x, bend_y, end_x, end_y) in enumerate(
        (
            (-0.10, -0.42, -0.55, -0.30),
            (-0.10, 0.42, -0.55, 0.30),
            (0.06, -0.26, 0.20, -0.34),
            (0.06, 0.26, 0.20, 0.34),
            (-0.20, -0.16, -0.30, -0.44),
            (-0.20, 0.16, -0.30, 0.44),
            (0.12, -0.04, 0.26, -0.08),
            (0.12, 0.05, 0.27, 0.10),
        )
    ):
        sway = (chance.below(20 + number, 13) - 6) / 100
        points = ((x, y), (x + bend_x + sway, y + bend_y), (x + end_x, y + end_y + sway))
        _stroke(rows, size, points, 0.011 if number < 4 else 0.007, 0.20 if number % 2 else 0.14)
        middle = _along(points, 0.45)
        _stroke(rows, size, (middle, _along(points, 0.7), (middle[0] - 0.16 + sway, middle[1] + 0.13)), 0.005, 0.12)


Point = tuple[float, float]


def _along(points: tuple[Point, Point, Point], t: float) -> Point:
    """A point of the quadratic curve that the three points define."""
    a, b, c = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
    return (
        a * points[0][0] + b * points[1][0] + c * points[2][0],
        a * points[0][1] + b * points[1][1] + c * points[2][1],
    )


def _stroke(rows: list[list[float]], size: int, points: tuple[Point, Point, Point], width: float, depth: float) -> None:
    """Darken a curve that thins towards its end."""
    steps = size
    darkened: dict[tuple[int, int], float] = {}
    for step in range(steps):
        t = step / steps
        x, y = _along(points, t)
        radius = max(0.55, width * (1 - 0.7 * t) * size)
        i0, j0 = x * size - 0.5, y * size - 0.5
        reach = int(radius) + 1
        for j in range(int(j0) - reach, int(j0) + reach + 1):
            for i in range(int(i0) - reach, int(i0) + reach + 1):
                far = ((i - i0) ** 2 + (j - j0) ** 2) / (radius * radius)
                if far < 1.6:
                    strength = depth * min(1.0, 1.6 - far) * (1 - 0.5 * t) * min(1.0, 0.2 + 6 * t)
                    if strength > darkened.get((i, j), 0.0):
                        darkened[i, j] = strength
    for (i, j), strength in darkened.items():
        if 0 <= i < size and 0 <= j < size and rows[j][i] > 0:
            rows[j][i] = max(0.02, rows[j][i] - strength)


@lru_cache(maxsize=64)
def drawing(number: int, size: int, left: bool) -> Drawing:
    """One of the drawings, at a size in pixels.

    Every size is drawn anew, so that fine vessels stay fine.
    """
    if left:
        return drawing(number, size, False).mirrored()
    chance = Chance(number, "fundus")
    grain = [chance.below(100 + k, 9) - 4 for k in range(251)]
    pixels = bytearray()
    count = 0
    for row in _background(size, chance):
        for light in row:
            count += 1
            pixels.append(max(0, min(SHADES - 1, int(light * SHADES) + grain[count % 251])) if light > 0 else 0)
    return Drawing(size, bytes(pixels))


def _palette(tint: int) -> bytes:
    """The colours: black over dark red and orange to pale yellow, a little warmer or cooler by `tint` (0 to 255)."""
    warm, bright = tint & 15, tint >> 4
    colours = bytearray()
    for shade in range(SHADES):
        red = min(255, shade * (270 + 4 * bright) // 200)
        green = min(255, shade * shade * (13 + warm // 4) // 3200)
        blue = min(255, shade * shade * shade // (76000 + 2400 * warm))
        colours += bytes((red, green, blue))
    for spot in range(SHADES, 256):
        colours += bytes((96 + bright, 14, 10)) if spot == DARK_SPOT else bytes((250, 226 - warm, 120))
    return bytes(colours)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """A zlib stream that holds the data as it is (RFC 1950, RFC 1951 section 3.2.4)."""
    parts = [b"\x78\x01"]
    for start in range(0, len(data), 65535):
        block = data[start : start + 65535]
        last = start + 65535 >= len(data)
        parts.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    parts.append(struct.pack(">I", zlib.adler32(data)))
    return b"".join(parts)


def picture(seed: int, number: int, size: int, left: bool, spots: int = 0) -> bytes:
    """One picture as a PNG file.

    Args:
        seed: the catalog's seed.
        number: the picture's number; different numbers give different pictures.
        size: width and height in pixels.
        left: whether it shows a left eye (its disc to the left).
        spots: how many lesions it shows.

    Returns:
        The file's bytes, about size * size + 900 of them.
    """
    chance = Chance(seed ^ (number << 20), "picture")
    base = drawing(chance.below(0, DRAWINGS), size, left)
    pixels = bytearray(base.pixels)
    for spot in range(spots):
        radius = 1 + chance.below(10 + 3 * spot, max(1, size // 64))
        x, y = (size // 4 + chance.below(11 + 3 * spot + k, size // 2) for k in range(2))
        colour = PALE_SPOT if chance.below(9 + 3 * spot, 3) == 0 else DARK_SPOT
        for j in range(-radius, radius + 1):
            half = radius - abs(j) // 2
            start = (y + j) * size + x - half
            pixels[start : start + 2 * half] = bytes((colour,)) * (2 * half)
    lines = b"".join(b"\0" + pixels[k : k + size] for k in range(0, size * size, size))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", _palette(chance.below(1, 256))),
            _chunk(b"tEXt", b"Comment\0Satchel sandbox, drawn picture %d" % number),
            _chunk(b"IDAT", _stored(lines)),
            _chunk(b"IEND", b""),
        )
    )
