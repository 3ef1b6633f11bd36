"""A lab for tests of minting: the demo catalog, an identifier service, a real store, and people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from faulty_front import Front, front
from sandbox_client import Peer
from sandbox_process import SandboxProcess, start_sandbox
from swift_store import ACCESS, SECRET, Swift, swift
from terminal import Terminal

BUCKET = "bags"


class Lab:
    """Everything, and a front before each server."""

    def __init__(self, folder: Path, sandbox: SandboxProcess, store: Swift, server: Front, s3: Front) -> None:
        self.folder, self.sandbox, self.store, self.server, self.s3 = folder, sandbox, store, server, s3
        self.public = store.bucket(BUCKET)
        self.dataset, self.version = sandbox.dataset, sandbox.version
        self._people = 0

    @property
    def service(self) -> str:
        return f"{self.server.url}/identifiers/"

    def ca(self) -> list[str]:
        return ["--ca", self.server.ca, "--ca", self.s3.ca]

    def person(self, who: str = "admin", *, keys: bool = True) -> Terminal:
        """Somebody with a home of their own; `who` is signed in to the catalog and the service, None to nothing."""
        self._people += 1
        folder = self.folder / f"person-{self._people}"
        folder.mkdir()
        person = Terminal(folder, self.sandbox)
        for name in [name for name in person.env if name.startswith("AWS_")]:
            del person.env[name]
        person.env |= {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(folder / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws-credentials"),
            "HOME": str(folder),
        }
        if keys:
            (folder / "aws-credentials").write_text(
                f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
            )
        token = json.loads(
            Path(self.sandbox.credential if who == "admin" else self.sandbox.credential_user).read_text()
        )
        credential = folder / "credential.json"
        credential.write_text(json.dumps({self.server.host: next(iter(token.values()))}))
        credential.chmod(0o600)
        return person

    def credential(self, person: Terminal) -> list[str]:
        return ["--credential", str(person.out.parent / "credential.json")]

    def where(self, bucket: str = BUCKET) -> list[str]:
        public = f"{self.s3.url}/v1/AUTH_lab/{bucket}"
        return ["--bucket", f"s3://{bucket}/eyes", "--endpoint", self.s3.url, "--public-url", public,
                "--service", self.service]  # fmt: skip

    def words(self, person: Terminal, *more: str) -> list[str]:
        return ["mint", self.server.host, self.sandbox.catalog, "--dataset", self.dataset, "--version", self.version,
                *self.where(), "--test", *self.ca(), *self.credential(person), *more]  # fmt: skip

    # -- what is there afterwards ---------------------------------------------------------------------------------

    def row(self) -> dict[str, Any]:
        """The version's row."""
        with Peer(self.sandbox) as peer:
            path = f"/ermrest/catalog/{self.sandbox.catalog}/entity/deriva-ml:Dataset_Version"
            (row,) = peer.get(f"{path}/Dataset={self.dataset}&Version={self.version}")
        return dict(row)

    def forget(self) -> None:
        """As if nothing had ever been minted: the row is without an identifier, the bucket empty."""
        self.server.before = self.s3.before = lambda _: None
        self.server.after = self.s3.after = lambda _, __: None
        self.server.seen.clear()
        self.s3.seen.clear()
        with Peer(self.sandbox) as peer:
            path = f"/ermrest/catalog/{self.sandbox.catalog}/attributegroup/deriva-ml:Dataset_Version/RID;Minid"
            peer.ask("PUT", path, [{"RID": self.row()["RID"], "Minid": None}])
            for record in self.minted():
                peer.ask("PUT", f"/identifiers/{record['identifier']}", {"active": False, "metadata": {"RID": "gone"}})
        client = self.store.client()
        for key in self.store.keys(BUCKET):
            client.delete_object(Bucket=BUCKET, Key=key)
        for upload in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        client.close()

    def minted(self) -> list[dict[str, Any]]:
        """All identifiers of the service that are in force, of this dataset, whatever their content."""
        import sqlite3

        file = next(self.sandbox.folder.rglob("identifiers.sqlite"))
        database = sqlite3.connect(file)
        try:
            rows = database.execute("SELECT id, document FROM identifier ORDER BY number").fetchall()
        finally:
            database.close()
        found = [{"identifier": name, **json.loads(document)} for name, document in rows]
        return [one for one in found if one["active"] and one["metadata"].get("RID", "").startswith(self.dataset)]

    def once(self) -> dict[str, Any]:
        """One identifier, one object, one record, each leading to the next. Returns the identifier."""
        (record,) = self.minted()
        (key,) = self.store.keys(BUCKET)
        assert record["location"] == [f"{self.s3.url}{self.public}/{key}"]
        assert self.row()["Minid"].endswith(record["identifier"])
        return record


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Start everything."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(start_sandbox("--demo", "small"))
        store = stack.enter_context(swift(folder / "swift"))
        server = stack.enter_context(front(sandbox.url, folder, sandbox.ca))
        s3 = stack.enter_context(front(store.url, folder))
        yield Lab(folder, sandbox, store, server, s3)
