"""`satchel validate`."""

from __future__ import annotations

from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.core.bags.validate import ValidateRequest, ValidateResult
from satchel.core.words import count, size

TOLD = 50
"""Problems that are told one by one; --json has all."""


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("path", type=path, metavar="PATH", help="the bag's folder or archive")
    parser.add_argument(
        "--level",
        choices=("structure", "completeness", "fast", "full"),
        default="full",
        help="how thoroughly, each holding those before it: structure, whether every file is there, size and number "
        "of files, every checksum (default)",
    )
    parser.add_argument(
        "--profile",
        type=profile,
        default="",
        metavar="PROFILE",
        help="a BagIt profile to check against as well: a file, an https address, bdbag, bdbag-ro, or bag for the one "
        "that the bag names",
    )
    parser.add_argument(
        "--any-size", action="store_true", help="unpack an archive even where it grows to more than 100 times its size"
    )
    parser.add_ca()
    parser.set_defaults(run=validate)


def validate(options: Namespace, output: Output) -> int:
    """Check the bag."""
    from satchel.cli.job import run_request

    return run_request(validate_of(options), output)


def validate_of(options: Namespace) -> ValidateRequest:
    """The request that the options ask for."""
    return ValidateRequest(
        path=options.path,
        level=options.level,
        profile=options.profile,
        ca=tuple(options.ca),
        any_size=options.any_size,
    )


def profile(text: str) -> str:
    """A profile as a request keeps it: names and addresses as they are, a file by its whole path."""
    return text if text in ("", "bag", "bdbag", "bdbag-ro") or "://" in text else path(text)


def told(result: ValidateResult) -> str:
    """The verdict for people."""
    lines: list[str] = []
    for kind, problems, total in (
        ("Error", result.errors, result.error_count),
        ("Warning", result.warnings, result.warning_count),
    ):
        lines += [f"{kind}: {problem.message}" for problem in problems[:TOLD]]
        if total > TOLD:
            lines.append(f"{kind}: {total - len(problems[:TOLD]):,} more; --json tells all.")
    lines.append(f"{result.path}: {_verdict(result)}")
    return "\n".join(lines)


def _verdict(result: ValidateResult) -> str:
    if not result.sound:
        return f"NOT valid ({count(result.error_count, 'errors') if result.error_count > 1 else '1 error'})."
    if result.level == "structure":
        return "its structure is valid; its files were not looked at."
    files = f"{count(result.files, 'files')}, {size(result.bytes)}"
    if result.remote:
        return (
            f"NOT complete, and so not valid yet: {count(result.remote, 'files')} of fetch.txt still have to be "
            f"fetched. Nothing is wrong with what is here ({files})."
        )
    if not result.complete:
        return f"valid as far as it is here, but NOT complete ({files} are here)."
    return f"valid and complete ({files}; checked: {result.level})."
