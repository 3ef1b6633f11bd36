"""The sandbox's identifier service, as fair_identifiers_client and browsers use it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from fair_identifiers_client.identifiers_api import AccessTokenAuthorizer, IdentifierClient, IdentifierClientError

from sandbox_process import SandboxProcess, start_sandbox
from unit.sandbox.people import Person

SHA256 = "0" * 63 + "a"
BODY: dict[str, Any] = {
    "location": ["https://example.org/bag.zip"],
    "checksums": [{"function": "sha256", "value": SHA256}],
    "metadata": {"title": "A bag", "length": 5},
    "visible_to": ["public"],
}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def client(empty_sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentifierClient]:
    """The real client, signed in as the plain user."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", empty_sandbox.ca)
    monkeypatch.setenv("GLOBUS_SDK_VERIFY_SSL", empty_sandbox.ca)
    token = Person(empty_sandbox, "user").token
    made = IdentifierClient(
        base_url=empty_sandbox.url + "/identifiers/", app_name="test", authorizer=AccessTokenAuthorizer(token)
    )
    yield made
    made.transport.session.close()


@pytest.mark.parametrize(("namespace", "prefix"), [("minid", "ark:/57799/b9"), ("minid-test", "ark:/99999/b9")])
def test_the_real_client_mints_reads_and_changes(client: IdentifierClient, namespace: str, prefix: str) -> None:
    made = client.create_identifier(namespace=namespace, **BODY)
    assert made.http_status == 201
    name = made["identifier"]
    assert name.startswith(prefix)
    assert made["landing_page"] == f"{client.base_url}{name}"
    assert {key: made[key] for key in BODY} == BODY
    assert made["active"] is True
    assert client.get_identifier(name).data == made.data
    changed = client.update_identifier(
        name, location=["https://example.org/other.zip"], metadata={"note": "moved"}, active=False, replaced_by=name
    )
    assert changed["location"] == ["https://example.org/other.zip"]
    assert changed["metadata"] == {"title": "A bag", "length": 5, "note": "moved"}
    assert (changed["active"], changed["replaced_by"]) == (False, name)
    assert (changed["created"], changed["checksums"]) == (made["created"], BODY["checksums"])
    assert client.update_identifier(name, replaced_by=None)["replaced_by"] is None
    assert client.get_identifier(name)["active"] is False
    assert client.get_namespace(namespace)["namespace_id"] == namespace


def test_what_was_minted_for_a_content_is_found_by_its_checksum(client: IdentifierClient) -> None:
    value = os.urandom(32).hex()
    sums = [{"function": "sha256", "value": value}, {"function": "md5", "value": "ab" * 16}]
    names = [
        client.create_identifier(namespace="minid-test", **{**BODY, "checksums": sums})["identifier"] for _ in "ab"
    ]
    found = client.get_identifier_by_checksum(value.upper(), "sha256")["identifiers"]
    assert [each["identifier"] for each in found] == names
    assert len(client.get_identifier_by_checksum(value)["identifiers"]) == 2
    assert client.get_identifier_by_checksum(value, "md5")["identifiers"] == []
    client.update_identifier(names[0], checksums=[{"function": "sha256", "value": "f" * 64}])
    found = client.get_identifier_by_checksum(value, "sha256")["identifiers"]
    assert [each["identifier"] for each in found] == names[1:]


def test_errors_reach_the_client_as_sentences(client: IdentifierClient) -> None:
    with pytest.raises(IdentifierClientError, match="not known here") as caught:
        client.get_identifier("ark:/57799/b9nothing")
    assert (caught.value.http_status, caught.value.code) == (404, "NotFound")
    with pytest.raises(IdentifierClientError, match="namespace other is not known"):
        client.create_identifier(namespace="other", **BODY)


@pytest.mark.parametrize(
    "change",
    [
        {"location": "https://example.org"},
        {"location": [5]},
        {"checksums": [{"function": "sha256"}]},
        {"checksums": [{"function": "crc32", "value": "1"}]},
        {"checksums": {"sha256": "1"}},
        {"metadata": ["x"]},
        {"active": "yes"},
        {"replaces": 5},
        {"visible_to": None},
        {"colour": "red"},
        {"checksums": [{"function": "sha256", "value": "\ud800"}]},
        {"checksums": [{"function": [], "value": "1"}]},
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(empty_sandbox: SandboxProcess, change: dict[str, Any]) -> None:
    answer = Person(empty_sandbox, "user").post("/identifiers/namespace/minid/identifier", {**BODY, **change})
    assert answer.status_code == 400
    assert answer.json()["message"].endswith(".")


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"[" * 100_000, b'{"metadata": \xff}'])
def test_a_body_that_is_no_object_is_refused(empty_sandbox: SandboxProcess, body: bytes) -> None:
    answer = Person(empty_sandbox, "user").ask("POST", "/identifiers/namespace/minid/identifier", data=body)
    assert answer.status_code == 400


