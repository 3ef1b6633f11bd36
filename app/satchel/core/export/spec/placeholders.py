"""Placeholders of specs: `{RID}` in paths and names, filled with values of `env` as deriva-py's `str.format` does.

A spec comes from a server or a stranger, so what `str.format` could do beyond that (read attributes of objects, make
strings of gigabytes) is refused.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from satchel.core.export.errors import ConfigurationError

ENCODED = "_urlencoded"
_FIELD = re.compile(r"(?P<name>[^.\[\]]+)(?P<items>(\[[^\[\]]*\])*)")
_WIDTH = re.compile(r"\d{4,}")


class BraceError(ValueError):
    """A text has a brace that is neither doubled nor part of a placeholder. The message says which."""


class Env:
    """Values for placeholders.

    For each `K` there is `{K_urlencoded}` as well. `hostname` is always there.

    Args:
        given: values that are given beside the spec.
        own: the spec's; they win, as in deriva-py.
        host: the server's name.
    """

    def __init__(self, given: Mapping[str, Any], own: Mapping[str, Any], host: str) -> None:
        self._values: dict[str, Any] = {**given, "hostname": host}
        self._encode()
        # The export service fills the spec's values with those given beside it ("env": {"RID": "{RID}"}); deriva-py's
        # downloader takes them as they are, and then looks for rows with the RID "{RID}".
        self._values.update({name: self._filled(value) for name, value in own.items()})
        self._values["hostname"] = host
        self._encode()

    def _filled(self, value: Any) -> Any:
        if not isinstance(value, str) or "{" not in value:
            return value
        try:
            return _Filler().vformat(value, (), self._values)
        except (_MissingError, ValueError, TypeError, LookupError, AttributeError):
            return value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def values(self) -> dict[str, Any]:
        """All of them, a copy."""
        return dict(self._values)

    def update(self, found: Mapping[str, Any]) -> None:
        """Take what an `env` query has found."""
        self._values.update(found)
        self._encode()

    def _encode(self) -> None:
        plain = {k: v for k, v in self._values.items() if not k.endswith(ENCODED)}
        self._values.update({f"{k}{ENCODED}": quote(str(v), safe="") for k, v in plain.items()})

    def fill(self, text: str, more: Mapping[str, Any] | None = None, where: str = "") -> str:
        """The text with its placeholders filled.

        Args:
            text: braces that stand for themselves are doubled in it.
            more: further values, such as a row's.
            where: JSON pointer to the text, for the message.

        Raises:
            ConfigurationError: a brace that is not doubled, or a placeholder without a value.
        """
        values = {**self._values, **more} if more else self._values
        try:
            return _Filler().vformat(text, (), values)
        except _MissingError as error:
            raise ConfigurationError(
                f"There is no value for {{{error.args[0]}}} in {_short(text)!r}",
                f'Give it: --env {error.args[0]}=VALUE, or name it under "env" of the spec.',
                where,
            ) from None
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ConfigurationError(
                f"{_short(text)!r} has a brace that is no placeholder: {error}",
                "Double braces that stand for themselves: {{ and }}.",
                where,
            ) from None


class _MissingError(Exception):
    pass


class _Filler(string.Formatter):
    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        match = _FIELD.fullmatch(field_name)
        if not match or match["name"].isdigit():
            raise BraceError(f"{{{field_name}}} names no value")
        name = match["name"]
        if name not in kwargs:
            raise _MissingError(name)
        found = kwargs[name]
        for item in re.findall(r"\[([^\[\]]*)\]", match["items"]):
            found = found[int(item) if item.isdigit() else item]
        return found, name

    def format_field(self, value: Any, format_spec: str) -> str:
        if _WIDTH.search(format_spec):
            raise BraceError(f"{{:{format_spec}}} asks for a longer text than is sensible")
        return str(super().format_field(value, format_spec))


def names(text: str) -> Iterator[str]:
    """The names of a text's placeholders, in order.

    Raises:
        BraceError: a brace is neither doubled nor part of one, or a placeholder names no value.
    """
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise BraceError(str(error)) from None
    for _, field, spec, _ in pieces:
        if field is None:
            continue
        match = _FIELD.fullmatch(field)
        if not match or match["name"].isdigit() or match["name"] != match["name"].strip():
            raise BraceError(f"{{{field}}} names no value")
        yield match["name"]
        yield from names(spec or "")


def doubled(text: str) -> str:
    """A text in which braces stand for themselves, as a spec must write it."""
    return text.replace("{", "{{").replace("}", "}}")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
