"""Draws the curves that ``report`` kept as docs/plots/quality-*.svg; runs where matplotlib is.

The same results give the same bytes. Standard library and matplotlib alone, which
is imported where it draws: everything else can be tested without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
CURVES = ROOT / "build" / "bench" / "quality" / "curves.json"
PLOTS = ROOT / "docs" / "plots"
COLUMNS = 3
LONG_NUMBER = re.compile(r"(?<![\w.#])\d+\.\d{2,}")  # a tenth of a point is as fine as anyone sees
POINTS = 25  # of a curve
TICKS = 4
LEAST_SECONDS = 1e-3  # below it time is not worth drawing
# Okabe and Ito's colors, which can be told apart by everyone; ours is the first.
COLORS = {
    "Trimtab": "#d55e00",
    "random": "#bbbbbb",
    "Sobol": "#777777",
    "Optuna TPE": "#56b4e9",
    "Optuna GP": "#0072b2",
    "Ax": "#009e73",
    "HEBO": "#e69f00",
    "SMAC": "#cc79a7",
    "Vizier": "#000000",
}
STYLE = {
    "svg.hashsalt": "trimtab",
    "svg.fonttype": "none",  # texts stay texts: small, and readers choose the font
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "path.simplify_threshold": 0.5,
}


def main() -> None:
    """Two pictures: against trials with quartiles, and against the seconds that players took."""
    import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore]

    mpl.use("svg")
    problems = [one for one in json.loads(CURVES.read_text()) if one["players"]]
    PLOTS.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        _draw("quality-trials", problems, _by_trial, "trial")
        _draw("quality-seconds", problems, _by_second, "seconds spent on suggestions")


def _by_trial(axes: Any, curve: Mapping[str, Any], label: str) -> None:
    low, middle, high = curve["quartiles"]
    kept = _kept(len(middle))
    trials = [place + 1 for place in kept]
    low, middle, high = ([line[place] for place in kept] for line in (low, middle, high))
    axes.plot(trials, middle, label=label, color=COLORS[label], linewidth=1.4)
    axes.fill_between(trials, low, high, color=COLORS[label], alpha=0.12, linewidth=0)


def _by_second(axes: Any, curve: Mapping[str, Any], label: str) -> None:
    kept = _kept(len(curve["seconds"]))
    seconds = [max(curve["seconds"][place], LEAST_SECONDS) for place in kept]
    axes.plot(
        seconds, [curve["quartiles"][1][place] for place in kept], label=label, color=COLORS[label], linewidth=1.4
    )
    axes.set_xscale("log")


def _kept(trials: int) -> list[int]:
    """The places that are drawn of so many: at most POINTS, evenly, and the last one."""
    return sorted({*range(0, trials, max(1, -(-trials // POINTS))), trials - 1})


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _draw(name: str, problems: Sequence[Mapping[str, Any]], draw: Any, along: str) -> None:
    from matplotlib import pyplot, ticker  # type: ignore[import-not-found, unused-ignore]

    rows = -(-len(problems) // COLUMNS)
    figure, grid = pyplot.subplots(rows, COLUMNS, figsize=(11, 2.5 * rows), layout="constrained", squeeze=False)
    places = list(grid.flat)
    for axes, problem in zip(places, problems, strict=False):
        for label, curve in problem["players"].items():
            draw(axes, curve, label)
        axes.set(title=problem["title"], yscale="log")
        for scale in (axes.xaxis, axes.yaxis):
            if scale.get_scale() == "log":
                scale.set_major_locator(ticker.LogLocator(numticks=TICKS))
                scale.set_major_formatter(ticker.FuncFormatter(_plain))
                scale.set_minor_locator(ticker.NullLocator())
        axes.set_ylabel("regret, last 10 trials" if problem["online"] else "regret")
    for axes in places[len(problems) :]:
        axes.axis("off")
    for axes in places[max(0, len(problems) - COLUMNS) : len(problems)]:
        axes.set_xlabel(along)
    shown = {label: handle for axes in places for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    order = [label for label in COLORS if label in shown]
    figure.legend([shown[label] for label in order], order, loc="outside upper center", ncols=len(order))
    path = PLOTS / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    path.write_text(_shortened(path.read_text()))


def _shortened(text: str) -> str:
    """With one digit behind the point of each number that has more."""
    return LONG_NUMBER.sub(lambda found: f"{float(found[0]):.1f}", text)


if __name__ == "__main__":
    main()
