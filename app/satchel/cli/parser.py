"""How options are read: argparse with sentences for errors, and what several commands have in common."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from satchel.core.errors import Kind, SatchelError


class Parser(argparse.ArgumentParser):
    """Tells what is wrong as a `SatchelError`; takes no abbreviations, which scripts would come to depend on."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"satchel {command}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.command = command
        self.add_argument("--json", action="store_true", help="one JSON object a line: events, then the result")

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has found wrong."""
        raise SatchelError(
            Kind.USAGE, f"{message[:1].upper()}{message[1:]}.", f"`{self.prog} --help` shows how to use it."
        )

    def later(self, *options: str, instead: str = "") -> None:
        """Options of the design that this version does not have yet."""
        for option in options:
            self.add_argument(option, action=_Later, nargs="?", help=argparse.SUPPRESS, instead=instead)

    def add_catalog(self) -> None:
        """HOST and CATALOG."""
        self.add_host()
        self.add_argument("catalog", metavar="CATALOG", help="the catalog's number or alias")

    def add_host(self) -> None:
        """HOST."""
        self.add_argument("host", metavar="HOST", help="the server's name, with its port where that is not 443")

    def add_access(self) -> None:
        """How servers are reached."""
        self.add_ca()
        self.add_argument(
            "--credential", type=path, metavar="FILE", help="a credential file as deriva-py's, instead of the keyring"
        )

    def add_ca(self) -> None:
        """Whose certificates are trusted."""
        self.add_argument(
            "--ca",
            action="append",
            default=[],
            type=path,
            metavar="FILE",
            help="trust this certificate authority (PEM) as well; may be given again",
        )


class _Later(argparse.Action):
    def __init__(self, *args: Any, instead: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._instead = instead

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        raise SatchelError(Kind.USAGE, f"This version of Satchel does not have {option_string} yet.", self._instead)


def path(text: str) -> str:
    """A file or folder as a request keeps it: its whole path, for a job may go on from elsewhere."""
    if not text:
        raise argparse.ArgumentTypeError("a name of a file or folder cannot be empty")
    try:
        return str(Path(text).expanduser().absolute())
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"there is no home folder for {text}") from None


def table(text: str) -> str:
    """A table's name, `schema:table`."""
    schema, _, name = text.partition(":")
    if not schema or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not a table, which is written SCHEMA:TABLE")
    return text
