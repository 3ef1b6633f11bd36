"""`satchel bag` and `satchel rebag`."""

from __future__ import annotations

import argparse
from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.core.bags.making import BagRequest, BagResult
from satchel.core.bags.manifests import ALGORITHMS
from satchel.core.bags.rebagging import RebagRequest, RebagResult
from satchel.core.words import count, size


def define(parser: Parser) -> None:
    """The options of either."""
    if parser.command == "bag":
        parser.add_argument("path", type=path, metavar="FOLDER", help="what goes into the bag")
        parser.add_argument("--out", type=path, metavar="DIR", help="the folder in which the bag is to be")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--copy", dest="how", action="store_const", const="copy", help="copy the files (default)")
        how.add_argument(
            "--link", dest="how", action="store_const", const="link", help="hard links: no room, on the same disk"
        )
        how.add_argument(
            "--in-place", dest="how", action="store_const", const="in-place", help="move the files into FOLDER/data"
        )
        parser.add_argument("--name", help="the bag's name (otherwise the folder's)")
        parser.add_argument(
            "--remote",
            type=path,
            metavar="FILE",
            help="files by reference: JSON, as bdbag's remote file manifest, or CSV with url, length, filename, md5...",
        )
    else:
        parser.add_argument("path", type=path, metavar="PATH", help="the bag's folder")
        parser.add_argument(
            "--remove", action="append", default=[], metavar="LABEL", help="remove a field of bag-info; may be repeated"
        )
        parser.add_argument(
            "--remanifest", action="store_true", help="compute all checksums anew and list what is in data/ now"
        )
    parser.add_argument(
        "--info",
        action="append",
        default=[],
        type=_field,
        metavar="LABEL=VALUE",
        help="a field of bag-info.txt; may be given again",
    )
    parser.add_argument(
        "--algorithm",
        action="extend",
        nargs="+",
        choices=ALGORITHMS,
        metavar="|".join(ALGORITHMS),
        help="checksums" + (" (default md5 and sha256)" if parser.command == "bag" else " of the new manifests"),
    )
    parser.set_defaults(run=bag if parser.command == "bag" else rebag)


def bag_of(options: Namespace) -> BagRequest:
    """The request that the options stand for."""
    request = BagRequest(
        path=options.path, out=options.out, how=options.how or "copy", name=options.name, info=tuple(options.info)
    )
    algorithms = tuple(dict.fromkeys(options.algorithm or request.algorithms))
    return BagRequest(
        path=request.path,
        out=request.out,
        how=request.how,
        name=request.name,
        info=request.info,
        algorithms=algorithms,
        remote=options.remote,
    )


def rebag_of(options: Namespace) -> RebagRequest:
    """The request that the options stand for."""
    return RebagRequest(
        path=options.path,
        info=tuple(options.info),
        remove=tuple(options.remove),
        remanifest=options.remanifest,
        algorithms=tuple(dict.fromkeys(options.algorithm)) if options.algorithm else None,
    )


def bag(options: Namespace, output: Output) -> int:
    """Make the bag."""
    from satchel.cli.job import run_request

    return run_request(bag_of(options), output)


def rebag(options: Namespace, output: Output) -> int:
    """Change the bag."""
    from satchel.cli.job import run_request

    return run_request(rebag_of(options), output)


def _field(text: str) -> tuple[str, str]:
    label, mark, value = text.partition("=")
    if not mark:
        raise argparse.ArgumentTypeError(f"{text!r} is not LABEL=VALUE")
    return label, value


def made(result: BagResult) -> str:
    """The bag, for people: its name alone on the first line."""
    remote = f", {count(result.remote, 'files')} of them by reference" if result.remote else ""
    return (
        f"{result.bag}\n{count(result.files, 'files')}, {size(result.bytes)}{remote}; {', '.join(result.algorithms)}."
    )


def changed(result: RebagResult) -> str:
    """The bag, for people: its name alone on the first line."""
    return f"{result.path}\nWritten: {', '.join(result.written)}."
