"""Registering identifiers and changing what is said of them, by fair_identifiers_client. All methods block.

A registration cannot be undone and must not be sent twice: nothing is repeated by itself here, and whoever does not
know whether it arrived asks by checksum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from satchel.core.credentials.credential import Credential
from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.asking import PUBLIC
from satchel.core.identifiers.names import Name, parse
from satchel.core.identifiers.record import LARGEST, Record, read

SECONDS = 60.0
SCOPE = "https://auth.globus.org/scopes/identifiers.fair-research.org/writer"
"""What a sign-in to the public service must be good for."""
NOBODY = "ark:/99999/satchel-asks-who-is-signed-in"
"""An identifier that nobody has: changing it tells whether one may change any."""


class Registrar:
    """A service, as the person who is signed in to it.

    Args:
        service: its address, with a slash at its end.
        credential: proves who asks; None: what fair_identifiers_client's own sign-in has kept, for the public service.
        verify: a file of certificate authorities.
    """

    def __init__(self, service: str, credential: Credential | None, verify: str) -> None:
        self.service = service
        self.host = urlsplit(service).netloc
        self._client = _client(service, credential, verify)

    def close(self) -> None:
        """Let the connections go."""
        self._client.transport.session.close()

    @property
    def signed_in(self) -> bool:
        """Whether anything is sent that proves who asks."""
        return bool(self._client.authorizer or self._client.transport.headers.get("Cookie"))

    def may_mint(self) -> None:
        """Make sure that the service accepts the sign-in for writing.

        Raises:
            SatchelError: it does not.
        """
        if not self.signed_in:
            raise self._not_signed_in("nothing is sent")
        try:
            with self._explained():
                self._client.update_identifier(_quoted(NOBODY), metadata={})
        except SatchelError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise

    def by_checksum(self, sha256: str) -> list[Record]:
        """The identifiers of this content, the oldest first. Raises SatchelError."""
        with self._explained():
            try:
                answer = self._client.get_identifier_by_checksum(sha256, "sha256")
            except Exception as error:
                if getattr(error, "http_status", None) == 404:
                    return []
                raise
            listed = answer.data.get("identifiers") if isinstance(answer.data, Mapping) else None
        found: list[Record] = []
        for document in listed if isinstance(listed, list) else []:
            try:
                found.append(read(document, parse(str(document["identifier"])), self.service))
            except (SatchelError, KeyError, TypeError):
                continue  # of somebody else's making, and in no form that is known
        return sorted((record for record in found if record.sha256 == sha256), key=lambda r: (r.created, r.id))

    def get(self, name: Name) -> Record:
        """What is said of an identifier. Raises SatchelError."""
        with self._explained():
            return read(self._client.get_identifier(_quoted(name.id)).data, name, self.service)

    def create(
        self,
        *,
        test: bool,
        location: Sequence[str],
        sha256: str,
        metadata: Mapping[str, Any],
        visible_to: Sequence[str],
        replaces: str | None = None,
    ) -> Record:
        """Register. Once: where it is not known whether that arrived, the error is of kind UNREACHABLE or SERVER.

        Raises:
            SatchelError: the service refuses, or does not answer.
        """
        given: dict[str, Any] = {
            "namespace": "minid-test" if test else "minid",
            "location": list(location),
            "checksums": [{"function": "sha256", "value": sha256}],
            "metadata": dict(metadata),
            "visible_to": list(visible_to),
        }
        if replaces:
            given["replaces"] = replaces
        with self._explained():
            document = self._client.create_identifier(**given).data
            return read(document, parse(str(document["identifier"])), self.service)

    def update(self, name: Name, **changes: Any) -> Record:
        """Change what is said: active, location, metadata, replaces, replaced_by, visible_to. Raises SatchelError."""
        with self._explained():
            return read(self._client.update_identifier(_quoted(name.id), **changes).data, name, self.service)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from globus_sdk import GlobusAPIError, GlobusSDKUsageError, NetworkError

        try:
            yield
        except SatchelError:
            raise
        except GlobusAPIError as error:
            raise self._refused(error.http_status, str(error.message or ""), str(error.code or "")) from None
        except NetworkError as error:
            raise self._unreachable(error.underlying_exception or error) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SatchelError(
                Kind.SERVER,
                f"{self.host} does not answer as an identifier service does.",
                "Check the service's address.",
                type(error).__name__,
            ) from None
        except GlobusSDKUsageError as error:
            raise SatchelError(Kind.INTERNAL, f"{self.host} could not be asked.", "", str(error)) from None

    def _unreachable(self, error: BaseException) -> SatchelError:
        import requests

        if isinstance(error, requests.exceptions.SSLError):
            return SatchelError(
                Kind.UNTRUSTED,
                f"The certificate of {self.host} is not trusted on this computer.",
                "If you know its authority and trust it, name its certificate file with --ca FILE.",
                type(error).__name__,
            )
        if isinstance(error, requests.exceptions.TooManyRedirects):
            return SatchelError(
                Kind.SERVER, f"{self.host} redirects what must not be redirected.", "Check the service's address."
            )
        return SatchelError(
            Kind.UNREACHABLE,
            f"{self.host} does not answer, or broke off.",
            "Check its address and whether this computer is online; try again.",
            type(error).__name__,
        )

    def _refused(self, status: int, message: str, code: str) -> SatchelError:
        detail = f"{status} {code}: {message[:300]}"
        if status == 401:
            return self._not_signed_in(detail)
        if status == 403:
            return SatchelError(
                Kind.NOT_ALLOWED,
                f"{self.host} does not let you do that.",
                f"Your sign-in must be good for minting (at the public service: the scope {SCOPE}), and only who "
                "minted an identifier changes it.",
                detail,
            )
        if status == 404:
            return SatchelError(Kind.NOT_FOUND, f"{self.host} does not know it.", "Check its spelling.", detail)
        if status in (400, 409, 413, 422):
            return SatchelError(Kind.INVALID, f"{self.host} does not accept it: {message[:200]}", "", detail)
        return SatchelError(Kind.SERVER, f"{self.host} is in trouble ({status}).", "Try again later.", detail)

    def _not_signed_in(self, detail: str) -> SatchelError:
        how = f"satchel login {self.host}"
        if self.service == PUBLIC:
            how += ", or `fair-identifiers-client login`"
        return SatchelError(
            Kind.NOT_SIGNED_IN,
            f"You are not signed in to the identifier service {self.host}.",
            f"Sign in: {how}",
            detail,
            host=self.host,
        )


def _quoted(identifier: str) -> str:
    return quote(identifier, safe="/:=~*+@$,;!.-_")


def _client(service: str, credential: Credential | None, verify: str) -> Any:
    from fair_identifiers_client.identifiers_api import IdentifierClient
    from globus_sdk import AccessTokenAuthorizer
    from requests.adapters import HTTPAdapter

    headers = credential.headers if credential is not None else {}
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    authorizer = (
        AccessTokenAuthorizer(token) if token else _own_sign_in() if not headers and service == PUBLIC else None
    )
    client = IdentifierClient(
        base_url=service,
        app_name="Satchel",
        authorizer=authorizer,
        # Never again by itself: a registration that arrived must not arrive twice.
        transport_params={"verify_ssl": verify, "http_timeout": SECONDS, "max_retries": 0},
    )
    if "Cookie" in headers:
        client.transport.headers["Cookie"] = headers["Cookie"]

    class Bounded(HTTPAdapter):
        """Reads no more of an answer than makes sense."""

        def send(self, request: Any, stream: bool = False, *args: Any, **kwargs: Any) -> Any:
            answer = super().send(request, True, *args, **kwargs)
            body = answer.raw.read(LARGEST + 1, decode_content=True)
            if len(body) > LARGEST:
                answer.close()
                body = b'{"code": "TooLarge", "message": "the answer is longer than makes sense"}'
                answer.status_code = 502
            answer._content = body
            answer._content_consumed = True
            return answer

    session = client.transport.session
    session.mount("https://", Bounded(max_retries=0))
    session.max_redirects = 0
    return client


def _own_sign_in() -> Any:
    """fair_identifiers_client's own sign-in, as `fair-identifiers-client login` keeps it; None without one."""
    from fair_identifiers_client.config import config
    from fair_identifiers_client.login import extract_and_save_tokens
    from globus_sdk import NativeAppAuthClient, RefreshTokenAuthorizer

    from satchel.core.secrets import guard

    try:
        refresh, access = config.get("tokens", "refresh_token"), config.get("tokens", "access_token")
        expires, client_id = int(config.get("tokens", "access_token_expires")), config.get("client", "client_id")
    except Exception:  # a file of another version: as if there were none
        return None
    if not (refresh and access):
        return None
    guard(refresh)
    guard(access)
    return RefreshTokenAuthorizer(
        refresh,
        NativeAppAuthClient(client_id, app_name="Satchel"),
        access_token=access,
        expires_at=expires,
        on_refresh=lambda tokens: extract_and_save_tokens(tokens, config),
    )
