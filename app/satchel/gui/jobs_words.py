"""How a job's state is said in lists and notices."""

from __future__ import annotations

from typing import Any

from satchel.gui.engine_bridge import state_of

_STATES = {
    "queued": ("clock", "muted", "Waiting to start"),
    "running": ("activity", "accent_text", "Running"),
    "asking": ("help", "warning", "Waits for your answer"),
    "cancelling": ("clock", "muted", "Stopping"),
    "done": ("success", "success", "Done"),
    "failed": ("error", "danger", "Failed"),
    "cancelled": ("stop", "muted", "Cancelled"),
    "interrupted": ("pause", "warning", "Interrupted"),
    "paused": ("pause", "warning", "Interrupted"),
}


def icon_and_role(view: Any) -> tuple[str, str]:
    """The icon of a job's state and its colour's role."""
    icon, role, _ = _STATES.get(state_of(view), ("info", "muted", ""))
    return icon, role


def line(view: Any) -> str:
    """One line under a job's title: its state and, where it failed, why."""
    state = state_of(view)
    words = _STATES.get(state, ("", "", state))[2]
    error = getattr(view, "error", None)
    message = getattr(error, "message", "") if error is not None else ""
    return f"{words}: {message}" if message else words


def end_words(view: Any) -> tuple[str, str]:
    """What a notice says of a job that ended, and its tone."""
    state = state_of(view)
    if state == "done":
        return f"{view.title}: done.", "success"
    if state == "failed":
        return f"{view.title}: failed.", "danger"
    return f"{view.title}: {_STATES.get(state, ('', '', state))[2].lower()}.", "info"
