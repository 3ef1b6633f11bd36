"""Devices that wait for somebody to confirm them."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

WAITING = 600
"""Seconds that a device waits at most."""
INTERVAL = 3
"""Seconds that a device leaves between two questions."""
_MOST = 1000


@dataclass(slots=True)
class Flow:
    """One device's attempt to sign in."""

    user_code: str
    """What the person sees and types."""
    expires: float
    person: str | None = None
    """Who confirmed it."""
    asked: float = 0.0
    """When the device asked last."""


@dataclass
class Devices:
    """Flows by device code. They end with the server, as they would with a person who walks away."""

    clock: Callable[[], float] = time.time
    _flows: dict[str, Flow] = field(default_factory=dict, init=False)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), init=False)

    def start(self) -> tuple[str, Flow]:
        """A new device code, which only the device knows, and its flow."""
        now = self.clock()
        self._flows = {code: flow for code, flow in self._flows.items() if flow.expires > now}
        while len(self._flows) >= _MOST:
            del self._flows[next(iter(self._flows))]
        code = secrets.token_hex(16)
        flow = Flow(secrets.token_hex(4).upper(), now + WAITING)
        self._flows[code] = flow
        return code, flow

    def get(self, device_code: str) -> Flow | None:
        """A flow that has not expired."""
        flow = self._flows.get(device_code)
        return flow if flow and flow.expires > self.clock() else None

    def by_user_code(self, user_code: str) -> Flow | None:
        """The flow of what a person was shown, in either case."""
        now, wanted = self.clock(), user_code.strip().upper()
        return next((f for f in self._flows.values() if f.user_code == wanted and f.expires > now), None)

    def drop(self, flow: Flow) -> None:
        """Forget a flow: its device got its token, or was refused."""
        self._flows = {code: each for code, each in self._flows.items() if each is not flow}

    def proof(self, flow: Flow, session_key: str) -> str:
        """What a form must carry that confirms a flow as whoever is signed in: another site cannot know it."""
        return hmac.new(self._secret, f"{flow.user_code} {session_key}".encode(), "sha256").hexdigest()
