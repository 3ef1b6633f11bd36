"""Asks a sandbox as one of its people, over HTTPS that is verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests

from sandbox_process import SandboxProcess


class Person:
    """A session with one person's token, or nobody's."""

    def __init__(self, sandbox: SandboxProcess, name: str = "") -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = sandbox.ca
        self.token = ""
        if name:
            file = sandbox.credential if name == "admin" else sandbox.credential_user
            self.token = json.loads(Path(file).read_text())[sandbox.host]["bearer-token"]
            self.session.headers["Authorization"] = f"Bearer {self.token}"

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """An answer, whatever its status. `path` may be a whole address."""
        address = path if path.startswith("https:") else self.sandbox.url + path
        return self.session.request(method, address, allow_redirects=False, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.ask("POST", path, json=body, **options)
