"""Uploads in parts to a real store: cut, refused and gone on with; what is there is what was meant."""

from __future__ import annotations

import hashlib
import pickle
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from faulty_front import Front, Seen, front, refusal
from satchel.core.bags.digests import StoppedError
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers import storing
from satchel.core.identifiers.keys import Keys
from satchel.core.identifiers.place import Place, annotated_bucket, place
from satchel.core.identifiers.storing import Store
from satchel.core.identifiers.trusted import bundle
from swift_store import ACCESS, SECRET, Swift, swift

SIZE = 17_000_000
KEY = "eyes/big.zip"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Swift, Front]]:
    folder = tmp_path_factory.mktemp("store")
    with swift(folder / "swift") as store, front(store.url, folder) as before:
        store.bucket("bags")
        yield store, before


class Upload:
    """A file, and where it goes."""

    def __init__(self, store: Swift, before: Front, folder: Path) -> None:
        self.swift, self.front, self.folder = store, before, folder
        self.path = folder / "big.zip"
        self.path.write_bytes(random.Random(5).randbytes(SIZE))
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self.kept: dict[str, Any] = {}
        self.told = 0
        self.stop = threading.Event()

    def store(self) -> Store:
        where = place("s3://bags/eyes", endpoint=self.front.url)
        return Store(where, Keys(ACCESS, SECRET), bundle(self.folder, [self.front.ca]), self.stop)

    def _tell(self, units: int) -> None:
        self.told += units

    def go(self) -> None:
        store = self.store()
        self.told = 0
        try:
            store.upload(self.path, KEY, SIZE, self.sha256, self.kept, self.kept.update, self._tell)
            assert self.told == SIZE
            assert store.has(KEY, SIZE, self.sha256)
            store.read_back(KEY, SIZE, self.sha256, lambda _: None)
        finally:
            store.close()

    def parts(self) -> list[str]:
        return [s.path for s in self.front.seen if s.method == "PUT" and "partNumber=" in s.path]


