"""`satchel resolve` for identifiers."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from satchel.cli.output import Output
from satchel.core.identifiers.request import ResolveRequest, ResolveResult
from satchel.core.jobs.request import Access
from satchel.core.words import size


def resolve_of(options: Namespace) -> ResolveRequest:
    """The request that the options of `satchel resolve ID` stand for."""
    return ResolveRequest(
        identifier=" ".join(options.words),
        service=options.service,
        out=options.out or "",
        open=options.open,
        level=options.level,
        allow_private=options.allow_private,
        any_size=options.any_size,
        access=Access(ca=tuple(options.ca), credential=options.credential),
    )


def resolve(options: Namespace, output: Output) -> int:
    """What an identifier is; with --out and --open what it names."""
    from satchel.cli.job import run_request
    from satchel.core.identifiers import qr

    if len(options.words) == 1 and qr.is_picture(options.words[0]) and Path(options.words[0]).is_file():
        name = qr.of_picture(Path(options.words[0]))
        options.words = [f"{name.service}{name.id}"]
    return run_request(resolve_of(options), output)


def told(result: ResolveResult) -> str:
    """An identifier for people."""
    lines = [result.archive] if result.archive else []
    state = "" if result.active else " (not active any more)"
    lines.append(f"{result.compact}{state}  {result.name}")
    lines.append(f"  page       {result.landing_page}")
    lines += [f"  location   {location}" for location in result.locations] or ["  location   none is registered"]
    lines += [f"  {c.function:<10} {c.value}" for c in result.checksums] or ["  checksum   none is registered"]
    if result.length is not None:
        lines.append(f"  length     {result.length:,} bytes ({size(result.length)})")
    for label, value in (("minted by", result.created_by), ("minted", result.created)):
        if value:
            lines.append(f"  {label:<10} {value}")
    for label, other in (("replaces", result.replaces), ("replaced by", result.replaced_by)):
        if other:
            lines.append(f"  {label:<10} {other}")
    for key, value in result.metadata.items():
        if key not in ("title", "length", "created_by") and isinstance(value, str):
            lines.append(f"  {key}: {' '.join(value.split())[:200]}")
    if result.archive:
        how = "Downloaded, and" if result.downloaded else "Was here already, and"
        lines.append(f"{how} is what was registered: length and checksum are right.")
    if result.validation is not None:
        from satchel.cli.validate import told as checked

        lines.append(checked(result.validation))
    return "\n".join(lines)
