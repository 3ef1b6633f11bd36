"""The platform's keyring, asked from one thread of its own: unlocking it may wait for a person, or for ever.

Whatever it does wrong (there is none, it is locked, it hangs, it raises what it should not) becomes a sentence.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from satchel.core.credentials.credential import Credential
from satchel.core.credentials.file import plain_host
from satchel.core.errors import Kind, SatchelError

SERVICE = "satchel"
SECONDS = 20.0
"""How long the keyring may take; a person may have to type its password."""
T = TypeVar("T")


class NoKeyring(Exception):  # noqa: N818 - says what it is
    """There is no keyring that can be used; the message says why.

    Attributes:
        absent: whether this computer simply has none, which is common on servers and no news.
    """

    def __init__(self, why: str, *, absent: bool = False) -> None:
        super().__init__(why)
        self.absent = absent


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
    except (NoKeyring, asyncio.CancelledError):
        raise
    except Exception as error:
        from keyring.errors import NoKeyringError

        if isinstance(error, NoKeyringError):
            raise NoKeyring("this computer has none", absent=True) from None
        # Only the kind of error: its words are a library's and might hold anything.
        raise NoKeyring(f"it failed ({type(error).__name__})") from None


async def from_keyring(host: str, *, seconds: float = SECONDS) -> Credential | None:
    """What the keyring has for exactly this host and port, None when it has nothing.

    Raises:
        NoKeyring: it cannot be asked.
    """

    def get() -> str | None:
        import keyring

        return keyring.get_password(SERVICE, plain_host(host))

    text = await _ask(get, seconds)
    if text is None:
        return None
    try:
        entry = json.loads(text)
        found = Credential.read(entry) if isinstance(entry, dict) else None
    except ValueError:
        found = None
    if found is None:
        raise NoKeyring(f"what it has for {host} was not written by Satchel")
    return found


async def store(host: str, credential: Credential, *, seconds: float = SECONDS) -> None:
    """Put a credential for a host into the keyring, in place of the one before.

    Raises:
        SatchelError: the keyring cannot be used; nothing is kept elsewhere instead.
    """

    def put() -> None:
        import keyring

        keyring.set_password(SERVICE, plain_host(host), json.dumps(credential.entry))

    try:
        await _ask(put, seconds)
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES,
            f"The sign-in to {host} cannot be kept in the keyring: {error}.",
            "Use a credential file instead (--credential FILE), or unlock the keyring and sign in again.",
        ) from None


async def forget(host: str, *, seconds: float = SECONDS) -> bool:
    """Remove a host's credential from the keyring. Returns whether there was one.

    Raises:
        SatchelError: the keyring cannot be used.
    """

    def drop() -> bool:
        import keyring
        from keyring.errors import PasswordDeleteError

        if keyring.get_password(SERVICE, plain_host(host)) is None:
            return False
        try:
            keyring.delete_password(SERVICE, plain_host(host))
        except PasswordDeleteError:
            # Gone meanwhile, or refused: the difference is whether it is still there.
            if keyring.get_password(SERVICE, plain_host(host)) is not None:
                raise
        return True

    try:
        return await _ask(drop, seconds)
    except NoKeyring as error:
        raise SatchelError(
            Kind.FILES,
            f"The sign-in to {host} cannot be removed from the keyring: {error}.",
            "Unlock it and try again.",
        ) from None
