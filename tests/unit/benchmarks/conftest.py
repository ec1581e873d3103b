"""Benchmarks are programs, not a package: their folder is where they find one another.

Imports what warns when it is first imported, and not for anything that these tests do.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

with warnings.catch_warnings():
    # linear_operator's import calls torch.jit.script, which torch 2.13 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import botorch  # noqa: F401

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")
if BENCHMARKS not in sys.path:
    sys.path.append(BENCHMARKS)
