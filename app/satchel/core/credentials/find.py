"""Where a host's credential is looked for: the named file, or else the keyring, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from satchel.core.credentials.credential import Credential
from satchel.core.credentials.file import from_file
from satchel.core.credentials.ring import SECONDS, NoKeyring, from_keyring
from satchel.core.jobs.request import Access

_log = logging.getLogger(__name__)


async def lookup(
    host: str, access: Access, *, warn: Callable[[str], None] = _log.warning, seconds: float = SECONDS
) -> Credential | None:
    """What proves to this host who asks; None: nobody in particular.

    Args:
        host: `name` or `name:port`; what belongs to any other host, or to another port, is never taken.
        access: a credential file takes the place of the keyring.
        warn: told in a sentence of what is odd: a file that others can read, a keyring that does not answer.
        seconds: how long the keyring may take.

    Raises:
        SatchelError: the credential file is missing or damaged.
    """
    if access.credential is not None:
        return await asyncio.to_thread(from_file, access.credential, host, warn)
    try:
        return await from_keyring(host, seconds=seconds)
    except NoKeyring as error:
        if not error.absent:
            warn(f"The keyring cannot be used: {error}. Satchel asks {host} as nobody.")
        return None
