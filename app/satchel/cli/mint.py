"""`satchel mint`."""

from __future__ import annotations

from argparse import Namespace

from satchel.cli.output import Output
from satchel.cli.parser import Parser, table
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import Offers
from satchel.core.flows.export import ALGORITHMS
from satchel.core.identifiers.minting import MintRequest, MintResult
from satchel.core.identifiers.place import Place, place
from satchel.core.jobs.request import Access
from satchel.core.words import size


def define(parser: Parser) -> None:
    """Its options."""
    parser.add_catalog()
    parser.add_argument("--dataset", metavar="RID", help="the dataset")
    parser.add_argument("--version", metavar="V", help="its version (otherwise the newest that is released)")
    parser.add_argument(
        "--release",
        choices=("major", "minor", "patch"),
        default="",
        help="release the dataset as it is now, raising this "
        "part of its version's number (and those of datasets nested with it), and mint for that",
    )
    parser.add_argument("--describe", default="", metavar="TEXT", help="what is new in the version that is released")
    what = parser.add_argument_group("what is registered")
    what.add_argument("--title", default="", help="(otherwise made of dataset, version and description)")
    what.add_argument(
        "--author", action="append", default=[], metavar="'FAMILY, GIVEN'", help="an author; may be given again"
    )
    what.add_argument(
        "--visible-to",
        action="append",
        default=[],
        metavar="WHO",
        help="who sees what is registered: public (default), or principals as the service names them",
    )
    where = parser.add_argument_group("where to (otherwise as the lab's profile, or the catalog, says)")
    where.add_argument("--bucket", default="", metavar="s3://BUCKET/FOLDER", help="where the bag is put")
    where.add_argument("--endpoint", default="", metavar="URL", help="the S3 store, where it is not Amazon's")
    where.add_argument("--region", default="", help="the bucket's region")
    where.add_argument("--aws-profile", default="", metavar="NAME", help="the profile with the keys (~/.aws)")
    where.add_argument("--public-url", default="", metavar="URL", help="where everybody gets what is in the bucket")
    where.add_argument(
        "--acl", choices=("public-read", "none"), default="", help="make the object public (default), or leave it"
    )
    where.add_argument("--service", default="", metavar="URL", help="the identifier service")
    where.add_argument("--test", action="store_const", const=True, help="a test identifier, to try things out")
    how = parser.add_argument_group("how")
    how.add_argument("--check", action="store_true", help="only look whether all is ready for minting")
    how.add_argument("--server-side", action="store_true", help="let the catalog's export service make and upload it")
    how.add_argument(
        "--layout",
        choices=("complete", "deriva-ml"),
        default="complete",
        help="of the bag: all that belongs to the dataset (default), or what deriva-ml's own programs open",
    )
    how.add_argument("--materialize", action="store_true", help="put the files into the bag, not only their addresses")
    how.add_argument(
        "--untick", action="append", default=[], type=table, metavar="SCHEMA:TABLE", help="leave a table out"
    )
    how.add_argument(
        "--follow", action="append", default=[], type=table, metavar="SCHEMA:TABLE", help="what an association leads to"
    )
    how.add_argument("--no-follow", action="append", default=[], type=table, metavar="SCHEMA:TABLE", help="... alone")
    how.add_argument("--vocabularies", choices=("whole", "used"), default="whole", help="all terms, or those in use")
    how.add_argument(
        "--algorithm",
        action="extend",
        nargs="+",
        choices=ALGORITHMS,
        metavar="|".join(ALGORITHMS),
        help="checksums in the bag (default md5 and sha256)",
    )
    how.add_argument(
        "--replace", action="store_true", help="mint anew although other software has minted one for this version"
    )
    how.add_argument("--allow-incomplete", action="store_true", help="mint although files could not be had")
    parser.add_argument_group("servers")
    parser.add_access()
    parser.epilog = (
        "Keys to the bucket come from the keyring (satchel identifiers keys) or as AWS's own tools find them; they\n"
        "are never words of a command."
    )
    parser.set_defaults(run=mint)


