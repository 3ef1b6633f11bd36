"""Replays exchanges that were recorded from real servers against any server, and says where its answers differ.

A line of a recording is `{"run", "step", "answer"}`. A step may hold `{{name}}`s that earlier steps captured. What a
server chooses freely (times, RIDs, ids, snapshots) is masked on both sides before bodies are compared; of errors, the
status and content type are compared, for their wording is the server's own.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

_FREE = {
    "RID", "RCT", "RMT", "RCB", "RMB", "snaptime", "id", "created", "hardware", "version", "since", "expires",
    "seconds_remaining", "catalog_id", "ID", "URI", "rights", "job", "oid", "size",
}  # fmt: skip
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:?\d\d|Z)?")
_SNAP = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{3}-[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4})+\b")
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Outcome:
    """A step's name and how the answer differs from the recorded one; empty when it does not."""

    name: str
    differences: list[str]


@dataclass
class Answer:
    """An answer, recorded or new."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").split(";")[0]


def _filled(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _PLACE.fullmatch(value)
        return known[whole[1]] if whole else _PLACE.sub(lambda m: str(known[m[1]]), value)
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, known) for key, item in value.items()}
    return value


def _masked(value: Any, known: dict[str, Any], key: str | None = None) -> Any:
    if key in _FREE and not isinstance(value, dict | list):
        return value if value is None else f"<{key}>"
    if isinstance(value, dict):
        return {k: _masked(v, known, k) for k, v in value.items() if k != "rights"}
    if isinstance(value, list):
        return [_masked(item, known) for item in value]
    if isinstance(value, str):
        # Times first: a short RID may occur among their digits.
        value = _TIME.sub("<time>", value)
        for name, text in known.items():
            if isinstance(text, str) and len(text) > 2:
                value = re.sub(rf"(?<![0-9A-Za-z]){re.escape(text)}(?![0-9A-Za-z])", f"<{name}>", value)
        return _SNAP.sub("<snap>", value)
    return value


def _captured(answer: Answer, where: str) -> Any:
    if where == "text":
        return answer.body
    if where.startswith("header:"):
        return answer.headers[where[7:].lower()]
    value = answer.body
    for part in where.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _send(session: requests.Session, base: str, step: dict[str, Any], users: dict[str, str], known: Any) -> Answer:
    headers = dict(_filled(step.get("headers", {}), known))
    person = step.get("as", "admin")
    if person != "anon":
        headers["Cookie"] = users[person]
    data: bytes | None = None
    if "body" in step:
        headers.setdefault("Content-Type", "application/json")
        data = json.dumps(_filled(step["body"], known)).encode()
    elif "text" in step:
        data = _filled(step["text"], known).encode()
    elif "hex" in step:
        data = bytes.fromhex(step["hex"])
    elif "zeros" in step:
        data = bytes(step["zeros"])
    session.cookies.clear()
    response = session.request(
        step["method"],
        base + _filled(step["path"], known),
        headers=headers,
        data=data,
        allow_redirects=False,
        timeout=60,
    )
    answer = Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.text)
    if answer.kind == "application/json" and answer.status < 400:
        answer.body = response.json()
    elif answer.kind in ("application/octet-stream", "application/zip"):
        answer.body = f"<{len(response.content)} bytes>"
    return answer


def _differences(recorded: Answer, got: Answer, step: dict[str, Any], then: Any, now: Any) -> list[str]:
    if recorded.status != got.status:
        return [f"status {got.status}, recorded {recorded.status}: {str(got.body)[:300]}"]
    if recorded.body != "" and recorded.kind != got.kind:
        return [f"content type {got.kind}, recorded {recorded.kind}"]
    if recorded.status >= 400 or step.get("ignore"):
        return []
    found = []
    old, new = _masked(recorded.body, then), _masked(got.body, now)
    if old != new:
        found.append(f"body {json.dumps(new)[:800]}\nrecorded {json.dumps(old)[:800]}")
    for header in ("content-md5", "content-range", "content-disposition", "accept-ranges"):
        if header in recorded.headers:
            old, new = _masked(recorded.headers[header], then), _masked(got.headers.get(header), now)
            if old != new:
                found.append(f"header {header} {new}, recorded {old}")
    return found


def replay(recording: Path, base: str, ca: str, users: dict[str, str]) -> Iterator[Outcome]:
    """Send the steps of a recording to the server at `base`, one after the other."""
    then: dict[str, Any] = {}
    now: dict[str, Any] = {"run": uuid.uuid4().hex[:8]}
    with requests.Session() as session:
        session.verify = ca
        session.trust_env = False
        for line in recording.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            step = entry["step"]
            recorded = Answer(**entry["answer"])
            then.setdefault("run", entry["run"])
            for name, where in step.get("capture", {}).items():
                then[name] = _captured(recorded, where)
            try:
                got = _send(session, base, step, users, now)
                for name, where in step.get("capture", {}).items():
                    now[name] = _captured(got, where)
                found = _differences(recorded, got, step, then, now)
            except (KeyError, IndexError, TypeError, requests.RequestException) as error:
                found = [f"{type(error).__name__}: {error}"]
            yield Outcome(step["name"], found)
