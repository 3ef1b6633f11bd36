"""What secrets are kept in: the system's keyring, an encrypted file, or the memory of this program.

All three are asked from one thread alone (`satchel.core.credentials.ring`), so none of them needs locks of its own
against this program; the file is shared with other programs of the same person and locks itself.
"""

from __future__ import annotations

from typing import Any, Protocol

from satchel.core.secrets import guard


class NoKeyring(Exception):  # noqa: N818 - says what it is
    """There is no keyring that can be used; the message says why.

    Attributes:
        absent: whether this computer simply has none, which is common on servers and no news.
        locked: whether it is there, and waits for its password.
    """

    def __init__(self, why: str, *, absent: bool = False, locked: bool = False) -> None:
        super().__init__(why)
        self.absent = absent
        self.locked = locked


class Vault(Protocol):
    """Texts by name. Any method may block for as long as a person takes to type a password."""

    kind: str
    """`keyring`, `file` or `memory`."""

    def get(self, name: str) -> str | None:
        """The text, None when there is none. Raises NoKeyring, or what a backend raises."""

    def put(self, name: str, text: str) -> None:
        """Keep a text in place of the one before. Raises NoKeyring, or what a backend raises."""

    def drop(self, name: str) -> bool:
        """Remove a text; returns whether there was one. Raises NoKeyring, or what a backend raises."""

    def handover(self) -> dict[str, Any] | None:
        """What a process of our own needs to open the same vault; None: it finds it by itself. Secret."""


class MemoryVault:
    """Lasts as long as this program and is written nowhere.

    Args:
        texts: what a process that started this one has handed over.
    """

    kind = "memory"

    def __init__(self, texts: dict[str, str] | None = None) -> None:
        self._texts = dict(texts or {})
        for text in self._texts.values():
            guard(text)

    def get(self, name: str) -> str | None:
        """See `Vault`."""
        return self._texts.get(name)

    def put(self, name: str, text: str) -> None:
        """See `Vault`."""
        self._texts[name] = text

    def drop(self, name: str) -> bool:
        """See `Vault`."""
        return self._texts.pop(name, None) is not None

    def handover(self) -> dict[str, Any] | None:
        """Everything."""
        return {"kind": self.kind, "texts": dict(self._texts)}
