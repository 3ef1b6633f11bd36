"""A small catalog with an asset, for the tests of the export service."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deriva.core.ermrest_model import Column, Table, builtin_types

from sandbox_process import SandboxProcess
from unit.sandbox.people import Person

CONTENT = b"witchcraft\n" * 100
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass(frozen=True)
class Catalog:
    """What was made."""

    id: str
    asset: str
    """The asset's path and version in Hatrac."""

    def spec(self, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
        """An export spec with these query processors."""
        return {
            "bag": {"bag_name": "trial", "bag_algorithms": ["md5", "sha256"], "bag_archiver": "zip"},
            "catalog": {"host": "https://localhost", "catalog_id": self.id, "query_processors": list(queries)},
            **more,
        }


def query(processor: str, path: str, output: str, **more: Any) -> dict[str, Any]:
    return {"processor": processor, "processor_params": {"query_path": path, "output_path": output, **more}}


SPECIES = query("csv", "/entity/eye:Species@sort(Name)", "Species")


def make(admin: Person) -> Catalog:
    """Two species and one image. Everybody may read it."""
    made = admin.post("/ermrest/catalog", None).json()["id"]
    tables = {
        "Species": Table.define("Species", [Column.define("Name", builtin_types.text)]),
        "Image": Table.define(
            "Image", [Column.define(name, builtin_types.text) for name in ("URL", "Filename", "Length", "MD5")]
        ),
    }
    answer = admin.post(
        f"/ermrest/catalog/{made}/schema",
        [{"schema_name": "eye", "tables": {n: {"schema_name": "eye", **t} for n, t in tables.items()}}],
    )
    assert answer.status_code == 201, answer.text
    assert admin.ask("PUT", f"/ermrest/catalog/{made}/acl/select", json=["*"]).status_code < 300
    assert admin.ask("PUT", f"/ermrest/catalog/{made}/acl/enumerate", json=["*"]).status_code < 300
    rows = [{"Name": "mouse"}, {"Name": 'O\'Brien, "B"\nline 2'}]
    assert admin.post(f"/ermrest/catalog/{made}/entity/eye:Species", rows).status_code == 200
    stored = admin.ask(
        "PUT",
        f"/hatrac/export-{uuid.uuid4().hex}/w.dat?parents=true",
        data=CONTENT,
        headers={
            "Content-Type": "text/plain",
            "Content-MD5": base64.b64encode(hashlib.md5(CONTENT).digest()).decode(),
            "Content-Disposition": "filename*=UTF-8''w.dat",
        },
    )
    assert stored.status_code == 201, stored.text
    asset = stored.headers["Location"]
    add_image(admin, made, asset)
    return Catalog(made, asset)


def add_image(admin: Person, catalog: str, url: str, filename: str = "w.dat") -> None:
    row = {"URL": url, "Filename": filename, "Length": str(len(CONTENT)), "MD5": MD5}
    assert admin.post(f"/ermrest/catalog/{catalog}/entity/eye:Image", [row]).status_code == 200


def deriva_export(sandbox: SandboxProcess, kind: str, spec: Path, out: Path, home: Path) -> str:
    """`deriva-export-cli`, as it is installed."""
    command = [
        sys.executable, "-c", "import sys; from deriva.transfer.download.deriva_export import main; sys.exit(main())",
        "--credential-file", sandbox.credential, "--export-type", kind, "--output-dir", str(out),
        sandbox.host, str(spec), "NAME=mouse",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env={"HOME": str(home)}, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr
