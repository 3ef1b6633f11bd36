"""What a bag's tag files say, read as streams, without judging it (`satchel.core.bags.validate` does)."""

from __future__ import annotations

import codecs
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from satchel.core.bags.manifests import ALGORITHMS, Entry, Fetch, lines, payload_safe, read_entry, read_fetch
from satchel.core.errors import Kind, SatchelError

PARTS = ".satchel-fetch"
"""The folder in a bag that holds files which are being fetched. It is no part of the bag."""
MOST_INFO = 1 << 20
"""Characters of bag-info.txt that are kept."""
_VERSION = re.compile(r"\s*BagIt-Version\s*:\s*([0-9]{1,4}\.[0-9]{1,4})\s*")
_ENCODING = re.compile(r"\s*Tag-File-Character-Encoding\s*:\s*(\S+)\s*")
_MANIFEST = re.compile(r"(tag)?manifest-([A-Za-z0-9_-]+)\.txt")


@dataclass(frozen=True, slots=True)
class Bag:
    """A folder that says that it is a bag."""

    folder: Path
    version: str
    encoding: str
    """Of its tag files."""
    manifests: dict[str, Path]
    """Payload manifests by algorithm in lower case, those too that cannot be computed here."""
    tag_manifests: dict[str, Path]

    @property
    def old(self) -> bool:
        """Whether it is of before BagIt 1.0, when a percent sign in a path stood for itself."""
        return self.version.startswith("0.")

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Those of the payload manifests that can be computed here."""
        return tuple(a for a in sorted(self.manifests) if a in ALGORITHMS)

    def info(self) -> list[tuple[str, str]]:
        """The fields of bag-info.txt in order, continued lines joined; what is no field is left out."""
        path = self.folder / "bag-info.txt"
        found: list[tuple[str, str]] = []
        if not is_file(path):
            return found
        kept = 0
        with path.open("rb") as file:
            for line in lines(file, self.encoding):
                kept += len(line.text)
                if kept > MOST_INFO:
                    break
                if line.problem or not line.text.strip():
                    continue
                if line.text[0].isspace() and found:
                    label, value = found[-1]
                    found[-1] = label, f"{value} {line.text.strip()}"
                    continue
                label, colon, value = line.text.partition(":")
                if colon:
                    found.append((label.strip(), value.strip()))
        return found

    def entries(self, algorithm: str) -> Iterator[Entry | str]:
        """The lines of a payload manifest, with paths made plain, or what is wrong with one. Blocking.

        Raises:
            OSError: it cannot be read.
        """
        path = self.manifests[algorithm]
        with path.open("rb") as file:
            for line in lines(file, self.encoding):
                if not line.text and not line.problem:
                    continue
                entry = read_entry(line, algorithm, old=self.old)
                if isinstance(entry, str):
                    yield f"Line {line.number} of {path.name} {entry}."
                elif (reason := payload_safe(entry.path)) is not None:
                    yield f"Line {line.number} of {path.name} lists a path that {reason}."
                else:
                    yield Entry(entry.number, entry.digest, posixpath.normpath(entry.path))

    def fetches(self) -> Iterator[Fetch | tuple[int, str, str]]:
        """The lines of fetch.txt, with paths made plain; or number, path and fault of one. Blocking.

        Raises:
            OSError: it cannot be read.
        """
        path = self.folder / "fetch.txt"
        if not is_file(path):
            return
        with path.open("rb") as file:
            for line in lines(file, self.encoding):
                if not line.text and not line.problem:
                    continue
                found = read_fetch(line, old=self.old)
                if isinstance(found, str):
                    yield line.number, "", f"Line {line.number} of fetch.txt {found}."
                elif (reason := payload_safe(found.path)) is not None:
                    yield line.number, found.path, f"Line {line.number} of fetch.txt has a path that {reason}."
                else:
                    yield Fetch(found.number, found.url, found.length, posixpath.normpath(found.path))


def open_bag(folder: Path) -> Bag:
    """Read the declaration of a bag's folder and find its manifests. Blocking.

    Raises:
        SatchelError: there is no such folder, or it is not a bag.
    """
    if not folder.is_dir():
        if folder.exists():
            raise SatchelError(
                Kind.USAGE,
                f"{folder} is a file.",
                f"If it is a bag's archive, extract it first: satchel extract {folder}",
            )
        raise SatchelError(Kind.FILES, f"There is no {folder}.", "Check the name.")
    declaration = folder / "bagit.txt"
    if not is_file(declaration):
        raise SatchelError(
            Kind.INVALID, f"{folder} is not a bag: it has no bagit.txt.", "Name the folder in which bagit.txt is."
        )
    with declaration.open("rb") as file:
        texts = [line.text for _, line in zip(range(4), lines(file), strict=False)]
    version = next((m[1] for t in texts if (m := _VERSION.fullmatch(t))), "")
    if not version:
        raise SatchelError(
            Kind.INVALID,
            f"The bagit.txt of {folder} does not say a version.",
            f"`satchel validate {folder}` tells what is wrong with it.",
        )
    encoding = next((m[1] for t in texts if (m := _ENCODING.fullmatch(t))), "utf-8")
    try:
        codecs.lookup(encoding)
        b"a".decode(encoding, "replace")
    except (LookupError, ValueError):
        raise SatchelError(
            Kind.INVALID, f"The tag files of {folder} are in {encoding[:40]!r}, which is not known here."
        ) from None
    found: dict[bool, dict[str, Path]] = {False: {}, True: {}}
    with os.scandir(folder) as listed:
        for entry in sorted(listed, key=lambda e: e.name):
            match = _MANIFEST.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                found[bool(match[1])][match[2].lower()] = Path(entry.path)
    return Bag(folder, version, encoding, found[False], found[True])


def is_file(path: Path) -> bool:
    """Whether there is a file, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def inside(bag: Path, path: str, checked: set[str] | None = None) -> str | None:
    """Why a file of a bag must not be reached: a link or a file stands where a folder on the way to it should be.

    Args:
        bag: the folder.
        path: of the file, below it, safe by its letters.
        checked: folders that were found to be ones before; added to.

    Returns:
        A sentence's end; None where nothing is in the way. Folders that are not there are nothing in the way.
    """
    place = ""
    for part in path.split("/")[:-1]:
        place = f"{place}/{part}" if place else part
        if checked is not None and place in checked:
            continue
        try:
            mode = (bag / place).lstat().st_mode
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"cannot be reached: {error.strerror}"
        if stat.S_ISLNK(mode):
            return f"is behind the link {place}, and none is followed"
        if not stat.S_ISDIR(mode):
            return f"is below {place}, which is not a folder"
        if checked is not None:
            checked.add(place)
    return None
