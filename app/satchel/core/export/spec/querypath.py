"""ERMrest's data paths, taken apart as far as checking and counting specs takes it.

`/attribute/A:=eye:Subject/Sex=female/V:=(A:RID)=(eye:Visit:Subject)/RID,Day:=V:Date@sort(RID)?limit=10` is an api,
elements (tables, links, filters, resets), a projection, a sort and parameters (https://docs.derivacloud.org).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

APIS = ("entity", "attribute", "attributegroup", "aggregate")
Kind = Literal["table", "link", "filter", "reset"]
_ALIAS = re.compile(r"(?P<alias>[^:/()=;&,]+):=(?P<rest>.*)", re.DOTALL)
_SIDE = re.compile(r"(?:(?P<how>left|right|full))?\((?P<left>[^()]*)\)(?:=\((?P<right>[^()]*)\))?")
_FILTER = re.compile(r"=|::|[;&!]")


class PathError(ValueError):
    """A path makes no sense. The message says where."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a path, names unescaped."""

    kind: Kind
    text: str
    alias: str | None = None
    table: tuple[str | None, str] | None = None
    """Schema, where it is named, and table that the element goes to, where it says so."""
    columns: tuple[tuple[str, ...], ...] = ()
    """Column names that it mentions, with what stands before them."""


@dataclass(frozen=True, slots=True)
class Projected:
    """One column of an answer."""

    name: str
    """Under which it comes."""
    column: str
    """What it is of: a column, `*`, or for functions the column inside."""
    alias: str | None = None
    function: str | None = None


@dataclass(frozen=True, slots=True)
class QueryPath:
    """A data path."""

    api: str
    elements: tuple[Element, ...]
    raw: tuple[str, ...]
    """The elements as they stand."""
    projection: tuple[Projected, ...] = ()
    keys: int = 0
    """How many of the projection are the keys of groups."""
    sort: tuple[str, ...] = ()
    limit: int | None = None
    """None: none, or not said."""
    parameters: tuple[str, ...] = field(default=())

    @property
    def base(self) -> str:
        """The path without api, projection, sort and parameters."""
        return "/".join(self.raw)


def parse(path: str) -> QueryPath:
    """Take a path apart.

    Args:
        path: below the catalog, beginning with a slash, placeholders filled.

    Raises:
        PathError: it is no data path.
    """
    if not path.startswith("/"):
        raise PathError("it does not begin with a slash")
    head, _, query = path.partition("?")
    parts = head[1:].split("/")
    api = parts.pop(0)
    if api not in APIS:
        raise PathError(f"there is no api {api!r}: it begins with /{', /'.join(APIS)}")
    if not parts or not parts[0]:
        raise PathError("it names no table")
    parts, sort = _sorted(parts)
    raw = list(parts)
    shown: str | None = None
    if api != "entity":
        if len(raw) < 2:
            raise PathError(f"/{api}/ needs columns behind its path")
        shown = raw.pop()
    elements = tuple(_element(part, first=n == 0) for n, part in enumerate(raw))
    projection, keys = _projection(shown, api) if shown is not None else ((), 0)
    parameters = tuple(p for p in re.split("[&;]", query) if p)
    limits = [p.partition("=")[2] for p in parameters if p.lower().startswith("limit=")]
    limit = int(limits[-1]) if limits and limits[-1].isdigit() else None
    return QueryPath(api, elements, tuple(raw), projection, keys, sort, limit, parameters)


def _sorted(parts: list[str]) -> tuple[list[str], tuple[str, ...]]:
    last = parts[-1]
    bare, at, rest = last.partition("@")
    if not at:
        return parts, ()
    match = re.match(r"sort\(([^()]*)\)", rest)
    if not match:
        raise PathError(f"@{rest[:30]} is no sort")
    columns = tuple(unquote(c.partition("::")[0]) for c in match[1].split(",") if c)
    return [*parts[:-1], bare], columns


def _element(part: str, *, first: bool) -> Element:
    if not part:
        raise PathError("there are two slashes in a row")
    alias: str | None = None
    rest = part
    match = _ALIAS.fullmatch(part)
    if match and not part.startswith("("):
        alias, rest = unquote(match["alias"]), match["rest"]
    if rest.startswith("$"):
        return Element("reset", part, unquote(rest[1:]))
    side = _SIDE.fullmatch(rest)
    if side:
        return _link(part, alias, side)
    if alias is None and not first and _FILTER.search(rest.replace(":=", "")) and not _is_table(rest):
        return Element("filter", part, None, None, tuple(_filtered(rest)))
    if alias is None and first and not _is_table(rest):
        raise PathError(f"{part[:40]!r} is no table")
    if not _is_table(rest):
        raise PathError(f"{part[:40]!r} is neither table, link nor filter")
    names = [unquote(name) for name in rest.split(":")]
    return Element("table", part, alias, (names[0], names[1]) if len(names) == 2 else (None, names[0]))


def _is_table(text: str) -> bool:
    return re.fullmatch(r"[^:=;&!()@?,]+(:[^:=;&!()@?,]+)?", text) is not None


def _link(part: str, alias: str | None, side: re.Match[str]) -> Element:
    left = [tuple(map(unquote, c.split(":"))) for c in side["left"].split(",") if c]
    if side["right"] is None:
        if any("=" in name or "::" in "".join(c) for c in left for name in c):
            return Element("filter", part)
        first = left[0] if left else ()
        return Element("link", part, alias, (first[0], first[1]) if len(first) == 3 else None, tuple(left))
    right = [tuple(map(unquote, c.split(":"))) for c in side["right"].split(",") if c]
    if not left or len(left) != len(right):
        raise PathError(f"{part[:60]!r} links {len(left)} columns to {len(right)}")
    goal = right[0]
    table: tuple[str | None, str] | None = None
    if len(goal) == 3:
        table = (goal[0], goal[1])
    elif len(goal) == 2:
        table = (None, goal[0])
    return Element("link", part, alias, table, (*left, *right))


def _filtered(text: str) -> list[tuple[str, ...]]:
    """The columns that a filter looks at."""
    found = []
    for term in re.split("[;&]", text):
        bare = term.lstrip("!(").rstrip(")")
        match = re.match(r"([^=]+?)(?:=|::[a-z]+::)", bare)
        if match and "*" not in match[1]:
            found.append(tuple(map(unquote, match[1].split(":"))))
    return found


def _projection(text: str, api: str) -> tuple[tuple[Projected, ...], int]:
    if not text:
        raise PathError("it names no columns")
    groups = re.split(r";(?![^()]*\))", text) if api == "attributegroup" else [text]
    found: list[Projected] = []
    keys = 0
    for number, group in enumerate(groups[:2]):
        for column in filter(None, _commas(group)):
            found.append(_projected(column))
            keys += number == 0
    return tuple(found), keys if api == "attributegroup" else 0


def _commas(text: str) -> list[str]:
    return re.split(r",(?![^()]*\))", text)


def _projected(text: str) -> Projected:
    name, assigned, rest = text.partition(":=")
    if not assigned:
        name, rest = "", text
    function = re.fullmatch(r"([a-z_]+)\((.*)\)", rest)
    inner = function[2].partition(";")[0] if function else rest
    alias, colon, column = inner.rpartition(":")
    return Projected(
        name=unquote(name or column),
        column=unquote(column),
        alias=unquote(alias) if colon else None,
        function=function[1] if function else None,
    )
