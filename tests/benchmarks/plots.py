"""Draws what the benchmarks of bandits left in build/bench as small pictures under docs/plots.

    python tests/benchmarks bandit_regret solvers && python tests/benchmarks/plots.py

Needs matplotlib, which nothing else here does. The same results give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore]

mpl.use("svg")
from matplotlib import pyplot  # type: ignore[import-not-found, unused-ignore]

ROOT = Path(__file__).parents[2]
BANDITS = ROOT / "build" / "bench" / "bandits" / "curves.json"
SOLVERS = ROOT / "build" / "bench" / "solvers" / "curves.json"
PLOTS = ROOT / "docs" / "plots"
STEPS = {BANDITS: 10_000, SOLVERS: 5_000}
# Okabe and Ito's colors, which can be told apart by everyone.
COLORS = ("#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#000000")
STYLE = {
    "svg.hashsalt": "trimtab",
    "svg.fonttype": "none",  # texts stay texts: small, and readers choose the font
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}

Curves = Mapping[str, list[float]]


def main() -> None:
    """Draws a picture for each problem and each experiment of which there are results."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for problem, curves in _read(BANDITS).items():
            _draw(f"regret-{problem}", _chosen(curves), BANDITS, "cumulative regret", 0.0)
        for experiment, curves in _read(SOLVERS).items():
            name = "solver-" + "-".join(experiment.replace(",", "").lower().split())
            _draw(name, curves, SOLVERS, "iterations so far / best fixed omega", 1.0)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _chosen(curves: Curves) -> Curves:
    """What ``auto`` chose, the best other one of ours, and the two best of each peer."""
    ranked = sorted(curves, key=lambda label: curves[label][-1])
    kept = [label for label in ranked if label.startswith("auto")]
    for library, count in (("trimtab", 1), ("mabwiser", 2), ("vowpal", 2)):
        kept += [label for label in ranked if label.startswith(library)][:count]
    return {label: curves[label] for label in kept}


def _draw(name: str, curves: Curves, source: Path, what: str, level: float) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for color, (label, marks) in zip(COLORS, curves.items(), strict=False):
        steps = [STEPS[source] * (place + 1) // len(marks) for place in range(len(marks))]
        axes.plot(steps, marks, label=label, color=color, linewidth=1.6)
    axes.axhline(level, color="#888888", linewidth=0.8, linestyle=":")
    axes.set(xlabel="step", ylabel=what, xlim=(0, STEPS[source]))
    axes.legend()
    figure.savefig(PLOTS / f"{name}.svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
