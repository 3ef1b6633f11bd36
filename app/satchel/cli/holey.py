"""`satchel holey`."""

from __future__ import annotations

from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.core.fetching.request import HoleyRequest, HoleyResult
from satchel.core.jobs.request import Access
from satchel.core.words import count, size

TOLD = 20
"""Problems that are told one by one; --json has all."""


def define(parser: Parser) -> None:
    """Its options."""
    from satchel.cli.materialize import _bytes

    parser.add_argument("path", type=path, metavar="PATH", help="the bag's folder")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--url",
        default="",
        metavar="URL",
        help="where the files are: to this the path below data/ is added; or {path} in it stands for the whole path",
    )
    where.add_argument(
        "--table", type=path, metavar="FILE", help="a list of files and addresses, as `satchel bag --remote` reads it"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave only files whose path is like this to their servers; may be given again",
    )
    parser.add_argument("--smallest", type=_bytes, metavar="BYTES", help="keep smaller files")
    parser.add_argument(
        "--read",
        action="store_true",
        help="read each file from its server whole and compare its checksums (otherwise: its length, and the checksum "
        "that the server says)",
    )
    parser.add_argument_group("servers")
    parser.add_argument(
        "--host", action="append", default=[], metavar="HOST", help="sign in to this server, too; may be given again"
    )
    parser.add_argument("--allow-private", action="store_true", help="ask this computer and its local network, too")
    parser.add_access()
    parser.set_defaults(run=holey)


def request_of(options: Namespace) -> HoleyRequest:
    """The request that the options stand for. Raises SatchelError where they do not make sense."""
    from satchel.core.deriva.session import host_name

    return HoleyRequest(
        path=options.path,
        url=options.url,
        table=options.table,
        only=tuple(options.only),
        smallest=options.smallest,
        read=options.read,
        hosts=tuple(host_name(host) for host in options.host),
        allow_private=options.allow_private,
        access=Access(ca=tuple(options.ca), credential=options.credential),
    )


def holey(options: Namespace, output: Output) -> int:
    """Leave files to servers."""
    from satchel.cli.job import run_request

    return run_request(request_of(options), output)


def told(result: HoleyResult) -> str:
    """What came of it, for people."""
    lines = [problem.message for problem in result.problems[:TOLD]]
    if result.problem_count > TOLD:
        lines.append(f"{result.problem_count - TOLD:,} more; --json tells all.")
    went = f"{count(result.files, 'files')} ({size(result.bytes)}) are in fetch.txt now and no longer here"
    lines.append(f"{result.path}: {went}; {count(result.stayed + result.problem_count, 'files')} stay.")
    return "\n".join(lines)
