"""Signing in from the window: the dialog, its ways, and what the engine is asked for."""

from satchel.gui.sign_in.dialog import SignInDialog, open_sign_in
from satchel.gui.sign_in.engine import renew, sign_out, who

__all__ = ["SignInDialog", "open_sign_in", "renew", "sign_out", "who"]
