"""The server with one more optimizer, which fails when a marker file says so.

Started as a program: the processes that run optimizers import it first, and so
have the faulty optimizer as well.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from trimtab_service.__main__ import main
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Suggested
from trimtab_service.optimizers import catalog
from trimtab_service.optimizers.random import RandomSearch


@dataclass(frozen=True, slots=True)
class Faulty:
    """Raises, dies or dawdles once for each marker file, and is random search otherwise."""

    name: ClassVar[str] = "faulty"
    uses_history: ClassVar[bool] = True
    inline: ClassVar[bool] = False
    ahead: ClassVar[bool] = True

    markers: str = ""

    def suggest(
        self, study: Study, history: History, context: Parameters, count: int, rng: np.random.Generator
    ) -> Sequence[Suggested]:
        """Does what the first marker file found says, and removes the file."""
        for fault in ("raise", "kill", "slow", "stuck"):
            marker = Path(self.markers) / fault
            if marker.exists():
                marker.unlink()
                if fault == "raise":
                    raise ArithmeticError("a fault that was asked for")
                if fault == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60 if fault == "stuck" else 2)
        rng.random(3)  # else its points would be those of the fallback, or near them
        return RandomSearch().suggest(study, history, context, count, rng)


catalog.CATALOG = {**catalog.CATALOG, Faulty.name: Faulty}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
