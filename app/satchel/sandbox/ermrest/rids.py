"""RIDs and snapshot ids: numbers in base 32 as ERMrest writes them, `1-ABCD` and `361-FHRB-PTNM`."""

from __future__ import annotations

from datetime import UTC, datetime

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)} | {"O": 0, "I": 1, "L": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(number: int) -> str:
    """A number as ERMrest's urlb32: shifted by one bit, Crockford's digits in groups of four from the right."""
    number <<= 1
    digits = ""
    while number or not digits:
        digits = _DIGITS[number & 31] + digits
        number >>= 5
    head = len(digits) % 4
    groups = ([digits[:head]] if head else []) + [digits[i : i + 4] for i in range(head, len(digits), 4)]
    return "-".join(groups)


def decode(text: str) -> int | None:
    """The number that a urlb32 text stands for; None when it is none, or too long to be one."""
    digits = text.upper().replace("-", "")
    if not digits or len(digits) > 13 or any(digit not in _VALUES for digit in digits):
        return None
    number = 0
    for digit in digits:
        number = number << 5 | _VALUES[digit]
    return number >> 1


def microseconds(when: datetime) -> int:
    """A time as a snapshot number: microseconds since 1970."""
    delta = when - _EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(snapshot: int) -> datetime:
    """The time of a snapshot number."""
    return datetime.fromtimestamp(snapshot // 1_000_000, UTC).replace(microsecond=snapshot % 1_000_000)
