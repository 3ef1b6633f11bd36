"""Trust: the platform's authorities and those that a person names, and words for certificates that are not trusted."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterable
from pathlib import Path

from satchel.core.errors import Kind, SatchelError

_EXPIRED = 10
_WRONG_NAMES = {62, 63, 64}
"""OpenSSL's verify codes: certificate has expired; host name, e-mail and IP address mismatch."""

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",
)


def trust(ca: Iterable[str] = ()) -> ssl.SSLContext:
    """A context that verifies servers against the platform's trust and the given authorities.

    Args:
        ca: PEM files of extra certificate authorities.

    Raises:
        SatchelError: a file cannot be read or holds no certificate.
    """
    context = _of_platform()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in ca:
        if not Path(file).is_file():
            raise SatchelError(
                Kind.FILES,
                f"The certificate authority file {file} does not exist.",
                "Give --ca the PEM file of the authority that issued the server's certificate.",
            )
        try:
            context.load_verify_locations(cafile=file)
        except (OSError, ssl.SSLError) as error:
            raise SatchelError(
                Kind.FILES,
                f"{file} cannot be used as a certificate authority.",
                "It must be a readable PEM file with at least one certificate.",
                str(error),
            ) from error
    return context


def _of_platform() -> ssl.SSLContext:
    if sys.platform in ("win32", "darwin"):
        import truststore  # late: only there does trust live elsewhere than in files

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # truststore would do the same here, but reads the whole bundle for each connection: 28 ms, 24 times an export.
    context = ssl.create_default_context()
    places = ssl.get_default_verify_paths()
    if places.cafile is None and places.capath is None:  # an OpenSSL that was built to look elsewhere
        for bundle in _BUNDLES:
            if Path(bundle).is_file():
                context.load_verify_locations(cafile=bundle)
                break
    return context


def untrusted(host: str, error: ssl.SSLError, issuer: str) -> SatchelError:
    """The sentence for a certificate that was refused.

    Args:
        host: the server as the person wrote it.
        error: what TLS said.
        issuer: who signed the certificate, from `issuer_of`; may be empty.
    """
    reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    code = getattr(error, "verify_code", None)
    by = f", issued by {issuer}," if issuer else ""
    if code == _EXPIRED:
        hint = "Ask the server's administrator to renew it, and check this computer's clock."
        return SatchelError(Kind.UNTRUSTED, f"The certificate of {host}{by} has expired.", hint, reason)
    if code in _WRONG_NAMES:
        hint = "Check the server's name; if it is right, the server shows a certificate meant for another name."
        return SatchelError(Kind.UNTRUSTED, f"The certificate of {host}{by} is for another name.", hint, reason)
    hint = (
        "If you know that authority and trust it, name its certificate file with --ca FILE (in the window: "
        "Settings, certificate authorities). If not, somebody may be posing as the server."
    )
    return SatchelError(Kind.UNTRUSTED, f"The certificate of {host}{by} is not trusted on this computer.", hint, reason)


def issuer_of(host: str, port: int, timeout: float = 5.0) -> str:
    """Who signed the certificate that a server shows, for a sentence about a certificate that was refused.

    Blocking. Takes the certificate from a connection of its own over which nothing is sent and nothing believed.
    Empty when it cannot be had.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        pem = ssl.get_server_certificate((host, port), timeout=timeout)
        issuer = x509.load_pem_x509_certificate(pem.encode("ascii")).issuer
    except (OSError, ValueError):
        return ""
    names: list[str] = []
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in issuer.get_attributes_for_oid(oid):
            if str(attribute.value) not in names:
                names.append(str(attribute.value))
    text = ", ".join(names) or issuer.rfc4514_string()
    return '"' + "".join(c for c in text if c.isprintable())[:120] + '"'
