"""Questions that every kind of job may put, in words that the window knows."""

from __future__ import annotations

SIGN_IN = "sign-in:"
"""How a question begins that asks for a sign-in; the host follows."""
SIGNED_IN = "Go on"
STOP = "Stop"
"""Choices."""
