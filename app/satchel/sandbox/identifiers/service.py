"""The identifier service over HTTP, below `/identifiers`.

Paths and bodies are those that fair_identifiers_client 0.5.1 (github.com/fair-research/fair-identifiers-client) sends:

    POST namespace/NAMESPACE/identifier    mint, 201
    GET  IDENTIFIER                        what is known of it, as JSON, or as a landing page for a browser
    PUT  IDENTIFIER                        change parts of it
    GET  checksum/VALUE?function=sha256    {"identifiers": [...]}, oldest first
    POST namespace, GET | PUT | DELETE namespace/NAMESPACE
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web

from satchel.sandbox.ermrest.model import Client

from .page import landing_page
from .store import NAMESPACES, Identifiers, Record, canonical

PREFIX = "/identifiers/"
LARGEST_BODY = 1 << 20
FUNCTIONS = frozenset(
    ["dsa", "dsa-sha", "dsaencryption", "dsawithsha", "ecdsa-with-sha1", "md4", "md5", "ripemd160", "sha", "sha1",
     "sha224", "sha256", "sha384", "sha512", "whirlpool"]
)  # fmt: skip
"""The checksum functions that the client knows."""
RESOLVED = tuple("/" + prefix for prefixes in NAMESPACES.values() for prefix in prefixes)
"""Where a resolver such as n2t.net would be asked: these paths lead to the landing page."""


class IdentifierError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def _missing(what: str) -> IdentifierError:
    return IdentifierError(404, "NotFound", f"{what} is not known here.")


def _bad(message: str) -> IdentifierError:
    return IdentifierError(400, "BadRequest", message)


class IdentifierService:
    """Everything under `/identifiers`."""

    def __init__(self, folder: Path) -> None:
        self.store = Identifiers(folder)

    async def close(self) -> None:
        """Close the store."""
        self.store.close()

    async def handle(self, request: web.Request, client: Client) -> web.StreamResponse:
        """Answer a request; errors are answers too, as JSON that globus_sdk reads."""
        path = unquote(request.raw_path.partition("?")[0])
        try:
            if not path.startswith(PREFIX):
                name = quote(path.removeprefix("/"), safe="/:")
                return web.Response(status=302, headers={"Location": PREFIX + name})
            return await self._route(request, client, path.removeprefix(PREFIX))
        except IdentifierError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            body = {"code": error.code, "message": str(error)}
            return web.json_response(body, status=error.status, headers=headers)

    async def _route(self, request: web.Request, client: Client, path: str) -> web.StreamResponse:
        method = request.method
        match path.split("/"):
            case ["namespace"] if method == "POST":
                return await self._add_namespace(request, client)
            case ["namespace", name]:
                return await self._namespace(request, client, name)
            case ["namespace", name, "identifier"] if method == "POST":
                return await self._create(request, client, name)
            case ["checksum", value] if method in ("GET", "HEAD"):
                function = request.query.get("function") or None
                found = await asyncio.to_thread(self.store.by_checksum, value, function)
                return web.json_response(
                    {"identifiers": [_document(request, record) for record in found if _may_see(client, record)]}
                )
            case ["namespace" | "checksum", *_]:
                raise IdentifierError(405, "MethodNotAllowed", f"{method} is not for {PREFIX}{path}.")
        if method in ("GET", "HEAD"):
            return await self._get(request, client, path)
        if method == "PUT":
            return await self._update(request, client, path)
        raise IdentifierError(405, "MethodNotAllowed", f"{method} is not for an identifier.")

    # -- identifiers ------------------------------------------------------------------------------------------------

    async def _found(self, client: Client, identifier: str) -> Record:
        found = await asyncio.to_thread(self.store.get, identifier)
        # What somebody may not see is not there for them.
        if found is None or not _may_see(client, found):
            raise _missing(identifier or "An identifier without a name")
        return found

    async def _get(self, request: web.Request, client: Client, identifier: str) -> web.StreamResponse:
        found = await self._found(client, identifier)
        document = _document(request, found)
        headers = {"Vary": "Accept, Authorization, Cookie", "Cache-Control": "no-cache"}
        if _wants_json(request.headers.get("Accept", "")):
            return web.json_response(document, headers=headers)
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        page = landing_page(document).encode("utf-8", "replace")
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers=headers)

    async def _create(self, request: web.Request, client: Client, name: str) -> web.StreamResponse:
        namespace = await asyncio.to_thread(self.store.namespace, name)
        if namespace is None:
            raise _missing(f"The namespace {name}")
        owner = _signed_in(client)
        creators = [str(c) for c in namespace.get("creators") or []]
        if not (client.in_acl(creators) or _administers(client, namespace)):
            raise IdentifierError(403, "Forbidden", f"You may not mint in the namespace {name}.")
        given = await _body(request)
        document = {
            "active": True, "admins": [owner], "checksums": [], "location": [], "metadata": {}, "replaces": None,
            "replaced_by": None, "visible_to": ["public"], "created_by": owner, **_checked(given),
        }  # fmt: skip
        made = await asyncio.to_thread(self.store.create, name, document)
        answer = _document(request, made)
        return web.json_response(answer, status=201, headers={"Location": answer["landing_page"]})

    async def _update(self, request: web.Request, client: Client, identifier: str) -> web.StreamResponse:
        _signed_in(client)
        found = await self._found(client, identifier)
        namespace = await asyncio.to_thread(self.store.namespace, found.namespace) or {}
        if not (client.in_acl(found.document["admins"]) or _administers(client, namespace)):
            raise IdentifierError(403, "Forbidden", f"You may not change {found.id}.")
        changes = _checked(await _body(request))
        changed = await asyncio.to_thread(self.store.update, found.id, changes)
        return web.json_response(_document(request, changed))

    # -- namespaces -------------------------------------------------------------------------------------------------

    async def _add_namespace(self, request: web.Request, client: Client) -> web.StreamResponse:
        _signed_in(client)
        if "admin" not in client.attributes:
            raise IdentifierError(403, "Forbidden", "Only an administrator makes namespaces.")
        given = _namespace_checked(await _body(request))
        shown = given.get("display_name")
        if not isinstance(shown, str) or not shown.strip():
            raise _bad("A namespace needs a display_name.")
        name = "".join(c if c.isascii() and c.isalnum() else "-" for c in shown.strip().lower())
        if await asyncio.to_thread(self.store.namespace, name) is not None:
            raise IdentifierError(409, "Conflict", f"There is a namespace {name} already.")
        document = {"creators": [], "admins": [client.id], **given, "namespace_id": name}
        await asyncio.to_thread(self.store.put_namespace, name, document)
        return web.json_response(document, status=201)

    async def _namespace(self, request: web.Request, client: Client, name: str) -> web.StreamResponse:
        found = await asyncio.to_thread(self.store.namespace, name)
        if found is None:
            raise _missing(f"The namespace {name}")
        if request.method in ("GET", "HEAD"):
            return web.json_response(found)
        _signed_in(client)
        if not _administers(client, found):
            raise IdentifierError(403, "Forbidden", f"You do not administer the namespace {name}.")
        if request.method == "PUT":
            changed = {**found, **_namespace_checked(await _body(request)), "namespace_id": name}
            await asyncio.to_thread(self.store.put_namespace, name, changed)
            return web.json_response(changed)
        if request.method == "DELETE":
            if name in NAMESPACES or not await asyncio.to_thread(self.store.drop_namespace, name):
                raise IdentifierError(409, "Conflict", f"The namespace {name} is in use.")
            return web.json_response(found)
        raise IdentifierError(405, "MethodNotAllowed", f"{request.method} is not for a namespace.")


def _signed_in(client: Client) -> str:
    if client.id is None:
        raise IdentifierError(401, "Unauthorized", "Sign in: this needs a bearer token.")
    return client.id


def _administers(client: Client, namespace: dict[str, Any]) -> bool:
    admins = [str(a) for key in ("admins", "identifier_admins") for a in namespace.get(key) or []]
    return client.id is not None and client.in_acl(admins)


def _may_see(client: Client, record: Record) -> bool:
    visible: list[str] = record.document["visible_to"]
    return "public" in visible or (client.id is not None and client.in_acl([*visible, *record.document["admins"]]))


def _wants_json(accept: str) -> bool:
    """Whether JSON is asked for: by name, and before HTML."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if "application/json" not in kinds:
        return False
    return "text/html" not in kinds or kinds.index("application/json") < kinds.index("text/html")


