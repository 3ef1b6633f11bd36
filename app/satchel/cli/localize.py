"""`satchel localize`."""

from __future__ import annotations

import argparse
from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path, table
from satchel.core.clone.localize_request import LocalizeRequest, LocalizeResult
from satchel.core.jobs.request import Access
from satchel.core.words import count, size

TOLD = 20
"""Failures that are told one by one; --json has more of them."""


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_catalog()
    parser.add_argument("table", type=table, metavar="SCHEMA:TABLE", help="an asset table")
    parser.add_argument("rid", nargs="*", metavar="RID", help="only these rows (all rows where none is named)")
    parser.add_argument(
        "--source-host",
        metavar="HOST",
        help="the server that relative addresses belong to; without it they are taken for local",
    )
    parser.add_argument("--namespace", metavar="PATH", help="where in Hatrac the files go (default /hatrac/TABLE)")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be brought here")
    parser.add_argument(
        "--audit", type=path, metavar="FILE.csv", help="write a list of RID, old and new address of every changed row"
    )
    parser.add_argument("--chunk-size", type=_bytes, metavar="BYTES", help="of large files' pieces (default 5 MiB)")
    parser.add_argument(
        "--chunked-above", type=_bytes, metavar="BYTES", help="larger files go in pieces (default 100,000,000)"
    )
    parser.add_argument_group("servers")
    parser.add_access()
    parser.add_argument(
        "--source-credential", type=path, metavar="FILE", help="a credential file for the servers that files come from"
    )
    parser.set_defaults(run=localize)


def request_of(options: Namespace) -> LocalizeRequest:
    """The request that the options stand for. Raises SatchelError where they do not make sense."""
    from satchel.core.deriva.session import host_name

    given = {
        name: value
        for name, value in (("chunk", options.chunk_size), ("chunked_above", options.chunked_above))
        if value is not None
    }
    ca = tuple(options.ca)
    return LocalizeRequest(
        host=host_name(options.host),
        catalog=options.catalog,
        table=options.table,
        rids=tuple(options.rid),
        source_host=host_name(options.source_host) if options.source_host else None,
        namespace=options.namespace,
        dry_run=options.dry_run,
        audit=options.audit,
        access=Access(ca=ca, credential=options.credential),
        source_access=Access(ca=ca, credential=options.source_credential) if options.source_credential else Access(),
        **given,
    )


def localize(options: Namespace, output: Output) -> int:
    """Bring assets into the catalog's own Hatrac."""
    from satchel.cli.job import run_request

    return run_request(request_of(options), output)


def _bytes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes")
    return int(text)


_WHY = {
    "local": "are local already",
    "no-url": "have no address",
    "no-such-row": "are not there",
    "not-hatrac": "have addresses that are not of a Deriva server's Hatrac",
}


def told(result: LocalizeResult) -> str:
    """What came of it, for people."""
    lines = [f"Failed: {message}" for message in result.errors[:TOLD]]
    if result.failed > TOLD:
        lines.append(f"Failed: {result.failed - TOLD:,} more; --json tells them.")
    done = "Would bring" if result.dry_run else "Brought"
    lines.append(
        f"{done} {count(result.processed, 'assets')} of {result.table} ({size(result.bytes)}) to {result.host}."
    )
    for why, number in result.skipped_why.items():
        lines.append(f"Left as they are: {number:,} that {_WHY.get(why, why)}.")
    if result.failed:
        lines.append("NOT all are local. The same command tries again what failed, and nothing else.")
    if result.audit:
        lines.append(f"The list of changes is in {result.audit}.")
    return "\n".join(lines)
