"""Trust for libraries that want a file: the platform's authorities and those that the person names, in one."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

from satchel.core.deriva import tls
from satchel.core.files import write_atomically


def bundle(folder: Path, ca: Iterable[str]) -> str:
    """Write the file. Blocking.

    Args:
        folder: where to.
        ca: PEM files of extra authorities.

    Returns:
        Its name.

    Raises:
        SatchelError: one of the files cannot be used.
    """
    extra = tuple(ca)
    context = tls.trust(extra)
    known = [ssl.DER_cert_to_PEM_cert(one) for one in context.get_ca_certs(binary_form=True)]
    if len(known) <= len(extra):
        # Windows and macOS keep theirs elsewhere than in files: there it is the authorities that Mozilla trusts.
        import certifi

        known = [Path(certifi.where()).read_text("ascii", "replace"), *(Path(file).read_text() for file in extra)]
    target = folder / "trusted.pem"
    write_atomically(target, "\n".join(known).encode())
    return str(target)
