"""The tag files of a spec's bag, as bdbag 1.8 writes them: BagIt 0.97, a file in the manifests of those checksums that
are known of it (RFC 8493 wants each file in all of them, the drafts before it in one).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from satchel.core.bags.digests import hash_file
from satchel.core.bags.manifests import info_lines
from satchel.core.bags.writer import Inventory
from satchel.core.bags.writer import _write as write_lines

BAGIT = "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"
PROFILE = "https://raw.githubusercontent.com/fair-research/bdbag/master/profiles/bdbag-profile.json"
RO_PROFILE = "https://raw.githubusercontent.com/fair-research/bdbag/master/profiles/bdbag-ro-profile.json"
RO_MANIFEST = "metadata/manifest.json"


def write_tags(
    bag: Path,
    inventory: Inventory,
    info: Iterable[tuple[str, str]],
    algorithms: Sequence[str],
    extra: Iterable[str] = (),
    addresses: Mapping[str, str] | None = None,
) -> None:
    """Write all tag files of a bag whose payload is in place.

    Args:
        bag: the folder.
        inventory: its payload; local files have all algorithms, others what is known of them.
        info: fields of bag-info.txt, in order, without Payload-Oxum.
        algorithms: of local files and of the tag manifests.
        extra: further tag files that are there already, below the bag.
        addresses: of files that are in the bag and stay listed in fetch.txt all the same, by their paths.
    """
    known = addresses or {}
    size, count = inventory.oxum()
    fields = sorted([*info, ("Payload-Oxum", f"{size}.{count}")], key=lambda f: f[0])
    write_lines(bag / "bagit.txt", [BAGIT])
    write_lines(bag / "bag-info.txt", [line + "\n" for line in info_lines(fields)])
    tags = ["bagit.txt", "bag-info.txt", *extra]
    if known or inventory.remote():
        away = ((e, e.url or known.get(e.path)) for e in inventory)
        lines = (f"{_address(url)}\t{e.length}\t{_escaped(e.path, '%')}\n" for e, url in away if url)
        write_lines(bag / "fetch.txt", lines)
        tags.append("fetch.txt")
    for algorithm in sorted({a for entry in inventory for a in entry.digests}):
        name = f"manifest-{algorithm}.txt"
        write_lines(
            bag / name,
            (f"{e.digests[algorithm]}  {_escaped(e.path)}\n" for e in inventory if algorithm in e.digests),
        )
        tags.append(name)
    digests = {name: hash_file(bag / name, algorithms).digests() for name in sorted(tags)}
    for algorithm in algorithms:
        lines = (f"{found[algorithm]}  {name}\n" for name, found in digests.items())
        write_lines(bag / f"tagmanifest-{algorithm}.txt", lines)


def _escaped(path: str, also: str = "") -> str:
    """A path in a manifest (before BagIt 1.0 a percent sign stands for itself) or, with `%`, in bdbag's fetch.txt."""
    if also:
        path = path.replace("%", "%25")
    return path.replace("\r", "%0D").replace("\n", "%0A")


def _address(url: str | None) -> str:
    return "".join(c if c.isprintable() and c != " " else "".join(f"%{b:02X}" for b in c.encode()) for c in url or "")


class ResearchObject:
    """`metadata/manifest.json`: which file came from where, as bdbag's research objects have it.

    deriva-py writes random identifiers and the hour; here identifiers are made of what they name, and times are the
    data's, so that the same export gives the same bag.

    Args:
        when: the time of the data.
        author: who exports, and who made the bag; None: nobody is known.
        orcid: the author's.
    """

    def __init__(self, when: datetime, author: str | None, orcid: str | None) -> None:
        self._when = when.replace(microsecond=0).isoformat()
        self._author, self._orcid = author, orcid
        self._files: list[tuple[str, str, str | None, bool]] = []

    def local(self, path: str, url: str | None, kind: str) -> None:
        """A file that is in the bag.

        Args:
            path: below data/.
            url: where it was had from.
            kind: its media type.
        """
        self._files.append((path, url or "", kind, True))

    def remote(self, path: str, url: str, kind: str | None) -> None:
        """A file that is to be fetched."""
        self._files.append((path, url, kind, False))

    def write(self, bag: Path, listed: Mapping[str, bool]) -> None:
        """Write it. Blocking.

        Args:
            bag: the folder.
            listed: the bag's files below data/, and whether each is here.
        """
        from bdbag import bdbag_ro as ro

        manifest = ro.init_ro_manifest(author_name=self._author, author_orcid=self._orcid)
        manifest["createdOn"] = manifest["authoredOn"] = self._when
        by = ro.make_retrieved_by(self._author, orcid=self._orcid)
        for path, url, kind, local in self._files:
            if path not in listed:  # a transform has taken it in
                continue
            identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"{url}#{path}").urn
            folder, _, name = path.rpartition("/")
            if local or listed[path]:
                ro.add_file_metadata(
                    manifest,
                    source_url=url or None,
                    local_path=path,
                    media_type=kind,
                    retrieved_on={"retrievedOn": self._when},
                    retrieved_by=by,
                    bundled_as=ro.make_bundled_as(uri=identifier),
                )
            else:
                ro.add_file_metadata(
                    manifest,
                    source_url=url,
                    media_type=kind,
                    bundled_as=ro.make_bundled_as(uri=identifier, folder=folder, filename=name),
                )
        (bag / "metadata").mkdir(exist_ok=True)
        data = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=4)
        (bag / RO_MANIFEST).write_bytes(data)


def metadata_fields(metadata: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """`bag_metadata` as fields: a list gives one field each; objects, which a tag file cannot hold, are left out."""
    for label, value in metadata.items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, (dict, list)) and one is not None:
                yield str(label), str(one)
