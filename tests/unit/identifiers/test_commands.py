"""What "copy as command" gives for minting and receiving is read back as the very same request."""

from __future__ import annotations

import shlex

import pytest

from satchel.cli.identifiers import resolve_of
from satchel.cli.main import parse
from satchel.cli.mint import request_of
from satchel.core.errors import SatchelError
from satchel.core.export.request import Offers
from satchel.core.flows.command import arguments, command_line
from satchel.core.identifiers.minting import MintRequest
from satchel.core.identifiers.place import place
from satchel.core.identifiers.release import raised
from satchel.core.identifiers.request import ResolveRequest
from satchel.core.jobs.request import Access

ACCESS = Access(ca=("/a/ca.pem", "/b/ca.pem"), credential="/c/my credential.json")


@pytest.mark.parametrize(
    "request_",
    [
        MintRequest(host="a.example", catalog="1", dataset="1-ABCD"),
        MintRequest(host="a.example:8443", catalog="eye-ai", dataset="1-ABCD", version="1.0.0", access=ACCESS),
        MintRequest(
            host="a.example", catalog="1", dataset="1-ABCD", release="minor", description="More eyes",
            place=place("s3://lab/eyes/left", endpoint="https://s3.example.org", region="eu-west-3", aws_profile="l b",
                        public_url="https://data.example.org/x", acl="none"),
            service="https://ids.example.org/", test=True, name="Eyes, \"left\" &", authors=("Lovelace, Ada", "-x"),
            visible_to=("urn:globus:auth:identity:1", "public"), way="server", layout="deriva-ml",
            materialize=True, algorithms=("sha512",),
            offers=Offers(exclude=("a:b",), follow=("c:d",), stop=("e:f g",), vocabularies="used"), replace=True,
            incomplete=True,
        ),
    ],
)  # fmt: skip
def test_minting(request_: MintRequest) -> None:
    words = arguments(request_)
    assert request_of(parse(words[1:])) == request_
    assert shlex.split(command_line(request_)) == words


@pytest.mark.parametrize(
    "request_",
    [
        ResolveRequest(identifier="minid:b9abc"),
        ResolveRequest(
            identifier="https://ids.example.org/ark:/57799/b9abc", service="https://ids.example.org/", out="/data/my b",
            open=True, level="fast", allow_private=True, any_size=True, access=ACCESS,
        ),
    ],
)  # fmt: skip
def test_receiving(request_: ResolveRequest) -> None:
    words = arguments(request_)
    assert resolve_of(parse(words[1:])) == request_


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--dataset", "1-AB", "--release", "minor", "--version", "1.0.0"], "makes a new one"),
        ([], "Which dataset"),
        (["--dataset", "what?"], "is not a RID"),
        (["--dataset", "1-AB", "--bucket", "nonsense bucket"], "is not a bucket"),
        (["--dataset", "1-AB", "--endpoint", "https://s3.example.org"], "no bucket"),
        (["--dataset", "1-AB", "--bucket", "s3://lab", "--endpoint", "http://s3.example.org"], "without https"),
    ],
)
def test_what_makes_no_sense(words: list[str], says: str) -> None:
    with pytest.raises(SatchelError) as refused:
        request_of(parse(["mint", "a.example", "1", *words]))
    assert says in refused.value.message + refused.value.hint
    assert refused.value.exit_status == 2


@pytest.mark.parametrize(
    ("version", "major", "minor", "patch"),
    [
        (None, "0.1.0", "0.1.0", "0.1.0"),
        ("1.2.3", "2.0.0", "1.3.0", "1.2.4"),
        ("0.4.0.post1.dev2", "1.0.0", "0.5.0", "0.4.1"),
        ("nonsense", "0.1.0", "0.1.0", "0.1.0"),
    ],
)
def test_numbers_of_versions(version: str | None, major: str, minor: str, patch: str) -> None:
    assert (raised(version, "major"), raised(version, "minor"), raised(version, "patch")) == (major, minor, patch)