def request_of(options: Namespace) -> MintRequest:
    """The request that the options stand for. Raises SatchelError where they do not make sense."""
    from satchel.core.flows.export import record_problems

    if not options.dataset:
        raise SatchelError(
            Kind.USAGE,
            "Which dataset gets the identifier is missing.",
            f"Name it: --dataset RID. See which there are: satchel datasets {options.host} {options.catalog}",
        )
    from satchel.core.deriva.session import host_name

    rid = options.dataset.strip().upper()
    host = host_name(options.host)
    for problem in record_problems(host, options.catalog, rid):
        raise SatchelError(Kind.USAGE, problem.message)
    if options.release and options.version:
        raise SatchelError(
            Kind.USAGE, "--version names a version that is there, and --release makes a new one.", "Say one of them."
        )
    if options.release and options.check:
        raise SatchelError(Kind.USAGE, "--check changes nothing, so it does not release.", "Leave --release out.")
    return MintRequest(
        host=host,
        catalog=options.catalog,
        dataset=rid,
        version=options.version,
        release=options.release,
        description=options.describe.strip(),
        place=place_of(options),
        service=options.service,
        test=options.test,
        name=options.title.strip(),
        authors=tuple(a.strip() for a in options.author if a.strip()),
        visible_to=tuple(options.visible_to) or ("public",),
        way="server" if options.server_side else "here",
        layout=options.layout,
        offers=Offers(
            exclude=tuple(options.untick),
            follow=tuple(options.follow),
            stop=tuple(options.no_follow),
            vocabularies=options.vocabularies,
        ),
        materialize=options.materialize,
        algorithms=tuple(dict.fromkeys(options.algorithm or ("md5", "sha256"))),
        replace=options.replace,
        incomplete=options.allow_incomplete,
        access=Access(ca=tuple(options.ca), credential=options.credential),
    )


def place_of(options: Namespace) -> Place:
    """The bucket that the options name; without one an empty place. Raises SatchelError."""
    if not options.bucket:
        if options.endpoint or options.public_url or options.region:
            raise SatchelError(Kind.USAGE, "A store is named and no bucket.", "Name it: --bucket s3://my-bucket/folder")
        return Place()
    return place(
        options.bucket,
        endpoint=options.endpoint,
        region=options.region,
        aws_profile=options.aws_profile,
        public_url=options.public_url,
        acl=options.acl,
    )


def mint(options: Namespace, output: Output) -> int:
    """Mint, or look whether one could."""
    from satchel.cli.job import run_request

    if options.check:
        return check(options, output)
    return run_request(request_of(options), output)


def check(options: Namespace, output: Output) -> int:
    """Look whether all is ready. Exit status 0: nothing is missing."""
    import msgspec

    from satchel.cli.look import ask
    from satchel.core.identifiers.readiness import readiness

    request = request_of(options)
    found = ask(lambda: readiness(request), output)
    marks = {"ok": "ok     ", "warning": "warning", "missing": "MISSING", "unknown": "?      "}

    def text() -> str:
        lines = []
        for one in found.checks:
            lines.append(f"{marks[one.mark]}  {one.title}: {one.message}")
            lines += [f"         {one.hint}"] if one.hint else []
        return "\n".join([*lines, "All is ready." if found.ready else "Something is missing."])

    output.result({"result": "readiness", "ready": found.ready, **msgspec.to_builtins(found)}, text)
    return 0 if found.ready else 1


def told(result: MintResult) -> str:
    """An identifier for people; the first line is it."""
    lines = [result.compact, f"  {result.name}", f"  page       {result.landing_page}"]
    lines += [f"  location   {location}" for location in result.locations]
    if result.checksum:
        lines.append(f"  sha256     {result.checksum}")
    if result.length is not None:
        lines.append(f"  length     {result.length:,} bytes ({size(result.length)})")
    if result.reused:
        lines.append("It was there already, for this version and this choice of what the bag holds.")
    elif result.replaced:
        lines.append(f"It takes the place of {result.replaced}, which was for another choice.")
    lines.append(f"It is written into version {result.version} of the dataset {result.dataset}.")
    return "\n".join(lines)