def _document(request: web.Request, record: Record) -> dict[str, Any]:
    landing = f"https://{request.host}{PREFIX}{record.id}"
    return {"identifier": record.id, "landing_page": landing, **record.document}


async def _body(request: web.Request) -> dict[str, Any]:
    if (request.content_length or 0) > LARGEST_BODY:
        raise IdentifierError(413, "TooLarge", f"A body has at most {LARGEST_BODY} bytes.")
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise _bad(f"The body is not JSON: {error}.") from None
    if not isinstance(given, dict):
        raise _bad("The body must be a JSON object.")
    return given


def _texts(name: str, value: Any) -> list[str]:
    if not (isinstance(value, list) and all(isinstance(v, str) and v for v in value)):
        raise _bad(f"{name} must be a list of texts.")
    return list(value)


def _namespace_checked(given: dict[str, Any]) -> dict[str, Any]:
    for name in ("creators", "admins", "identifier_admins"):
        if name in given:
            _texts(name, given[name])
    return given


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """What a body says of an identifier, or what is wrong with it."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        match name:
            case "location" | "visible_to":
                found[name] = _texts(name, value)
            case "metadata":
                if not isinstance(value, dict):
                    raise _bad("metadata must be an object.")
                found[name] = value
            case "active":
                if not isinstance(value, bool):
                    raise _bad("active is true or false.")
                found[name] = value
            case "replaces" | "replaced_by":
                if value is not None and not (isinstance(value, str) and value):
                    raise _bad(f"{name} is an identifier or null.")
                found[name] = canonical(value) if value else None
            case "checksums":
                found[name] = _checksums(value)
            case _:
                raise _bad(f"An identifier has no {name}.")
    return found


def _checksums(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise _bad('checksums is a list of {"function": ..., "value": ...}.')
    for each in value:
        if not (isinstance(each, dict) and isinstance(each.get("value"), str)):
            raise _bad('Each of checksums is {"function": ..., "value": ...}.')
        if not (each["value"] and each["value"].isascii()):
            raise _bad("A checksum's value is plain text, hexadecimal for most functions.")
        if not isinstance(each.get("function"), str) or each["function"] not in FUNCTIONS:
            raise _bad(f"The checksum function {each.get('function')!r} is not known; sha256 is.")
    return [{"function": each["function"], "value": each["value"]} for each in value]
