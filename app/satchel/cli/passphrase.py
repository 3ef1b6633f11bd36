"""The passphrase of the encrypted file in which sign-ins may be kept: asked for, or read from a file that is named."""

from __future__ import annotations

import getpass
import os
import sys

from satchel.core.errors import Kind, SatchelError

FILE = "SATCHEL_PASSPHRASE_FILE"


def choose(kind: str) -> None:
    """Have sign-ins kept in the system's `keyring` or an encrypted `file` from now on. Raises SatchelError."""
    from satchel.core.credentials import chosen

    passphrase = ""
    if kind == "file":
        new = not chosen.sealed_file().exists()
        passphrase = _passphrase("Passphrase for a new encrypted file" if new else "Passphrase of the encrypted file")
        if new and sys.stdin is not None and sys.stdin.isatty() and _passphrase("Once more") != passphrase:
            raise SatchelError(Kind.USAGE, "The two passphrases differ.", "Begin again.")
    chosen.choose(chosen.Choice("file" if kind == "file" else "keyring"), passphrase)


def unlock() -> None:
    """Ask for the passphrase of an encrypted file, where sign-ins are kept in one and somebody is there."""
    from satchel.core.credentials import chosen
    from satchel.core.credentials.vault import NoKeyring

    try:
        chosen.current()
    except NoKeyring as error:
        if error.locked:
            chosen.unlock(_passphrase("Passphrase of the encrypted file"))


def _passphrase(prompt: str) -> str:
    from pathlib import Path

    named = os.environ.get(FILE)
    try:
        if named:
            return Path(named).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SatchelError(Kind.FILES, f"The passphrase in {named} cannot be read.", "Check the file.") from error
    if sys.stdin is None or not sys.stdin.isatty():
        raise SatchelError(Kind.USAGE, "The encrypted file needs its passphrase.", f"Name a file with it in {FILE}.")
    return getpass.getpass(f"{prompt} (not shown): ", stream=sys.stderr)
