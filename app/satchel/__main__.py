"""`satchel` opens the window; with a subcommand it is the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Dispatch; each way imports only what it needs."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] == "sandbox":
        from satchel.sandbox.cli import main as sandbox

        return sandbox(arguments[1:])
    if arguments == ["worker"]:
        from satchel.core.jobs.worker import main as worker

        return worker()
    if arguments == ["look-worker"]:
        from satchel.core.bags.inside.work import main as look

        return look()
    if arguments == ["await-export"]:
        from satchel.core.export.server_side.waiter import main as waiter

        return waiter()
    if not arguments or arguments == ["--sandbox"] or _are_bags(arguments):
        from satchel.gui.app import main as window

        return window(arguments)
    try:
        from satchel.cli.main import main as command

        return command(arguments)
    except KeyboardInterrupt:  # before it could tell how it wants to be stopped
        return 4


def _are_bags(arguments: list[str]) -> bool:
    """Whether files and folders are named, to be opened: `satchel BAG ...`. A command's name is a command."""
    import os

    from satchel.cli import commands

    if arguments[0].startswith("-") or commands.find(arguments[0]) is not None:
        return False
    return all(os.path.lexists(argument) for argument in arguments)


if __name__ == "__main__":
    sys.exit(main())
