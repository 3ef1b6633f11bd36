"""Satchel's own transform: a catalog's schema document with only some of its schemas.

deriva-ml 1.17.10 opens a bag only where its schema.json has one domain. Of a catalog with several, a dataset's bag gets
the one in which its members lie; what refers to the others is left out of the document (rows keep all their columns).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.errors import Kind
from satchel.core.export.errors import ExportError
from satchel.core.export.spec.model import Step

NAME = "satchel-narrow-schema"


def narrow(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    """Leave schemas out of a schema document. Raises ExportError where it is none."""
    kept = step.params.get("schemas")
    wanted = {str(name) for name in kept} if isinstance(kept, list) else set()
    try:
        document: Any = msgspec.json.decode(inputs[0].read_bytes())
        schemas = {name: schema for name, schema in document["schemas"].items() if name in wanted}
        for schema in schemas.values():
            for table in schema["tables"].values():
                table["foreign_keys"] = [key for key in table.get("foreign_keys", ()) if _leads_to(key) <= wanted]
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(Kind.INVALID, f"{inputs[0].name} is no schema document.", "", str(error)) from error
    document["schemas"] = schemas
    output.write_bytes(msgspec.json.encode(document))


def _leads_to(key: Any) -> set[str]:
    return {column["schema_name"] for column in key["referenced_columns"]}
