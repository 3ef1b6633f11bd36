"""`satchel cache`: the bags that were made before and are kept."""

from __future__ import annotations

import re
from argparse import Namespace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from satchel.cli.output import Output
from satchel.cli.parser import Parser
from satchel.cli.tables import columns
from satchel.core.errors import Kind, SatchelError
from satchel.core.words import count, size

if TYPE_CHECKING:
    from satchel.core.export.cache.store import Cache, Entry

ACTIONS = ("list", "verify", "pin", "unpin", "delete", "limit")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="default: list")
    parser.add_argument(
        "what",
        nargs="*",
        metavar="KEY|SIZE",
        help="bags, by their keys or the beginnings of these; for limit a size such as 20GB, or none",
    )
    parser.add_argument("--all", action="store_true", help="delete: all that are not pinned")
    parser.set_defaults(run=cache)


def cache(options: Namespace, output: Output) -> int:
    """Do what is asked."""
    from satchel.core.export.cache.store import Cache
    from satchel.core.paths import Home

    kept = Cache(Home.find())
    match options.action:
        case "list":
            return _list(kept, options, output)
        case "limit":
            return _limit(kept, options, output)
        case "verify":
            return _verify(kept, options, output)
        case "delete":
            return _delete(kept, options, output)
    return _pin(kept, options, output)


def _pin(kept: Cache, options: Namespace, output: Output) -> int:
    pinned = options.action == "pin"
    entries = _named(kept, options)
    for entry in entries:
        kept.pin(entry.key, pinned)
    said = "kept whatever the limit" if pinned else "no longer pinned"
    output.result(
        {"result": "cache-pin", "keys": [entry.key for entry in entries], "pinned": pinned},
        lambda: "\n".join(f"{entry.key} is {said}." for entry in entries),
    )
    return 0


def _list(kept: Cache, options: Namespace, output: Output) -> int:
    entries = _named(kept, options) if options.what else kept.entries()
    limit, whole = kept.settings().limit, kept.size()
    values = [
        {k: v for k, v in msgspec.to_builtins(entry).items() if k not in ("result", "pieces")} for entry in entries
    ]

    def text() -> str:
        if not entries:
            return "No bags are kept."
        rows = [("key", "size", "used", "", "what")]
        rows += [
            (e.key, size(e.bytes), _when(e.used), "pinned" if e.pinned else "", f"{e.title} ({e.snapshot})")
            for e in entries
        ]
        return f"{columns(rows, right=(1,))}\n\n{count(len(entries), 'bags')}, {size(whole)} of {_said(limit)}."

    output.result(
        {"result": "cache", "folder": str(kept.folder), "bytes": whole, "limit": limit, "entries": values}, text
    )
    return 0


def _verify(kept: Cache, options: Namespace, output: Output) -> int:
    entries = _named(kept, options) if options.what else kept.entries()
    found = {entry.key: kept.verify(entry.key) for entry in entries}
    for key, wrong in found.items():
        if wrong:
            kept.delete(key)

    def text() -> str:
        if not found:
            return "No bags are kept."
        lines = [f"{key}: {'as it was made' if not wrong else 'DAMAGED, removed'}" for key, wrong in found.items()]
        lines += [f"  {line}" for wrong in found.values() for line in wrong[:10]]
        return "\n".join(lines)

    values = [{"key": key, "valid": not wrong, "errors": wrong} for key, wrong in found.items()]
    output.result({"result": "cache-verify", "entries": values}, text)
    return 1 if any(found.values()) else 0


def _delete(kept: Cache, options: Namespace, output: Output) -> int:
    if options.all and options.what:
        raise SatchelError(Kind.USAGE, "Give keys or --all, not both.")
    entries = [e for e in kept.entries() if not e.pinned] if options.all else _named(kept, options)
    freed = sum(kept.delete(entry.key) for entry in entries)
    output.result(
        {"result": "cache-delete", "deleted": [entry.key for entry in entries], "bytes": freed},
        lambda: f"{count(len(entries), 'bags')} removed, {size(freed)} freed.",
    )
    return 0


def _limit(kept: Cache, options: Namespace, output: Output) -> int:
    freed = 0
    if len(options.what) > 1:
        raise SatchelError(Kind.USAGE, "One size is enough.", "For example: satchel cache limit 20GB")
    if options.what:
        freed = kept.set_limit(read_size(options.what[0]))
    limit = kept.settings().limit
    output.result(
        {"result": "cache-limit", "limit": limit, "bytes": kept.size(), "freed": freed},
        lambda: (
            f"Bags are kept up to {_said(limit)}; {size(kept.size())} are there."
            + (f" {size(freed)} were freed." if freed else "")
        ),
    )
    return 0


def read_size(text: str) -> int | None:
    """Bytes of a size as people write it; None for "none". Raises SatchelError."""
    if text.strip().lower() in ("none", "no", "unlimited"):
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise SatchelError(Kind.USAGE, f"{text!r} is not a size.", "Write it as in 500MB or 20GB, or none.")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _named(kept: Cache, options: Namespace) -> list[Entry]:
    """The entries that are named by their keys or the beginnings of these."""
    if not options.what:
        raise SatchelError(Kind.USAGE, "Which bag is missing.", "Name its key; `satchel cache list` shows them.")
    entries = kept.entries()
    found = []
    for text in options.what:
        fitting = [entry for entry in entries if entry.key.startswith(text)]
        if len(fitting) != 1:
            what = f"There is no cached bag {text}." if not fitting else f"{text} may be any of {len(fitting)} bags."
            raise SatchelError(
                Kind.NOT_FOUND if not fitting else Kind.USAGE, what, "`satchel cache list` shows them all."
            )
        found.append(fitting[0])
    return found


def _said(limit: int | None) -> str:
    return "what the disk holds" if limit is None else f"{size(limit)} at most"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
