"""Which rows belong to a record: the one rule that export and clone share.

docs/reach.md states the rule with a picture. `gather` reads what the rule needs to know, once, into a file; `solve`
works the rule out on that file for a person's choices, without the network, as often as they change their mind.
"""

from satchel.core.deriva.reach.choices import Choices
from satchel.core.deriva.reach.gather import Gathered, gather, gather_tables
from satchel.core.deriva.reach.solve import (
    Association,
    Dangling,
    Hidden,
    Reached,
    ReachedTable,
    Role,
    Size,
    solve,
)

__all__ = [
    "Association",
    "Choices",
    "Dangling",
    "Gathered",
    "Hidden",
    "Reached",
    "ReachedTable",
    "Role",
    "Size",
    "gather",
    "gather_tables",
    "solve",
]
