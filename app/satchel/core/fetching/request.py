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
    full: bool = False
    """Make it a bag that fetches nothing: once all is here and every checksum is right, fetch.txt goes."""

    @property
    def title(self) -> str:
        """For example "Fetch the files of 1_Study_1-ABCD"."""
        return f"Fetch the files of {Path(self.path).name or self.path}"


class FileProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be fetched."""

    code: str
    """`not-found`, `not-allowed`, `unreachable`, `untrusted`, `server`, `checksum`, `length`,
    `refused`, `private-address`, `unsafe-path`, `malformed`, `not-listed`, `link`, `unwritable`; `sign-in-needed`: the
    server `host` asks who one is, and would perhaps give it to somebody who has signed in."""
    path: str
    message: str
    url: str = ""
    """Without what may be secret in it."""
    line: int | None = None
    host: str = ""
    """The server that refused it; where it is known."""


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
    full: bool = False
    """It had no fetch.txt in the end, where that was asked for."""

    @property
    def sign_in(self) -> tuple[str, ...]:
        """Servers that asked who one is."""
        return tuple(sorted({p.host for p in self.problems if p.code == "sign-in-needed" and p.host}))


def retry(request: MaterializeRequest, result: MaterializeResult) -> MaterializeRequest:
    """What fetches again those files alone that could not be had; all that are missing where those are too many to be
    in the result."""
    if result.problem_count > len(result.problems):
        return request
    paths = tuple(dict.fromkeys(problem.path for problem in result.problems if problem.path))
    return msgspec.structs.replace(request, pick=paths, only=(), skip=())


class HoleyRequest(Request, tag="holey", frozen=True, kw_only=True):
    """Leave files of a bag to servers that have them: they go, and fetch.txt says where they are."""

    path: str
    url: str = ""
    """Where the files are: the beginning of their addresses, to which a path below data/ is added; or an address with
    `{path}` in it, which stands for the path below the bag."""
    table: str | None = None
    """A list of files and addresses, as `satchel.core.bags.remote_list` reads it, in place of `url`."""
    only: tuple[str, ...] = ()
    """Patterns of paths, as `MaterializeRequest` has them."""
    smallest: int | None = None
    """Bytes; smaller files stay."""
    read: bool = False
    """Read each file from its server whole, and compare its checksums, however it is there."""
    hosts: tuple[str, ...] = ()
    allow_private: bool = False

    @property
    def title(self) -> str:
        """For example "Leave the files of 1_Study_1-ABCD to their servers"."""
        return f"Leave the files of {Path(self.path).name or self.path} to their servers"


class HoleyResult(Result, tag="holey", frozen=True, kw_only=True):
    """What was left to servers."""

    path: str
    files: int
    """That went, each after its server had answered for it."""
    bytes: int
    stayed: int
    """Files that were not asked for, or for which there is no address."""
    problem_count: int
    problems: tuple[FileProblem, ...]
    """Files that were asked for and stay, and why."""
    written: tuple[str, ...]
    """Tag files that were written."""
