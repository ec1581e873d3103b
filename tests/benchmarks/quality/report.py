"""The tables of the quality benchmark, and the curves that pictures are drawn from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peers_env import python_of
from quality import comparison, results
from quality.comparison import Board, Played
from quality.players import OURS, PLAYERS, Entry
from quality.problem import Problem
from quality.scores import logarithm

ALL, RESAMPLED = "all", "all, problems resampled"
FEWEST = 3  # seeds that two players need in common before a difference between them is told
MANY = 10  # problems that make up for seeds
DOCUMENT = Path(__file__).parents[3] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
CURVES = results.KEPT / "curves.json"
FIGURES = results.KEPT / "figures.json"
QUARTILES = (25, 50, 75)


def figures(entries: Sequence[Entry], problems: Sequence[Problem], seeds: int) -> str:
    """Median regrets side by side, for people who tune the optimizer; in brackets the number of runs."""
    known = comparison.board(entries, problems, seeds)
    lines = [["problem", *(entry.title for entry in entries)]]
    lines += [[problem.name, *(_median(known[problem.name][entry.name]) for entry in entries)] for problem in problems]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _median(played: Played) -> str:
    if not played.scores:
        return "-" if played.reason else ""
    regrets = np.where(np.isnan(played.finals), np.inf, played.finals)
    middle = float(np.median(regrets))
    shown = "nothing feasible" if middle == np.inf else f"{middle:.2g}" if middle < 1_000 else f"{middle:,.0f}"
    return f"{shown} ({len(regrets)})"


def write(entries: Sequence[Entry], problems: Sequence[Problem], seeds: int) -> None:
    """Puts the tables between the marks in the document, keeps figures and curves as JSON, and draws the pictures."""
    known = comparison.board(entries, problems, seeds)
    text = DOCUMENT.read_text()
    if BEGIN not in text or END not in text:
        raise ValueError(f"{DOCUMENT} has no {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{document(entries, problems, known)}\n{END}{after}")
    FIGURES.write_text(json.dumps(kept_figures(entries, problems, known), indent=1) + "\n")
    CURVES.write_text(json.dumps(curves(entries, problems, known)) + "\n")
    subprocess.run([str(python_of("matplotlib")), str(Path(__file__).with_name("pictures.py"))], check=True)


def document(entries: Sequence[Entry], problems: Sequence[Problem], known: Board) -> str:
    """The tables in Markdown."""
    parts = (
        *(_medians(entries, problems, known), _left_out(entries, problems, known)),
        _families(entries, problems, known),
    )
    return "\n\n".join((*parts, _against(problems, known), _noisy(problems, known), _seconds(entries, known)))


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [list(head), ["---"] * len(head), *map(list, lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _medians(entries: Sequence[Entry], problems: Sequence[Problem], known: Board) -> str:
    lines = []
    for problem in problems:
        played = known[problem.name]
        medians = {
            entry.name: float(np.median(np.nan_to_num(played[entry.name].finals, nan=np.inf)))
            for entry in entries
            if played[entry.name].scores
        }
        least = min(medians.values(), default=np.inf)
        cells = [_median(played[entry.name]) for entry in entries]
        marked = [
            f"**{cell}**" if medians.get(entry.name) == least and np.isfinite(least) else cell
            for cell, entry in zip(cells, entries, strict=True)
        ]
        lines.append([problem.title, str(problem.trials), *marked])
    return _table(("problem", "trials", *(entry.title for entry in entries)), lines)


def _left_out(entries: Sequence[Entry], problems: Sequence[Problem], known: Board) -> str:
    """Who doesn't play what, and why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for problem in problems:
            if reason := known[problem.name][entry.name].reason:
                reasons.setdefault((entry.title, reason), []).append(problem.title)
    lines = [[title, ", ".join(names), reason] for (title, reason), names in reasons.items()]
    return _table(("player", "doesn't play", "for"), lines)


