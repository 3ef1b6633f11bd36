"""`satchel catalogs`, `satchel tables` and `satchel resolve`: looking around on a server."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.cli.running import run
from satchel.cli.tables import columns
from satchel.core.errors import Kind, SatchelError
from satchel.core.flows.export import catalog_problems, record_problems
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    from satchel.core.deriva.model import Table

T = TypeVar("T")
_RID = re.compile(r"[0-9A-HJKMNP-TV-Z]+(-[0-9A-HJKMNP-TV-Z]+)*", re.IGNORECASE)


def define(parser: Parser) -> None:
    """Their options."""
    match parser.command:
        case "catalogs":
            parser.add_host()
            parser.set_defaults(run=catalogs)
        case "tables":
            parser.add_catalog()
            parser.set_defaults(run=tables)
        case "resolve":
            _resolve_options(parser)
            parser.set_defaults(run=resolve)
    parser.add_access()


def _resolve_options(parser: Parser) -> None:
    parser.add_argument(
        "words",
        nargs="+",
        metavar="ID | HOST CATALOG RID",
        help="an identifier in any form (minid:..., ark:/..., hdl:..., the address of its page, the file of a "
        "picture with its QR code), or a record's RID with host and catalog, which it may stand before",
    )
    what = parser.add_argument_group("identifiers")
    what.add_argument("--out", type=path, metavar="DIR", help="download what it names into this folder")
    what.add_argument(
        "--open",
        action="store_true",
        help="download and check it, as `satchel validate` does; without --out it is kept in Satchel's own folder",
    )
    what.add_argument(
        "--level",
        choices=("structure", "completeness", "fast", "full"),
        default="full",
        help="how thoroughly it is checked",
    )
    what.add_argument("--service", default="", metavar="URL", help="the identifier service to ask first")
    what.add_argument(
        "--allow-private", action="store_true", help="download from this computer and from its local network, too"
    )
    what.add_argument(
        "--any-size", action="store_true", help="check an archive even where it grows to more than 100 times its size"
    )


def access_of(options: Namespace) -> Access:
    """How the options want servers to be reached."""
    return Access(ca=tuple(options.ca), credential=options.credential)


def ask(question: Callable[[], Coroutine[Any, Any, T]], output: Output) -> T:
    """Run a question to a server. Raises SatchelError."""
    from satchel.core.jobs.trouble import explain

    async def work(_stop: object) -> T:
        try:
            return await question()
        except Exception as error:
            told = explain(error)
            if told is error or told.kind is Kind.INTERNAL:
                raise
            raise told from error

    return run(work, output)


def catalogs(options: Namespace, output: Output) -> int:
    """The catalogs of a server."""
    from satchel.core.deriva.browse import list_catalogs

    found = ask(lambda: list_catalogs(options.host, access_of(options)), output)
    values = [{"id": e.id, "title": e.title, "snapshot": e.snapshot or None, "accessible": e.accessible} for e in found]

    def text() -> str:
        if not found:
            return f"No catalog with a number was found on {options.host}. One with an alias is opened by that."
        rows = [(e.id, e.snapshot if e.accessible else "(not yours to see)", e.title) for e in found]
        return columns([("catalog", "snapshot", "title"), *rows])

    output.result({"result": "catalogs", "host": options.host, "catalogs": values}, text)
    return 0


def tables(options: Namespace, output: Output) -> int:
    """The tables of a catalog."""
    from satchel.core.deriva.browse import open_catalog

    for problem in catalog_problems(options.host, options.catalog):
        raise SatchelError(Kind.USAGE, problem.message)

    async def look() -> tuple[str, str, list[Table]]:
        async with await open_catalog(options.host, options.catalog, access_of(options)) as opened:
            return opened.info.title, opened.info.snapshot, sorted(opened.model, key=lambda table: table.name)

    title, snapshot, found = ask(look, output)
    values = [
        {
            "table": str(table.name),
            "title": table.display_name,
            "kind": kind_of(table),
            "columns": len(table.columns),
            "readable": table.selectable,
            "comment": table.comment,
        }
        for table in found
    ]

    def text() -> str:
        rows = [
            (str(t.name), kind_of(t) + ("" if t.selectable else ", hidden from you"), " ".join(t.comment.split()))
            for t in found
        ]
        head = f"{title}: catalog {options.catalog} on {options.host}, snapshot {snapshot}, {len(found)} tables"
        return f"{head}\n\n{columns([('table', 'kind', 'comment'), *rows])}"

    output.result(
        {
            "result": "tables",
            "host": options.host,
            "catalog": options.catalog,
            "title": title,
            "snapshot": snapshot,
            "tables": values,
        },
        text,
    )
    return 0


def kind_of(table: Table) -> str:
    """What sort of table it is."""
    if table.kind == "view":
        return "view"
    if table.is_vocabulary:
        return "vocabulary"
    if table.is_association:
        return "association"
    return "assets" if table.asset is not None else "table"


def resolve(options: Namespace, output: Output) -> int:
    """Which record a RID names, or what an identifier is."""
    if names_identifier(options.words):
        from satchel.cli.identifiers import resolve as receive

        return receive(options, output)
    if options.out or options.open:
        raise SatchelError(
            Kind.USAGE, "A record is not downloaded by --out or --open.", "`satchel export` makes a bag of it."
        )
    from satchel.core.deriva.browse import FoundRecord, find, open_catalog

    host, catalog, rid = place(options.words)

    async def look() -> FoundRecord:
        async with await open_catalog(host, catalog, access_of(options)) as opened:
            return await find(opened, rid)

    found = ask(look, output)
    location = f"https://{host}/ermrest/catalog/{catalog}/entity/{found.table.path}/RID={found.rid}"
    values = {
        "result": "resolve",
        "identifier": found.rid,
        "locations": [location],
        "checksum": None,
        "host": host,
        "catalog": catalog,
        "rid": found.rid,
        "table": str(found.table),
        "title": found.title,
    }
    output.result(values, lambda: f"{found.table}  {found.rid}  {found.title}\n{location}")
    return 0


def names_identifier(words: list[str]) -> bool:
    """Whether the words are of an identifier; else they are of a record."""
    from satchel.core.identifiers.names import find

    if len(words) == 1 and _RID.fullmatch(words[0]):
        return False
    return len(words) == 1 or find(" ".join(words)) is not None


def place(words: list[str]) -> tuple[str, str, str]:
    """Host, catalog and RID, of which the RID may stand first. Raises SatchelError."""
    if len(words) != 3:
        raise SatchelError(
            Kind.USAGE,
            "A RID alone does not say where it is." if len(words) == 1 else "That is not a host, a catalog and a RID.",
            "Say `satchel resolve HOST CATALOG RID`.",
        )
    first, second, third = words
    host_second = "." in second or ":" in second or second == "localhost"
    turned = _is_rid(first) and (host_second or not _is_rid(third) or ("-" in first and "-" not in third))
    host, catalog, rid = (second, third, first) if turned else (first, second, third)
    host = host.removeprefix("https://").rstrip("/")
    for problem in record_problems(host, catalog, rid.upper()):
        raise SatchelError(Kind.USAGE, problem.message)
    return host, catalog, rid.upper()


def _is_rid(word: str) -> bool:
    return _RID.fullmatch(word) is not None
