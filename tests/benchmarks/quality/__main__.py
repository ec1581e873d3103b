"""Runs the quality benchmark; see ``cli``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    BENCHMARKS = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent)]
    sys.exit(importlib.import_module("quality.cli").main(sys.argv[1:]))
