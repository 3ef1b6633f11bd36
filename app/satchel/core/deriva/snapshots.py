"""Snapshot identifiers: when they were, and in which order they stand.

ERMrest writes a snapshot as the microseconds since 1970 in Crockford's base 32, eleven symbols for 54 bits (so one bit
to the left), in groups of four from the right: `361-FHRB-PTNM` is 2026-11-21 00:12:45.982042 UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOOK_ALIKE = str.maketrans("ILO", "110")


def microseconds(snapshot: str) -> int:
    """Microseconds since 1970 of a snapshot; snapshots of one catalog are in this order.

    Raises:
        ValueError: it is no snapshot identifier.
    """
    number = 0
    symbols = snapshot.upper().replace("-", "").translate(_LOOK_ALIKE)
    if not symbols:
        raise ValueError("a snapshot is not empty")
    for symbol in symbols:
        digit = _SYMBOLS.find(symbol)
        if digit < 0:
            raise ValueError(f"{snapshot!r} is no snapshot, {symbol!r} cannot be in it")
        number = number * 32 + digit
    return number >> 1


def moment(snapshot: str) -> datetime:
    """The time of a snapshot, in UTC.

    Raises:
        ValueError: it is no snapshot identifier, or of no year that there is.
    """
    try:
        return _EPOCH + timedelta(microseconds=microseconds(snapshot))
    except OverflowError as error:
        raise ValueError(f"{snapshot!r} is no snapshot") from error


def identifier(when: datetime) -> str:
    """The snapshot identifier of a time with its zone."""
    number = (when - _EPOCH) // timedelta(microseconds=1) << 1
    symbols = ""
    while number:
        number, digit = divmod(number, 32)
        symbols = _SYMBOLS[digit] + symbols
    symbols = symbols or "0"
    head = len(symbols) % 4
    groups = [symbols[:head]] if head else []
    groups += [symbols[i : i + 4] for i in range(head, len(symbols), 4)]
    return "-".join(groups)
