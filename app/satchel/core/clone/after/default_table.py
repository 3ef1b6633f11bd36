"""What Chaise opens first in the clone: the root's table (`defaultTable` of the chaise-config annotation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from satchel.core.clone.work import Work

TAG = "tag:isrd.isi.edu,2019:chaise-config"


async def set_default_table(work: Work) -> None:
    """Let Chaise begin with the root's table. Everything else in the annotation stays."""
    root = work.plan.root
    if work.plan.table(root) is None:
        return
    present = (await work.destination.info()).annotations.get(TAG)
    config: dict[str, Any] = dict(present) if isinstance(present, Mapping) else {}
    # An object: a text makes Chaise look for a schema named "undefined".
    wanted = {"schema": root.schema, "table": root.table}
    before = config.get("defaultTable")
    if isinstance(before, Mapping) and (before.get("schema"), before.get("table")) == (root.schema, root.table):
        return
    config["defaultTable"] = wanted
    path = f"{work.destination.path}/annotation/{quote(TAG, safe='')}"
    await work.destination.session.request("PUT", path, json=config)
