"""cloud_upload of a spec that runs on this computer, by deriva-py in a process of its own, into moto's S3."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from sandbox_process import SandboxProcess
from satchel.core.errors import SatchelError
from spec_corpus import SpecJob, spec


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A bucket named `bags`, and the environment in which boto3 finds it."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    home = tmp_path_factory.mktemp("home")
    config = home / "aws"
    config.write_text("[default]\nregion = us-east-1\ns3 =\n  addressing_style = path\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test-secret"),
            ("AWS_ENDPOINT_URL", url),
            ("AWS_CONFIG_FILE", str(config)),
            ("HOME", str(home)),
        ):
            patch.setenv(name, value)
        client = boto3.client("s3", region_name="us-east-1", config=Config(s3={"addressing_style": "path"}))
        client.create_bucket(Bucket="bags")
        yield client
        client.close()
    server.stop()


def uploaded(**params: Any) -> dict[str, Any]:
    document = {**spec("bag-zip"), "env": {"where": "eyes"}}
    document["post_processors"] = [{"processor": "cloud_upload", "processor_params": params}]
    return document


async def test_the_finished_bag_is_uploaded_and_told(sandbox: SandboxProcess, tmp_path: Path, bucket: Any) -> None:
    job = SpecJob(sandbox, tmp_path, uploaded(target_url="s3://bags/{where}/", acl="public-read"))
    result = await job.run()
    (address,) = result.remote
    listed = bucket.list_objects_v2(Bucket="bags")["Contents"]  # other tests of this process use the bucket as well
    (key,) = [entry["Key"] for entry in listed if entry["Key"] in address]
    assert key.endswith("/zipped.zip")
    assert key in address
    body = bucket.get_object(Bucket="bags", Key=key)["Body"].read()
    assert hashlib.sha256(body).digest() == hashlib.sha256(Path(result.archive or "").read_bytes()).digest()
    kept = json.dumps(job.kept, default=str)
    assert "test-secret" not in kept


async def test_a_bucket_that_is_not_there_leaves_the_bag(sandbox: SandboxProcess, tmp_path: Path, bucket: Any) -> None:
    job = SpecJob(sandbox, tmp_path, uploaded(target_url="s3://nowhere/x"))
    with pytest.raises(SatchelError) as caught:
        await job.run()
    assert "zipped.zip is made and whole" in caught.value.message
    assert "nowhere" in caught.value.message
    assert (job.out / "zipped.zip").exists()
