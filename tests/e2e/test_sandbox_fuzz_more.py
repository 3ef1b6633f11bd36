"""The same for the export service, the identifier service and the sign-in: refused where broken, never with 500."""

# ruff: noqa: E501 - the lists of pieces are long

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.test_sandbox_fuzz import VALUES, Target, fuzz
from sandbox_client import Peer
from sandbox_process import SandboxProcess


@pytest.fixture(scope="module")
def target(empty_sandbox: SandboxProcess) -> Iterator[Target]:
    with Peer(empty_sandbox) as peer:
        made = Target(empty_sandbox, peer)
        yield made
        made.connection.close()


SPEC: Any = {
    "catalog": {"host": "https://localhost", "catalog_id": "1", "query_processors": []},
    "bag": {"bag_name": "x", "bag_algorithms": ["md5"], "bag_archiver": "zip", "bag_metadata": {"A": "b"}},
    "env": {"RID": "1"},
    "post_processors": [{"processor": "identifier", "processor_params": {}}],
}
IDENTIFIER: Any = {
    "namespace": "minid",
    "location": ["https://example.org/x"],
    "checksums": [{"function": "md5", "value": "d41d8cd98f00b204e9800998ecf8427e"}],
    "metadata": {"title": "x"},
    "visible_to": ["public"],
    "active": True,
    "replaces": "",
}
FORM: Any = {
    "username": "user",
    "password": "x",
    "device_code": "a",
    "user_code": "b",
    "grant_type": "c",
    "refresh": "true",
}
PLACES = [
    "/deriva/export/bdbag", "/deriva/export/file", "/deriva/export/bdbag/", "/deriva/export/bdbag/x", "/deriva/export/%00/..",
    "/identifiers/", "/identifiers/namespace", "/identifiers/namespace/minid", "/identifiers/namespace/minid/identifier",
    "/identifiers/namespace/%00/identifier", "/identifiers/x", "/identifiers/minid:x", "/identifiers/checksum/md5",
    "/identifiers/checksum/%ff?function=md5", "/authn/session", "/authn/device/start", "/authn/device/verify",
    "/authn/device/verify/x", "/authn/device/token", "/authn/device/logout", "/authn/service/token", "/authn/x",
]  # fmt: skip


@st.composite
def changed(draw: st.DrawFn) -> Any:
    document = copy.deepcopy(draw(st.sampled_from([SPEC, IDENTIFIER, FORM, [], None, "x", 3])))
    for _ in range(draw(st.integers(0, 2))):
        if isinstance(document, dict) and document:
            key = draw(st.sampled_from(sorted(document)))
            inner = document[key]
            if isinstance(inner, dict) and inner and draw(st.booleans()):
                inner[draw(st.sampled_from(sorted(inner)))] = draw(VALUES)
            else:
                document[key] = draw(VALUES)
    return document


@fuzz
@given(
    method=st.sampled_from(["POST", "PUT", "GET", "DELETE", "POST", "PATCH"]),
    place=st.sampled_from(PLACES),
    document=changed(),
    kind=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "", "multipart/form-data", "text/html"]
    ),
    who=st.sampled_from(["admin", "nobody", "nonsense"]),
)
def test_other_services(target: Target, method: str, place: str, document: Any, kind: str, who: str) -> None:
    if kind == "application/x-www-form-urlencoded" and isinstance(document, dict):
        body = urlencode(
            {k: v if isinstance(v, str) else json.dumps(v) for k, v in document.items()}, errors="replace"
        ).encode()
    else:
        body = json.dumps(document).encode()
    if method == "DELETE" and place == "/authn/session":
        return
    headers = {} if who == "admin" else {"Cookie": ""} if who == "nobody" else {"Authorization": "Bearer nonsense"}
    status, text = target.send(method, place, body, Content_Type=kind, **headers)
    # The real export service answers a body that it cannot read with a 500 that says so.
    assert status < 500 or status in (501, 502) or text.startswith(b"None Detail: "), (status, text)


def test_nothing_went_wrong_inside(target: Target) -> None:
    assert target.sandbox.log == ""
