"""The process in which deriva-py works: see `satchel.core.export.spec.peer`."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any


def main() -> int:
    """Read a job, do it, tell how it went."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print
    job = json.load(sys.stdin)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        told: dict[str, Any] = _DO[job["do"]](job)
    except Exception as error:  # it is told on the other side
        told = {"error": type(error).__name__, "message": str(error)}
    answer.write(json.dumps(told, default=str))
    answer.flush()
    return 0


def _transform(job: dict[str, Any]) -> dict[str, Any]:
    from deriva.transfer.download.processors import find_transform_processor

    processor = find_transform_processor(job["kind"])
    processor(
        {}, inputs=job["outputs"], processor_params=job["params"], base_path=job["base"], bag=False, ro_manifest=None
    ).process()
    return {"outputs": {}}


def _post(job: dict[str, Any]) -> dict[str, Any]:
    from deriva.transfer.download.processors import find_post_processor

    processor = find_post_processor(job["kind"], job["impl"])
    person = job.get("person") or {}
    identity = {"id": person.get("id", ""), "full_name": person.get("name")} if person.get("id") else None
    outputs = processor(
        {**job["env"], "hostname": job["host"]},
        inputs=job["outputs"],
        processor_params=job["params"],
        identity=identity,
        wallet={},
        allow_anonymous=True,
    ).process()
    return {"outputs": outputs}


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


_DO = {"transform": _transform, "post": _post}

if __name__ == "__main__":
    sys.exit(main())
