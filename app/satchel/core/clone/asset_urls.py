"""What an asset's address in a row says, and what becomes of it when the row is cloned.

Values only: no network.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from satchel.core.deriva.hatrac_write import split_object
from satchel.core.deriva.model import AssetColumns, Table
from satchel.core.deriva.session import host_name
from satchel.core.errors import SatchelError


def absolute(url: str, host: str) -> str:
    """An address as it must stand in another catalog: what is relative is made absolute to its host.

    Args:
        url: as the row has it.
        host: the source catalog's, `name` or `name:port`.
    """
    bare = url.strip()
    if bare.startswith("/") and not bare.startswith("//"):
        return f"https://{host}{bare}"
    return url


def referring(table: Table, host: str) -> tuple[str, Callable[[Any], Any]] | None:
    """What the copy stage does to each row of a table in the mode "references" (and "full", until files are copied).

    Args:
        table: the source's.
        host: the source's.

    Returns:
        The column and a function of its value; None where rows of the table pass unchanged.
    """
    columns = asset_columns(table)
    if columns is None:
        return None

    def change(value: Any) -> Any:
        return absolute(value, host) if isinstance(value, str) else value

    return columns.url, change


def asset_columns(table: Table) -> AssetColumns | None:
    """Which columns of a table hold assets: by the annotation tag:isrd.isi.edu,2017:asset, else by their usual names.

    None: it is no asset table.
    """
    if table.asset is not None:
        return table.asset
    names = {column.name for column in table.columns}
    if not {"URL", "Filename", "Length", "MD5"} <= names:
        return None
    return AssetColumns("URL", "Filename", "Length", "MD5", "SHA256" if "SHA256" in names else None)


def host_of(url: str) -> str | None:
    """The host of an absolute https address, as the rest of the program writes it; None where it is another kind."""
    try:
        split = urlsplit(url.strip())
        if split.scheme.lower() != "https" or not split.hostname or split.username is not None:
            return None
        return host_name(split.netloc)
    except (ValueError, SatchelError):
        return None


def object_of(url: str) -> tuple[str, str | None] | None:
    """Path (`/hatrac/...`, escaped) and version of a Hatrac object's address; None where it is of something else."""
    return split_object(quote(url.strip(), safe=string.punctuation, errors="replace"))
