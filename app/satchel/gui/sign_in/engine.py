"""What the dialog asks of the engine. All of it runs in the engine's loop, where the imports are paid for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from satchel.core.errors import SatchelError

if TYPE_CHECKING:
    from satchel.core.credentials.chosen import Choice
    from satchel.core.deriva.authn import Person
    from satchel.core.deriva.ways import Ways
    from satchel.core.jobs.request import Access


class CannotKeep(SatchelError):  # noqa: N818 - says what it is
    """There is no keyring that a sign-in could be kept in."""


async def ways(host: str, access: Access) -> Ways:
    """How the server signs people in. Raises SatchelError."""
    from satchel.core.flows import sign_in

    return await sign_in.ways(host, access)


async def _ready(host: str, access: Access) -> None:
    from satchel.core.errors import Kind
    from satchel.core.flows import sign_in

    try:
        await sign_in.ready(host, access)
    except SatchelError as error:
        if error.kind is Kind.USAGE:
            raise CannotKeep(error.kind, error.message, error.hint, error.detail) from error
        raise


async def by_secret(host: str, access: Access, secret: str, user: str) -> Person:
    """With a name and a password, or a token. Raises SatchelError."""
    from satchel.core.flows import sign_in

    await _ready(host, access)
    return await sign_in.sign_in(host, access, secret, user)


async def by_page(host: str, access: Access, way: str, told: Callable[[str, str, float], object]) -> Person:
    """By a page in the browser.

    Args:
        host: where.
        access: whose certificates are trusted.
        way: `device` or `globus`.
        told: is given the page, a code (or nothing) and when it is too late, in seconds since 1970. On this thread.

    Raises:
        SatchelError: nobody confirmed, or it cannot be kept.
    """
    import time

    from satchel.core.flows import sign_in

    await _ready(host, access)
    if way == "device":
        return await sign_in.by_device(host, access, lambda code: told(code.page, code.user_code, code.ends))
    from satchel.core.deriva.globus import SECONDS

    scopes = (await sign_in.ways(host, access)).scopes
    return await sign_in.by_globus(host, access, scopes, lambda page: told(page, "", time.time() + SECONDS))


async def from_file(host: str, access: Access, file: str) -> Person:
    """Take over what deriva-py or bdbag keep in a file. Raises SatchelError."""
    import asyncio

    from satchel.core.credentials.file import plain_host
    from satchel.core.errors import Kind
    from satchel.core.flows import importing, sign_in

    await _ready(host, access)
    found = await asyncio.to_thread(importing.read, Path(file))
    mine = next((one for one in found if one.host == plain_host(host)), None)
    if mine is None:
        raise SatchelError(Kind.FILES, f"{file} has no sign-in to {host}.", "Choose another file.")
    return await sign_in.take(host, access, mine.credential)


async def usual_file() -> str:
    """The first of the files that other programs keep sign-ins in; empty: there is none."""
    import asyncio

    from satchel.core.flows import importing

    files = await asyncio.to_thread(importing.usual_files)
    return str(files[0]) if files else ""


async def keep_in(choice: Choice, passphrase: str) -> None:
    """Have sign-ins kept elsewhere from now on. Raises SatchelError."""
    from satchel.core.credentials import chosen
    from satchel.core.credentials.ring import in_thread

    await in_thread(lambda: chosen.choose(choice, passphrase))


async def kept_where() -> tuple[str, bool]:
    """Where sign-ins are kept (`keyring`, `file` or `memory`), and whether that waits for a passphrase."""
    from satchel.core.credentials import chosen
    from satchel.core.credentials.ring import in_thread
    from satchel.core.credentials.vault import NoKeyring

    def look() -> tuple[str, bool]:
        try:
            return chosen.current().kind, False
        except NoKeyring as error:
            return chosen.read_choice().kind, error.locked

    return await in_thread(look)


async def has_file() -> bool:
    """Whether there is an encrypted file of sign-ins."""
    from satchel.core.credentials import chosen

    return chosen.sealed_file().exists()


async def keyrings() -> tuple[list[tuple[str, str]], str]:
    """The keyrings of this computer that encrypt what they keep, by name and title; and the name of the chosen one."""
    from satchel.core.credentials import chosen
    from satchel.core.credentials.platform import backends
    from satchel.core.credentials.ring import in_thread

    found = await in_thread(backends)
    return [(one.name, one.title) for one in found if one.safe], chosen.read_choice().backend


async def renew(host: str, access: Access) -> Person:
    """Make a sign-in last longer. Raises SatchelError."""
    from satchel.core.flows import sign_in

    return await sign_in.renew(host, access)


async def sign_out(host: str, access: Access) -> tuple[bool, str]:
    """Forget a sign-in. Raises SatchelError."""
    from satchel.core.flows import sign_in

    return await sign_in.sign_out(host, access)


async def who(host: str, access: Access) -> Person | None:
    """As whom the server sees one. Raises SatchelError."""
    from satchel.core.flows import sign_in

    return await sign_in.who(host, access)
