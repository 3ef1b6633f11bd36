"""Which commands there are. Nothing of theirs is imported before one is chosen, so that help comes at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        name: the word that it is called by.
        usage: what follows the word.
        summary: a line for the list of commands.
        module: where `define(parser)` is, which adds options and sets `run(options, output)`; empty: this version does
            not have the command yet.
        instead: what to do meanwhile where it is not there yet.
    """

    name: str
    usage: str
    summary: str
    module: str = ""
    instead: str = ""


GROUPS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    (
        "Bags",
        (
            Command(
                "preview",
                "HOST CATALOG --rid RID",
                "what an export would bring: tables, rows, files",
                "satchel.cli.export",
            ),
            Command(
                "export",
                "HOST CATALOG --rid RID --out DIR",
                "export a record, and all that belongs to it, as a bag",
                "satchel.cli.export",
            ),
            Command(
                "templates",
                "HOST CATALOG [SCHEMA:TABLE]",
                "the export templates of a catalog's tables",
                "satchel.cli.spec",
            ),
            Command("spec", "check|count FILE [HOST CATALOG]", "what is wrong with an export spec", "satchel.cli.spec"),
            Command("validate", "PATH", "check a bag", "satchel.cli.validate"),
            Command("inspect", "PATH", "what a bag is, at a glance", "satchel.cli.inspect"),
            Command("materialize", "PATH", "fetch the files that a bag lists and lacks", "satchel.cli.materialize"),
            Command("bag", "FOLDER --out DIR", "make a bag of any folder", "satchel.cli.making"),
            Command("rebag", "PATH", "change bag-info, or make the manifests anew", "satchel.cli.making"),
            Command("holey", "PATH --url URL", "leave files of a bag to servers that have them", "satchel.cli.holey"),
            Command("diff", "BAG OTHER", "what differs between two bags", "satchel.cli.diff"),
            Command("archive", "PATH", "pack a bag's folder", "satchel.cli.packing"),
            Command("extract", "PATH", "unpack a bag's archive", "satchel.cli.packing"),
        ),
    ),
    (
        "Catalogs",
        (
            Command(
                "clone",
                "HOST CATALOG RID [--to HOST]",
                "make a catalog of a record and all that belongs to it",
                "satchel.cli.clone",
            ),
        ),
    ),
    (
        "Servers",
        (
            Command(
                "localize",
                "HOST CATALOG SCHEMA:TABLE",
                "bring files that rows have elsewhere to the catalog's own server",
                "satchel.cli.localize",
            ),
            Command("catalogs", "HOST", "the catalogs of a server", "satchel.cli.look"),
            Command("tables", "HOST CATALOG", "the tables of a catalog", "satchel.cli.look"),
            Command(
                "datasets", "HOST CATALOG [RID]", "datasets of a catalog and their versions", "satchel.cli.datasets"
            ),
            Command(
                "resolve", "ID | HOST CATALOG RID", "what an identifier or a RID names; fetch it", "satchel.cli.look"
            ),
            Command(
                "mint",
                "HOST CATALOG --dataset RID",
                "give a dataset's version a citable identifier",
                "satchel.cli.mint",
            ),
            Command(
                "identifiers",
                "[list|check|cite|qr|update|...] [ID]",
                "those minted and received here: check, cite, change them",
                "satchel.cli.shelf",
            ),
            Command("login", "HOST", "sign in to a server, and keep that in the keyring", "satchel.cli.sign_in"),
            Command("logout", "HOST", "forget a sign-in", "satchel.cli.sign_in"),
            Command("whoami", "HOST", "as whom you are signed in", "satchel.cli.sign_in"),
        ),
    ),
    (
        "This computer",
        (
            Command("profile", "[--name NAME] [--orcid ID] ...", "who you are, for your bags", "satchel.cli.profile"),
            Command(
                "jobs",
                "[list|show|resume|cancel|discard] [ID]",
                "jobs that run, have ended, or wait to be resumed",
                "satchel.cli.jobs",
            ),
            Command(
                "cache",
                "[list|verify|pin|unpin|delete|limit] [KEY]",
                "bags that were made before and are kept",
                "satchel.cli.cache",
            ),
            Command(
                "sandbox",
                "[--dir DIR] [--port N]",
                "serve a demo catalog on this computer, to try things out",
                "satchel.sandbox.cli",
            ),
        ),
    ),
)
LATER: tuple[Command, ...] = ()


def find(name: str) -> Command | None:
    """The command of that name, one of those that are not there yet too."""
    every = [command for _, group in GROUPS for command in group]
    return next((command for command in (*every, *LATER) if command.name == name), None)


def names() -> list[str]:
    """Of all commands that there are."""
    return [command.name for _, group in GROUPS for command in group]


def overview() -> str:
    """The text of `satchel --help`."""
    width = max(len(name) for name in names())
    lines = [
        "usage: satchel [--sandbox]         open the window (on the sandbox's demo catalog)",
        "       satchel COMMAND ...         do the same from a terminal",
        "",
        "Share data from a DERIVA catalog.",
    ]
    for title, group in GROUPS:
        lines += ["", f"{title}:"]
        lines += [f"  {command.name:<{width}}  {command.summary}" for command in group]
    lines += [
        "",
        "`satchel COMMAND --help` tells more. With --json a command prints one JSON object a line.",
        "Exit status: 0 done, 1 failed or the bag is invalid or not complete, 2 bad usage, 3 not signed in or not",
        "allowed, 4 cancelled. SATCHEL_HOME names a folder for settings, jobs, cache and logs.",
    ]
    return "\n".join(lines)