def families(problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """The problems by family, in order."""
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        found.setdefault(problem.family, []).append(problem)
    return found


def _families(entries: Sequence[Entry], problems: Sequence[Problem], known: Board) -> str:
    lines = []
    for family, members in {**families(problems), ALL: list(problems)}.items():
        logs = {entry.name: _mean_log(members, known, entry) for entry in entries}
        ranks = {entry.name: _mean_rank(members, known, entry) for entry in entries}
        lines.append([family, *(_cell(logs[entry.name], ranks[entry.name]) for entry in entries)])
    return _table(("family", *(entry.title for entry in entries)), lines)


def _cell(log: tuple[float, int] | None, rank: float | None) -> str:
    if log is None or rank is None:
        return ""
    return f"{log[0]:.2f}, {rank:.1f} ({log[1]})"


def _mean_log(members: Sequence[Problem], known: Board, entry: Entry) -> tuple[float, int] | None:
    """The mean log regret over the problems that the player played, and how many they are."""
    means = []
    for problem in members:
        played = known[problem.name]
        if played[entry.name].scores:
            most = comparison.worst(played)
            means.append(float(logarithm(problem, played[entry.name].finals, most).mean()))
    return (float(np.mean(means)), len(means)) if means else None


def _mean_rank(members: Sequence[Problem], known: Board, entry: Entry) -> float | None:
    ranks = [comparison.ranks(problem, known[problem.name]).get(entry.name) for problem in members]
    present = [rank for rank in ranks if rank is not None]
    return float(np.mean(present)) if present else None


def _against(problems: Sequence[Problem], known: Board) -> str:
    """Ours against the two best peers of each family, and over all problems against every one."""
    lines = []
    for family, members in {**families(problems), ALL: list(problems)}.items():
        rivals = {name: _differences(members, known, name, FEWEST) for name in PLAYERS if name != OURS}
        told = {name: comparison.interval(found) for name, found in rivals.items() if found}
        # The best peer is the one that we gain least on.
        best = sorted(told.items(), key=lambda item: -item[1][0])
        for name, interval in best if family == ALL else best[:2]:
            lines.append(_compared(family, name, interval, len(rivals[name])))
    rivals = {name: _differences(problems, known, name, 1) for name in PLAYERS if name != OURS}
    told = {name: comparison.interval_over_problems(found) for name, found in rivals.items() if len(found) >= MANY}
    for name, interval in sorted(told.items(), key=lambda item: -item[1][0]):
        lines.append(_compared(RESAMPLED, name, interval, len(rivals[name])))
    return _table(("family", "peer", "log10 regret, ours less theirs", "problems", "better"), lines)


def _compared(family: str, name: str, interval: tuple[float, float, float], count: int) -> list[str]:
    mean, low, high = interval
    verdict = "ours" if high < 0 else "theirs" if low > 0 else "neither"
    return [family, PLAYERS[name].title, f"{mean:+.2f} ({low:+.2f} to {high:+.2f})", str(count), verdict]


def _differences(members: Sequence[Problem], known: Board, rival: str, fewest: int) -> list[NDArray[np.float64]]:
    found = []
    for problem in members:
        played = known[problem.name]
        if OURS not in played or rival not in played:
            continue
        one = comparison.difference(problem, played[OURS], played[rival], comparison.worst(played))
        if len(one) >= fewest:
            found.append(one)
    return found


def _noisy(problems: Sequence[Problem], known: Board) -> str:
    lines = []
    for problem in problems:
        ours = known[problem.name].get(OURS)
        if problem.noisy and ours is not None and ours.scores:
            columns = ([getattr(one, name) for one in ours.scores.values()] for name in ("final", "chosen", "tried"))
            lines.append([problem.title, *(f"{np.median(column):.3g}" for column in columns)])
    return _table(("median regret of ours", "recommended", "best measurement", "best tried"), lines)


def _seconds(entries: Sequence[Entry], known: Board) -> str:
    lines = []
    for entry in entries:
        took = [played[entry.name].seconds for played in known.values() if played[entry.name].scores]
        if took:
            lines.append([entry.title, f"{np.median(took):.3g}", f"{max(took):.3g}"])
    return _table(("seconds a suggestion", "median problem", "slowest problem"), lines)


def kept_figures(entries: Sequence[Entry], problems: Sequence[Problem], known: Board) -> dict[str, object]:
    """The regret of every run, by problem and player."""
    return {
        problem.name: {
            entry.name: {"version": entry.version, "regrets": _by_seed(known[problem.name][entry.name])}
            for entry in entries
            if known[problem.name][entry.name].scores
        }
        for problem in problems
    }


def _by_seed(played: Played) -> Mapping[int, float | None]:
    return {seed: None if np.isnan(one.final) else one.final for seed, one in played.scores.items()}


def curves(entries: Sequence[Entry], problems: Sequence[Problem], known: Board) -> list[dict[str, object]]:
    """For each problem the quartiles of regret after each trial, and the median seconds until then."""
    drawn: list[dict[str, object]] = []
    for problem in problems:
        played = known[problem.name]
        most = comparison.worst(played) if any(one.scores for one in played.values()) else 1.0
        lines = {}
        for entry in entries:
            scores = list(played[entry.name].scores.values())
            if scores:
                regrets = np.stack([10.0 ** logarithm(problem, one.curve, most) for one in scores])
                seconds = np.median(np.cumsum([one.seconds for one in scores], axis=1), axis=0)
                lines[entry.title] = {
                    "quartiles": np.percentile(regrets, QUARTILES, axis=0).tolist(),
                    "seconds": seconds.tolist(),
                    "seeds": len(scores),
                }
        drawn.append({"name": problem.name, "title": problem.title, "online": problem.online, "players": lines})
    return drawn
