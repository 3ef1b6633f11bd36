"""Versions that are written down together: what is wrong with one of them is its own affair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from satchel.sandbox.ermrest.model import Client
from satchel.sandbox.hatrac.files import Arrived, Hatrac, HatracError, Version

ADMIN = Client("admin", "Admin", frozenset({"admin"}))


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Hatrac]:
    made = Hatrac(tmp_path)
    made.make_namespace("/s", ADMIN, parents=False)
    yield made
    made.close()


def arrived(files: Hatrac, path: str, data: bytes) -> Arrived:
    files.claim(path, ADMIN, parents=False)
    version, part = files.new_body()
    return Arrived(path, version, len(data), {"content-type": "a/b"}, ADMIN, part, data)


def test_each_has_its_own_fate(files: Hatrac) -> None:
    good, gone, lost, late = (arrived(files, f"/s/{n}", n.encode()) for n in ("good", "gone", "lost", "late"))
    files.delete_name("/s/gone")
    lost.part.mkdir()
    try:
        made = files.add_versions([good, gone, lost, late])
    finally:
        if lost.part.exists():
            lost.part.rmdir()
    assert [type(m) for m in (made[0], made[3])] == [Version, Version]
    assert isinstance(made[1], HatracError)
    assert made[1].status == 409
    assert isinstance(made[2], OSError)
    for one in (good, late):
        current = files.current(one.path)
        assert current is not None
        assert files.content(current).read_bytes() == one.data
    for one in (gone, lost):
        assert files.current(one.path) is None
        assert not files.body(one.version).exists()
        assert not one.part.exists()


def test_versions_of_one_object_keep_their_order(files: Hatrac) -> None:
    batch = [arrived(files, "/s/o", str(n).encode()) for n in range(20)]
    files.add_versions(batch)
    assert [v.id for v in files.versions("/s/o")] == [one.version for one in reversed(batch)]
    current = files.current("/s/o")
    assert current is not None
    assert current.acls == {"owner": ["admin"], "read": []}
