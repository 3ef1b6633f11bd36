"""The vault of secrets, asked from one thread of its own: unlocking a keyring may wait for a person, or for ever.

Whatever it does wrong (there is none, it is locked, it hangs, it raises what it should not) becomes a sentence.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from satchel.core.credentials import chosen
from satchel.core.credentials.credential import Credential
from satchel.core.credentials.file import plain_host
from satchel.core.credentials.kept import SignIn
from satchel.core.credentials.vault import NoKeyring
from satchel.core.errors import Kind, SatchelError

__all__ = ["SECONDS", "NoKeyring", "forget", "from_keyring", "keep", "kept", "store"]

SECONDS = 20.0
"""How long the keyring may take; a person may have to type its password."""
T = TypeVar("T")


class _Worker:
    """One daemon thread: keyrings are not safe from several, and one that hangs must not keep the program alive."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[tuple[concurrent.futures.Future[object], Callable[[], object]]] = (
            queue.SimpleQueue()
        )
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self, do: Callable[[], T]) -> concurrent.futures.Future[T]:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="satchel-keyring", daemon=True)
                self._thread.start()
        self._tasks.put((future, do))  # type: ignore[arg-type]
        return future

    def _run(self) -> None:
        while True:
            future, do = self._tasks.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(do())
            except BaseException as error:  # backends raise whatever they like, pywintypes.error among it
                future.set_exception(error)


_worker = _Worker()


async def _ask(do: Callable[[], T], seconds: float) -> T:
    future = _worker.ask(do)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
    except TimeoutError:
        raise NoKeyring(f"it did not answer within {seconds:.0f} seconds") from None
    except (NoKeyring, SatchelError, asyncio.CancelledError):
        raise
    except Exception as error:
        from keyring.errors import KeyringLocked, NoKeyringError

        from satchel.core.credentials.sealed import WrongPassphrase

        if isinstance(error, NoKeyringError):
            raise NoKeyring("this computer has none", absent=True) from None
        if isinstance(error, KeyringLocked):
            raise NoKeyring("it is locked (KeyringLocked)", locked=True) from None
        if isinstance(error, WrongPassphrase):
            raise NoKeyring("the encrypted file was sealed with another passphrase meanwhile", locked=True) from None
        # Only the kind of error: its words are a library's and might hold anything.
        raise NoKeyring(f"it failed ({type(error).__name__})") from None


async def kept(host: str, *, seconds: float = SECONDS) -> SignIn | None:
    """The sign-in that is kept for exactly this host and port, None when there is none.

    Raises:
        NoKeyring: it cannot be asked.
    """
    text = await _ask(lambda: chosen.current().get(plain_host(host)), seconds)
    if text is None:
        return None
    found = SignIn.read(text)
    if found is None:
        raise NoKeyring(f"what it has for {host} was not written by Satchel")
    return found


async def from_keyring(host: str, *, seconds: float = SECONDS) -> Credential | None:
    """The credential of the sign-in that is kept, None when there is none. Raises NoKeyring."""
    found = await kept(host, seconds=seconds)
    return found.credential if found is not None else None


async def keep(host: str, sign_in: SignIn, *, seconds: float = SECONDS) -> None:
    """Keep a sign-in to a host, in place of the one before.

    Raises:
        SatchelError: the vault cannot be used; nothing is kept elsewhere instead.
    """
    try:
        await _ask(lambda: chosen.current().put(plain_host(host), sign_in.text), seconds)
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES,
            f"The sign-in to {host} cannot be kept in the keyring: {error}.",
            "Unlock the keyring and sign in again; or have sign-ins kept in an encrypted file, or for this session "
            "only (Settings, or `satchel login --keep file`); or use a credential file (--credential FILE).",
        ) from None


async def store(host: str, credential: Credential, *, seconds: float = SECONDS) -> None:
    """Keep a bare credential. Raises SatchelError."""
    await keep(host, SignIn(credential), seconds=seconds)


async def forget(host: str, *, seconds: float = SECONDS) -> bool:
    """Forget a host's sign-in. Returns whether there was one.

    Raises:
        SatchelError: the vault cannot be used.
    """
    try:
        return await _ask(lambda: chosen.current().drop(plain_host(host)), seconds)
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES,
            f"The sign-in to {host} cannot be removed from the keyring: {error}.",
            "Unlock it and try again.",
        ) from None


async def in_thread(do: Callable[[], T], *, seconds: float = SECONDS) -> T:
    """Anything else that may wait for a keyring, in the thread that asks it. Raises SatchelError."""
    try:
        return await _ask(do, seconds)
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES,
            f"The keyring cannot be used: {error}.",
            "Unlock it, or have sign-ins kept elsewhere (Settings).",
        ) from None
