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

from satchel.cli import passphrase
from satchel.cli.look import access_of, ask
from satchel.cli.output import JsonOutput, Output, say
from satchel.cli.parser import Parser, path
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    from satchel.core.credentials import Credential
    from satchel.core.deriva.authn import Person


def define(parser: Parser) -> None:
    """Their options."""
    parser.add_host()
    match parser.command:
        case "login":
            parser.add_argument("--user", metavar="NAME", help="sign in with this name and a password")
            parser.add_argument(
                "--way",
                choices=("device", "globus", "password", "token"),
                help="how; else the server's best, and a token where standard input is no terminal",
            )
            parser.add_argument(
                "--import",
                dest="file",
                type=path,
                metavar="FILE",
                help="take this host's sign-in over from deriva-py's credential file or bdbag's keychain",
            )
            parser.add_argument("--no-browser", action="store_true", help="only print the page to be opened")
            parser.add_argument(
                "--keep",
                choices=("keyring", "file"),
                help="from now on keep sign-ins in the system's keyring, or in a file encrypted with a passphrase",
            )
            parser.epilog = (
                "A password or token (a bearer token, or webauthn=... for a cookie) is asked for without being\n"
                "shown, or read from standard input, and is kept in this computer's keyring. For the encrypted file\n"
                f"{passphrase.FILE} may name a file with the passphrase."
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

    if options.user and options.way not in (None, "password"):
        raise SatchelError(Kind.USAGE, f"--user is for a password, not for --way {options.way}.", "Leave one out.")
    if options.keep:
        passphrase.choose(options.keep)
    passphrase.unlock()
    host, access = options.host, Access(ca=tuple(options.ca))
    ask(lambda: sign_in.ready(host, access), output)
    if options.file:
        person = ask(lambda: sign_in.take(host, access, _imported(host, options.file)), output)
    else:
        person = _by(_way(options, access, output), options, access, output)
    output.result(_values("login", host, person), lambda: _text(host, person))
    return 0


def _way(options: Namespace, access: Access, output: Output) -> str:
    """How to sign in, as the options say or as the server does best."""
    from satchel.core.flows import sign_in

    if options.user:
        return "password"
    if options.way:
        return str(options.way)
    if sys.stdin is None or not sys.stdin.isatty():
        return "token"
    best = ask(lambda: sign_in.ways(options.host, access), output).ways[0]
    return "token" if best == "browser" else best


def _by(way: str, options: Namespace, access: Access, output: Output) -> Person:
    from satchel.core.flows import sign_in

    host = options.host
    match way:
        case "device":
            return ask(
                lambda: sign_in.by_device(host, access, lambda c: _show(options, output, c.page, c.user_code)), output
            )
        case "globus":
            scopes = ask(lambda: sign_in.ways(host, access), output).scopes
            if not scopes:
                raise SatchelError(Kind.USAGE, f"{host} does not sign people in by Globus.", "Leave --way out.")
            return ask(
                lambda: sign_in.by_globus(host, access, scopes, lambda page: _show(options, output, page)), output
            )
        case "password":
            user = options.user or _name(host)
            secret = _secret(host, user)
            return ask(lambda: sign_in.sign_in(host, access, secret, user), output)
        case _:
            secret = _secret(host, "")
            return ask(lambda: sign_in.sign_in(host, access, secret), output)


def _show(options: Namespace, output: Output, page: str, code: str = "") -> None:
    """Have a page opened in the browser, and say which."""
    from satchel.core.jobs.events import Confirm

    if isinstance(output, JsonOutput):
        output.hear(Confirm(page=page, code=code))
    else:
        say(f"Confirm the sign-in{f' with the code {code}' if code else ''} on this page:\n  {page}")
    if not options.no_browser and sys.stdin is not None and sys.stdin.isatty():
        import webbrowser

        webbrowser.open(page)


def _imported(host: str, file: str) -> Credential:
    from pathlib import Path

    from satchel.core.credentials.file import plain_host
    from satchel.core.flows.importing import read

    found = next((one for one in read(Path(file)) if one.host == plain_host(host)), None)
    if found is None:
        raise SatchelError(Kind.FILES, f"{file} has no sign-in to {host}.", "Check the host's name.")
    return found.credential


def _name(host: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(f"User name on {host}: ")
        sys.stderr.flush()
    name = sys.stdin.readline().strip() if sys.stdin is not None else ""
    if not name:
        raise SatchelError(Kind.USAGE, "No user name was given.", "Name it with --user.")
    return name


def logout(options: Namespace, output: Output) -> int:
    """Forget a sign-in, here and on the server."""
    from satchel.core.flows import sign_in

    passphrase.unlock()
    gone, trouble = ask(lambda: sign_in.sign_out(options.host, Access(ca=tuple(options.ca))), output)
    values = {"result": "logout", "host": options.host, "signed_out": gone, "trouble": trouble}
    said = f"Signed out of {options.host}." if gone else f"You were not signed in to {options.host}."
    output.result(values, lambda: f"{said} {trouble}".strip())
    return 0


def _secret(host: str, user: str) -> str:
    what = f"Password of {user}" if user else "Token"
    if sys.stdin is not None and sys.stdin.isatty():
        try:
            typed = getpass.getpass(f"{what} on {host} (not shown): ", stream=sys.stderr)
        except EOFError:
            typed = ""
    else:
        typed = sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if not typed:
        raise SatchelError(
            Kind.USAGE,
            f"No {'password' if user else 'token'} was given.",
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
