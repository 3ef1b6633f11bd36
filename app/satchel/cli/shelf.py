"""`satchel identifiers`: what was minted and received here, cited, looked after and changed."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from satchel.cli.look import access_of, ask
from satchel.cli.output import Output
from satchel.cli.parser import Parser, path
from satchel.cli.tables import columns
from satchel.core.errors import Kind, SatchelError
from satchel.core.paths import Home

if TYPE_CHECKING:
    from satchel.core.identifiers.checking import CheckResult
    from satchel.core.identifiers.place import Place
    from satchel.core.identifiers.record import Record
    from satchel.core.identifiers.shelf import Kept


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=("list", "check", "cite", "qr", "update", "forget", "keys", "profile"),
        help="list (default): what there is; check: do they resolve, is what they lead to the same; cite: a citation; "
        "qr: a QR code; update: change what is said of one; forget: take it off the list; keys: put a bucket's keys "
        "into the keyring; profile: the lab's defaults",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="identifiers, in any form (keys: s3://BUCKET)")
    parser.add_argument("--full", action="store_true", help="check: read everything and compute the checksums")
    cite = parser.add_argument_group("cite, qr")
    cite.add_argument(
        "--format", choices=("plain", "bibtex", "ris", "csl-json", "datacite"), default="plain", help="of the citation"
    )
    cite.add_argument("--author", action="append", default=[], metavar="'FAMILY, GIVEN'", help="instead of those known")
    cite.add_argument("--out", type=path, metavar="FILE", help="write it there (qr: .svg or .png)")
    update = parser.add_argument_group("update")
    update.add_argument("--add-location", action="append", default=[], metavar="URL", help="one more")
    update.add_argument("--remove-location", action="append", default=[], metavar="URL", help="one less")
    update.add_argument(
        "--inactive", action="store_const", const=False, dest="active", help="it is not in force any more"
    )
    update.add_argument("--active", action="store_const", const=True, dest="active", help="it is again")
    update.add_argument("--replaced-by", metavar="ID", help="which one took its place ('' for none)")
    update.add_argument("--title", default="", help="another title")
    where = parser.add_argument_group("update, keys, profile")
    where.add_argument("--service", default="", metavar="URL", help="the identifier service")
    where.add_argument("--endpoint", default="", metavar="URL", help="the S3 store, where it is not Amazon's")
    where.add_argument("--bucket", default="", metavar="s3://BUCKET/FOLDER", help="profile: where bags are put")
    where.add_argument("--region", default="", help="profile: the bucket's region")
    where.add_argument("--aws-profile", default="", metavar="NAME", help="profile: the AWS profile with the keys")
    where.add_argument("--public-url", default="", metavar="URL", help="profile: where everybody gets what is there")
    where.add_argument("--acl", choices=("public-read", "none"), default="", help="profile: of new objects")
    where.add_argument("--test", action="store_const", const=True, help="profile: mint test identifiers")
    where.add_argument("--remove", action="store_true", help="keys: remove them from the keyring")
    parser.add_access()
    parser.set_defaults(run=run, active=None)


def run(options: Namespace, output: Output) -> int:
    """Do it."""
    return _ACTIONS[options.action](options, output)


def _list(_options: Namespace, output: Output) -> int:
    kept = _all()
    values = [
        {
            "id": one.id, "identifier": one.compact, "role": one.role, "title": one.record.title,
            "landing_page": one.record.landing_page, "locations": list(one.record.locations),
            "checksum": one.record.sha256, "length": one.record.length, "path": one.path or None,
            "host": one.host or None, "catalog": one.catalog or None, "dataset": one.dataset or None,
            "version": one.version or None, "added": _when(one.added), "checked": _when(one.checked),
            "state": one.state, "note": one.note,
        }
        for one in kept
    ]  # fmt: skip

    def text() -> str:
        if not kept:
            return "No identifier was minted or received here yet: satchel mint, satchel resolve ID --out DIR"
        rows = [(one.compact, one.role, one.state, _when(one.added)[:10], one.record.title) for one in kept]
        return columns([("identifier", "", "state", "since", "title"), *rows])

    output.result({"result": "identifiers", "identifiers": values}, text)
    return 0


def _check(options: Namespace, output: Output) -> int:
    from satchel.cli.job import run_request
    from satchel.core.identifiers.checking import CheckRequest

    return run_request(
        CheckRequest(identifiers=tuple(options.ids), full=options.full, access=access_of(options)), output
    )


def checked(result: CheckResult) -> str:
    """What a check has found, for people."""
    if not result.checked:
        return "There are no identifiers to be checked."
    rows = [(one.compact, one.state, one.note or one.title) for one in result.checked]
    how = "" if result.full else " Their files were not read; --full does that."
    return f"{columns(rows)}\n{result.good} of {len(result.checked)} are good.{how}"


def _cite(options: Namespace, output: Output) -> int:
    from satchel.core.identifiers.citations import cite, work

    text = cite(work(_record(options, output), options.author), options.format)
    if options.out:
        _write(options.out, text.encode())
    values = {"result": "citation", "format": options.format, "citation": text, "path": options.out}
    output.result(values, lambda: options.out or text)
    return 0


def _qr(options: Namespace, output: Output) -> int:
    from satchel.core.identifiers import qr

    record = _record(options, output)
    if options.out and not options.out.lower().endswith((".svg", ".png")):
        raise SatchelError(Kind.USAGE, f"{options.out} is neither .svg nor .png.", "Choose one of these endings.")
    if options.out:
        png = options.out.lower().endswith(".png")
        _write(options.out, qr.png(record.landing_page) if png else qr.svg(record.landing_page).encode())

    def text() -> str:
        if options.out:
            return str(options.out)
        rows = [list(row) for row in qr.matrix(record.landing_page)]
        rows += [[False] * len(rows[0])] if len(rows) % 2 else []
        shapes = {(False, False): "█", (True, False): "▄", (False, True): "▀", (True, True): " "}
        lines = ["".join(shapes[pair] for pair in zip(*rows[n : n + 2], strict=True)) for n in range(0, len(rows), 2)]
        return "\n".join([*lines, record.landing_page])

    output.result({"result": "qr", "text": record.landing_page, "path": options.out}, text)
    return 0


def _update(options: Namespace, output: Output) -> int:
    from satchel.core.identifiers.changing import change

    found = ask(
        lambda: change(
            _one(options),
            access=access_of(options),
            service=options.service,
            add=options.add_location,
            remove=options.remove_location,
            active=options.active,
            replaced_by=options.replaced_by,
            title=options.title,
        ),
        output,
    )
    values = {
        "result": "update", "identifier": found.id, "locations": list(found.locations), "active": found.active,
        "replaced_by": found.replaced_by, "name": found.title,
    }  # fmt: skip
    state = "active" if found.active else "not active"
    by = f", replaced by {found.replaced_by}" if found.replaced_by else ""
    output.result(values, lambda: "\n".join([f"{found.compact} is {state}{by}.", *found.locations]))
    return 0


def _forget(options: Namespace, output: Output) -> int:
    from satchel.core.identifiers.names import parse
    from satchel.core.identifiers.shelf import Shelf

    name = parse(_one(options))
    with Shelf(Home.find()) as shelf:
        gone = shelf.forget(name.id)
    if not gone:
        raise SatchelError(Kind.NOT_FOUND, f"{name.compact} is not on the list.", "`satchel identifiers` shows it.")
    output.result(
        {"result": "forget", "identifier": name.id},
        lambda: f"{name.compact} is off the list; it is still there for all.",
    )
    return 0


def _keys(options: Namespace, output: Output) -> int:
    from satchel.core.identifiers import keys

    where = _place(options)
    if options.remove:
        gone = ask(lambda: keys.forget(where), output)
        output.result({"result": "keys", "bucket": where.bucket, "kept": False, "removed": gone}, lambda: "Removed.")
        return 0
    access, secret, token = (
        _typed("Access key"),
        _typed("Secret key"),
        _typed("Session token (mostly none)", empty=True),
    )
    try:
        given = keys.Keys(access, secret, token)
    except ValueError as error:
        raise SatchelError(Kind.USAGE, f"A key {error}.", "Copy it once more.") from None
    ask(lambda: keys.store(where, given), output)
    output.result(
        {"result": "keys", "bucket": where.bucket, "kept": True},
        lambda: f"The keys to {where.shown} are in the keyring.",
    )
    return 0


def _profile(options: Namespace, output: Output) -> int:
    from satchel.core.identifiers.names import service_address
    from satchel.core.identifiers.place import place
    from satchel.core.identifiers.profile import load, profile_file, save

    home = Home.find()
    profile = load(home)
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("service", "endpoint", "bucket", "region", "aws_profile", "public_url", "acl", "test")
        if getattr(options, name)
    }
    if options.author:
        given["authors"] = tuple(options.author)
    if given:
        if "service" in given:
            given["service"] = service_address(given["service"])
        profile = msgspec.structs.replace(profile, **given)
        if profile.bucket:  # makes sure that all of it can be
            place(profile.bucket, endpoint=profile.endpoint, public_url=profile.public_url, acl=profile.acl)
        save(home, profile)
    values = {"result": "profile", "path": str(profile_file(home)), **msgspec.to_builtins(profile)}
    output.result(
        values, lambda: "\n".join(f"{name:<12} {value}" for name, value in values.items() if name != "result")
    )
    return 0


# -- help --------------------------------------------------------------------------------------------------------------


def _all() -> list[Kept]:
    from satchel.core.identifiers.shelf import Shelf

    with Shelf(Home.find()) as shelf:
        return shelf.all()


def _one(options: Namespace) -> str:
    if not options.ids:
        raise SatchelError(Kind.USAGE, "Which identifier is missing.", "`satchel identifiers` shows those known here.")
    return " ".join(options.ids)


def _record(options: Namespace, output: Output) -> Record:
    """What is known of an identifier: from the list, else asked for."""
    from satchel.core.identifiers.asking import asking, resolve
    from satchel.core.identifiers.names import parse
    from satchel.core.identifiers.profile import load

    name = parse(_one(options))
    for kept in _all():
        if kept.id == name.id:
            return kept.record

    async def look() -> Record:
        services = [s for s in (options.service, load(Home.find()).service) if s]
        async with asking(access_of(options)) as asks:
            return await resolve(asks, name, services)

    return ask(look, output)


def _place(options: Namespace) -> Place:
    from satchel.core.identifiers.place import place
    from satchel.core.identifiers.profile import load

    profile = load(Home.find())
    bucket = " ".join(options.ids) or options.bucket or profile.bucket
    if not bucket:
        raise SatchelError(Kind.USAGE, "Which bucket is missing.", "satchel identifiers keys s3://my-bucket")
    return place(bucket, endpoint=options.endpoint or profile.endpoint)


def _typed(what: str, *, empty: bool = False) -> str:
    """Something secret, typed where nobody sees it, or a line of standard input."""
    if sys.stdin is not None and sys.stdin.isatty():
        try:
            typed = getpass.getpass(f"{what} (not shown): ", stream=sys.stderr)
        except EOFError:
            typed = ""
    else:
        typed = sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if not typed and not empty:
        raise SatchelError(
            Kind.USAGE,
            f"No {what.lower()} was given.",
            "Type it when asked, or give access key, secret key and session token as lines of standard input; never as "
            "words of the command.",
        )
    return typed


def _write(file: str, data: bytes) -> None:
    try:
        with Path(file).open("xb") as opened:
            opened.write(data)
    except FileExistsError:
        raise SatchelError(Kind.FILES, f"{file} is already there.", "Choose another name.") from None
    except OSError as error:
        raise SatchelError(
            Kind.FILES, f"{file} cannot be written: {error.strerror}.", "Choose another place."
        ) from None


def _when(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else ""


_ACTIONS: dict[str, Callable[[Namespace, Output], int]] = {
    "list": _list, "check": _check, "cite": _cite, "qr": _qr, "update": _update, "forget": _forget, "keys": _keys,
    "profile": _profile,
}  # fmt: skip
