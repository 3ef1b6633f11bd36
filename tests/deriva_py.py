"""deriva-py's own downloader, as a program: `python -m deriva_py READY.json SPEC.json OUT`.

READY.json is what a sandbox says of itself, with the catalog to read (`1` or `1@SNAPSHOT`) under "catalog"; SPEC.json
is a download specification; the files are put into OUT. A process of its own, for it takes its settings from the
environment and the home folder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> int:
    ready = json.loads(Path(sys.argv[1]).read_text())
    out = Path(sys.argv[3])
    out.mkdir(parents=True)
    os.environ["REQUESTS_CA_BUNDLE"] = ready["ca"]
    os.environ["HOME"] = str(out.parent)
    from deriva.transfer.download.deriva_download import GenericDownloader

    token = json.loads(Path(ready["credential"]).read_text())[ready["host"]]["bearer-token"]
    GenericDownloader(
        {"host": ready["host"], "protocol": "https", "catalog_id": ready["catalog"]},
        output_dir=str(out),
        config=json.loads(Path(sys.argv[2]).read_text()),
        credentials={"bearer-token": token},
    ).download()
    return 0


if __name__ == "__main__":
    sys.exit(main())
