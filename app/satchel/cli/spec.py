"""`satchel templates` and `satchel spec`: what a catalog's templates are, and what is wrong with a spec."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import msgspec

from satchel.cli.output import Output
from satchel.cli.parser import Parser, path, table
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.spec.findings import Finding


def define(parser: Parser) -> None:
    """Their options."""
    if parser.command == "templates":
        parser.add_catalog()
        parser.add_argument("table", nargs="?", type=table, metavar="SCHEMA:TABLE", help="of this table alone")
        parser.add_argument(
            "--context", choices=("detailed", "compact"), default="detailed", help="for one record, or for many"
        )
        parser.set_defaults(run=templates)
    else:
        from satchel.cli.export_spec import pair

        parser.add_argument("action", choices=("check", "count"), help="find faults, or count what it would bring")
        parser.add_argument("file", type=path, metavar="FILE")
        parser.add_argument("host", nargs="?", metavar="HOST", help="check tables and columns against this server")
        parser.add_argument("catalog", nargs="?", metavar="CATALOG")
        parser.add_argument("--env", action="append", nargs="+", default=[], type=pair, metavar="K=V")
        parser.add_argument("--snapshot", metavar="SNAP", help="a snapshot of the catalog (otherwise the newest)")
        parser.set_defaults(run=spec)
    parser.add_access()


def templates(options: Namespace, output: Output) -> int:
    """List templates."""
    from satchel.cli.export_spec import access_of
    from satchel.cli.look import ask
    from satchel.core.export.spec.making import offered

    found = ask(
        lambda: offered(options.host, options.catalog, options.table, access_of(options), context=options.context),
        output,
    )
    values = {
        name: {
            "templates": [
                {"name": t.name, "type": t.type, "outputs": len(t.document["outputs"]), "from": t.where}
                for t in one.templates
            ],
            "dropped": list(one.dropped),
        }
        for name, one in found.items()
    }

    def text() -> str:
        lines = []
        for name, one in found.items():
            lines.append(name)
            for number, t in enumerate(one.templates, 1):
                lines.append(f"  {number}  {t.name} ({t.type}, {len(t.document['outputs'])} outputs, {t.where})")
            lines += [f"     {sentence}" for sentence in one.dropped]
        return "\n".join(lines) or "No table has a template."

    output.result({"tables": values}, text)
    return 0


def spec(options: Namespace, output: Output) -> int:
    """Check a spec, or count what it would bring."""
    from satchel.cli.export_spec import access_of, dry_run, env_of, read_spec
    from satchel.core.export.spec.request import SpecRequest

    if options.host and not options.catalog:
        raise SatchelError(Kind.USAGE, "The catalog is missing.", "Give its number behind the host.")
    if options.action == "check":
        return check(options, output)
    if not options.host:
        raise SatchelError(Kind.USAGE, "Counting needs a server.", "satchel spec count FILE HOST CATALOG")
    env = env_of(options)
    request = SpecRequest(
        host=options.host,
        catalog=options.catalog,
        spec=read_spec(options.file, env, options.host),
        out="",
        env=env,
        snapshot=options.snapshot,
        label=Path(options.file).name,
        access=access_of(options),
    )
    return dry_run(request, output)


def tried(data: bytes, options: Namespace, output: Output) -> list[Finding]:
    """What the server itself finds wrong with the queries: they are counted there."""
    from satchel.cli.export_spec import access_of, env_of
    from satchel.cli.look import ask
    from satchel.core.deriva.ermrest import Catalog
    from satchel.core.deriva.session import Session
    from satchel.core.export.spec.counting import count, findings_of
    from satchel.core.export.spec.document import parse, read_text
    from satchel.core.export.spec.model import read

    root = parse(read_text(data))
    spec = read(root.value)
    if any(step.impl for step in spec.queries):
        return []

    async def work() -> list[Finding]:
        async with Session.open(options.host, access_of(options)) as session:
            catalog = await Catalog(session, options.catalog).pin(options.snapshot)
            return findings_of(await count(catalog, spec, env_of(options)), root)

    return ask(work, output)


def check(options: Namespace, output: Output) -> int:
    """Find what is wrong with a spec, offline or against a catalog's schema. Exit status 2: it has an error."""
    from satchel.cli.export_spec import access_of, env_of
    from satchel.core.deriva.model import Model
    from satchel.core.export.spec.lint import lint

    try:
        data = Path(options.file).read_bytes()
    except OSError as error:
        raise SatchelError(
            Kind.FILES, f"{options.file} cannot be read: {error.strerror}.", "Check its name."
        ) from error
    model: Model | None = None
    if options.host:
        from satchel.cli.look import ask
        from satchel.core.deriva.ermrest import Catalog
        from satchel.core.deriva.session import Session

        async def work() -> Model:
            async with Session.open(options.host, access_of(options)) as session:
                return await (await Catalog(session, options.catalog).pin(options.snapshot)).model()

        model = ask(work, output)
    found = lint(data, env_of(options), model=model, host=options.host)
    if options.host and not any(f.severity == "error" for f in found):
        found += tried(data, options, output)
    errors = sum(1 for f in found if f.severity == "error")

    def text() -> str:
        lines = [f"{options.file}:{f}" + (f"\n    {f.hint}" if f.hint else "") for f in found]
        lines.append(f"{errors} errors, {len(found) - errors} warnings." if found else "No fault was found.")
        return "\n".join(lines)

    output.result({"valid": not errors, "errors": errors, "findings": [msgspec.to_builtins(f) for f in found]}, text)
    return 2 if errors else 0
