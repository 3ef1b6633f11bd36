"""The command line: finds the command, reads its options, and turns how it ends into an exit status."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from satchel.cli import commands
from satchel.cli.output import HumanOutput, JsonOutput, Output, prepare_streams
from satchel.cli.parser import Parser
from satchel.core.errors import Kind, SatchelError

CANCELLED = 4


def main(argv: Sequence[str]) -> int:
    """Run a command. Returns the exit status: DESIGN.md, "The command line"."""
    as_json = "--json" in argv[: argv.index("--")] if "--" in argv else "--json" in argv
    prepare_streams(as_json)
    output: Output = JsonOutput() if as_json else HumanOutput()
    try:
        return _run(list(argv), output)
    except SatchelError as error:
        output.error(error)
        return _leave(error.exit_status) if error.kind is Kind.CANCELLED else error.exit_status
    except KeyboardInterrupt:
        output.error(SatchelError(Kind.CANCELLED, "Cancelled."))
        return CANCELLED
    except Exception as error:
        told = _explain(error)
        output.error(told)
        return told.exit_status
    finally:
        output.close()


def parse(argv: Sequence[str]) -> Namespace:
    """Read a command and its options.

    Args:
        argv: the words after `satchel`.

    Returns:
        The options; `run`, of these and an `Output`, is among them and gives the exit status.

    Raises:
        SatchelError: there is no such command, or its options are wrong.
        SystemExit: help was asked for and printed.
    """
    words = list(argv)
    for word in words:
        if not _is_text(word):
            raise SatchelError(
                Kind.USAGE, f"{word!r} is not UTF-8, so it cannot be kept in a job.", "Rename the file or folder."
            )
    ahead = [word for word in words if word != "--json"]  # it may stand before the command, too
    name = ahead[0] if ahead else ""
    if name in ("-h", "--help", "help"):
        print(commands.overview())
        raise SystemExit(0)
    if name == "--version":
        from satchel import __version__

        print(f"satchel {__version__}")
        raise SystemExit(0)
    command = commands.find(name)
    if command is None:
        raise _unknown(name)
    if not command.module:
        raise SatchelError(Kind.USAGE, f"This version of Satchel does not have `{name}` yet.", command.instead)
    parser = Parser(name, f"{command.summary[:1].upper()}{command.summary[1:]}.")
    import_module(command.module).define(parser)
    words.remove(name)
    return parser.parse_args(words)


def _run(argv: list[str], output: Output) -> int:
    try:
        options = parse(argv)
    except SystemExit as end:  # help
        return int(end.code or 0)
    if getattr(options, "ca", None) is not None and getattr(options, "credential", "") is None:
        from satchel.cli.passphrase import unlock

        unlock()
    return int(options.run(options, output))


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:  # bytes of a name that could not be decoded
        return False
    return True


def _leave(status: int) -> int:
    from satchel.cli.running import leave

    return leave(status)


def _unknown(name: str) -> SatchelError:
    if not name:
        return SatchelError(Kind.USAGE, "A command is missing.", "`satchel --help` shows them.")
    if name.startswith("-"):
        return SatchelError(Kind.USAGE, f"There is no option {name} without a command.", "`satchel --help` shows all.")
    import difflib

    near = difflib.get_close_matches(name, commands.names(), 1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    return SatchelError(Kind.USAGE, f"There is no command `{name}`.", f"{meant}`satchel --help` shows them.")


def _explain(error: Exception) -> SatchelError:
    """A sentence for what nobody foresaw; the traceback goes into the log file."""
    import logging

    from satchel.core.jobs.trouble import explain
    from satchel.core.logs import start_log
    from satchel.core.paths import Home

    told = explain(error)
    if told.kind is Kind.INTERNAL:
        file = start_log(Home.find())
        logging.getLogger("satchel.cli").error("a command failed", exc_info=error)
        where = f" with what is in {file}" if file else ""
        return SatchelError(told.kind, told.message, f"Please report it{where}.", told.detail)
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
