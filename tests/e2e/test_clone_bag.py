"""A clone from a bag holds what a clone from the catalog itself does."""

from __future__ import annotations

from pathlib import Path

import pytest

from clone_catalog import clone_words
from clone_catalog import plain_contents as contents
from sandbox_process import SandboxProcess
from terminal import Terminal


@pytest.mark.parametrize("archive", ["zip", "none"])
@pytest.mark.parametrize("orphans", ["delete", "fail"])
def test_a_bag_gives_the_same_clone_as_its_source(
    sandbox: SandboxProcess, empty_sandbox: SandboxProcess, tmp_path: Path, archive: str, orphans: str
) -> None:
    terminal = Terminal(tmp_path, sandbox)
    user = ["--ca", sandbox.ca, "--credential", sandbox.credential_user]
    bag = terminal.json(
        "export", sandbox.host, sandbox.catalog, "--rid", sandbox.dataset, "--out", str(terminal.out), *user,
        "--archive", archive,
    )  # fmt: skip
    to = ["--to", empty_sandbox.host, "--ca", empty_sandbox.ca, "--orphans", orphans]
    direct = terminal.json(
        *clone_words(sandbox, *to, "--dest-credential", empty_sandbox.credential, "--snapshot", bag["snapshot"])
    )
    words = ["--from-bag", bag["archive"] or bag["bag"], "--credential", empty_sandbox.credential, *to]
    done = terminal.json("clone", *words, "--no-ml-schema", "--no-new-versions")
    assert done["verified"]
    assert done["report"]["summary"] == {
        **direct["report"]["summary"],
        **{k: done["report"]["summary"][k] for k in ("total_issues", "warnings", "fkeys_applied")},
    }
    here, there = contents(empty_sandbox, done["catalog_id"]), contents(empty_sandbox, direct["catalog_id"])
    people = {name for name in there if name.endswith(" keys")}
    assert {n: v for n, v in here.items() if n not in people} == {n: v for n, v in there.items() if n not in people}
    for name in people:  # the people whom RCB and RMB name are not in the bag
        assert set(there[name]) - set(here[name]) <= {
            key for key in there[name] if key.endswith(("_RCB_fkey", "_RMB_fkey"))
        }


def test_a_damaged_bag_is_refused_before_anything_is_made(
    sandbox: SandboxProcess, empty_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    terminal = Terminal(tmp_path, sandbox)
    bag = Path(terminal.json(*terminal.export_words("--archive", "none"))["bag"])
    records = bag / "data" / "records" / "eye.Subject.csv"
    records.write_bytes(records.read_bytes().replace(b"F", b"M", 1))
    words = ["clone", "--from-bag", str(bag), "--to", empty_sandbox.host, "--ca", empty_sandbox.ca]
    told = terminal.json(*words, "--credential", empty_sandbox.credential, status=1)
    assert told["kind"] == "invalid"
    assert "damaged" in told["message"]
    assert "nothing" in terminal.json("clone", "--delete", told["job"])["message"]
