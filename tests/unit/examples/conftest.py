"""Examples are programs, not a package: their folder is where they find one another."""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLES = str(Path(__file__).parents[3] / "clients" / "python" / "examples")
if EXAMPLES not in sys.path:
    sys.path.append(EXAMPLES)
