"""No request, however broken, makes the sandbox fail: it may refuse it, never with 500."""

# ruff: noqa: E501 - the lists of pieces are long

from __future__ import annotations

import copy
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_client import Peer, column, refer, table
from sandbox_process import SandboxProcess

EXAMPLES = int(os.environ.get("SATCHEL_FUZZ", "250"))
"""Of each test; more find more."""


class RawConnection(http.client.HTTPSConnection):
    """Sends paths as they are."""

    def _validate_path(self, url: str) -> None:
        del url

    def _encode_request(self, request: str) -> bytes:
        return request.encode("utf-8", "surrogatepass")


class Target:
    """A sandbox with a catalog to be broken."""

    def __init__(self, sandbox: SandboxProcess, peer: Peer) -> None:
        self.sandbox = sandbox
        self.peer = peer
        self.cookie = str(peer.session.headers["Cookie"])
        self.trust = ssl.create_default_context(cafile=sandbox.ca)
        host, _, port = sandbox.host.partition(":")
        self.connection = RawConnection(host, int(port), context=self.trust, timeout=60)
        self.catalog = ""
        self.renew()

    def renew(self) -> None:
        """A new catalog in place of what is left of the last."""
        base = self.peer.new_catalog(
            table("T", column("N", "int4"), column("Text"), column("List", "text[]"), column("J", "jsonb"),
                  column("F", "float8"), column("When", "timestamptz"), column("Day", "date"), column("B", "boolean"),
                  column("Num", "numeric"), keys=[["N"]]),
            table("U", column("N", "int4"), column("T"), references=[refer("N", "s:T", "N", names=[["s", "U_T"]])]),
        )  # fmt: skip
        self.peer.ask("POST", f"{base}/entity/s:T", [
            {"N": n, "Text": f"t {n}", "List": ["a", None], "J": {"a": [n]}, "F": n / 3, "B": n % 2 == 0,
             "When": "2024-01-01T00:00:00Z", "Day": "2024-01-01", "Num": n} for n in range(5)])  # fmt: skip
        self.peer.ask("POST", f"{base}/entity/s:U", [{"N": n} for n in range(5)])
        self.catalog = base

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """One exchange."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for attempt in (1, 2):
            try:
                self.connection.request(method, path, body, {"Cookie": self.cookie, **named})
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # The server may close what it could not parse.
                self.connection.close()
                if attempt == 2:
                    raise
        raise AssertionError


@pytest.fixture(scope="module")
def target(empty_sandbox: SandboxProcess) -> Iterator[Target]:
    with Peer(empty_sandbox) as peer:
        made = Target(empty_sandbox, peer)
        yield made
        made.connection.close()


fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TOKENS = [
    "s:T", "s:U", "T", "U", "N", "Text", "List", "J", "F", "When", "Day", "B", "Num", "RID", "RCT", "a", "A:=s:T",
    "B:=U", "$A", "$B", "*", "A:*", "A:N", "/", "/", "/", "&", ";", ",", "(", ")", "!", "=", "::gt::", "::leq::",
    "::null::", "::regexp::", "::ciregexp::", "::ts::", "::lt::", "::geq::", ":=", ":", "@sort(", "@after(", "@before(",
    "::desc::", "::null::", "left(", "right(", "full(", "any(", "all(", "cnt(*)", "cnt(N)", "cnt_d(Text)", "min(", "max(",
    "sum(F)", "avg(N)", "array(", "array_d(", "bin(N;3;0;9)", "bin(F;4)", "bin(", "x:=", "n:=", "1", "-1", "0", "t%201",
    "%5B", "%28", "%", "%zz", "%00", "%F0%9F%98%80", "%ff", "2024-01-01", "nan", "1e999", "99999999999999999999",
    "(N)=(s:T:N)", "(N)=(s:U:N)", "N=1", "Text=t%201", "?limit=", "?limit=1", "&sort=", "?accept=csv", "?download=x",
    "?cid=1", "'", '"', "[", "]", "{", "}", "\\", "é", "山", "|", "^", "~", "#", "+", "..", ".",
]  # fmt: skip
APIS = ["entity", "attribute", "attributegroup", "aggregate"]


@fuzz
@given(
    api=st.sampled_from(APIS),
    start=st.sampled_from(["", "s:T", "s:U", "A:=s:T/B:=(N)=(s:U:N)", "s:T/N=1", "s:T/RID,N", "s:T/N;n:=cnt(*)"]),
    tokens=st.lists(st.one_of(st.sampled_from(TOKENS), st.text(st.characters(exclude_categories=("Cc", "Zs", "Cs")), max_size=4)),
                    max_size=12),
    method=st.sampled_from(["GET", "GET", "GET", "DELETE"]),
    accept=st.sampled_from(["application/json", "text/csv", "application/x-json-stream", "*/*", "nonsense"]),
)  # fmt: skip
def test_paths_of_data(target: Target, api: str, start: str, tokens: list[str], method: str, accept: str) -> None:
    path = "".join(t for t in tokens if not any(c.isspace() for c in t))
    status, body = target.send(method, f"{target.catalog}/{api}/{start}{path}", Accept=accept)
    assert status < 500 or status == 501, (body, target.sandbox.log[-3000:])
    if method == "DELETE" and status == 204:
        target.renew()


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=6), st.sampled_from(["s", "T", "N"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3), max_leaves=5
)
DOCUMENTS: list[Any] = [
    {"schema_name": "x", "tables": {"Y": table("Y", column("A"), keys=[["A"]])}, "annotations": {}, "comment": "c"},
    table("Z", column("A", "int4"), column("B", "text[]"), keys=[["A"]], references=[refer("A", "s:T", "N")]),
    column("Extra", "int4", default=3),
    {"unique_columns": ["Text"], "names": [["s", "k"]], "comment": None, "annotations": {}},
    {**refer("T", "s:T", "RID"), "names": [["s", "f"]], "on_delete": "CASCADE", "on_update": "NO ACTION", "acls": {}},
    {"types": ["select"], "scope_acl": ["*"], "projection": [{"outbound": ["s", "U_T"]}, {"filter": "N", "operand": 1}, "Text"],
     "projection_type": "acl"},
    {"select": ["*"], "insert": [], "enumerate": None},
    {"tag:x": {"a": 1}},
    ["*", "user"],
    [{"N": 9, "Text": "x", "List": ["y"], "J": {}, "F": 1.5, "When": "2024-01-01", "Day": "2024-01-01", "B": True, "Num": "1"}],
    [{"N": 1, "Text": "changed"}, {"N": 2, "Text": None}],
    {"id": "alias", "alias_target": "1"},
    {"chunk-length": 10, "content-length": 25, "content-type": "a/b", "content-md5": "aaaa"},
    {"command": "rename_from", "source_name": "/a", "versions": []},
    "text", 5, None, [], {},
]  # fmt: skip
PLACES = [
    "schema", "schema/x", "schema/s", "schema/s/table", "schema/s/table/T", "schema/s/table/T/column",
    "schema/s/table/T/column/N", "schema/s/table/T/key", "schema/s/table/T/key/N", "schema/s/table/U/foreignkey",
    "schema/s/table/U/foreignkey/N/reference/s:T/N", "schema/s/table/T/acl", "schema/s/table/T/acl/select",
    "schema/s/table/T/acl_binding", "schema/s/table/T/acl_binding/b", "schema/s/table/T/annotation",
    "schema/s/table/T/annotation/tag:x", "schema/s/table/T/column/N/acl_binding/b", "schema/s/table/T/column/N/annotation",
    "schema/s/table/U/foreignkey/N/reference/s:T/N/acl_binding/b", "schema/s/table/U/foreignkey/N/reference/s:T/N/acl",
    "schema/s/acl", "schema/s/annotation/x", "schema/s/comment", "acl", "acl/select", "annotation", "annotation/x",
    "acl_binding", "entity/s:T", "entity/s:T?nondefaults=RID", "entity/s:T?defaults=N", "entity/s:U",
    "entity/s:T?onconflict=skip", "attributegroup/s:T/N;Text", "attributegroup/s:T/o:=N;N,Text", "attributegroup/s:T/RID;J",
    "", "history/,", "../../alias", "..", "/../../../hatrac/fuzz;upload?parents=true", "entity/public:ERMrest_Client",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A document of which some part is something else."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(0, 3))):
        at: Any = document
        while isinstance(at, dict | list) and at:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], dict | list) or not at[key] or draw(st.integers(0, 2)) == 0:
                if draw(st.booleans()):
                    at[key] = draw(VALUES)
                else:
                    del at[key]
                break
            at = at[key]
    return document


@fuzz
@given(
    method=st.sampled_from(["PUT", "POST", "PUT", "POST", "DELETE", "GET", "PATCH"]),
    place=st.sampled_from(PLACES),
    document=mutated(),
)
def test_documents(target: Target, method: str, place: str, document: Any) -> None:
    if (method, place) == ("DELETE", ""):
        return
    body = json.dumps(document).encode() if method in ("PUT", "POST", "PATCH") else None
    status, text = target.send(method, f"{target.catalog}/{place}".rstrip("/"), body, Content_Type="application/json")
    assert status < 500 or status == 501, (text, target.sandbox.log[-3000:])
    if status < 300 and method != "GET":
        # What it took it can show, and read and write what is in it.
        for path in ("schema", "entity/s:T", "entity/s:U", "entity/s:U/(N)=(s:T:N)"):
            status, text = target.send("GET", f"{target.catalog}/{path}")
            assert status < 500 or status == 501, (path, text)
        status, text = target.send(
            "POST", f"{target.catalog}/entity/s:T", b'[{"N": 77}]', Content_Type="application/json"
        )
        assert status < 500 or status == 501, text
        target.renew()


@fuzz
@given(
    body=st.one_of(
        st.binary(max_size=60),
        st.lists(st.sampled_from([b"N", b"Text", b"List", b"J", b",", b",", b"\n", b"\n", b'"', b'""', b"1", b"x", b"{", b"}", b"[",
                                  b"]", b":", b"null", b"\\", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"{a,b}", b'{"N":1}', b"RID",
                                  b"F", b"When", b"Day", b"B", b"Num", b" "]), max_size=25).map(b"".join),
    ),
    kind=st.sampled_from(["application/json", "text/csv", "application/x-json-stream", "text/plain", "", "application/json; charset=x"]),
    place=st.sampled_from(["POST entity/s:T", "PUT entity/s:T", "PUT attributegroup/s:T/N;Text", "POST schema",
                           "POST entity/s:T?nondefaults=RID,RCT", "PUT schema/s/table/T/comment", "PUT acl/select"]),
)  # fmt: skip
def test_bodies(target: Target, body: bytes, kind: str, place: str) -> None:
    method, _, path = place.partition(" ")
    status, text = target.send(method, f"{target.catalog}/{path}", body, Content_Type=kind)
    assert status < 500 or status == 501, (text, target.sandbox.log[-3000:])
    status, text = target.send("GET", f"{target.catalog}/entity/s:T")
    assert status == 200, text


HATRAC = [
    "/", "/", "fuzz", "fuzz", "a", "b.txt", ":", "x", ";", "versions", "upload", "metadata", "acl", "read", "owner", "subtree-read",
    "content-md5", "content-type", "%20", "%2F", "%", "..", ".", "?parents=true", "?", "*", "é", "0", "1", "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
]  # fmt: skip


@fuzz
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    path=st.lists(st.sampled_from(HATRAC), max_size=8).map("".join),
    document=mutated(),
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "Content-MD5", "Content-SHA256", "Range", "If-Match", "If-None-Match",
                         "Content-Disposition", "If-Range"]),
        st.sampled_from(["application/x-hatrac-namespace", "*", "", "x", "bytes=0-", "bytes=-1", "bytes=9-1", "bytes=a-b", '"x"',
                         "1B2M2Y8AsgTpgAmY7PhCfg==", "d41d8cd98f00b204e9800998ecf8427e", "filename*=UTF-8''a", "bytes=0-1,3-4"]),
        max_size=3,
    ),
)  # fmt: skip
def test_objects(target: Target, method: str, path: str, document: Any, headers: dict[str, str]) -> None:
    body = json.dumps(document).encode() if method in ("PUT", "POST") else None
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    status, text = target.send(method, f"/hatrac/fuzz{path}", body, **named)
    assert status < 500 or status == 501, (text, target.sandbox.log[-3000:])


@fuzz
@given(
    name=st.sampled_from(["Authorization", "Cookie", "If-Match", "If-None-Match", "Accept", "Content-Type", "Range"]),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    path=st.sampled_from(["/authn/session", "/ermrest/", "/ermrest/catalog/@@@", "/ermrest/catalog/1@ZZZZ-ZZZZ-ZZZZ-Z/schema",
                          "/ermrest/alias/%00", "/ermrest/catalog/%2e%2e", "/", "/nowhere", "/authn", "//", "/ermrest/catalog/1@2/"]),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "OPTIONS"]),
)  # fmt: skip
def test_headers_and_other_places(target: Target, name: str, value: str, path: str, method: str) -> None:
    status, text = target.send(method, path, None, **{name.replace("-", "_"): value})
    if method != "OPTIONS":
        assert status < 500 or status == 501, text


def test_nothing_went_wrong_inside(target: Target) -> None:
    assert target.sandbox.log == "", target.sandbox.log[-3000:]
