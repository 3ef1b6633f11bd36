"""HTTPS to one Deriva server: verified, patient with what passes, and clear about what does not.

A session belongs to one host. Its credential goes to exactly that host and port over https and nowhere else: redirects
are followed by hand, and to any other host without it. What may pass (503s, cut connections, time-outs) is tried again
as `satchel.core.deriva.retry` says; everything else becomes a `SatchelError` at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import ipaddress
import logging
import re
import socket
import ssl
import string
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from satchel import __version__
from satchel.core.deriva import faults, tls
from satchel.core.deriva.retry import PATIENT, Log, Passing, Policy, patiently, retry_after
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

if TYPE_CHECKING:
    import aiohttp

    from satchel.core.credentials import Credential

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
INACTIVITY_SECONDS = 60.0
CONNECTIONS = 32
REDIRECTS = 5
LONGEST_PATH = 4037
"""Bytes before the question mark. ERMrest's web server answers 404 in HTML to longer paths."""
LONGEST_URL = 8000
"""Bytes in all. It answers 414 from about 8,200 on."""
CHUNK = 256 * 1024
_REPEATABLE = frozenset({"GET", "HEAD", "PUT"})
_ERROR_BODY = 64 * 1024
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_HOST = re.compile(r"(?P<name>[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            SatchelError: it is none.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            host = urlsplit(self.url).netloc
            raise SatchelError(
                Kind.SERVER, f"{host} answers with JSON that makes no sense.", "", f"{error}\n{self.url}"
            ) from error


class Stream:
    """An answer whose body is read piece by piece."""

    def __init__(self, session: Session, response: aiohttp.ClientResponse, url: str, repeatable: bool) -> None:
        self._session = session
        self._response = response
        self._repeatable = repeatable
        self.status = response.status
        self.headers: Mapping[str, str] = {k.lower(): v for k, v in response.headers.items()}
        self.url = url

    @property
    def length(self) -> int | None:
        """Bytes that the body will have; None when the server does not say."""
        value = self.headers.get("content-length", "")
        return int(value) if value.isdigit() and "content-encoding" not in self.headers else None

    @property
    def framed(self) -> bool:
        """Whether the end of the body can be told from a cut connection."""
        chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        empty = self._response.method == "HEAD" or self.status in (204, 304)
        return chunked or empty or "content-length" in self.headers

    async def chunks(self, size: int = CHUNK) -> AsyncIterator[bytes]:
        """The body in pieces of at most `size` bytes.

        Raises:
            Passing: the body was cut or came to a standstill.
        """
        try:
            async for chunk in self._response.content.iter_chunked(size):
                yield chunk
        except Exception as error:
            raise await self._session._why(error, self.url, self._repeatable) from error

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            Passing: it was cut or came to a standstill.
            SatchelError: the server does not say where it ends.
        """
        if not self.framed:
            raise SatchelError(
                Kind.SERVER,
                f"{self._session.host} sends data without saying where they end.",
                "A proxy between you and the server may do this; data could be missing unseen.",
                self.url,
            )
        try:
            return await self._response.read()
        except Exception as error:
            raise await self._session._why(error, self.url, self._repeatable) from error


class Session:
    """Requests to one host. Make one with `open`."""

    def __init__(
        self,
        client: aiohttp.ClientSession,
        host: str,
        secret: Mapping[str, str],
        log: Log | None,
        policy: Policy,
        proxy: str | None,
    ) -> None:
        self._client = client
        self.host = host
        """Name and, unless it is 443, port, as people and bags write it."""
        self.base = f"https://{host}"
        self.policy = policy
        self._secret = dict(secret)
        self._log = log
        self._proxy = proxy
        self._origin = _origin(self.base)
        self._proven: set[tuple[str, str, int]] = set()
        """Hosts that have answered before: where one refuses a connection then, that may pass."""

    @classmethod
    def open(
        cls,
        host: str,
        access: Access | None = None,
        *,
        credential: Credential | Mapping[str, str] | None = None,
        log: Log | None = None,
        policy: Policy = PATIENT,
        connections: int = CONNECTIONS,
        inactivity: float | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Begin to talk to a host; nothing is sent before the first request.

        Args:
            host: `name` or `name:port`; `https://` before and a slash after it are allowed.
            access: extra certificate authorities, and a credential file in place of the keyring.
            credential: proves who asks (or the header that does); None: what `satchel.core.credentials` knows for this
                host; `{}`: nobody.
            log: told of what is tried again; a job gives `context.log`.
            policy: how often and how long failures that may pass are tried again.
            connections: how many at once.
            inactivity: seconds that a server may say nothing; None: a minute.

        Raises:
            SatchelError: the host is not a name, or a certificate authority file cannot be read.
        """
        return _open(cls, host, access or Access(), credential, log, policy, connections, inactivity)

    @property
    def signed_in(self) -> bool:
        """Whether a credential is sent."""
        return bool(self._secret)

    def proof(self, salt: str) -> str:
        """Tells one credential from another; nothing else can be learnt from it. Empty: none is sent.

        Args:
            salt: makes it worthless elsewhere.
        """
        if not self._secret:
            return ""
        said = "".join(f"{name}:{value}\n" for name, value in sorted(self._secret.items()))
        return hashlib.sha256(f"{salt}\n{said}".encode()).hexdigest()[:16]

    @property
    def log(self) -> Log | None:
        """Where repetitions are told."""
        return self._log

    async def request(
        self,
        method: str,
        path: str,
        *,
        accept: str | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | Path | None = None,
        json: Any = None,
        idempotent: bool | None = None,
        also: Collection[int] = (),
    ) -> Answer:
        """Send a request and read the whole answer, trying again what may pass.

        Args:
            method: GET, HEAD, PUT, POST or DELETE.
            path: begins with a slash, every reserved character escaped; or an absolute https URL.
            accept: the media type wanted; an answer of success in another one is an error.
            headers: more headers; none that carry secrets.
            data: the body, or the file that holds it.
            json: the body as a value, sent as JSON.
            idempotent: whether the request may be repeated when it is not known if it arrived; None: GET, HEAD, PUT.
            also: statuses of 300 and more that are answers here, not errors.

        Raises:
            SatchelError: what went wrong, after patience or at once.
        """
        sent = dict(headers or {})
        if json is not None:
            data = msgspec.json.encode(json)
            sent.setdefault("Content-Type", "application/json")

        async def once() -> Answer:
            async with self._exchange(method, path, accept, sent, data, idempotent, also) as stream:
                return Answer(stream.status, stream.headers, await stream.read(), stream.url)

        return await patiently(self.policy, f"{method} {faults.shorten(path)}", self._log, once)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        method: str = "GET",
        accept: str | None = None,
        headers: Mapping[str, str] | None = None,
        also: Collection[int] = (),
    ) -> AsyncIterator[Stream]:
        """Send a request and read the answer's body as it comes.

        Patience ends where the body begins: when that is cut, `Stream.chunks` raises `Passing` and the caller decides
        whether to begin again or go on from where it stopped.

        Args: as for `request`.

        Raises:
            SatchelError: what went wrong, after patience or at once.
        """
        async with AsyncExitStack() as stack:

            async def once() -> Stream:
                exchange = self._exchange(method, path, accept, dict(headers or {}), None, None, also)
                return await stack.enter_async_context(exchange)

            yield await patiently(self.policy, f"{method} {faults.shorten(path)}", self._log, once)

    @asynccontextmanager
    async def _exchange(
        self,
        method: str,
        path: str,
        accept: str | None,
        headers: dict[str, str],
        data: bytes | Path | None,
        idempotent: bool | None,
        also: Collection[int],
    ) -> AsyncIterator[Stream]:
        """One try: the answer of success, redirects followed, or the error."""
        from yarl import URL

        if not _SECRET.isdisjoint(name.lower() for name in headers):
            raise ValueError("a session's secrets are its own business")
        repeatable = method in _REPEATABLE if idempotent is None else idempotent
        url = self._absolute(path)
        if accept is not None:
            headers["Accept"] = accept
        for _hop in range(REDIRECTS + 1):
            secret = self._secret if _origin(url) == self._origin else {}
            with _body(data) as body:
                try:
                    response = await self._client.request(
                        method,
                        URL(url, encoded=True),
                        headers={**headers, **secret},
                        data=body,
                        allow_redirects=False,
                        proxy=self._proxy,
                    )
                except Exception as error:
                    raise await self._why(error, url, repeatable) from error
            async with response:
                self._proven.add(_origin(url))
                if response.status in (301, 302, 303, 307, 308) and response.status not in also:
                    url = self._next(method, url, response)
                    continue
                if response.status >= 300 and response.status not in also:
                    raise await self._refusal(response, url, repeatable, bool(secret))
                stream = Stream(self, response, url, repeatable)
                got = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                if accept is not None and got != accept.lower() and response.status < 300 and method != "HEAD":
                    raise faults.wrong_type(self.host, _tell(url), got, accept, await _beginning(response))
                yield stream
                return
        raise SatchelError(
            Kind.SERVER, f"{self.host} redirects in circles.", "Tell the server's administrator.", _tell(url)
        )

    def _absolute(self, path: str) -> str:
        if not path.isascii() or not path.isprintable() or " " in path:
            raise ValueError(f"not escaped: {path!r}")
        if path.startswith("/") and not path.startswith("//"):
            if len(path.partition("?")[0]) > LONGEST_PATH or len(path) > LONGEST_URL:
                raise SatchelError(
                    Kind.INTERNAL, f"A query for {self.host} is longer than servers accept.", "", faults.shorten(path)
                )
            return self.base + path
        _check_url(path)
        return path

    def _next(self, method: str, url: str, response: aiohttp.ClientResponse) -> str:
        """Where a redirect leads, if it may be followed."""
        target = urljoin(url, quote(response.headers.get("Location", ""), safe=string.punctuation))
        if method not in ("GET", "HEAD") or not response.headers.get("Location"):
            raise SatchelError(
                Kind.SERVER, f"{self.host} redirects a request that cannot be redirected.", "", _tell(target)
            )
        _check_url(target, f"{self.host} redirects to")
        return target

    async def _refusal(
        self, response: aiohttp.ClientResponse, url: str, repeatable: bool, signed_in: bool
    ) -> SatchelError:
        """The error for an answer that is none of success."""
        kind = response.headers.get("Content-Type", "")
        body = await _beginning(response)
        host = self.host if _origin(url) == self._origin else urlsplit(url).netloc
        status = response.status
        error = faults.from_status(host, _tell(url), status, kind, body, signed_in)
        undone = status in (429, 503)
        again = undone or (repeatable and (status in faults.PASSING or (status == 500 and response.method == "GET")))
        return Passing(error, retry_after(response.headers.get("Retry-After"))) if again else error

    async def _why(self, error: Exception, url: str, repeatable: bool) -> SatchelError:
        """The error for a request that got no answer, or half of one."""
        import aiohttp

        split = urlsplit(url)
        host = self.host if _origin(url) == self._origin else split.netloc
        detail = f"{type(error).__name__}: {error}\n{_tell(url)}"
        if isinstance(error, SatchelError):
            return error
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            cause = error.certificate_error
            issuer = await asyncio.to_thread(tls.issuer_of, split.hostname or "", split.port or 443)
            return tls.untrusted(host, cause if isinstance(cause, ssl.SSLError) else ssl.SSLError(str(cause)), issuer)
        if isinstance(error, aiohttp.ClientConnectorSSLError):
            return SatchelError(
                Kind.UNREACHABLE,
                f"{host} does not speak HTTPS as it should.",
                "Check name and port. Satchel never talks to a server without encryption.",
                detail,
            )
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            return self._unless_proven(
                url,
                SatchelError(
                    Kind.UNREACHABLE,
                    f"The proxy on the way to {host} cannot be reached.",
                    "Check the proxy in the settings of this computer (HTTPS_PROXY).",
                    detail,
                ),
            )
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return self._unless_proven(
                url,
                SatchelError(
                    Kind.UNREACHABLE,
                    f"There is no server named {split.hostname}.",
                    "Check its spelling, and whether this computer is online.",
                    detail,
                ),
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            said = error.os_error.strerror or str(error.os_error)
            return self._unless_proven(
                url,
                SatchelError(
                    Kind.UNREACHABLE,
                    f"{host} cannot be reached: {said.lower()}.",
                    "Check the name and the port, and whether the server runs and the network lets you through.",
                    detail,
                ),
            )
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return self._unless_proven(
                url,
                SatchelError(
                    Kind.UNREACHABLE,
                    f"{host} does not answer within {CONNECT_SECONDS:.0f} seconds.",
                    "Check the name, and whether the network (a firewall, a VPN) lets you through.",
                    detail,
                ),
            )
        if isinstance(error, TimeoutError):
            return self._unless_unsafe(
                SatchelError(
                    Kind.UNREACHABLE,
                    f"{host} fell silent for {self._client.timeout.sock_read or INACTIVITY_SECONDS:.0f} seconds.",
                    "Try again later.",
                    detail,
                ),
                repeatable,
            )
        if isinstance(error, aiohttp.ClientResponseError):
            return SatchelError(
                Kind.SERVER, f"{host} answers something that is not HTTP.", "Check the name and the port.", detail
            )
        if isinstance(error, (aiohttp.ClientError, OSError)):
            return self._unless_unsafe(
                SatchelError(Kind.UNREACHABLE, f"The connection to {host} broke.", "Try again later.", detail),
                repeatable,
            )
        raise error

    def _unless_proven(self, url: str, error: SatchelError) -> SatchelError:
        return Passing(error) if _origin(url) in self._proven else error

    @staticmethod
    def _unless_unsafe(error: SatchelError, repeatable: bool) -> SatchelError:
        if repeatable:
            return Passing(error)
        return SatchelError(
            error.kind, error.message, "It is not known whether the server did what it was asked.", error.detail
        )


def host_name(text: str) -> str:
    """A host as people write it, as the rest of the program does: `name` or `name:port`, lower case, 443 left out.

    Raises:
        SatchelError: it is none, or not https.
    """
    given = text.strip()
    if given.lower().startswith("http://"):
        raise SatchelError(
            Kind.USAGE, f"{given} is not https.", "Satchel never talks to a server without encryption; write https://."
        )
    bare = given[8:] if given.lower().startswith("https://") else given
    match = _HOST.fullmatch(bare.rstrip("/"))
    if not match or (match["port"] and not 0 < int(match["port"]) < 65536):
        raise SatchelError(
            Kind.USAGE, f"{text!r} is not the name of a server.", "Write it as in www.example.org or localhost:8443."
        )
    port = "" if match["port"] in (None, "443") else f":{int(match['port'])}"
    return match["name"].lower() + port


@asynccontextmanager
async def _open(
    cls: type[Session],
    host: str,
    access: Access,
    credential: Credential | Mapping[str, str] | None,
    log: Log | None,
    policy: Policy,
    connections: int,
    inactivity: float | None,
) -> AsyncIterator[Session]:
    import aiohttp  # late: a third of a second that a start of the program need not wait for

    name = host_name(host)
    silence = INACTIVITY_SECONDS if inactivity is None else inactivity
    secret = await _secret_of(name, access, credential, log)
    connector = aiohttp.TCPConnector(
        ssl=tls.trust(access.ca),
        limit=connections,
        keepalive_timeout=30,
        ttl_dns_cache=300,
        socket_factory=_socket,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"Satchel/{__version__}"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence),
        trust_env=False,
    ) as client:
        yield cls(client, name, secret, log, policy, _proxy(name))


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket that shows it is alive while a server thinks for minutes: what lies between forgets silent ones."""
    family, kind, protocol = info[:3]
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 8)):
        if hasattr(socket, option):
            with contextlib.suppress(OSError):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    return made


async def _secret_of(
    host: str, access: Access, credential: Credential | Mapping[str, str] | None, log: Log | None
) -> Mapping[str, str]:
    """The headers that prove to a host who asks: those given, else those that the credential store knows."""
    if isinstance(credential, Mapping):
        return credential
    if credential is not None:
        return credential.headers
    from satchel.core import credentials  # late: a keyring loads much

    def warn(message: str) -> None:
        if log is not None:
            log(message, "warning")
        else:
            _log.warning(message)

    found = await credentials.lookup(host, access, warn=warn)
    if found is not None and access.credential is None:
        from satchel.core.deriva import renewal

        found = await renewal.fresh(host, found, warn)
    return found.headers if found is not None else {}


@contextmanager
def _body(data: bytes | Path | None) -> Iterator[bytes | IO[bytes] | None]:
    """A body as aiohttp sends it: a long one piece by piece, so that the loop is not held up."""
    if isinstance(data, Path):
        with data.open("rb") as file:
            yield file
    elif data is not None and len(data) > CHUNK:
        yield io.BytesIO(data)
    else:
        yield data


def _proxy(host: str) -> str | None:
    """The platform's proxy for https to this host, if there is one; never for this computer itself."""
    name = urlsplit(f"https://{host}").hostname or ""
    try:
        local = ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = name == "localhost" or name.endswith(".localhost")
    if local or proxy_bypass(name):
        return None
    return getproxies().get("https")


def _origin(url: str) -> tuple[str, str, int]:
    split = urlsplit(url)
    return split.scheme, (split.hostname or "").lower(), split.port or 443


def _check_url(url: str, prefix: str = "An address cannot be used:") -> None:
    """Refuse what is not plain https."""
    try:
        split = urlsplit(url)
        usable = split.scheme == "https" and split.hostname and split.username is None and split.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SatchelError(
            Kind.SERVER,
            f"{prefix} {faults.shorten(_tell(url))}",
            "Satchel follows https addresses only, without a user name in them.",
        )


def _tell(url: str) -> str:
    """An address for details and logs, without what may be secret in it: a user name, a signed query."""
    try:
        split = urlsplit(url)
    except ValueError:
        return "(an address that makes no sense)"
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path}"


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The first 64 KiB of an error's body, or what of them arrived."""
    import aiohttp

    body = b""
    try:
        async for chunk in response.content.iter_chunked(_ERROR_BODY):
            body += chunk
            if len(body) >= _ERROR_BODY:
                break
    except (aiohttp.ClientError, OSError, TimeoutError):
        pass  # the status has said enough
    return body[:_ERROR_BODY]
