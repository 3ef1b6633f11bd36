"""`satchel login`, `satchel logout` and `satchel whoami`.

A token or password is typed where nobody sees it, or read from standard input; it is never a word of the command, where
every program on the computer could read it.
"""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

import msgspec

from satchel.cli.look import access_of, ask
from satchel.cli.output import Output
from satchel.cli.parser import Parser
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    from satchel.core.deriva.authn import Person


def define(parser: Parser) -> None:
    """Their options."""
    parser.add_host()
    match parser.command:
        case "login":
            parser.add_argument("--user", metavar="NAME", help="sign in with this name and a password; else by token")
            parser.epilog = (
                "The password or token (a bearer token, or webauthn=... for a cookie) is asked for without being\n"
                "shown, or read from standard input, and is kept in this computer's keyring."
            )
            parser.add_ca()
            parser.set_defaults(run=login)
        case "logout":
            parser.add_ca()
            parser.set_defaults(run=logout)
        case "whoami":
            parser.add_access()
            parser.set_defaults(run=whoami)


def whoami(options: Namespace, output: Output) -> int:
    """As whom one is signed in; exit status 3 when one is not."""
    from satchel.core.deriva.authn import who

    person = ask(lambda: who(options.host, access_of(options)), output)
    if person is None:
        raise _nobody(options.host)
    output.result(_values("whoami", options.host, person), lambda: _text(options.host, person))
    return 0


def login(options: Namespace, output: Output) -> int:
    """Sign in, make sure that it worked, and keep it."""
    from satchel.core.flows import sign_in

    access = Access(ca=tuple(options.ca))
    ask(lambda: sign_in.ready(options.host, access), output)
    secret = _secret(options)
    person = ask(lambda: sign_in.sign_in(options.host, access, secret, options.user or ""), output)
    output.result(_values("login", options.host, person), lambda: _text(options.host, person))
    return 0


def logout(options: Namespace, output: Output) -> int:
    """Forget a sign-in, here and on the server."""
    from satchel.core.flows import sign_in

    gone, trouble = ask(lambda: sign_in.sign_out(options.host, Access(ca=tuple(options.ca))), output)
    values = {"result": "logout", "host": options.host, "signed_out": gone, "trouble": trouble}
    said = f"Signed out of {options.host}." if gone else f"You were not signed in to {options.host}."
    output.result(values, lambda: f"{said} {trouble}".strip())
    return 0


def _secret(options: Namespace) -> str:
    what = f"Password of {options.user}" if options.user else "Token"
    if sys.stdin is not None and sys.stdin.isatty():
        try:
            typed = getpass.getpass(f"{what} on {options.host} (not shown): ", stream=sys.stderr)
        except EOFError:
            typed = ""
    else:
        typed = sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if not typed:
        raise SatchelError(
            Kind.USAGE,
            f"No {'password' if options.user else 'token'} was given.",
            "Type it when asked, or give it on standard input; never as a word of the command.",
        )
    return typed


def _nobody(host: str) -> SatchelError:
    return SatchelError(Kind.NOT_SIGNED_IN, f"You are not signed in to {host}.", f"Sign in: satchel login {host}")


def _values(kind: str, host: str, person: Person) -> dict[str, object]:
    return {"result": kind, "host": host, **msgspec.to_builtins(person)}


def _text(host: str, person: Person) -> str:
    until = f", until {person.expires}" if person.expires else ""
    return f"{person.name} ({person.id}) on {host}{until}"