@pytest.fixture
def upload(running: tuple[Swift, Front], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upload:
    store, before = running
    monkeypatch.setattr(storing, "PART", 5 << 20)
    before.before, before.after = (lambda _: None), (lambda _, __: None)
    before.seen.clear()
    client = store.client()
    for key in store.keys("bags"):
        client.delete_object(Bucket="bags", Key=key)
    client.close()
    return Upload(store, before, tmp_path)


def test_in_parts(upload: Upload) -> None:
    upload.go()
    assert len(upload.parts()) == 4
    assert upload.swift.keys("bags") == [KEY]


def test_a_part_that_is_refused_in_the_middle_and_gone_on_with(upload: Upload) -> None:
    """403 at the third part; what was sent before is not sent again."""
    upload.front.before = lambda s: refusal(403, "AccessDenied") if "partNumber=3" in s.path else None
    with pytest.raises(SatchelError) as refused:
        upload.go()
    assert refused.value.kind is Kind.NOT_ALLOWED
    assert upload.swift.keys("bags") == []
    there = {p.partition("partNumber=")[2][0] for p in upload.parts()} - {"3"}
    upload.front.before = lambda _: None
    upload.front.seen.clear()
    upload.go()
    sent = {p.partition("partNumber=")[2][0] for p in upload.parts()}
    assert "3" in sent
    assert not sent & (there - {"3"}) or len(sent) < 4
    assert upload.swift.keys("bags") == [KEY]


@pytest.mark.parametrize("what", ["uploads", "partNumber=2", "uploadId"])
def test_cut_once_at_each_request(upload: Upload, what: str) -> None:
    cut: list[str] = []

    def once(seen: Seen, _: int) -> str | None:
        if not cut and what in seen.path and seen.method in ("POST", "PUT"):
            cut.append(seen.path)
            return "cut"
        return None

    upload.front.after = once
    upload.go()
    assert cut
    assert upload.swift.keys("bags") == [KEY]


def test_parts_that_were_changed_on_the_way_are_noticed(upload: Upload) -> None:
    """The store checks each part's MD5, and answers so."""
    changed: list[str] = []

    def change(seen: Seen) -> None:
        if "partNumber=2" in seen.path:
            changed.append(seen.path)
            seen.body = b"x" + seen.body[1:]

    upload.front.before = change
    upload.front.pass_changed = True
    try:
        with pytest.raises(SatchelError) as refused:
            upload.go()
    finally:
        upload.front.pass_changed = False
    assert changed
    assert refused.value.kind in (Kind.INVALID, Kind.NOT_SIGNED_IN)
    assert upload.swift.keys("bags") == []


def test_an_upload_that_was_forgotten_begins_anew(upload: Upload) -> None:
    upload.kept["upload"] = "nobody-knows-it"
    upload.go()
    assert upload.kept["upload"] != "nobody-knows-it"
    assert upload.swift.keys("bags") == [KEY]


def test_it_stops_when_it_is_told_to(upload: Upload) -> None:
    upload.front.before = lambda s: upload.stop.set() if "partNumber=" in s.path else None
    with pytest.raises(StoppedError):
        upload.go()


def test_trying_the_bucket_leaves_nothing(upload: Upload) -> None:
    store = upload.store()
    store.try_out("token")
    store.close()
    assert upload.swift.keys("bags") == []
    store = Store(
        place("s3://bags", endpoint=upload.front.url), Keys("lab:reader", "x" * 20), store._verify, upload.stop
    )
    with pytest.raises(SatchelError) as refused:
        store.try_out("token")
    store.close()
    assert refused.value.kind is Kind.NOT_SIGNED_IN


def test_claims(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    store = upload.store()
    assert store.claim(KEY, "one") == "mine"
    assert store.claim(KEY, "one") == "mine"
    assert store.claim(KEY, "two") == "other"
    monkeypatch.setattr(storing, "STALE_SECONDS", -10.0)
    assert store.claim(KEY, "two") == "mine"
    store.release(KEY)
    assert upload.swift.keys("bags") == []
    upload.front.before = lambda s: refusal(501, "NotImplemented") if s.method == "PUT" else None
    assert store.claim(KEY, "one") == "none"
    store.close()


def test_a_store_that_knows_no_acls(upload: Upload) -> None:
    def no_acls(seen: Seen) -> web.Response | None:
        return refusal(400, "AccessControlListNotSupported") if "x-amz-acl" in map(str.lower, seen.headers) else None

    upload.front.before = no_acls
    upload.go()


def test_a_certificate_that_is_not_trusted(upload: Upload) -> None:
    store = Store(
        place("s3://bags", endpoint=upload.front.url), Keys(ACCESS, SECRET), bundle(upload.folder, []), upload.stop
    )
    with pytest.raises(SatchelError) as refused:
        store.try_out("token")
    store.close()
    assert refused.value.kind is Kind.UNTRUSTED


@pytest.mark.parametrize(
    "bucket", ["", "s3://", "x", "s3://a b/c", "s3://bucket/../x", "gs://bucket/x", "s3://bucket/a?b"]
)
def test_what_is_no_bucket(bucket: str) -> None:
    with pytest.raises(SatchelError) as refused:
        place(bucket)
    assert refused.value.kind is Kind.USAGE


@pytest.mark.parametrize("address", ["http://s3.example.org", "ftp://x", "https://u:p@x/", "https://x/?a", "x"])
def test_a_store_is_asked_over_https_alone(address: str) -> None:
    with pytest.raises(SatchelError):
        place("s3://bucket", endpoint=address)


def test_addresses() -> None:
    key = "a b/ü.zip"
    assert Place(bucket="lab").address(key) == "https://lab.s3.amazonaws.com/a%20b/%C3%BC.zip"
    assert Place(bucket="lab", region="eu-west-3").address("k") == "https://lab.s3.eu-west-3.amazonaws.com/k"
    assert Place(bucket="my.lab").address("k") == "https://s3.amazonaws.com/my.lab/k"
    assert Place(bucket="lab", endpoint="https://s3.example.org").address("k") == "https://s3.example.org/lab/k"
    assert Place(bucket="lab", public_url="https://data.example.org/").address("k") == "https://data.example.org/k"


def test_the_bucket_of_an_export_annotation() -> None:
    tag = "tag:isrd.isi.edu,2019:export"
    upload = {
        "processor": "cloud_upload",
        "processor_params": {"acl": "public-read", "target_url": "s3://eye-ai-shared/"},
    }
    template = {"displayname": "BDBag to Cloud", "type": "BAG", "postprocessors": [upload, {"processor": "identifier"}]}
    assert annotated_bucket({tag: {"detailed": {"templates": [{"type": "BAG"}, template]}}}) == (
        "s3://eye-ai-shared/", "public-read",
    )  # fmt: skip
    for nothing in (
        {},
        {tag: None},
        {tag: {"*": {"templates": [{"postprocessors": [{"processor": "cloud_upload"}]}]}}},
    ):
        assert annotated_bucket(nothing) == ("", "")


def test_keys_do_not_show_themselves() -> None:
    keys = Keys("AKIAEXAMPLE", "very-secret-value")
    assert "secret-value" not in repr(keys) + str(keys)
    with pytest.raises(TypeError):
        pickle.dumps(keys)
    for wrong in (("", "x"), ("a", ""), ("a\n", "b"), ("a", "b\x00c")):
        with pytest.raises(ValueError, match=r"no key has|empty"):
            Keys(*wrong)
