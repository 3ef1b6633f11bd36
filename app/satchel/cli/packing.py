"""`satchel archive` and `satchel extract`."""

from __future__ import annotations

from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.core.bags.packing import ArchiveRequest, ArchiveResult
from satchel.core.bags.unpacking import ExtractRequest, ExtractResult
from satchel.core.words import count, size


def define(parser: Parser) -> None:
    """The options of either."""
    if parser.command == "archive":
        parser.add_argument("path", type=path, metavar="PATH", help="the bag's folder")
        parser.add_argument("--format", choices=("zip", "tgz"), default="zip", help="default zip")
        parser.add_argument(
            "--out", type=path, metavar="FILE", help="the archive (otherwise beside the folder, named as it is)"
        )
        parser.set_defaults(run=archive)
    else:
        parser.add_argument("path", type=path, metavar="PATH", help="the archive: zip, tar, tgz, tar.bz2, tar.xz")
        parser.add_argument(
            "--into", type=path, metavar="DIR", help="where the bag's folder goes (otherwise beside the archive)"
        )
        parser.set_defaults(run=extract)


def archive_of(options: Namespace) -> ArchiveRequest:
    """The request that the options stand for."""
    return ArchiveRequest(path=options.path, format=options.format, out=options.out)


def extract_of(options: Namespace) -> ExtractRequest:
    """The request that the options stand for."""
    return ExtractRequest(path=options.path, into=options.into)


def archive(options: Namespace, output: Output) -> int:
    """Pack the bag."""
    from satchel.cli.job import run_request

    return run_request(archive_of(options), output)


def extract(options: Namespace, output: Output) -> int:
    """Unpack the bag."""
    from satchel.cli.job import run_request

    return run_request(extract_of(options), output)


def packed(result: ArchiveResult) -> str:
    """The archive, for people: its name alone on the first line."""
    return (
        f"{result.archive}\n{count(result.files, 'files')}, {size(result.unpacked)}, packed into {size(result.bytes)}."
    )


def unpacked(result: ExtractResult) -> str:
    """The bag, for people: its name alone on the first line."""
    return f"{result.bag}\n{count(result.files, 'files')}, {size(result.bytes)}. Nothing of it was checked yet."
