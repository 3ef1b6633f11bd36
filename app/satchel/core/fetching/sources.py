"""Where a line of fetch.txt leads, and whether Satchel goes there."""

from __future__ import annotations

import ipaddress
import re
import socket
import string
from urllib.parse import quote, urlsplit

from satchel.core.errors import Kind, SatchelError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PLAIN = re.compile(r"https://[a-z0-9][a-z0-9.-]*(:[1-5]?[1-9][0-9]{0,3})?/[A-Za-z0-9/._~:%=&?,;+!-]*")
_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
LONGEST = 8000
"""Characters of an address."""


def address(url: str, home: str | None) -> str:
    """A line's address made ready for a request.

    Args:
        url: as the line has it.
        home: the host whose relative addresses these are: the catalog's, where the bag names it.

    Raises:
        SatchelError: Satchel does not fetch from there.
    """
    if _PLAIN.fullmatch(url) and len(url) <= LONGEST:
        return url  # nearly always, and there may be millions
    bare = quote(url.strip(), safe=string.punctuation, errors="replace").partition("#")[0]
    if len(bare) > LONGEST:
        raise _refused(url, "is longer than servers accept")
    if bare.startswith("/") and not bare.startswith("//"):
        if home is None:
            raise SatchelError(
                Kind.INVALID,
                f"{_short(url)} is an address without a server, and the bag does not name its server.",
                "Name it with --host HOST.",
            )
        return f"https://{home}{bare}"
    scheme = bare.partition(":")[0].lower()
    if scheme == "s3":
        bare = _s3(bare)
    elif scheme == "file":
        raise _refused(url, "is of a file on a computer, and a bag may not choose which of yours is read")
    elif scheme not in ("https", "http") or not bare[len(scheme) :].startswith("://"):
        raise _refused(url, "is of a kind that Satchel does not fetch; https, http and s3 it does")
    try:
        split = urlsplit(bare)
        port = split.port
    except ValueError:
        raise _refused(url, "makes no sense") from None
    if port == 0 or not _HOST.fullmatch(split.netloc.rpartition("@")[2]):
        raise _refused(url, "names no server")
    if split.username is not None or split.password is not None:
        raise _refused(url, "has a user name in it, which Satchel does not send")
    # Scheme in lower case, and a slash behind the server's name: whose address it is can be told from its beginning.
    query = f"?{split.query}" if split.query else ""
    return f"{split.scheme}://{split.netloc}{split.path or '/'}{query}"


def _s3(url: str) -> str:
    """The https address of a public object in Amazon's S3."""
    bucket, _, key = url[5:].partition("/")
    if not bucket or not key or any(c in bucket for c in "@:?#"):
        raise _refused(url, "is not of the form s3://bucket/key")
    key = key.replace("?", "%3F")
    # A dot in a name would not be covered by the certificate of *.s3.amazonaws.com.
    return f"https://s3.amazonaws.com/{bucket}/{key}" if "." in bucket else f"https://{bucket}.s3.amazonaws.com/{key}"


def _refused(url: str, why: str) -> SatchelError:
    return SatchelError(Kind.INVALID, f"{_short(url)} {why}.", "Ask whoever made the bag for the file.")


def _short(url: str) -> str:
    # What follows a question mark may be a signature; what stands before an @ a password.
    bare = url.partition("?")[0]
    scheme, mark, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    shown = f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else bare
    return shown[:120] if len(shown) <= 120 else f"{shown[:117]}..."


def host_of(url: str) -> str:
    """Name and, unless it is the scheme's own, port, in lower case."""
    split = urlsplit(url)
    usual = 443 if split.scheme == "https" else 80
    name = (split.hostname or "").lower()
    name = f"[{name}]" if ":" in name else name
    return name if split.port in (None, usual) else f"{name}:{split.port}"


def is_private(ip: str) -> bool:
    """Whether an address is of this computer, its network, or of nobody: anything but the open internet."""
    try:
        found = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return True
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_private(str(inner))
    return not found.is_global or found.is_multicast


def literal(host: str) -> str | None:
    """The IP address that a host's name is, in any form that a system takes for one; None for a name."""
    bare = host.strip("[]")
    try:
        return str(ipaddress.ip_address(bare.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(bare)) if bare[:1].isdigit() else None
    except OSError:
        return None
