"""deriva-py's downloader over many specs: `python -m deriva_specs READY.json JOBS.json`.

JOBS.json holds `[{"name", "spec", "env", "out"}, ...]`; each is downloaded into its own folder `out`. Prints one JSON
object: for each name the outputs, or what was raised. One process for all, for deriva-py takes a second to import; one
of its own, for it changes the working folder and takes its settings from the environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    ready = json.loads(Path(sys.argv[1]).read_text())
    jobs = json.loads(Path(sys.argv[2]).read_text())
    os.environ["REQUESTS_CA_BUNDLE"] = ready["ca"]
    os.environ["HOME"] = str(Path(sys.argv[2]).parent)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from deriva.transfer.download.deriva_download import GenericDownloader

    token = json.loads(Path(ready["credential"]).read_text())[ready["host"]]["bearer-token"]
    told: dict[str, Any] = {}
    for job in jobs:
        Path(job["out"]).mkdir(parents=True)
        try:
            told[job["name"]] = {
                "outputs": GenericDownloader(
                    {"host": ready["host"], "protocol": "https", "catalog_id": ready["catalog"]},
                    output_dir=job["out"],
                    config=job["spec"],
                    envars=dict(job["env"]),
                    credentials={"bearer-token": token},
                ).download()
            }
        except Exception as error:
            told[job["name"]] = {"raised": type(error).__name__, "message": str(error)}
    answer.write(json.dumps(told, default=str))
    answer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
