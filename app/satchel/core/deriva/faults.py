"""From what a server answers (or does not) to the one error that people read.

ERMrest's errors are text/plain, "<generic>. Detail: ..."; Hatrac's are text/plain sentences; those of the web server in
front, and of proxies, are HTML.
"""

from __future__ import annotations

import html
import re

from satchel.core.errors import Kind, SatchelError

PASSING = frozenset({429, 502, 503, 504})
"""Statuses that say: not now."""
_TIME_LIMIT = "query run time limit exceeded"
_DETAIL_LIMIT = 2000


def words(body: bytes, content_type: str) -> str:
    """A server's own words in an error's body, without markup; at most 2,000 characters."""
    text = body.decode("utf-8", "replace")
    if "html" in content_type.lower():
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        heading = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.IGNORECASE | re.DOTALL)
        found = title or heading
        text = re.sub(r"<[^>]*>", " ", found[1] if found else text)
        text = html.unescape(text)
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return re.sub(r"[ \t]*\n\s*", "\n", re.sub(r"[ \t]+", " ", text)).strip()[:_DETAIL_LIMIT]


def detail_of(text: str) -> str:
    """The part of an ERMrest error after "Detail:", else all of it, as one line."""
    _, found, detail = text.partition("Detail: ")
    return " ".join((detail if found else text).split())


def from_status(host: str, path: str, status: int, content_type: str, body: bytes, signed_in: bool) -> SatchelError:
    """The error for an answer that is no success.

    Args:
        host: the server as the person wrote it.
        path: the request's path, for the detail.
        status: HTTP status, 300 or more.
        content_type: of the body.
        body: the beginning of the body.
        signed_in: whether a credential was sent.
    """
    text = words(body, content_type)
    said = detail_of(text)
    detail = f"{status} {text}\n{path}".strip()
    proxy = "html" in content_type.lower()
    colon = f": {said.rstrip('.')}." if said and not proxy else "."
    if status == 401:
        if signed_in:
            return SatchelError(
                Kind.NOT_SIGNED_IN,
                f"{host} does not accept your sign-in any more.",
                f"Sign in again: satchel login {host}",
                detail,
                host=host,
            )
        return SatchelError(
            Kind.NOT_SIGNED_IN,
            f"{host} wants you to sign in first.",
            f"Sign in: satchel login {host}",
            detail,
            host=host,
        )
    if status == 403:
        hint = "Ask the owner of the data for access" + ("." if signed_in else f", or sign in: satchel login {host}")
        return SatchelError(Kind.NOT_ALLOWED, f"{host} does not allow this{colon}", hint, detail)
    if status in (404, 410):
        if proxy:
            return SatchelError(
                Kind.NOT_FOUND,
                f"{host} does not know the address {shorten(path)}.",
                "Check the server's name: perhaps it is not a Deriva server.",
                detail,
            )
        return SatchelError(Kind.NOT_FOUND, f"{host} does not have it{colon}", "", detail)
    if status == 409:
        return SatchelError(
            Kind.SERVER, f"{host} cannot do this as its data stand{colon}", "Its words are in the details.", detail
        )
    if status == 400 and _TIME_LIMIT in text.lower():
        return SatchelError(
            Kind.SERVER,
            f"{host} cut a query off because it ran too long.",
            "Try again when the server is less busy, or choose less at a time (untick large tables).",
            detail,
        )
    if status == 429:
        return SatchelError(Kind.SERVER, f"{host} says that it gets too many requests.", "Try again later.", detail)
    if status in (502, 503, 504):
        return SatchelError(
            Kind.SERVER, f"{host} is not available now ({status}).", "Try again in a few minutes.", detail
        )
    if status >= 500:
        return SatchelError(
            Kind.SERVER,
            f"{host} failed ({status}){colon}",
            "Try again; if it stays, tell the server's administrator.",
            detail,
        )
    return SatchelError(Kind.SERVER, f"{host} refused a request ({status}){colon}", "", detail)


def wrong_type(host: str, path: str, got: str, wanted: str, body: bytes) -> SatchelError:
    """The error for a success in another form than was asked for, such as a sign-in page."""
    detail = f"{got or 'no content type'} instead of {wanted}: {words(body, got)[:300]}\n{path}"
    if "html" in got.lower():
        return SatchelError(
            Kind.SERVER,
            f"{host} answers with a web page where a Deriva server gives data.",
            "Check the server's name. A network that wants you to sign in in a browser first does this, too.",
            detail,
        )
    return SatchelError(
        Kind.SERVER, f"{host} answers as {got or 'something unnamed'} where {wanted} was asked for.", "", detail
    )


def shorten(path: str, limit: int = 120) -> str:
    """A path short enough for a sentence."""
    return path if len(path) <= limit else path[: limit - 3] + "..."
