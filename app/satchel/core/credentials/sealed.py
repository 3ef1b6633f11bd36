"""An encrypted file with a passphrase, for computers without a keyring.

The passphrase becomes a key by scrypt, the content is sealed by Fernet (AES-128-CBC with HMAC-SHA256): both of the
`cryptography` package, which comes along with deriva-py's dependencies and is the one that most of Python relies on.
Several programs of one person may use the file; each change reads it again under a lock.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import portalocker

from satchel.core.credentials.vault import NoKeyring
from satchel.core.files import write_atomically
from satchel.core.secrets import guard

FORMAT = 1
COST = 2**15
"""scrypt's N: about a tenth of a second and 32 MB."""
LARGEST = 4 << 20
SECONDS = 10.0


class WrongPassphrase(Exception):  # noqa: N818 - says what it is
    """The passphrase does not open the file."""


class SealedVault:
    """The file, opened. Make one with `create`, `unlock` or `take_over`."""

    kind = "file"

    def __init__(self, path: Path, key: bytes, head: dict[str, Any]) -> None:
        self.path = path
        self._key = key
        self._head = head
        guard(key.decode())

    # -- opening --------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, passphrase: str) -> SealedVault:
        """A new, empty file. Raises FileExistsError when there is one, OSError as writing does."""
        if path.exists():
            raise FileExistsError(str(path))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        salt = os.urandom(16)
        head = {"format": FORMAT, "kdf": "scrypt", "n": COST, "salt": base64.b64encode(salt).decode()}
        made = cls(path, _derive(passphrase, salt, COST), head)
        made._change(lambda texts: None, new=True)
        return made

    @classmethod
    def unlock(cls, path: Path, passphrase: str) -> SealedVault:
        """Open a file.

        Raises:
            WrongPassphrase: it is another one.
            NoKeyring: the file is missing or damaged.
        """
        head = _read(path)
        try:
            salt, cost = base64.b64decode(str(head["salt"]), validate=True), int(head["n"])
        except (KeyError, ValueError, TypeError):
            raise NoKeyring(f"the file {path} is damaged") from None
        if head.get("kdf") != "scrypt" or cost.bit_count() != 1 or not 2 <= cost <= 2**20:
            raise NoKeyring(f"the file {path} was written by a newer Satchel")
        vault = cls(path, _derive(passphrase, salt, cost), {k: v for k, v in head.items() if k != "box"})
        vault._texts(head)
        return vault

    @classmethod
    def take_over(cls, told: dict[str, Any]) -> SealedVault:
        """In another process, with what `handover` gave."""
        return cls(Path(told["path"]), str(told["key"]).encode(), dict(told["head"]))

    def handover(self) -> dict[str, Any] | None:
        """The key, so that the other process need not ask for the passphrase."""
        return {"kind": self.kind, "path": str(self.path), "key": self._key.decode(), "head": self._head}

    def change_passphrase(self, passphrase: str) -> None:
        """Seal everything anew."""
        salt = os.urandom(16)
        head = {"format": FORMAT, "kdf": "scrypt", "n": COST, "salt": base64.b64encode(salt).decode()}
        key = _derive(passphrase, salt, COST)
        with self._locked():
            texts = self._texts(_read(self.path))
            self._key, self._head = key, head
            self._write(texts)

    # -- Vault ----------------------------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """See `Vault`."""
        return self._texts(_read(self.path)).get(name)

    def put(self, name: str, text: str) -> None:
        """See `Vault`."""
        self._change(lambda texts: texts.__setitem__(name, text))

    def drop(self, name: str) -> bool:
        """See `Vault`."""
        found: list[str | None] = []
        self._change(lambda texts: found.append(texts.pop(name, None)))
        return found[0] is not None

    # -- the file -------------------------------------------------------------------------------------------------

    def _texts(self, head: dict[str, Any]) -> dict[str, str]:
        from cryptography.fernet import Fernet, InvalidToken

        try:
            told = json.loads(Fernet(self._key).decrypt(str(head.get("box", "")).encode()))
        except InvalidToken:
            raise WrongPassphrase("the passphrase does not open it, or it is damaged") from None
        return {str(name): str(text) for name, text in told.items()}

    def _change(self, do: Callable[[dict[str, str]], object], *, new: bool = False) -> None:
        with self._locked():
            texts = {} if new else self._texts(_read(self.path))
            do(texts)
            self._write(texts)

    def _write(self, texts: dict[str, str]) -> None:
        from cryptography.fernet import Fernet

        box = Fernet(self._key).encrypt(json.dumps(texts).encode()).decode()
        write_atomically(self.path, json.dumps({**self._head, "box": box}).encode())

    def _locked(self) -> portalocker.Lock:
        return portalocker.Lock(str(self.path.with_suffix(".lock")), mode="a", timeout=SECONDS)


def _derive(passphrase: str, salt: bytes, cost: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    key = Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode("utf-8", "surrogateescape"))
    return base64.urlsafe_b64encode(key)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(LARGEST))
    except FileNotFoundError:
        raise NoKeyring(f"the encrypted file {path} is gone") from None
    except OSError as error:
        raise NoKeyring(f"the encrypted file {path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise NoKeyring(f"the encrypted file {path} is damaged") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise NoKeyring(f"the encrypted file {path} was not written by this version of Satchel")
    return told
