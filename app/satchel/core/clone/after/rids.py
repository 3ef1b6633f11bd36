"""RIDs for rows that a clone gets beside the copied ones.

A new catalog numbers its rows from the beginning, as the source once did, so a RID that it gives by itself is likely to
be one of a copied row already: the same one in another table, which `entity_rid` and resolvers cannot tell apart, or
even in the same table, which is refused. RIDs from far above are nobody's.
"""

from __future__ import annotations

import hashlib

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FAR = 1 << 51


def far_rid(*seed: str) -> str:
    """A RID made of what the row is for: the same again for the same, so that a step may be repeated."""
    digest = hashlib.sha256("\0".join(seed).encode()).digest()
    number = (_FAR | int.from_bytes(digest[:8], "big") % _FAR) << 1
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    head = len(digits) % 4
    groups = ([digits[:head]] if head else []) + [digits[i : i + 4] for i in range(head, len(digits), 4)]
    return "-".join(groups)
