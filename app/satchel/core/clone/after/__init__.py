"""What a clone does besides schema, rows and constraints.

A step is `async def step(work: Work) -> None`. It may be run again when a job is resumed, so it looks first whether it
is done. What goes wrong in it becomes an issue of the report.

Two things for whoever compares the clone with its source afterwards: `work.outcome` has under `ml_terms_added`
(table -> RIDs) and `dataset_versions_added` (RIDs of deriva-ml:Dataset_Version) the rows that are there beside the
copied ones; and `renew_versions` changes `Version` in deriva-ml:Dataset and `Description` in
deriva-ml:Dataset_Version. Simplest is to compare before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from satchel.core.clone.after.alias import make_alias
from satchel.core.clone.after.copy_files import copy_files
from satchel.core.clone.after.default_table import set_default_table
from satchel.core.clone.after.ml_schema import add_ml_schema
from satchel.core.clone.after.provenance import note_provenance
from satchel.core.clone.after.users import sync_users
from satchel.core.clone.after.versions import renew_versions
from satchel.core.clone.work import Work

Step = Callable[[Work], Awaitable[None]]

BEFORE_CONSTRAINTS: tuple[tuple[str, str, Step], ...] = (("users", "Bring along who made the rows", sync_users),)
"""(name, title, step): after the rows, before orphans are looked for. Here belong the users that rows name."""
STEPS: tuple[tuple[str, str, Step], ...] = (
    ("files", "Copy the files", copy_files),
    ("ml-schema", "Add what deriva-ml needs", add_ml_schema),
    ("versions", "Give datasets a version of their own", renew_versions),
    ("default-table", "Set what is shown first", set_default_table),
    ("alias", "Make the alias", make_alias),
    ("provenance", "Note where the clone came from", note_provenance),
)
"""(name, title, step), in their order, after the constraints."""
