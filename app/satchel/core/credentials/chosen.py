"""Which vault this person's secrets are in. The choice is a small file of settings; it holds nothing secret."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from satchel.core.credentials.platform import KeyringVault
from satchel.core.credentials.sealed import SealedVault, WrongPassphrase
from satchel.core.credentials.vault import MemoryVault, NoKeyring, Vault
from satchel.core.errors import Kind, SatchelError
from satchel.core.files import write_atomically
from satchel.core.handover import offer, on_arrival
from satchel.core.paths import Home

VaultKind = Literal["keyring", "file", "memory"]
PASSPHRASE_FILE = "SATCHEL_PASSPHRASE_FILE"  # noqa: S105 - a name
"""Names a file with the passphrase, for commands that nobody sits at."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where secrets are kept.

    Attributes:
        kind: `keyring`, an encrypted `file`, or `memory`: until the program ends.
        backend: which keyring, where there are several; empty: the system's.
    """

    kind: VaultKind = "keyring"
    backend: str = ""


_lock = threading.Lock()
_current: Vault | None = None


def current() -> Vault:
    """The vault in use. May read a small file; blocks no longer than that. Raises NoKeyring where it is locked."""
    global _current
    with _lock:
        if _current is None:
            _current = _open(read_choice())
        return _current


def use(vault: Vault | None) -> None:
    """Take this vault from now on; None: what the settings say."""
    global _current
    with _lock:
        _current = vault


def take_over(told: dict[str, Any] | None) -> None:
    """In a process that another one started: what `Vault.handover` gave there; None: the settings hold."""
    if told is None:
        use(None)
    elif told.get("kind") == "memory":
        use(MemoryVault(told["texts"]))
    elif told.get("kind") == "file":
        use(SealedVault.take_over(told))


def handover() -> dict[str, Any] | None:
    """What a process of our own needs. Secret: for a pipe only. None: it finds the vault by itself."""
    with _lock:
        return _current.handover() if _current is not None else None


def settings_file(home: Home | None = None) -> Path:
    """Where the choice is kept."""
    return (home or Home.find()).config / "secrets.json"


def sealed_file(home: Home | None = None) -> Path:
    """Where the encrypted file is."""
    return (home or Home.find()).data / "sign-ins.sealed"


def read_choice(home: Home | None = None) -> Choice:
    """What the person chose; the system's keyring where nothing, or nothing that makes sense, was chosen."""
    try:
        told = json.loads(settings_file(home).read_text("utf-8"))
        kind, backend = told.get("kind"), told.get("backend", "")
    except (OSError, ValueError, AttributeError):
        return Choice()
    return Choice(kind if kind in ("keyring", "file", "memory") else "keyring", str(backend))


def choose(choice: Choice, passphrase: str = "") -> Vault:
    """Use another vault from now on, and remember that. What the old one holds stays there.

    Args:
        choice: which.
        passphrase: for the file: of the one that is there, or for a new one.

    Raises:
        SatchelError: the file does not open, or the choice cannot be written.
    """
    file = sealed_file()
    vault: Vault
    try:
        match choice.kind:
            case "file":
                if not passphrase:
                    raise SatchelError(Kind.USAGE, "An encrypted file needs a passphrase.", "Type one.")
                vault = SealedVault.unlock(file, passphrase) if file.exists() else SealedVault.create(file, passphrase)
            case "memory":
                vault = MemoryVault()
            case _:
                vault = KeyringVault(choice.backend)
        place = settings_file()
        Home.private(place.parent)
        write_atomically(place, json.dumps({"kind": choice.kind, "backend": choice.backend}).encode())
    except WrongPassphrase:
        raise SatchelError(
            Kind.USAGE,
            "This is not the passphrase of the encrypted file.",
            f"Type it again. Who has forgotten it removes {file} and signs in anew everywhere.",
        ) from None
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES, f"The sign-ins cannot be read: {error}.", f"Remove {file} to begin anew."
        ) from None
    except OSError as error:
        raise SatchelError(
            Kind.FILES, f"{error.filename or file} cannot be written: {error.strerror}.", "Check who may write there."
        ) from error
    use(vault)
    return vault


def unlock(passphrase: str) -> None:
    """Open the encrypted file that the settings name. Raises SatchelError: it does not open."""
    choose(Choice("file"), passphrase)


def _open(choice: Choice) -> Vault:
    match choice.kind:
        case "memory":
            return MemoryVault()
        case "file":
            named = os.environ.get(PASSPHRASE_FILE)
            if not named:
                raise NoKeyring("the encrypted file waits for its passphrase", locked=True)
            try:
                passphrase = Path(named).read_text("utf-8").rstrip("\r\n")
                return SealedVault.unlock(sealed_file(), passphrase)
            except OSError as error:
                raise NoKeyring(f"the passphrase in {named} cannot be read ({error.strerror})") from None
            except (UnicodeDecodeError, WrongPassphrase):
                raise NoKeyring(f"what is in {named} does not open the encrypted file", locked=True) from None
        case _:
            return KeyringVault(choice.backend)


offer(handover)
on_arrival(take_over)
