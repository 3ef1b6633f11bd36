"""`satchel profile`: who you are, for the bags that you make."""

from __future__ import annotations

from argparse import Namespace

import msgspec

from satchel.cli.output import Output
from satchel.cli.parser import Parser
from satchel.core import person
from satchel.core.paths import Home

_FIELDS = (
    ("name", "NAME", "your name"),
    ("orcid", "ID", "your ORCID"),
    ("organization", "NAME", "your organisation"),
    ("address", "TEXT", "its address"),
    ("email", "ADDRESS", "your e-mail address"),
    ("phone", "NUMBER", "your telephone number"),
)


def define(parser: Parser) -> None:
    """One option for each field; an empty value removes it."""
    for name, metavar, said in _FIELDS:
        parser.add_argument(f"--{name}", metavar=metavar, help=f"{said}; empty: removes it")
    parser.set_defaults(run=profile)


def profile(options: Namespace, output: Output) -> int:
    """Show the profile, or change what is given."""
    home = Home.find()
    given = {name: value for name, _, _ in _FIELDS if (value := getattr(options, name)) is not None}
    kept = person.load(home)
    if given:
        kept = person.save(home, msgspec.structs.replace(kept, **given))
    values = {name: getattr(kept, name) for name, _, _ in _FIELDS}

    def text() -> str:
        lines = [f"{label}: {value}" for label, value in kept.fields()]
        return "\n".join(lines) or "Nothing is said of you yet: satchel profile --name NAME --orcid ID"

    output.result(values, text)
    return 0
