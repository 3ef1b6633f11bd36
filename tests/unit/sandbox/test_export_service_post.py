"""What the export service does with a finished export: upload it, and mint an identifier for it.

The S3 server is moto's: it installs with pip alone, is kept up with boto3, and checks requests as S3 does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from sandbox_process import SandboxProcess, start_sandbox
from unit.sandbox import export_catalog
from unit.sandbox.export_catalog import SPECIES, Catalog, deriva_export
from unit.sandbox.people import Person

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test-secret")):
            patch.setenv(name, value)
        yield f"http://{'localhost' if host == '0.0.0.0' else host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def bucket(endpoint: str) -> Iterator[Any]:
    """A bucket named `bags`, as boto3 sees it."""
    config = Config(s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
    client.create_bucket(Bucket="bags")
    yield client
    client.close()


@pytest.fixture(scope="module")
def house(endpoint: str) -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "none", "--s3", endpoint) as running:
        yield running


@pytest.fixture(scope="module")
def user(house: SandboxProcess) -> Person:
    return Person(house, "user")


@pytest.fixture(scope="module")
def catalog(house: SandboxProcess) -> Catalog:
    return export_catalog.make(Person(house, "admin"))


def upload(**parameters: Any) -> dict[str, Any]:
    return {"processor": "cloud_upload", "processor_params": {"target_url": "s3://bags/trial/", **parameters}}


def identifier(**parameters: Any) -> dict[str, Any]:
    return {"processor": "identifier", "processor_params": parameters}


def test_a_bag_is_uploaded_and_gets_an_identifier(
    house: SandboxProcess, user: Person, catalog: Catalog, bucket: Any
) -> None:
    posts = [
        upload(acl="public-read"),
        identifier(test="True", env_column_map={"RID": "{RID}@{SNAP}", "Description": "About {RID}"}, title="Trial"),
    ]
    spec = catalog.spec(SPECIES, post_processors=posts, env={"RID": "1-ABC", "SNAP": "2Z"})
    answer = user.post("/deriva/export/bdbag", spec)
    assert answer.status_code == 201, answer.text
    landing, own = answer.text.split("\n")
    assert answer.headers["Location"] == landing
    name = landing.removeprefix(house.url + "/identifiers/")
    assert name.startswith("ark:/99999/b9")
    about = Person(house).get(landing, headers=JSON).json()
    content = user.get(own).content
    assert about["identifier"] == name
    assert about["checksums"] == [{"function": "sha256", "value": hashlib.sha256(content).hexdigest()}]
    assert about["metadata"] == {
        "title": "Trial", "length": len(content), "created_by": "Uwe User", "RID": "1-ABC@2Z",
        "Description": "About 1-ABC",
    }  # fmt: skip
    assert about["visible_to"] == ["public"]
    assert about["created_by"] == "user"
    (location,) = about["location"]
    assert requests.get(location, timeout=10).content == content
    folder = hashlib.md5(b"user").hexdigest()
    assert re.search(rf"/bags/trial/{folder}/\d{{4}}-\d\d-\d\d_\d\d\.\d\d\.\d\d/trial\.zip$", location)
    key = location.partition("/bags/")[2]
    held = bucket.head_object(Bucket="bags", Key=key)
    assert held["ContentType"] == "application/zip"
    assert held["Metadata"]["content-md5"] == hashlib.md5(content).hexdigest()


def test_deriva_export_downloads_a_bag_that_has_an_identifier(
    house: SandboxProcess, catalog: Catalog, tmp_path: Path
) -> None:
    posts = [identifier(locations=["https://example.org/bag.zip"], test=True)]
    spec, out = tmp_path / "spec.json", tmp_path / "out"
    spec.write_text(json.dumps(catalog.spec(SPECIES, post_processors=posts)))
    out.mkdir()
    deriva_export(house, "bdbag", spec, out, tmp_path)
    made = hashlib.sha256((out / "trial.zip").read_bytes()).hexdigest()
    (found,) = Person(house).get(f"/identifiers/checksum/{made}").json()["identifiers"]
    assert found["identifier"].startswith("ark:/99999/")


def test_files_are_uploaded_and_their_addresses_answered(user: Person, catalog: Catalog, bucket: Any) -> None:
    answer = user.post("/deriva/export/file", catalog.spec(SPECIES, post_processors=[upload(overwrite=True)]))
    key = f"trial/{hashlib.md5(b'user').hexdigest()}/Species.csv"
    assert answer.text == f"s3://bags/{key}"
    assert bucket.get_object(Bucket="bags", Key=key)["Body"].read().startswith(b"RID,RCT")


def test_an_identifier_needs_somewhere_to_lead_to(user: Person, catalog: Catalog) -> None:
    refused = user.post("/deriva/export/bdbag", catalog.spec(SPECIES, post_processors=[identifier()]))
    assert refused.status_code == 409
    assert "location URLs must be specified" in refused.text
    posts = [identifier(locations=["https://example.org/bag.zip"], redirect_base="https://example.org/?to=")]
    answer = user.post("/deriva/export/bdbag", catalog.spec(SPECIES, post_processors=posts))
    assert answer.text.startswith(f"https://example.org/?to={user.sandbox.url}/identifiers/ark:/57799/b9")


def test_nobody_mints(house: SandboxProcess, catalog: Catalog) -> None:
    posts = [identifier(locations=["https://example.org/bag.zip"])]
    answer = Person(house).post("/deriva/export/bdbag", catalog.spec(SPECIES, post_processors=posts))
    assert answer.status_code == 502
    assert "ark:" not in answer.text


@pytest.mark.parametrize(
    "change",
    [{"target_url": "s3://nobucket/x"}, {"target_url": "gs://bags/x"}, {"target_url": "s3://example.org.evil/x"}],
)
def test_a_bucket_that_is_not_there(user: Person, catalog: Catalog, bucket: Any, change: dict[str, str]) -> None:
    before = bucket.list_objects_v2(Bucket="bags").get("KeyCount")
    answer = user.post("/deriva/export/bdbag", catalog.spec(SPECIES, post_processors=[upload(**change)]))
    assert answer.status_code == 502
    assert bucket.list_objects_v2(Bucket="bags").get("KeyCount") == before


def test_an_address_stays_one_line(user: Person, catalog: Catalog) -> None:
    rewrite = {"input_paths": ["Species.csv"], "remote_path": "https://example.org/\r\nSet-Cookie: a=b"}
    posts = [{"processor": "url_rewrite", "processor_params": rewrite}]
    answer = user.post("/deriva/export/file", catalog.spec(SPECIES, post_processors=posts))
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (502, False)


def test_rewritten_addresses(user: Person, catalog: Catalog) -> None:
    posts = [
        {
            "processor": "url_rewrite",
            "processor_params": {
                "input_paths": ["Species.csv"],
                "remote_path": "https://example.org/?{output_url_urlencoded}",
            },
        }
    ]
    answer = user.post("/deriva/export/file", catalog.spec(SPECIES, post_processors=posts))
    assert re.fullmatch(r"https://example.org/\?https%3A%2F%2Flocalhost%3A\d+%2Fderiva.*Species.csv", answer.text)
