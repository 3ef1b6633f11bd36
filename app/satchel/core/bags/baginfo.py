"""bag-info.txt: what a bag says of itself (RFC 8493, 2.2.2)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from satchel.core.bags.declaration import Declaration
from satchel.core.bags.digests import StoppedError
from satchel.core.bags.manifests import MOST_DIGITS, lines
from satchel.core.bags.places import is_file
from satchel.core.bags.problems import Findings

NAME = "bag-info.txt"
MOST_FIELDS = 10_000
"""Fields that are kept; more are only counted."""
LONGEST_VALUE = 1 << 16
"""Characters of a value that are kept."""
_OXUM = re.compile(rf"([0-9]{{1,{MOST_DIGITS}}})\.([0-9]{{1,{MOST_DIGITS}}})")
_COUNT = re.compile(rf"([0-9]{{1,{MOST_DIGITS}}})[ \t]+of[ \t]+(?:([0-9]{{1,{MOST_DIGITS}}})|\?)", re.IGNORECASE)
_ONCE = frozenset({"payload-oxum"})
"""Must not be repeated under 1.0."""
_RATHER_ONCE = frozenset({"bagging-date", "bag-size", "bag-group-identifier", "bag-count"})


@dataclass(slots=True)
class Info:
    """The fields of bag-info.txt."""

    name: str = NAME
    there: bool = False
    fields: list[tuple[str, str, int]] = field(default_factory=list)
    """Label, value, line, in their order."""

    def all(self, label: str) -> list[tuple[str, int]]:
        """Values and lines of a label, whose capitals do not count."""
        return [(value, line) for found, value, line in self.fields if found.lower() == label.lower()]

    @property
    def oxum(self) -> tuple[int, int, int] | None:
        """Bytes, files and line of Payload-Oxum, if it is there and is one."""
        for value, line in self.all("Payload-Oxum"):
            if match := _OXUM.fullmatch(value):
                return int(match[1]), int(match[2]), line
        return None

    @property
    def lacks(self) -> tuple[str, int] | None:
        """What the bag's maker could not get, as exports write it (docs/bag.md)."""
        return next(reversed(self.all("Incomplete")), None)


def read_info(bag: Path, declared: Declaration, findings: Findings, stop: threading.Event) -> Info:
    """Read and check bag-info.txt. Raises OSError, StoppedError."""
    info = Info(declared.info_name)
    if not is_file(bag / info.name):
        return info
    info.there = True
    for label, value, line in _fields(bag, declared, findings, stop):
        if len(info.fields) < MOST_FIELDS:
            info.fields.append((label, value, line))
    _check(info, declared, findings)
    return info


def _fields(
    bag: Path, declared: Declaration, findings: Findings, stop: threading.Event
) -> Iterator[tuple[str, str, int]]:
    name = declared.info_name
    label, values, size, begun = "", [""], 0, 0
    with (bag / name).open("rb") as file:
        for line in lines(file, declared.encoding):
            if stop.is_set():
                raise StoppedError
            if line.marked:
                findings.error(
                    "byte-order-mark", name, f"{name} begins with a byte order mark, which is not UTF-8's.", 1
                )
            if line.problem:
                findings.error("malformed", name, f"Line {line.number} of {name} {line.problem}.", line.number)
                continue
            if not line.text.strip():
                continue
            if line.text[0] in " \t" and begun:
                size += len(line.text)
                if size <= LONGEST_VALUE:
                    values.append(line.text.strip())
                continue
            if begun:
                yield label, " ".join(values), begun
            written, colon, value = line.text.partition(":")
            label, values, size, begun = written.strip(), [value.strip()[:LONGEST_VALUE]], len(value), line.number
            if not colon or not label:
                findings.error("malformed", name, f"Line {begun} of {name} is not a name, a colon and a value.", begun)
            elif declared.strict and label != written:
                findings.error("malformed", name, f"Line {begun} of {name} has white space around its name.", begun)
            elif declared.strict and value[:1] not in (" ", "\t"):
                # Editors take white space from the ends of lines: nothing is lost where there is no value.
                findings.either(
                    bool(value), "malformed", name, f"Line {begun} of {name} has no space after its colon.", begun
                )
    if begun:
        yield label, " ".join(values), begun


def _check(info: Info, declared: Declaration, findings: Findings) -> None:
    at, seen = info.name, dict[str, int]()
    for label, value, line in info.fields:
        key = label.lower()
        if declared.strict and key in seen and key in _ONCE | _RATHER_ONCE:
            findings.either(
                key in _ONCE,
                "repeated",
                info.name,
                f"{label} is in {info.name} on line {seen[key]} and again on line {line}.",
                line,
            )
        seen.setdefault(key, line)
        if key == "payload-oxum" and not _OXUM.fullmatch(value):
            findings.error("malformed", info.name, f"Payload-Oxum is not bytes.files: {value[:60]!r}.", line)
        elif key == "bag-count":
            count = _COUNT.fullmatch(value)
            if count is None:
                findings.warning("bag-count", at, f'Bag-Count is not as "1 of 3" or "1 of ?": {value[:60]!r}.', line)
            elif int(count[1]) < 1 or (count[2] is not None and int(count[1]) > int(count[2])):
                findings.warning("bag-count", info.name, f"Bag-Count contradicts itself: {value[:60]!r}.", line)
        elif key == "bagging-date" and not _is_date(value):
            findings.warning("bagging-date", at, f"Bagging-Date is not a date as 2018-10-31: {value[:60]!r}.", line)
    oxums = {value for value, _ in info.all("Payload-Oxum")}
    if len(oxums) > 1 and not declared.strict:
        _, line = info.all("Payload-Oxum")[-1]
        findings.error("oxum", info.name, "The Payload-Oxums contradict each other.", line)
    if info.lacks is not None:
        value, line = info.lacks
        findings.warning("incomplete", info.name, f"The bag says that it lacks something: {value[:200]}.", line)


def _is_date(value: str) -> bool:
    try:
        return bool(date.fromisoformat(value)) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) is not None
    except ValueError:
        return False
