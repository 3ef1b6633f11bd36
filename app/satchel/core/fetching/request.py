"""What to fetch into a bag, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from satchel.core.bags.validate import ValidateResult
from satchel.core.jobs.request import Request, Result

Check = Literal["none", "completeness", "fast", "full"]


class MaterializeRequest(Request, tag="materialize", frozen=True, kw_only=True):
    """Fetch the files that a bag lists in fetch.txt and does not hold."""

    path: str
    only: tuple[str, ...] = ()
    """Patterns of paths below the bag, with or without `data/`, as a shell's: `*` is any letters, `/` too."""
    pick: tuple[str, ...] = ()
    """Files and folders by their paths; where any is named, nothing else is fetched."""
    skip: tuple[str, ...] = ()
    """Files and folders that are not fetched. Of both, the one nearer to a file counts."""
    largest: int | None = None
    """Bytes; larger files stay where they are. Those of unknown size are fetched up to it."""
    repair: bool = False
    """Fetch also what is here and not what the manifests say."""
    hosts: tuple[str, ...] = ()
    """Servers to sign in to besides the one that the bag names; the first is what relative addresses are of where the
    bag names none."""
    allow_private: bool = False
    """Fetch from this computer and from its local network, too."""
    check: Check = "fast"
    """How the bag is checked once nothing is missing."""

    @property
    def title(self) -> str:
        """For example "Fetch the files of 1_Study_1-ABCD"."""
        return f"Fetch the files of {Path(self.path).name or self.path}"


class FileProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be fetched."""

    code: str
    """`not-found`, `not-signed-in`, `not-allowed`, `unreachable`, `untrusted`, `server`, `checksum`, `length`,
    `refused`, `private-address`, `unsafe-path`, `malformed`, `not-listed`, `link`, `unwritable`."""
    path: str
    message: str
    url: str = ""
    """Without what may be secret in it."""
    line: int | None = None


class MaterializeResult(Result, tag="materialize", frozen=True, kw_only=True):
    """What was fetched, and what is still missing."""

    path: str
    fetched: int
    bytes: int
    """Of the files that were fetched and verified."""
    already: int
    """Files of fetch.txt that were here before."""
    left: int
    """Files that were not asked for and are not here."""
    problem_count: int
    problems: tuple[FileProblem, ...]
    complete: bool
    """Everything that fetch.txt lists is here."""
    valid: bool | None
    """What the check found; None where there was none."""
    validation: ValidateResult | None = None
