"""Keeps secrets out of what is written or shown: whoever learns one guards it, whoever writes text redacts it.

Nothing of the core puts a secret into a message; this is the net below, for the words of servers and libraries.
"""

from __future__ import annotations

import re
import threading

HIDDEN = "(hidden)"
_SHORTEST = 6
"""Shorter values are not looked for: they would hide half of every text."""
_PATTERNS = (
    re.compile(r"\b(bearer\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"\b(webauthn[A-Za-z0-9_-]*=)[^\s;,\"']+", re.IGNORECASE),
    re.compile(r"\b((?:set-)?cookie[\"']?\s*[:=]\s*[\"']?)[^\s\"',}]+", re.IGNORECASE),
    re.compile(r"\b((?:bearer-token|access_token|refresh_token|password)[\"']?\s*[:=]\s*[\"']?)[^\s\"',}&]+", re.I),
)
_guarded: set[str] = set()
_lock = threading.Lock()


def guard(secret: str) -> None:
    """Have `redact` hide this text wherever it occurs, as long as the process lives."""
    values = {secret, secret.partition("=")[2]}
    with _lock:
        _guarded.update(value for value in values if len(value) >= _SHORTEST)


def redact(text: str) -> str:
    """The text with guarded secrets, and what looks like one, replaced by `(hidden)`."""
    with _lock:
        known = sorted(_guarded, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
