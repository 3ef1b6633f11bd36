"""What the export service's answers mean: the recorded ones, and those of a hostile or confused server."""

from __future__ import annotations

import pytest

from satchel.core.errors import Kind
from satchel.core.export.server_side.answers import Answer, understand

HOST = "www.example.org"
KEY = "/deriva/export/bdbag/ecc61b2d-629c-4c31-8f1b-daa097a5e026"
URI = "text/uri-list"


def made(body: str, host: str = HOST):
    return understand(Answer(status=201, kind=URI, body=body), host)


def test_the_address_on_the_catalog_s_own_host_is_taken() -> None:
    assert made(f"https://{HOST}{KEY}").url == KEY
    # With an identifier the service names landing pages first; deriva-py takes the second line, whoever's it is.
    found = made(f"https://identifiers.org/minid:x\nhttps://n2t.net/minid:x\nhttps://{HOST}{KEY}\n")
    assert found.url == KEY
    assert found.others == ("https://identifiers.org/minid:x", "https://n2t.net/minid:x")
    assert made(f"https://localhost:8443{KEY}", "localhost:8443").url == KEY
    assert made(f"https://localhost{KEY}", "localhost:8443").url == KEY, "its configuration leaves out the port"
    assert made(KEY).url == KEY


@pytest.mark.parametrize(
    "line",
    [
        f"https://evil.example{KEY}",
        f"http://{HOST}{KEY}",
        f"https://{HOST}@evil.example{KEY}",
        f"https://{HOST}.evil.example{KEY}",
        f"https://{HOST}:444{KEY}",
        f"https://user@{HOST}{KEY}",
        f"//evil.example{KEY}",
        f"https://{HOST}/hatrac/secret",
        f"https://{HOST}/deriva/export/bdbag/../../../ermrest/catalog/1",
        f"https://{HOST}{KEY}/../../x",
        f"https://{HOST}{KEY}?next=x",
        f"https://{HOST}{KEY}#x",
        f"https://{HOST}/deriva/export/bdbag/%2e%2e",
        "https://[::bad",
        "",
    ],
)
def test_no_other_address_is_asked(line: str) -> None:
    found = made(line)
    assert found.url is None
    assert found.error is not None
    assert found.error.kind is Kind.SERVER


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, "None Detail: [DerivaDownloadAuthenticationError] [HTTPError] 401 Client Error", Kind.NOT_SIGNED_IN, ""),
        (403, "None Detail: [DerivaDownloadAuthorizationError] 403", Kind.NOT_ALLOWED, ""),
        (409, "None Detail: [DerivaDownloadConfigurationError] Unsupported processor type: nope\n", Kind.USAGE, "nope"),
        (400, "None Detail: Error parsing configuration: [KeyError] 'catalog'\n", Kind.USAGE, "'catalog'"),
        (500, "None Detail: Expecting value: line 1 column 1 (char 0)\n", Kind.USAGE, "Expecting value"),
        (
            502,
            "None Detail: [DerivaDownloadError] Error executing catalog query: [HTTPError] 409 Client Error: CONFLICT "
            "for url: [https://localhost/x] Details: b'Request conflicts' - Server responded: Table Nope",
            Kind.SERVER,
            "Error executing catalog query",
        ),
        (502, "None Detail: [DerivaDownloadBaggingError] Unable to validate bag. Strict", Kind.INVALID, "Unable"),
        (502, "None Detail: [DerivaDownloadTimeoutError] Timeout (600 seconds)", Kind.SERVER, "too long"),
        (501, "The sandbox exports from its own catalogs", Kind.SERVER, "its own catalogs"),
        (404, "<h1>Not Found</h1>", Kind.NOT_FOUND, "no export service"),
        (413, "too large", Kind.USAGE, "larger"),
    ],
)
def test_failures_are_told_in_sentences(status: int, body: str, kind: Kind, said: str) -> None:
    found = understand(Answer(status=status, kind="text/html" if "<" in body else "text/plain", body=body), HOST)
    assert found.error is not None
    assert (found.error.kind, found.url, found.given_up, found.busy) == (kind, None, False, False)
    assert said in found.error.message
    assert "Error]" not in found.error.message
    assert found.error.hint


def test_another_export_of_the_same_person_is_waited_for() -> None:
    body = "None Detail: Multiple concurrent exports per user are not supported.\n"
    assert understand(Answer(status=403, kind="text/plain", body=body), HOST).busy


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_gave_up_is_told_from_the_service(status: int) -> None:
    found = understand(Answer(status=status, kind="text/html", body="<h1>Gateway Time-out</h1>", seconds=60.2), HOST)
    assert found.given_up
    assert found.error is not None
    assert "60 seconds" in found.error.message
    cut = understand(Answer(fault="unreachable", message="The connection broke.", seconds=61), HOST)
    assert cut.given_up
    never = understand(Answer(fault="unreachable", message="There is no server named x.", seconds=0.1), HOST)
    assert not never.given_up
