"""bagit.txt: which version of BagIt a bag claims to be, and how its tag files are encoded (RFC 8493, 2.1.1)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from satchel.core.bags.manifests import lines
from satchel.core.bags.places import is_file
from satchel.core.bags.problems import Findings

NAME = "bagit.txt"
KNOWN = ("0.93", "0.94", "0.95", "0.96", "0.97", "1.0")
_VERSION = re.compile(r"BagIt-Version: ([0-9]{1,4})\.([0-9]{1,4})")
_ENCODING = re.compile(r"Tag-File-Character-Encoding: (\S+)")
# The drafts before 1.0 wrote it with other capitals in their examples and did not forbid more space.
_OLD_VERSION = re.compile(r"bagit-version[ \t]*:[ \t]*([0-9]{1,4})\.([0-9]{1,4})[ \t]*", re.IGNORECASE)
_OLD_ENCODING = re.compile(r"tag-file-character-encoding[ \t]*:[ \t]*(\S+)[ \t]*", re.IGNORECASE)
_NO_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})
"""Python's encodings that are none of text files; some of them take quadratic time."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What bagit.txt says."""

    version: tuple[int, int]
    encoding: str

    @property
    def text(self) -> str:
        """For example "1.0"."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def info_name(self) -> str:
        """The file that says what the bag is; before 0.96 it was another (draft-kunze-bagit-02)."""
        return "bag-info.txt" if self.version >= (0, 96) else "package-info.txt"

    @property
    def strict(self) -> bool:
        """Whether it is 1.0 (RFC 8493) or later, which demands more than the drafts before it."""
        return self.version >= (1, 0)


def read_declaration(bag: Path, findings: Findings) -> Declaration | None:
    """Read bagit.txt; None, and an error in `findings`, where it cannot be understood."""
    if not is_file(bag / NAME):
        findings.error("not-a-bag", NAME, "There is no bagit.txt: this folder is not a bag.")
        return None
    with (bag / NAME).open("rb") as file:
        found = [line for _, line in zip(range(4), lines(file), strict=False)]
    for line in found:
        if line.problem:
            findings.error("malformed", NAME, f"Line {line.number} of bagit.txt {line.problem}.", line.number)
    if found and found[0].marked:
        findings.error("malformed", NAME, "bagit.txt begins with a byte order mark, which it must not have.", 1)
    texts = [line.text for line in found] + ["", ""]
    version = _VERSION.fullmatch(texts[0]) or _OLD_VERSION.fullmatch(texts[0])
    old = version is not None and (int(version[1]), int(version[2])) < (1, 0)
    if version is None or not (old or _VERSION.fullmatch(texts[0])):
        findings.error("malformed", NAME, "Line 1 of bagit.txt is not a version such as BagIt-Version: 1.0.", 1)
        return None
    encoding = _ENCODING.fullmatch(texts[1]) or (_OLD_ENCODING.fullmatch(texts[1]) if old else None)
    if encoding is None:
        findings.error("malformed", NAME, "Line 2 of bagit.txt is not Tag-File-Character-Encoding: and an encoding.", 2)
        return None
    if not (_VERSION.fullmatch(texts[0]) and _ENCODING.fullmatch(texts[1])):
        findings.warning("declaration-form", NAME, "bagit.txt is not written as BagIt 1.0 wants it.", 1)
    if any(line.text for line in found[2:]) or (not old and len(found) > 2):
        findings.error("malformed", NAME, "bagit.txt has more than two lines.", 3)
    elif len(found) > 2:
        findings.warning("declaration-form", NAME, "bagit.txt has more than two lines; they hold nothing.", 3)
    if not _is_encoding(encoding[1]):
        findings.error("malformed", NAME, f"{encoding[1][:40]!r} is not an encoding that is known here.", 2)
        return None
    found_version = Declaration((int(version[1]), int(version[2])), encoding[1])
    if found_version.version > (1, 0):
        findings.warning("version", NAME, f"BagIt {found_version.text} is newer than this program knows.", 1)
    elif found_version.text not in KNOWN:
        findings.warning("version", NAME, f"There was no BagIt {found_version.text}; it is checked as 0.97.", 1)
    return found_version


def _is_encoding(name: str) -> bool:
    try:
        known = codecs.lookup(name)
        b"a".decode(name, "replace")
    except (LookupError, ValueError):
        return False
    return known.name.replace("_", "-") not in _NO_TEXT
