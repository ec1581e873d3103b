"""``python -m trimtab.cli``: the same as ``trimtab``."""

import sys

from trimtab.cli import main

sys.exit(main())
