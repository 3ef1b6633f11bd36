"""`python -m satchel.sandbox` is `satchel sandbox`."""

import sys

from satchel.sandbox.cli import main

sys.exit(main())
