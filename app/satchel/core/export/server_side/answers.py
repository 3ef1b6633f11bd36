"""What the export service's answers mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from satchel.core.errors import Kind, SatchelError

PATH = "/deriva/export"
_KEY = re.compile(r"/deriva/export/(bdbag|file)/[0-9A-Za-z-]+(/[^?#]*)?")
_PLAIN = re.compile(r"^None Detail: ", re.MULTILINE)
BUSY = "Multiple concurrent exports"
LOCALLY = "Or have it made on this computer (without --server-side)."


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking; written by the waiting process, read by the job."""

    status: int = 0
    """HTTP's; 0: no answer came."""
    kind: str = ""
    """The body's media type."""
    body: str = ""
    seconds: float = 0.0
    """How long it took."""
    fault: str = ""
    """The kind of `SatchelError` where no answer came."""
    message: str = ""
    hint: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, understood: one of these is given."""

    url: str | None = None
    """The result's path on the catalog's own host."""
    others: tuple[str, ...] = ()
    """Further addresses that the server names: an identifier's landing page."""
    error: SatchelError | None = None
    busy: bool = False
    """Another export of the same person is under way; it can be asked again."""
    given_up: bool = False
    """Something between here and the server gave up waiting; the server itself may work on."""


def understand(answer: Answer, host: str) -> Verdict:
    """Read an answer.

    Args:
        answer: it.
        host: the catalog's, `name` or `name:port`.
    """
    said = _PLAIN.sub("", answer.body).strip()
    if answer.status == 201 or answer.status == 200:
        return _made(answer, host)
    if answer.status == 0:
        error = SatchelError(_kind(answer.fault), answer.message, answer.hint, answer.detail)
        return Verdict(error=error, given_up=error.kind is Kind.UNREACHABLE and answer.seconds > 5)
    html = "html" in answer.kind
    if answer.status in (502, 503, 504) and (html or "Detail" not in answer.body):
        return Verdict(
            error=SatchelError(
                Kind.UNREACHABLE,
                f"Something in front of {host} gave up waiting for the export after {answer.seconds:.0f} seconds.",
                f"The server may work on, but what it makes cannot be found again. Export less at once. {LOCALLY}",
                f"{answer.status} {said[:500]}",
            ),
            given_up=True,
        )
    if answer.status == 403 and BUSY in said:
        return Verdict(error=_busy(host, said), busy=True)
    return Verdict(error=_refusal(answer, host, said, html))


def _made(answer: Answer, host: str) -> Verdict:
    """Of all addresses the one on the catalog's own host: no token ever goes to another."""
    lines = [line.strip() for line in answer.body.splitlines() if line.strip() and not line.startswith("#")]
    own: list[str] = []
    others: list[str] = []
    for line in lines:
        path = _own_path(line, host)
        (others if path is None else own).append(path or line)
    if not own:
        return Verdict(
            error=SatchelError(
                Kind.SERVER,
                f"{host} says that the export is ready, and names no address of its own for it.",
                f"Tell the server's administrator. {LOCALLY}",
                answer.body[:500],
            )
        )
    return Verdict(url=own[0], others=tuple(other for other in others if other.startswith("https://")))


def _own_path(line: str, host: str) -> str | None:
    """The path of an export's result; None where the address is another host's, or no result's."""
    try:
        split = urlsplit(line)
    except ValueError:
        return None
    if not line.isascii() or not line.isprintable() or split.query or split.fragment:
        return None
    own = urlsplit(f"https://{host}")
    if split.scheme or split.netloc:
        same = (split.hostname or "").lower() == (own.hostname or "").lower()
        # A server that names itself in the export's host configuration may leave the port out.
        if split.scheme != "https" or split.username is not None or not same:
            return None
        if (split.port or 443) not in (own.port or 443, 443):
            return None
    if not _KEY.fullmatch(split.path) or "/../" in f"{split.path}/":
        return None
    return split.path


def _busy(host: str, said: str) -> SatchelError:
    return SatchelError(
        Kind.SERVER,
        f"{host} makes one export at a time for each person, and another one of yours is under way.",
        "Wait until it has ended. " + LOCALLY,
        said[:500],
    )


def _refusal(answer: Answer, host: str, said: str, html: bool) -> SatchelError:
    words = said[:600]
    short = _sentence(said)
    if answer.status == 401 or "DerivaDownloadAuthenticationError" in said:
        hint = f"Sign in: satchel login {host}. (Some servers want a Globus sign-in for exports.) {LOCALLY}"
        return SatchelError(
            Kind.NOT_SIGNED_IN, f"{host} makes no export for whom it does not know.", hint, words, host=host
        )
    if answer.status == 403:
        return SatchelError(
            Kind.NOT_ALLOWED,
            f"{host} does not let you export this: {short}",
            "Ask the owner of the data for access, or leave the closed tables out.",
            words,
        )
    if answer.status in (404, 405) or html:
        return SatchelError(
            Kind.NOT_FOUND, f"{host} has no export service.", "Have it made on this computer (without --server-side).",
            f"{answer.status} {words}",
        )  # fmt: skip
    if answer.status == 413:
        return SatchelError(Kind.USAGE, f"The spec is larger than {host} accepts.", LOCALLY, words)
    if answer.status in (400, 409, 500) and "BaggingError" not in said:
        return SatchelError(
            Kind.USAGE, f"{host} does not take the spec: {short}", "Check the spec: satchel spec check FILE", words
        )
    if "DerivaDownloadTimeoutError" in said:
        return SatchelError(
            Kind.SERVER, f"{host} ended the export, as it took too long.", f"Export less at once. {LOCALLY}", words
        )
    if "DerivaDownloadBaggingError" in said:
        return SatchelError(
            Kind.INVALID,
            f"{host} could make no bag of what it found: {short}",
            "Most likely nothing was found. Check what the queries ask for, and what you may see.",
            words,
        )
    return SatchelError(Kind.SERVER, f"{host} could not make the export: {short}", LOCALLY, words)


def _sentence(said: str) -> str:
    """The server's words, without what is for programmers."""
    text = re.sub(r"\[\w*(Error|Exception)\]\s*", "", said)
    text = re.split(r" Details: | - Server responded: ", text)[0]
    text = " ".join(text.split())
    return text[:240] + ("…" if len(text) > 240 else "") if text else "it does not say why."


def _kind(name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        return Kind.INTERNAL
