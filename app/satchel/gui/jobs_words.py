"""How a job is said in lists and notices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from satchel.core import words

if TYPE_CHECKING:
    from satchel.core.jobs.views import JobView, StageView

SETTLING = 2.0
"""Seconds before a phase's speed says anything."""
_TOLD = 5
LONGEST = 30 * 24 * 3600.0
"""Seconds; a guess beyond it says nothing."""
_STATES = {
    "queued": ("clock", "muted", "Waiting to start"),
    "running": ("activity", "accent_text", "Running"),
    "waiting": ("help", "warning", "Waits for your answer"),
    "cancelling": ("clock", "muted", "Stopping"),
    "done": ("success", "success", "Done"),
    "failed": ("error", "danger", "Failed"),
    "cancelled": ("stop", "muted", "Cancelled"),
    "interrupted": ("pause", "warning", "Interrupted"),
}


def icon_and_role(view: JobView) -> tuple[str, str]:
    """The icon of a job's state and its colour's role."""
    icon, role, _ = _STATES.get(view.state, ("info", "muted", ""))
    return icon, role


def state_words(view: JobView) -> str:
    """A job's state in a word or three."""
    return _STATES.get(view.state, ("", "", view.state))[2]


def line(view: JobView) -> str:
    """One line under a job's title: its state and, where it failed, why."""
    if view.state == "failed" and view.error is not None:
        return f"{state_words(view)}: {view.error.message}"
    if view.state == "done" and view.warning_count:
        return f"{state_words(view)}, {words.count(view.warning_count, 'warnings')}"
    return state_words(view)


def current_stage(view: JobView) -> StageView | None:
    """The phase that is under way, the last one begun when there are several."""
    return next((stage for stage in reversed(view.stages) if stage.state == "begun"), None)


def progress(view: JobView) -> tuple[float | None, str]:
    """How far the phase under way is (0 to 1; None where it cannot know) and its title."""
    stage = current_stage(view)
    if stage is None:
        return None, state_words(view)
    fraction = min(stage.done / stage.total, 1.0) if stage.total else None
    return fraction, stage.title


def time_left(view: JobView) -> str:
    """How long the phase under way takes yet, as far as its speed tells: "about 3:12 left"; empty: nobody knows."""
    stage = current_stage(view)
    if stage is None or not stage.total or stage.rate <= 0 or stage.done >= stage.total or stage.seconds < SETTLING:
        return ""
    left = (stage.total - stage.done) / stage.rate
    return f"about {words.duration(left)} left" if left < LONGEST else ""


def made(view: JobView) -> str:
    """The path of what a job has made, or looked at; empty where there is none."""
    for name in ("archive", "bag", "path"):
        path = getattr(view.result, name, None)
        if path:
            return str(path)
    return ""


def when(seconds: float) -> str:
    """A time for lists: "today 14:05", else the date; empty for no time."""
    if not seconds:
        return ""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("today %H:%M" if then[:3] == now[:3] else "%Y-%m-%d", then)


def outcome(view: JobView) -> tuple[str, str, str]:
    """What a job that is done has come to, where its title does not say it: title, tone, text; else empty."""
    result = view.result
    if view.state != "done" or view.kind != "localize" or result is None:
        return "", "", ""
    done = getattr(result, "processed", 0)
    verb = "would be copied" if getattr(result, "dry_run", False) else "are here now, verified"
    lines = [f"{words.count(getattr(result, 'skipped', 0), 'rows')} were left as they are."]
    failed = getattr(result, "failed", 0)
    errors = getattr(result, "errors", ())
    lines += [f"Failed: {error}" for error in errors[:_TOLD]]
    if failed > _TOLD:
        lines.append(f"and {failed - _TOLD:,} more; do it again to try those, and nothing else.")
    if audit := getattr(result, "audit", None):
        lines.append(f"The list is in {audit}.")
    return f"{words.count(done, 'files')} {verb}", "warning" if failed else "success", "\n".join(lines)


def end_words(view: JobView) -> tuple[str, str]:
    """What a notice says of a job that ended, and its tone."""
    tones = {"done": "success", "failed": "danger"}
    if view.state == "done" and getattr(view.result, "valid", True) is False:
        return f"{view.title}: the bag is not valid.", "danger"
    if view.state == "done" and getattr(view.result, "complete", True) is False:
        return f"{view.title}: done, but not everything is in the bag.", "warning"
    return f"{view.title}: {state_words(view).lower()}.", tones.get(view.state, "info")
