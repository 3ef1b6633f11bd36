"""The sandbox's own certificate authority and certificate, made by trustme and kept in its folder."""

from __future__ import annotations

import ssl
from pathlib import Path

NAMES = ("localhost", "127.0.0.1", "::1")


def certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """The server's TLS context and the file of the authority that signed it; both are made at the first start."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, chain = folder / "ca.pem", folder / "server.pem"
    if not (authority.exists() and chain.exists()):
        import trustme

        made = trustme.CA(organization_name="Satchel sandbox")
        leaf = made.issue_cert(*NAMES, organization_name="Satchel sandbox")
        chain.touch(mode=0o600)
        leaf.private_key_and_cert_chain_pem.write_to_path(str(chain))
        made.cert_pem.write_to_path(str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain)
    return context, authority
