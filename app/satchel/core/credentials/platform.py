"""The system's keyring: Secret Service or KWallet, macOS' Keychain, Windows' Credential Locker."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from satchel.core.credentials.vault import NoKeyring

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "satchel"
LARGEST = 1000
"""Characters of one entry. Windows keeps 2,560 bytes at most, two for each character."""


class KeyringVault:
    """The keyring that the `keyring` library finds, or the one of its backends that the person chose.

    Args:
        backend: `module.Class`; empty: the library's choice, which PYTHON_KEYRING_BACKEND may have made.
    """

    kind = "keyring"

    def __init__(self, backend: str = "") -> None:
        self.backend = backend
        self._ring: KeyringBackend | None = None

    def get(self, name: str) -> str | None:
        """See `Vault`."""
        ring = self._open()
        text = ring.get_password(SERVICE, name)
        parts = _parts(text)
        if parts is None:
            return text
        found = [ring.get_password(SERVICE, part) for part in parts.names(name)]
        # One that is missing: another program was just changing it, or somebody removed it. Half a token is none.
        return None if None in found else "".join(found)  # type: ignore[arg-type]

    def put(self, name: str, text: str) -> None:
        """See `Vault`. A long text is kept in parts, the entry itself written last."""
        ring = self._open()
        old = _parts(ring.get_password(SERVICE, name))
        if len(text) <= LARGEST:
            ring.set_password(SERVICE, name, text)
        else:
            pieces = [text[at : at + LARGEST] for at in range(0, len(text), LARGEST)]
            new = _Parts(secrets.token_hex(4), len(pieces))
            for part, piece in zip(new.names(name), pieces, strict=True):
                ring.set_password(SERVICE, part, piece)
            ring.set_password(SERVICE, name, new.text)
        if old is not None:
            for part in old.names(name):
                self._remove(ring, part)

    def drop(self, name: str) -> bool:
        """See `Vault`."""
        ring = self._open()
        text = ring.get_password(SERVICE, name)
        if text is None:
            return False
        self._remove(ring, name)
        parts = _parts(text)
        for part in parts.names(name) if parts else ():
            self._remove(ring, part)
        return True

    def handover(self) -> dict[str, Any] | None:
        """Another process opens the keyring by itself."""
        return None

    @staticmethod
    def _remove(ring: KeyringBackend, name: str) -> None:
        from keyring.errors import PasswordDeleteError

        try:
            ring.delete_password(SERVICE, name)
        except PasswordDeleteError:
            # Gone meanwhile, or refused: the difference is whether it is still there.
            if ring.get_password(SERVICE, name) is not None:
                raise

    def _open(self) -> KeyringBackend:
        import keyring
        from keyring.core import load_keyring

        if not self.backend:
            return keyring.get_keyring()  # tests and the person may set another at any time
        if self._ring is None:
            try:
                self._ring = load_keyring(self.backend)
            except (ImportError, AttributeError, ValueError, RuntimeError):
                raise NoKeyring(f"the one chosen in the settings ({self.backend}) is not there") from None
        return self._ring


class _Parts:
    """How a long text is kept."""

    def __init__(self, key: str, count: int) -> None:
        self._key, self._count = key, count

    @property
    def text(self) -> str:
        """For the entry itself."""
        return json.dumps({"parts": self._count, "key": self._key})

    def names(self, name: str) -> list[str]:
        """The entries of the parts."""
        return [f"{name} ({self._key} {place + 1} of {self._count})" for place in range(self._count)]


def _parts(text: str | None) -> _Parts | None:
    if text is None or not text.startswith('{"parts"'):
        return None
    try:
        told = json.loads(text)
        return _Parts(str(told["key"]), min(int(told["parts"]), 1000))
    except (ValueError, KeyError, TypeError):
        return None


class Backend:
    """A keyring that this computer offers.

    Attributes:
        name: `module.Class`, for `KeyringVault`.
        title: for people.
        safe: whether what it keeps is encrypted.
    """

    def __init__(self, name: str, title: str, safe: bool) -> None:
        self.name, self.title, self.safe = name, title, safe


_TITLES = {
    "keyring.backends.SecretService.Keyring": "Secret Service (GNOME Keyring, KeePassXC)",
    "keyring.backends.libsecret.Keyring": "Secret Service by libsecret",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet 4",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "Windows Credential Locker",
}


def backends() -> list[Backend]:
    """The keyrings that can be used here, the library's own choice first. Blocks: it looks for services."""
    from keyring.backend import get_all_keyring

    found: list[tuple[float, Backend]] = []
    for ring in get_all_keyring():
        name = f"{type(ring).__module__}.{type(ring).__qualname__}"
        if name.startswith(("keyring.backends.fail", "keyring.backends.chainer", "keyring.backends.null")):
            continue
        safe = name in _TITLES
        found.append((float(ring.priority), Backend(name, _TITLES.get(name, name), safe)))
    return [backend for _, backend in sorted(found, key=lambda pair: -pair[0])]
