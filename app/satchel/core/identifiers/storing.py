"""Putting an archive into a bucket: in parts, gone on with where it was cut, believed when it was read back.

boto3 does the talking; all methods block. An object's name holds its checksum, so that whoever uploads the same archive
again, or at the same time, makes the same object.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.bags.digests import StoppedError
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.keys import Keys
from satchel.core.identifiers.place import Place
from satchel.core.identifiers.s3_faults import explained

PART = 16 << 20
"""Bytes of a part, unless that would make too many."""
SMALLEST_PART = 5 << 20
MOST_PARTS = 9000
AT_ONCE = 4
PIECE = 1 << 20
STALE_SECONDS = 120.0
"""A claim that is older was left by somebody who has gone."""
Told = Callable[[int], None]


class Store:
    """A bucket.

    Args:
        place: which.
        keys: to it; None: as AWS's own tools find them.
        verify: a file of certificate authorities.
        stop: ends what is under way with `StoppedError`.
    """

    def __init__(self, place: Place, keys: Keys | None, verify: str, stop: threading.Event) -> None:
        self.place = place
        self._keys, self._verify, self._stop = keys, verify, stop
        with explained(place):
            self._client = self._made(place.region)

    def _made(self, region: str) -> Any:
        import boto3
        from botocore.config import Config

        given: dict[str, str] = {}
        if self._keys is not None:
            given = {"aws_access_key_id": self._keys.access, "aws_secret_access_key": self._keys.secret}
            if self._keys.token:
                given["aws_session_token"] = self._keys.token
        session = boto3.session.Session(
            profile_name=None if self._keys is not None else self.place.aws_profile or None,
            region_name=region or None,
            **given,
        )
        self._guard(session)
        own = bool(self.place.endpoint)
        config = Config(
            s3={"addressing_style": "path" if own or "." in self.place.bucket else "auto"},
            signature_version="s3v4",
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=AT_ONCE * 2,
            # Stores other than Amazon's do not know the newer checksums; every part has its MD5, and all is read back.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent_extra="satchel",
        )
        return session.client(
            "s3",
            endpoint_url=self.place.endpoint or None,
            region_name=session.region_name or "us-east-1",
            verify=self._verify,
            config=config,
        )

    @staticmethod
    def _guard(session: Any) -> None:
        """Have the keys hidden wherever a library might repeat them. Raises what botocore does where there are none."""
        from botocore.exceptions import NoCredentialsError

        from satchel.core.secrets import guard

        found = session.get_credentials()
        if found is None:
            raise NoCredentialsError
        frozen = found.get_frozen_credentials()
        for text in (frozen.access_key, frozen.secret_key, frozen.token):
            if text:
                guard(text)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _do(self, name: str, /, **parameters: Any) -> Any:
        """One request, in the bucket's own region where it turns out to be in another one."""
        if self._stop.is_set():
            raise StoppedError
        with explained(self.place) as found:
            try:
                return getattr(self._client, name)(Bucket=self.place.bucket, **parameters)
            except Exception as error:
                region = found.other_region(error, self._client.meta.region_name)
                if not region:
                    raise
            self._client.close()
            self.place = msgspec.structs.replace(self.place, region=region)
            self._client = self._made(region)
            return getattr(self._client, name)(Bucket=self.place.bucket, **parameters)

    # -- looking ----------------------------------------------------------------------------------------------------

    def key(self, *parts: str) -> str:
        """The name of an object below the place's prefix."""
        return "/".join(part for part in (self.place.prefix, *parts) if part)

    def try_out(self, token: str) -> None:
        """Write a small object, read it, and remove it. Raises SatchelError: one of these is not allowed."""
        key, body = self.key(f".satchel-try-{token}"), b"Satchel tries whether it may write here.\n"
        self._put(key, body)
        try:
            if self._do("get_object", Key=key)["Body"].read() != body:
                raise SatchelError(
                    Kind.SERVER, f"{self.place.shown} gives back something else than it was given.", "Ask its owner."
                )
        finally:
            self._do("delete_object", Key=key)

    def has(self, key: str, length: int, sha256: str) -> bool:
        """Whether an object is there, of this length and said to have this checksum. Raises SatchelError."""
        from botocore.exceptions import ClientError

        with explained(self.place):
            try:
                found = self._client.head_object(Bucket=self.place.bucket, Key=key)
            except ClientError as error:
                # 403: who may not list is not told whether it is there. 400: another region perhaps, of which an answer
                # without a body does not speak. Writing will tell.
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (400, 403, 404):
                    return False
                raise
        return bool(found["ContentLength"] == length and found.get("Metadata", {}).get("sha256") == sha256)

    def read_back(self, key: str, length: int, sha256: str, told: Told) -> None:
        """Read the whole object and compare. Raises SatchelError: it is another."""
        hasher, size = hashlib.sha256(), 0
        while size < length:
            before = size
            parameters = {"Range": f"bytes={size}-"} if size else {}
            body = self._do("get_object", Key=key, **parameters)["Body"]
            with explained(self.place) as found:
                try:
                    for piece in body.iter_chunks(PIECE):
                        if self._stop.is_set():
                            raise StoppedError
                        hasher.update(piece)
                        size += len(piece)
                        told(len(piece))
                        if size > length:
                            break
                except Exception as error:
                    # A cut in the middle is gone on with; one before the first byte is told.
                    if not found.is_cut(error) or size == before:
                        raise
                finally:
                    body.close()
            if size == before:
                break
        if size != length or hasher.hexdigest() != sha256:
            raise SatchelError(
                Kind.INVALID,
                f"What {self.place.shown} gives back is not what was uploaded: {key}.",
                "The store, or something on the way to it, changed it. Nothing was registered; try again.",
            )

    # -- putting ----------------------------------------------------------------------------------------------------

    def upload(
        self,
        path: Path,
        key: str,
        length: int,
        sha256: str,
        recall: dict[str, Any],
        keep: Callable[[dict[str, Any]], None],
        told: Told,
    ) -> None:
        """Upload a file, or go on with that.

        Args:
            path: the file.
            key: the object's name.
            length: the file's.
            sha256: the file's; kept with the object.
            recall: what an earlier run has kept.
            keep: keeps what a later run needs.
            told: called with bytes that are there.

        Raises:
            SatchelError: the store does not take it.
        """
        size = max(PART, -(-length // MOST_PARTS))
        if length <= size:
            self._put(key, path.read_bytes(), sha256)
            told(length)
            return
        upload_id, there = self._begun(key, recall.get("upload", ""), size)
        if not upload_id:
            upload_id = self._begin(key, sha256)
            keep({"upload": upload_id})
        parts: dict[int, str] = {}
        numbers = range(1, -(-length // size) + 1)
        for number in numbers:
            if number in there and there[number] == self._md5(path, number, size):
                parts[number] = f'"{there[number]}"'
                told(min(size, length - (number - 1) * size))

        def put(number: int) -> None:
            with path.open("rb") as file:
                file.seek((number - 1) * size)
                body = file.read(size)
            answer = self._do(
                "upload_part",
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ContentMD5=base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
            )
            parts[number] = answer["ETag"]
            told(len(body))

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="satchel-worker") as threads:
            work = [threads.submit(put, number) for number in numbers if number not in parts]
            try:
                for one in work:
                    one.result()
            except BaseException:
                for one in work:
                    one.cancel()
                raise
        listed = [{"PartNumber": number, "ETag": parts[number]} for number in sorted(parts)]
        self._do("complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed})

    def _put(self, key: str, body: bytes, sha256: str = "", **more: Any) -> None:
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        parameters = {"Key": key, "Body": body, "ContentMD5": md5, **self._said(key, sha256), **more}
        self._with_acl("put_object", parameters)

    def _begin(self, key: str, sha256: str) -> str:
        return str(self._with_acl("create_multipart_upload", {"Key": key, **self._said(key, sha256)})["UploadId"])

    @staticmethod
    def _said(key: str, sha256: str) -> dict[str, Any]:
        kind = "application/zip" if key.endswith(".zip") else "application/octet-stream"
        return {"ContentType": kind, **({"Metadata": {"sha256": sha256}} if sha256 else {})}

    def _with_acl(self, name: str, parameters: dict[str, Any]) -> Any:
        """A request that makes an object, readable for all where the store takes that from each object."""
        wanted = self.place.acl == "public-read" and "Metadata" in parameters
        if wanted:
            try:
                return self._do(name, ACL="public-read", **parameters)
            except SatchelError as error:
                # Buckets of today mostly know no ACLs, or forbid public ones; whether all may read is then the bucket's
                # own business, and is looked at.
                known = any(code in error.detail for code in ("AccessControlListNotSupported", "NotImplemented"))
                if not known and error.kind is not Kind.NOT_ALLOWED:
                    raise
        return self._do(name, **parameters)

    def _begun(self, key: str, upload_id: str, size: int) -> tuple[str, dict[int, str]]:
        """An upload that was begun earlier and is still known, and its parts with their MD5; empty where it is not."""
        if not upload_id:
            return "", {}
        there: dict[int, str] = {}
        marker = 0
        try:
            while True:
                parameters = {"PartNumberMarker": marker} if marker else {}
                found = self._do("list_parts", Key=key, UploadId=upload_id, **parameters)
                for part in found.get("Parts", []):
                    there[int(part["PartNumber"])] = str(part["ETag"]).strip('"')
                if not found.get("IsTruncated"):
                    return upload_id, there
                marker = int(found["NextPartNumberMarker"])
        except SatchelError as error:
            if error.kind in (Kind.NOT_FOUND, Kind.NOT_ALLOWED) or "NoSuchUpload" in error.detail:
                return "", {}
            raise

    @staticmethod
    def _md5(path: Path, number: int, size: int) -> str:
        with path.open("rb") as file:
            file.seek((number - 1) * size)
            return hashlib.md5(file.read(size), usedforsecurity=False).hexdigest()

    # -- one at a time ----------------------------------------------------------------------------------------------

    def claim(self, key: str, who: str) -> str:
        """Say that one is about to register an object, unless somebody else has.

        Returns:
            `mine`; `other`: somebody else is at it; `none`: the store cannot tell.

        Raises:
            SatchelError: the store does not answer.
        """
        name = f"{key}.claim"
        body = json.dumps({"job": who}).encode()
        try:
            self._put(name, body, IfNoneMatch="*")
            return "mine"
        except SatchelError as error:
            if "PreconditionFailed" not in error.detail and "ConditionalRequestConflict" not in error.detail:
                if "NotImplemented" in error.detail or "InvalidArgument" in error.detail:
                    return "none"
                raise
        try:
            found = self._do("get_object", Key=name)
            said = json.loads(found["Body"].read(10_000))
        except (SatchelError, ValueError):
            return "other"  # gone this moment, or half of it
        if isinstance(said, dict) and said.get("job") == who:
            return "mine"
        age = self._age(found)
        if age > STALE_SECONDS:
            self._put(name, body)
            return "mine"
        return "other"

    def release(self, key: str) -> None:
        """Take a claim back. Raises SatchelError."""
        self._do("delete_object", Key=f"{key}.claim")

    @staticmethod
    def _age(answer: Any) -> float:
        """Seconds since an object was made, by the store's own clock."""
        from email.utils import parsedate_to_datetime

        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            return float((parsedate_to_datetime(said) - answer["LastModified"]).total_seconds())
        except (TypeError, ValueError, KeyError):
            return 0.0
