"""RIDs for the demo's rows, chosen in advance, so that rows can refer to each other before a server has seen them."""

from __future__ import annotations

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

FIRST = 1 << 20
"""The first RID is 1-0000. Below are those of the catalog's own schema."""


def rid(number: int) -> str:
    """A number as ERMrest writes RIDs: Crockford's base 32, a dash before every four digits from the right."""
    text = ""
    place = 0
    while number or not text:
        number, digit = divmod(number, 32)
        text = DIGITS[digit] + ("-" if place and place % 4 == 0 else "") + text
        place += 1
    return text


class Block:
    """The RIDs of one table's rows."""

    def __init__(self, first: int, count: int) -> None:
        self.first = first
        self.count = count

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return rid(self.first + index)

    def __len__(self) -> int:
        return self.count
