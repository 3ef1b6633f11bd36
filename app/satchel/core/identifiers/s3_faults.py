"""Sentences for what S3 stores say, and for what happens on the way to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from satchel.core.errors import Kind, SatchelError
from satchel.core.identifiers.place import Place

_REGION = re.compile(r"expecting '([a-z0-9-]{2,40})'")


class Found:
    """What is known of a failure."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @staticmethod
    def other_region(error: Exception, now: str) -> str:
        """The region that the bucket is in, where a failure says that it is in another; else empty."""
        from botocore.exceptions import ClientError

        if not isinstance(error, ClientError):
            return ""
        said = error.response.get("Error", {})
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        code = str(said.get("Code", ""))
        if code not in (
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "301",
            "400",
            "TemporaryRedirect",
            "IllegalLocationConstraintException",
        ):
            return ""
        match = _REGION.search(str(said.get("Message", "")))
        region = str(said.get("Region") or headers.get("x-amz-bucket-region") or (match[1] if match else ""))
        return region if region != now and re.fullmatch(r"[a-z0-9-]{2,40}", region) else ""

    @staticmethod
    def is_cut(error: Exception) -> bool:
        """Whether a body ended too early."""
        from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError
        from urllib3.exceptions import ProtocolError

        return isinstance(
            error, IncompleteReadError | ReadTimeoutError | ResponseStreamingError | ProtocolError | ConnectionError
        )


@contextmanager
def explained(place: Place) -> Iterator[Found]:
    """Turn what boto3 raises into a SatchelError."""
    try:
        yield Found(place)
    except SatchelError:
        raise
    except Exception as error:
        told = _told(place, error)
        if told is None:
            raise
        raise told from None  # what boto3 raises holds the signed request


def _told(place: Place, error: Exception) -> SatchelError | None:
    from botocore import exceptions as boto

    store = urlsplit(place.endpoint).netloc if place.endpoint else "Amazon S3"
    name = type(error).__name__
    if isinstance(error, boto.ClientError):
        return _refused(place, store, error)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return SatchelError(
            Kind.NOT_SIGNED_IN,
            f"There are no keys to {place.shown} on this computer.",
            f"Give them once (satchel identifiers keys s3://{place.bucket}), or set them up as AWS's own tools do.",
            name,
        )
    if isinstance(error, boto.ProfileNotFound):
        return SatchelError(
            Kind.USAGE,
            f"The AWS configuration of this computer has no profile {place.aws_profile}.",
            "See ~/.aws/config, or leave the profile out.",
        )
    if isinstance(error, boto.SSLError):
        return SatchelError(
            Kind.UNTRUSTED,
            f"The certificate of {store} is not trusted on this computer.",
            "If you know its authority and trust it, name its certificate file with --ca FILE.",
            name,
        )
    if isinstance(error, boto.EndpointConnectionError | boto.ConnectTimeoutError | boto.ProxyConnectionError):
        return SatchelError(
            Kind.UNREACHABLE,
            f"{store} cannot be reached.",
            "Check its address, and whether this computer is online.",
            name,
        )
    if isinstance(error, boto.HTTPClientError | boto.ResponseStreamingError | boto.IncompleteReadError) or Found.is_cut(
        error
    ):
        return SatchelError(Kind.UNREACHABLE, f"The connection to {store} broke.", "Try again later.", name)
    if isinstance(error, boto.BotoCoreError | ValueError):
        return SatchelError(
            Kind.USAGE, f"{place.shown} cannot be used: {name}.", "Check bucket, region and address of the store.", name
        )
    return None


def _refused(place: Place, store: str, error: Exception) -> SatchelError:
    response = getattr(error, "response", {})
    said = response.get("Error", {})
    code = str(said.get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # Of the answer only code and message: further fields repeat the signed request with its key.
    detail = f"{status} {code}"
    where = place.shown

    def told(kind: Kind, message: str, hint: str) -> SatchelError:
        return SatchelError(kind, message, hint, detail)

    match code:
        case (
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "TokenRefreshRequired" | "InvalidSecurity"
        ):
            return told(
                Kind.NOT_SIGNED_IN, f"{store} does not accept the keys for {where}.", "Check them, and give them again."
            )
        case "ExpiredToken" | "ExpiredTokenException":
            return told(Kind.NOT_SIGNED_IN, f"The keys for {where} have run out.", "Get new ones and try again.")
        case "RequestTimeTooSkewed" | "RequestExpired":
            return told(
                Kind.NOT_SIGNED_IN,
                f"{store} refuses: this computer's clock is off.",
                "Set the clock of this computer (it must be right within 15 minutes) and try again.",
            )
        case "NoSuchBucket":
            return told(
                Kind.NOT_FOUND,
                f"There is no bucket {place.bucket} in {store}.",
                "Check its name, and the store's address.",
            )
        case "NoSuchKey" | "NoSuchUpload":
            return told(Kind.NOT_FOUND, f"{store} does not have it (any more).", "Try again.")
        case "PermanentRedirect" | "AuthorizationHeaderMalformed" | "301" | "IllegalLocationConstraintException":
            return told(
                Kind.USAGE, f"The bucket {place.bucket} is in another region.", "Name its region: --region REGION."
            )
        case "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch":
            return told(
                Kind.INVALID,
                f"{store} received something else than was sent.",
                "Something on the way changes data. Try again.",
            )
        case "EntityTooLarge":
            return told(Kind.INVALID, f"{store} does not take files of this size.", "Ask whoever runs it.")
        case "QuotaExceeded" | "InsufficientStorage":
            return told(Kind.DISK_FULL, f"{store} has no room left for {where}.", "Ask whoever runs it.")
    if status in (401, 403) or code in ("AccessDenied", "AllAccessDisabled", "AccountProblem"):
        return told(
            Kind.NOT_ALLOWED,
            f"{store} does not let these keys do that in {where}.",
            "Ask the bucket's owner for the rights to write, read and remove objects there.",
        )
    if status >= 500 or code in ("SlowDown", "InternalError", "ServiceUnavailable"):
        return told(Kind.SERVER, f"{store} is in trouble ({status} {code}).", "Try again later.")
    return told(Kind.SERVER, f"{store} refuses ({status} {code}).", "Check bucket, region and address of the store.")
