"""Sign-in and where secrets live: `lookup` finds a host's credential, `store` and `forget` change the keyring."""

from satchel.core.credentials.credential import Credential
from satchel.core.credentials.find import lookup
from satchel.core.credentials.ring import forget, store

__all__ = ["Credential", "forget", "lookup", "store"]
