"""What was gathered is closed behind each test, for Python 3.13 warns of databases that are left open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from satchel.core.deriva.reach.store import Store


@pytest.fixture(autouse=True)
def _close_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    begin = Store.__init__
    begun: list[Any] = []

    def remembered(self: Store, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        begun.append(self._db)

    monkeypatch.setattr(Store, "__init__", remembered)
    yield
    for database in begun:
        database.close()
