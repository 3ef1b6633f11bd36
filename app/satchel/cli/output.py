"""What a command says: to people, or as one JSON object a line."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO
from unicodedata import category

from satchel.core.errors import Kind, SatchelError

if TYPE_CHECKING:
    from satchel.core.jobs.events import AnyEvent

_WORTH_RESUMING = frozenset(
    {Kind.CANCELLED, Kind.UNREACHABLE, Kind.SERVER, Kind.DISK_FULL, Kind.NOT_SIGNED_IN, Kind.INTERNAL}
)
"""After these a job may go on as it is; after others something in the request itself is wrong."""
Lists = Mapping[str, Iterable[Any]]
_PIECES = 1_000
"""Of a long line that are written in one go."""
_HARMFUL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Output:
    """Where a command's words go. Safe from any thread."""

    def __init__(self) -> None:
        self.job = ""
        """The job that runs, once it has begun."""
        self.gone: Callable[[], None] = lambda: None
        """Called once when whoever reads standard output has gone."""
        self._closed = False
        self._lock = threading.RLock()

    def hear(self, event: AnyEvent) -> None:
        """An event of the job."""
        raise NotImplementedError

    def result(self, values: Mapping[str, Any], text: Callable[[], str], lists: Lists | None = None) -> None:
        """How it ended.

        Args:
            values: for JSON.
            text: makes the words for people.
            lists: for JSON, what is too much to be in memory: lists by their keys, in place of the values' own.
        """
        raise NotImplementedError

    def error(self, error: SatchelError) -> None:
        """Why it did not end well."""
        raise NotImplementedError

    def close(self) -> None:
        """Take away what moves on the screen."""

    def _hint(self, error: SatchelError) -> str:
        if not self.job or not (error.kind in _WORTH_RESUMING or "resume" in error.hint.lower()):
            return error.hint
        resume = f"`satchel jobs resume {self.job}` goes on where it stopped."
        return resume if error.kind is Kind.CANCELLED else f"{error.hint} {resume}".strip()

    def _write(self, text: str) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                _write_all(sys.stdout, text)
            except (BrokenPipeError, ValueError):
                self._closed = True
                silence()
        if self._closed:
            self.gone()


class JsonOutput(Output):
    """One JSON object a line, in UTF-8, and nothing else."""

    def hear(self, event: AnyEvent) -> None:
        """The event as it is."""
        import msgspec

        self.job = getattr(event, "job", self.job)
        self._write(msgspec.json.encode(event).decode() + "\n")

    def result(self, values: Mapping[str, Any], text: Callable[[], str], lists: Lists | None = None) -> None:
        """The values as they are."""
        told = {"event": "result", **({"job": self.job} if self.job else {}), **values}
        if not lists:
            self._line(told)
            return
        begin = json.dumps({k: v for k, v in told.items() if k not in lists}, ensure_ascii=False, default=str)
        pieces = [begin.removesuffix("}")]
        for key, items in lists.items():
            pieces.append(f", {json.dumps(key)}: [")
            for number, item in enumerate(items):
                pieces.append(f"{', ' if number else ''}{json.dumps(item, ensure_ascii=False, default=str)}")
                if len(pieces) > _PIECES:
                    self._write("".join(pieces))
                    pieces = []
            pieces.append("]")
        self._write("".join(pieces) + "}\n")

    def error(self, error: SatchelError) -> None:
        """Kind, message, hint, and a server's own words where there are any."""
        from satchel.core.secrets import redact

        told = {"event": "error", "kind": str(error.kind), "message": redact(error.message), "hint": self._hint(error)}
        if name := getattr(error, "name", ""):
            told["name"] = str(name)
        if error.detail:
            told["detail"] = redact(error.detail)
        if self.job:
            told["job"] = self.job
        self._line(told)

    def _line(self, values: Mapping[str, Any]) -> None:
        self._write(json.dumps(values, ensure_ascii=False, default=str) + "\n")


class HumanOutput(Output):
    """Progress on standard error, what was asked for on standard output."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: Any = None

    def hear(self, event: AnyEvent) -> None:
        """Show it."""
        self.job = getattr(event, "job", self.job)
        with self._lock:
            if self._progress is None:
                from satchel.cli.progress import progress

                self._progress = progress()
            self._progress.hear(event)

    def result(self, values: Mapping[str, Any], text: Callable[[], str], lists: Lists | None = None) -> None:
        """The words for people."""
        self.close()
        self._write(printable(text()).rstrip("\n") + "\n")

    def error(self, error: SatchelError) -> None:
        """A sentence, and what to do."""
        from satchel.core.secrets import redact

        self.close()
        hint = self._hint(error)
        lines = [f"satchel: {redact(error.message)}", *([f"  {hint}"] if hint else [])]
        say("\n".join(lines))

    def close(self) -> None:
        """Take the bars away."""
        with self._lock:
            if self._progress is not None:
                self._progress.close()


def say(text: str) -> None:
    """A line for people on standard error."""
    try:
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody is there to read it


def printable(text: str) -> str:
    """Text of servers and files without what would command a terminal: control and direction characters."""
    return "".join("\ufffd" if c in _DIRECTIONS or (c != "\n" and category(c) in _HARMFUL) else c for c in text)


def _write_all(stream: TextIO, text: str) -> None:
    """Write a text, all of it. Where Python runs unbuffered (PYTHONUNBUFFERED) a stream passes a text on with one
    write, of which a pipe that is nearly full may take a part; the rest would be lost without a word."""
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        stream.write(text)
        stream.flush()
        return
    stream.flush()
    left = memoryview(text.encode(stream.encoding or "utf-8", stream.errors or "strict"))
    while left:
        left = left[raw.write(left) or 0 :]


def prepare_streams(as_json: bool) -> None:
    """Have the streams never fail for want of a letter: JSON is UTF-8, a terminal gets what it can show."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            if as_json and stream is sys.stdout:
                reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
            else:
                reconfigure(errors="backslashreplace")


def silence() -> None:
    """Nobody reads standard output any more: let what is still written to it, at exit too, go nowhere."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        pass
