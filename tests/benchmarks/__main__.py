"""Runs benchmarks, prints what they found, and keeps it under build/bench, one file a benchmark.

    python tests/benchmarks            every benchmark
    python tests/benchmarks startup    one of them

A benchmark is a module beside this one with a function ``figures`` that
returns rows of figure, value, unit, goal, holds; goal and holds are None where
there is no goal. Machines are noisy: compare ratios taken in one run.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
BENCHMARKS = (
    "startup",
    "decision_path",
    "trial_cycle",
    "store_probe",
    "gp_speed",
    "incumbent",
    "transfer",
    "large_history",
    "against_recipe",
    "along_costs",
    "bandit_regret",
    "solvers",
    "many_studies",
    "tabular",
    "queue_latency",
    "many_workers",
)
RESULTS = FOLDER.parents[1] / "build" / "bench"
COLUMNS = ("figure", "value", "unit", "goal", "holds")


def main(names: list[str]) -> int:
    """Runs the named benchmarks, every one if none is named; 1 if a goal is missed, 2 for an unknown name."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    missed = 0
    for name in names or BENCHMARKS:
        print(f"\n{name}", flush=True)
        begun = time.time()
        rows = importlib.import_module(name).figures()
        _print(rows)
        _keep(name, begun, rows)
        missed += sum(row["holds"] is False for row in rows)
    print(f"\nresults are in {RESULTS}")
    return 1 if missed else 0


def _shown(row: dict[str, Any]) -> list[str]:
    number = row["value"]
    text = f"{number:,.0f}" if isinstance(number, int) or abs(number) >= 1_000 else f"{number:.3g}"
    holds = {True: "yes", False: "NO", None: ""}[row["holds"]]
    return [str(row["figure"]), text, str(row["unit"]), str(row["goal"] or ""), holds]


def _print(rows: list[dict[str, Any]]) -> None:
    table = [list(COLUMNS), *map(_shown, rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
    for line in table:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _keep(name: str, begun: float, rows: list[dict[str, Any]]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {
        "benchmark": name,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun)),
        "seconds": round(time.time() - begun, 1),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "figures": rows,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
