"""The answers other than success that reading can give, in ERMrest's wording."""

from __future__ import annotations

from .model import Client, ErmrestError


def malformed(detail: str) -> ErmrestError:
    """400: the request cannot be understood."""
    return ErmrestError(400, "Request malformed.", detail)


def conflict(detail: str) -> ErmrestError:
    """409: the request does not fit the catalog's model."""
    return ErmrestError(409, "Request conflicts with state of server.", detail)


def unsupported(detail: str) -> ErmrestError:
    """501: ERMrest would answer this, the sandbox does not."""
    return ErmrestError(501, "Not supported by this sandbox.", detail)


def forbidden(client: Client, detail: str) -> ErmrestError:
    """403, or 401 for somebody who has not signed in."""
    if client.id is None:
        return ErmrestError(401, "Access requires authentication.", detail)
    return ErmrestError(403, "Access forbidden.", detail)
