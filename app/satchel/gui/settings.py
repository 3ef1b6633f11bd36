"""What the window remembers: look, folders, hosts, recent catalogs, sizes. Never a secret, only paths to files.

One small JSON file in the settings folder, written to a temporary name and renamed. It is read before the first paint,
so it is plain `json` and plain classes. A file that cannot be read is put aside.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satchel.core.paths import Home

if TYPE_CHECKING:
    from satchel.core.jobs.request import Access

VERSION = 1
RECENT = 8


class Host:
    """A server that the person has named, and how it is reached when not with the platform's trust and keyring.

    Attributes:
        ca: a PEM file with an extra certificate authority.
        credential: a credential file in deriva-py's format.
    """

    def __init__(self, host: str, ca: str = "", credential: str = "") -> None:
        self.host, self.ca, self.credential = host, ca, credential

    def access(self) -> Access:
        """How requests to it are to be made."""
        from satchel.core.jobs.request import Access

        return Access(ca=(self.ca,) if self.ca else (), credential=self.credential or None)


class RecentCatalog:
    """A catalog that was opened; `opened` is in seconds since 1970."""

    def __init__(self, host: str, catalog: str, title: str = "", opened: float = 0.0) -> None:
        self.host, self.catalog, self.title, self.opened = host, catalog, title, opened


class Settings:
    """Everything remembered; change fields and call `save`.

    Attributes:
        sizes: sizes of windows and places of dividers, never positions on the screen.
        path: where it is kept; None: nowhere.
        trouble: why the file could not be read, for the window to say.
    """

    def __init__(self, path: Path | None = None, trouble: str = "") -> None:
        self.theme = "system"
        self.parallel_jobs = 2
        self.export_folder = ""
        self.bag_level = "full"
        self.bag_profile = ""
        self.bag_profiles: list[str] = []
        """Files and addresses of BagIt profiles that were used, the newest first."""
        self.recent_bags: list[str] = []
        """Paths, the newest first."""
        self.hosts: list[Host] = []
        self.recent: list[RecentCatalog] = []
        self.sizes: dict[str, list[int]] = {}
        self.path = path
        self.trouble = trouble

    def host(self, name: str) -> Host | None:
        """What is known of a host."""
        return next((known for known in self.hosts if known.host == name), None)

    def remember_host(self, name: str, ca: str | None = None, credential: str | None = None) -> Host:
        """Note a host; None leaves a path as it is."""
        known = self.host(name)
        if known is None:
            known = Host(name)
            self.hosts.append(known)
        if ca is not None:
            known.ca = ca
        if credential is not None:
            known.credential = credential
        return known

    def forget_host(self, name: str) -> None:
        """Drop a host and its recent catalogs."""
        self.hosts = [known for known in self.hosts if known.host != name]
        self.recent = [known for known in self.recent if known.host != name]

    def remember_catalog(self, host: str, catalog: str, title: str, when: float) -> None:
        """Put a catalog at the head of the recent ones."""
        rest = [r for r in self.recent if (r.host, r.catalog) != (host, catalog)]
        self.recent = [RecentCatalog(host, catalog, title, when), *rest][:RECENT]

    def remember_profile(self, profile: str) -> None:
        """Check bags against this profile from now on; empty: none."""
        self.bag_profile = profile
        if profile not in ("", "bag", "bdbag", "bdbag-ro"):
            self.bag_profiles = [profile, *(known for known in self.bag_profiles if known != profile)][:RECENT]

    def remember_bag(self, path: str) -> None:
        """Put a bag at the head of the recent ones."""
        self.recent_bags = [path, *(known for known in self.recent_bags if known != path)][:RECENT]

    def access(self, host: str) -> Access:
        """How requests to a host are to be made, known or not."""
        return (self.host(host) or Host(host)).access()

    def save(self) -> str:
        """Write the file. Returns a sentence when that failed (the window goes on without), else nothing."""
        if self.path is None:
            return ""
        told = {
            "version": VERSION,
            "theme": self.theme,
            "parallel_jobs": self.parallel_jobs,
            "export_folder": self.export_folder,
            "bag_level": self.bag_level,
            "bag_profile": self.bag_profile,
            "bag_profiles": self.bag_profiles,
            "recent_bags": self.recent_bags,
            "hosts": [vars(host) for host in self.hosts],
            "recent": [vars(recent) for recent in self.recent],
            "sizes": self.sizes,
        }
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(told, file, indent=2, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            return f"The settings could not be saved in {self.path}: {error.strerror or error}."
        return ""


def settings_file() -> Path:
    """Where settings are kept."""
    return Home.find().config / "window.json"


def load(path: Path | None = None) -> Settings:
    """Read the settings; defaults where there are none. A broken file is put aside (*.broken) and `trouble` says so."""
    path = path or settings_file()
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return _read(told, path)
    except FileNotFoundError:
        return Settings(path=path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        trouble = f"The settings in {path} could not be read ({error}); Satchel begins with new ones."
        try:
            path.replace(path.with_name(path.name + ".broken"))
            trouble += f" The old file is kept as {path.name}.broken."
        except OSError:
            # It stays where it is and is not to be overwritten.
            return Settings(trouble=trouble + " They are not kept until that is put right.")
        return Settings(path=path, trouble=trouble)


def _read(told: Any, path: Path) -> Settings:
    if not isinstance(told, dict):
        raise TypeError("it does not hold settings")
    made = Settings(path=path)
    plain = {"theme": str, "parallel_jobs": int, "export_folder": str, "bag_level": str, "bag_profile": str}
    for name, kind in plain.items():
        if isinstance(told.get(name), kind):
            setattr(made, name, told[name])
    made.parallel_jobs = min(max(made.parallel_jobs, 1), 8)
    if made.theme not in ("system", "light", "dark"):
        made.theme = "system"
    for name in ("bag_profiles", "recent_bags"):
        kept = told.get(name)
        setattr(made, name, [text for text in kept if isinstance(text, str)][:RECENT] if isinstance(kept, list) else [])
    made.hosts = [Host(**_texts(entry, "host", "ca", "credential")) for entry in told.get("hosts", [])]
    made.recent = [_recent(entry) for entry in told.get("recent", [])][:RECENT]
    made.sizes = {
        str(name): [int(n) for n in numbers]
        for name, numbers in told.get("sizes", {}).items()
        if isinstance(numbers, list)
    }
    return made


def _recent(entry: dict[str, Any]) -> RecentCatalog:
    host, catalog, title = (str(entry.get(name, "")) for name in ("host", "catalog", "title"))
    return RecentCatalog(host, catalog, title, float(entry.get("opened", 0)))


def _texts(entry: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: str(entry.get(name, "")) for name in names}
