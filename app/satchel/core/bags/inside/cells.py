"""Values of records as people read them."""

from __future__ import annotations

import json
from typing import Any


def display(value: Any) -> str:
    """A value of CSV or JSON as text; null is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
