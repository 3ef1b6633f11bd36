"""What the export of a dataset is asked for, and what it has to say at the end."""

from __future__ import annotations

import msgspec

from satchel.core.export.request import AssetChoice
from satchel.core.export.spec.request import SpecArchive, SpecResult
from satchel.core.jobs.request import Request


class DatasetRequest(Request, tag="export-dataset", frozen=True, kw_only=True):
    """Export a version of a dataset as deriva-ml 1.17.10 does (docs/datasets.md)."""

    host: str
    catalog: str
    dataset: str
    """The dataset's RID."""
    out: str
    """The folder in which the bag or its archive is made."""
    version: str | None = None
    """None: the newest one that is bound to a snapshot."""
    archive: SpecArchive = "spec"
    """`spec`: zip, as deriva-ml has it."""
    algorithms: tuple[str, ...] = ()
    """Empty: md5, as deriva-ml has it."""
    name: str | None = None
    """None: `Dataset_RID`, as deriva-ml has it."""
    materialize: bool = False
    assets: AssetChoice = AssetChoice()
    info: tuple[tuple[str, str], ...] = ()
    ro_crate: bool = False
    timeout: float | None = None
    server_side: bool = False
    use_cache: bool = True
    env: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def title(self) -> str:
        """For example "Export the dataset 1-ABCD, version 1.0.0, from host, catalog 1"."""
        version = f", version {self.version}" if self.version else ""
        return f"Export the dataset {self.dataset}{version}, from {self.host}, catalog {self.catalog}"


class DatasetResult(SpecResult, tag="export-dataset", frozen=True, kw_only=True):
    """What was made, and of which version."""

    dataset: str = ""
    version: str = ""
