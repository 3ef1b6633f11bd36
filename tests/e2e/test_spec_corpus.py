"""Every spec of the corpus gives the bag that deriva-py's downloader gives: the same files, manifests and fetch.txt."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox_process import SandboxProcess
from spec_corpus import ENV, GOOD, Contents, SpecJob, read_bag, read_files, spec, theirs
from terminal import bdbag_accepts, unpack


@pytest.fixture(scope="module")
def peer(sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What deriva-py makes of all of them."""
    folder = tmp_path_factory.mktemp("theirs")
    return folder, theirs(sandbox, folder, [(name, spec(name), ENV.get(name, {})) for name in GOOD])


def test_the_corpus_is_large_enough() -> None:
    assert len(GOOD) >= 40


@pytest.mark.parametrize("name", GOOD)
async def test_the_same_bag(
    sandbox: SandboxProcess, tmp_path: Path, peer: tuple[Path, dict[str, Any]], name: str
) -> None:
    folder, told = peer
    assert "outputs" in told[name], told[name]
    job = SpecJob(sandbox, tmp_path, spec(name), ENV.get(name))
    result = await job.run()
    assert result.valid
    assert result.complete
    mine = list(job.out.iterdir())
    if "bag" not in spec(name):
        same_files(read_files(job.out), read_files(folder / name))
        assert sorted(result.files) == sorted(str(p) for p in job.out.rglob("*") if p.is_file())
        return
    (made,) = told[name]["outputs"].values()
    their_bag = Path(made["local_path"])
    assert [p.name for p in mine] == [their_bag.name]
    ours, others = read_bag(mine[0], tmp_path / "mine"), read_bag(their_bag, tmp_path / "theirs")
    assert ours.name == others.name
    if name in LOST:
        without_lost(ours, others)
    assert ours.files == others.files
    assert ours.manifests == others.manifests
    assert ours.fetch == others.fetch
    assert ours.declared == others.declared
    same_research_object(ours.aggregates, others.aggregates, ours.files, name)
    for label in spec(name)["bag"].get("bag_metadata", {}):
        assert ours.info[label] == others.info[label]
    if name not in LOST:
        assert ours.info["Payload-Oxum"] == others.info["Payload-Oxum"]
    if mine[0].is_dir() and not ours.fetch and ours.files:
        bdbag_accepts(mine[0])


LOST = {"chaise-server-side", "fetch-and-md5", "fetch-and-tables", "fetch-one"}
"""Three pictures of the demo catalog are called same.png. deriva-py lists one, with the address of the first and the
checksum of the last; here each is listed, under a name of its own."""


def without_lost(ours: Contents, others: Contents) -> None:
    """Make sure that nothing is lost here and something there, and compare the rest."""
    clash = [path for path in ours.fetch if re.search(r"/same( \(\d\))?\.png$", path)]
    assert len(clash) == len({ours.fetch[path][0] for path in clash}) >= 2
    assert len(ours.fetch) == len(others.fetch) + len(clash) - 1
    for bag in (ours, others):
        for path in clash:
            bag.fetch.pop(path, None)
            for manifest in bag.manifests.values():
                manifest.pop(path, None)
        bag.aggregates = [a for a in bag.aggregates or [] if not SAME.fullmatch(a["bundledAs"].get("filename", ""))]


SAME = re.compile(r"same( \(\d\))?\.png")


def same_files(ours: dict[str, bytes], others: dict[str, bytes]) -> None:
    """Files without a bag. The list of files to fetch has a random name in deriva-py, and a plain one here."""
    listed = [n for n in others if n.startswith("remote-file-manifest_")]
    for name in listed:
        rows = [json.loads(line) for line in others.pop(name).splitlines()]
        mine = [json.loads(line) for line in ours.pop("remote-file-manifest.json").splitlines()]
        assert len({row["filename"] for row in mine}) == len(mine) > len({row["filename"] for row in rows})
        assert [{**row, "filename": re.sub(r" \(\d\)\.", ".", row["filename"])} for row in mine] == rows
    assert ours == others


def same_research_object(ours: Any, others: Any, files: dict[str, bytes], name: str) -> None:
    if others is None:
        assert ours is None
        return
    if name.startswith("transform-"):
        # deriva-py goes on telling of files that a transform has deleted; a manifest tells of what is there.
        here = {f"../{path}" for path in files}
        others = [a for a in others if a["uri"] in here]
    assert ours == others


def test_archives_are_bags_to_bdbag(sandbox: SandboxProcess, tmp_path: Path, peer: tuple[Path, dict[str, Any]]) -> None:
    """Not only to us."""
    made = Path(next(iter(peer[1]["bag-zip"]["outputs"].values()))["local_path"])
    bdbag_accepts(unpack(made, tmp_path / "x"))
