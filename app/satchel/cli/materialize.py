"""`satchel materialize`."""

from __future__ import annotations

import argparse
from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.core.fetching.request import MaterializeRequest, MaterializeResult
from satchel.core.jobs.request import Access
from satchel.core.words import count, size

TOLD = 20
"""Problems that are told one by one; --json has all."""


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("path", type=path, metavar="PATH", help="the bag's folder")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GLOB",
        help="fetch only files whose path is like this, as 'assets/Image/*'; may be given again",
    )
    parser.add_argument(
        "--pick",
        action="append",
        default=[],
        metavar="PATH",
        help="fetch only this file, or what is in this folder of the bag; may be given again",
    )
    parser.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="PATH",
        help="leave out this file or folder; of --pick and --skip the one nearer to a file counts",
    )
    parser.add_argument("--largest", type=_bytes, metavar="BYTES", help="leave larger files where they are")
    parser.add_argument("--repair", action="store_true", help="fetch also what is here and was changed or damaged")
    parser.add_argument(
        "--full",
        action="store_true",
        help="make it a bag that fetches nothing: once all is here and every checksum is right, remove fetch.txt",
    )
    parser.add_argument(
        "--check",
        choices=("none", "completeness", "fast", "full"),
        default="fast",
        help="how the bag is checked at the end, as by `satchel validate` (default fast: what was fetched is verified "
        "in any case)",
    )
    parser.add_argument_group("servers")
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="HOST",
        help="sign in to this server, too, and trust it to be where it is; may be given again",
    )
    parser.add_argument(
        "--allow-private", action="store_true", help="fetch from this computer and from its local network, too"
    )
    parser.add_access()
    parser.set_defaults(run=materialize)


def request_of(options: Namespace) -> MaterializeRequest:
    """The request that the options stand for. Raises SatchelError where they do not make sense."""
    from satchel.core.deriva.session import host_name

    return MaterializeRequest(
        path=options.path,
        only=tuple(options.only),
        pick=tuple(options.pick),
        skip=tuple(options.skip),
        largest=options.largest,
        repair=options.repair,
        hosts=tuple(host_name(host) for host in options.host),
        allow_private=options.allow_private,
        check=options.check,
        full=options.full,
        access=Access(ca=tuple(options.ca), credential=options.credential),
    )


def materialize(options: Namespace, output: Output) -> int:
    """Fetch what the bag lacks."""
    from satchel.cli.job import run_request

    return run_request(request_of(options), output)


def _bytes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes")
    return int(text)


def told(result: MaterializeResult) -> str:
    """What came of it, for people."""
    lines = [f"Missing: {problem.message}" for problem in result.problems[:TOLD]]
    if result.problem_count > TOLD:
        lines.append(f"Missing: {result.problem_count - TOLD:,} more; --json tells all.")
    here = f", {count(result.already, 'files')} were here" if result.already else ""
    lines.append(f"Fetched and verified {count(result.fetched, 'files')} ({size(result.bytes)}){here}.")
    if result.left:
        lines.append(f"{count(result.left, 'files')} were not asked for and are still missing.")
    if result.validation is not None:
        from satchel.cli.validate import told as checked

        lines.append(checked(result.validation))
    elif result.problem_count:
        lines.append(f"{result.path}: NOT complete. The same command fetches again what failed, and nothing else.")
    return "\n".join(lines)
