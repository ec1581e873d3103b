"""Progress bars of the examples."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

TERMINAL_INTERVAL, LOG_INTERVAL = 0.1, 5.0  # seconds between two looks of a bar


def bar(title: str, total: int, unit: str) -> Any:
    """A bar of ``total`` steps: redrawn in a terminal, a line now and then in a log."""
    interactive = sys.stderr.isatty()
    return tqdm(
        desc=f"{title:36}",
        total=total,
        unit=f" {unit}",
        ascii=None if interactive else True,
        dynamic_ncols=interactive,
        mininterval=TERMINAL_INTERVAL if interactive else LOG_INTERVAL,
        maxinterval=LOG_INTERVAL,
    )
