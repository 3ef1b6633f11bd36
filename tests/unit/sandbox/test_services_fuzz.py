"""Whatever is sent to the services around the catalog, they answer, and none of their answers is a 500."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_process import SandboxProcess
from unit.sandbox.people import Person

TEXT = st.text(max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["location", "checksums", "metadata", "visible_to", "active", "replaces", "replaced_by", "display_name", "creators",
     "admins", "device_code", "function", "value"]
)  # fmt: skip
SUM = st.fixed_dictionaries({"function": st.sampled_from(["sha256", "md5"]) | VALUES, "value": VALUES})
BODIES = st.dictionaries(NAMES, VALUES | st.lists(TEXT, max_size=2) | st.lists(SUM, max_size=2), max_size=4) | VALUES
SEGMENT = st.sampled_from(
    ["namespace", "minid", "identifier", "checksum", "ark:", "57799", "device", "verify", "token", "start", "service",
     "export", "bdbag", "file", "00000000-0000-0000-0000-000000000000", "log", "..", "%2e%2e", "%00", "%ff", ""]
) | st.text("abc:/%20;<\u00e9", max_size=6)  # fmt: skip
PATHS = st.lists(SEGMENT, max_size=4).map("/".join)
RELAXED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fine(person: Person, method: str, path: str, body: Any) -> None:
    answer = person.ask(method, path, data=body if isinstance(body, bytes) else json.dumps(body).encode())
    assert answer.status_code != 500, (method, path, body, answer.text, person.sandbox.log)


@RELAXED
@given(
    st.sampled_from(["/identifiers/", "/authn/", "/deriva/export/", "/ark:/57799/"]), PATHS,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]), BODIES,
)  # fmt: skip
def test_any_path(empty_sandbox: SandboxProcess, start: str, path: str, method: str, body: Any) -> None:
    # A body that is no JSON gets 500 from the export service, as from the real one; these are all JSON.
    with_token = Person(empty_sandbox, "user")
    fine(with_token, method, start + path, body)
    with_token.session.close()


@RELAXED
@given(st.sampled_from(["/namespace/minid/identifier", "/namespace", "/namespace/fuzz"]), BODIES)
def test_any_body_for_an_identifier(empty_sandbox: SandboxProcess, path: str, body: Any) -> None:
    admin = Person(empty_sandbox, "admin")
    admin.post("/identifiers/namespace", {"display_name": "fuzz"})
    method = "PUT" if path.endswith("fuzz") else "POST"
    answer = admin.ask(method, "/identifiers" + path, data=json.dumps(body).encode())
    assert answer.status_code < 500, (body, answer.text, empty_sandbox.log)
    if answer.status_code == 201 and "landing_page" in answer.json():
        page = admin.get(answer.json()["landing_page"])
        assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    admin.session.close()


@RELAXED
@given(
    st.dictionaries(st.sampled_from(["catalog", "bag", "env", "post_processors"]), VALUES, max_size=3)
    | st.builds(lambda host, rest: {"catalog": {**rest, "host": host}}, TEXT, st.dictionaries(TEXT, VALUES, max_size=2))
)
def test_any_spec_that_names_no_catalog_of_ours(empty_sandbox: SandboxProcess, spec: Any) -> None:
    admin = Person(empty_sandbox, "admin")
    fine(admin, "POST", "/deriva/export/bdbag", spec)
    admin.session.close()