def test_who_may_do_what(empty_sandbox: SandboxProcess) -> None:
    admin, user, nobody = (Person(empty_sandbox, name) for name in ("admin", "user", ""))
    mint = "/identifiers/namespace/minid-test/identifier"
    assert nobody.post(mint, BODY).status_code == 401
    forged = Person(empty_sandbox)
    forged.session.headers["Authorization"] = "Bearer forged"
    assert forged.post(mint, BODY).status_code == 401
    own = "/identifiers/" + admin.post(mint, BODY).json()["identifier"]
    assert nobody.get(own, headers=JSON).status_code == 200
    assert nobody.ask("PUT", own, json={"active": False}).status_code == 401
    assert user.ask("PUT", own, json={"active": False}).status_code == 403
    assert admin.get(own, headers=JSON).json()["active"] is True
    hidden = "/identifiers/" + user.post(mint, {**BODY, "visible_to": ["user"]}).json()["identifier"]
    assert [who.get(hidden).status_code for who in (user, nobody)] == [200, 404]
    other = "/identifiers/" + admin.post(mint, {**BODY, "visible_to": ["admin"]}).json()["identifier"]
    assert user.get(other).status_code == 404
    listed = user.get(f"/identifiers/checksum/{SHA256}").json()["identifiers"]
    assert other.removeprefix("/identifiers/") not in [each["identifier"] for each in listed]
    assert admin.ask("DELETE", own).status_code == 405
    assert user.post("/identifiers/namespace", {"display_name": "mine"}).status_code == 403
    made = admin.post("/identifiers/namespace", {"display_name": "Ours!", "creators": ["admin"]}).json()["namespace_id"]
    assert user.post(f"/identifiers/namespace/{made}/identifier", BODY).status_code == 403
    assert admin.post(f"/identifiers/namespace/{made}/identifier", BODY).status_code == 201
    assert admin.ask("DELETE", f"/identifiers/namespace/{made}").status_code == 409


def test_a_browser_gets_a_page(empty_sandbox: SandboxProcess) -> None:
    user, nobody = Person(empty_sandbox, "user"), Person(empty_sandbox)
    evil = "<script>alert(1)</script>"
    body = {
        **BODY,
        "metadata": {"title": evil, evil: {"deep": evil}},
        "location": ["https://example.org/a&b", "javascript:alert(1)", f'https://example.org/"{evil}\ud800'],
    }
    made = user.post("/identifiers/namespace/minid/identifier", body).json()
    page = nobody.get(made["landing_page"], headers=BROWSER)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<script" not in page.text
    assert 'href="javascript' not in page.text
    assert '<a href="https://example.org/a&amp;b"' in page.text
    assert made["identifier"] in page.text
    assert SHA256 in page.text
    assert nobody.get(made["landing_page"], headers=JSON).json() == made
    assert nobody.get(made["landing_page"]).headers["Content-Type"].startswith("text/html")


def test_every_form_of_an_identifier_leads_to_it(empty_sandbox: SandboxProcess) -> None:
    user, nobody = Person(empty_sandbox, "user"), Person(empty_sandbox)
    made = user.post("/identifiers/namespace/minid/identifier", BODY).json()
    suffix = made["identifier"].rpartition("/")[2]
    for form in (f"ark:/57799/{suffix}", f"ark%3A/57799/{suffix}", f"minid:{suffix}", f"hdl:20.500.12582/{suffix}"):
        assert nobody.get(f"/identifiers/{form}", headers=JSON).json() == made
        resolved = nobody.get(f"/{form}", headers=JSON)
        assert resolved.status_code == 302
        assert nobody.get(resolved.headers["Location"], headers=JSON).json() == made


def test_what_was_acknowledged_survives_a_kill() -> None:
    with start_sandbox("--demo", "none") as running:
        port = running.ready["host"].rpartition(":")[2]
        names = []
        for _ in range(3):
            user = Person(running, "user")
            names += [user.post("/identifiers/namespace/minid/identifier", BODY).json()["identifier"] for _ in "abc"]
            user.ask("PUT", f"/identifiers/{names[-1]}", json={"active": False})
            running.kill()
            running.start("--port", port)
        found = Person(running).get(f"/identifiers/checksum/{SHA256}?function=sha256").json()["identifiers"]
        assert [each["identifier"] for each in found] == names
        assert [each["active"] for each in found] == [True, True, False] * 3
