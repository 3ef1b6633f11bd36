"""Runs something in a process of its own, again and again, and kills it at each change that it makes on the disk.

    python kill_at.py MODULE:FUNCTION FOLDER

FUNCTION(folder) prepares nothing and does the work on FOLDER/bag, which is a fresh copy of FOLDER/before each time. The
n-th run is killed (SIGKILL) just before its n-th renaming, removal, making of a folder or opening of a file to be
written; then FUNCTION is called again, undisturbed, and after that FOLDER/bag is kept as FOLDER/after-n. Ends when a
run was not killed any more. Prints the number of kills.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}


def killed(work: Any, folder: Path, number: int) -> bool:
    """Run the work, killed before its n-th change of the disk. Returns whether it came so far."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, args: tuple[Any, ...]) -> None:
            nonlocal count
            writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            if (event in EVENTS or writes) and "bag" in str(args[0]):
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        if os.WEXITSTATUS(status):
            raise SystemExit(f"run {number} failed")
        return False
    return True


def main() -> None:
    """Do it."""
    module, function = sys.argv[1].split(":")
    work, folder = getattr(importlib.import_module(module), function), Path(sys.argv[2])
    number = 0
    while True:
        number += 1
        shutil.rmtree(folder / "bag", ignore_errors=True)
        shutil.copytree(folder / "before", folder / "bag")
        if not killed(work, folder, number):
            break
        work(folder)
        (folder / "bag").rename(folder / f"after-{number}")
    print(number - 1)


if __name__ == "__main__":
    main()
