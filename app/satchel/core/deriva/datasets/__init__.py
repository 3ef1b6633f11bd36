"""deriva-ml's datasets in a catalog: what there is, versions, members, and what changed between two versions.

A dataset is a row of `deriva-ml:Dataset`; each of its versions names a snapshot of the catalog, at which its members
and all that belongs to them are read. Facts about the schema are those of release 1.17.10 of the Python package
deriva-ml.
"""

from satchel.core.deriva.datasets.elements import children_of, domain_schema, elements, members_of, nested_in
from satchel.core.deriva.datasets.listing import list_datasets, one_dataset
from satchel.core.deriva.datasets.model import (
    ML,
    Dataset,
    DatasetVersion,
    Execution,
    MemberCount,
    Members,
    pick_version,
    version_key,
)

__all__ = [
    "ML",
    "Dataset",
    "DatasetVersion",
    "Execution",
    "MemberCount",
    "Members",
    "children_of",
    "domain_schema",
    "elements",
    "list_datasets",
    "members_of",
    "nested_in",
    "one_dataset",
    "pick_version",
    "version_key",
]
