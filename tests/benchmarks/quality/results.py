"""What was played, kept as JSON under build/bench/quality.

A file a run, so that what was cut off goes on where it was.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quality.conversation import Unable
from quality.play import play
from quality.players import OURS, Entry, table
from quality.problem import Problem
from quality.suite import NAMED

KEPT = Path(__file__).parents[3] / "build" / "bench" / "quality"
UNABLE = "unable.txt"


def folder_of(entry: Entry, problem: Problem) -> Path:
    """Where the runs of a player on a problem are."""
    return KEPT / f"{entry.name}-{entry.version}" / problem.key


def latest() -> str:
    """The version of ours, without options, that played last; empty: none did."""
    played = [path for path in KEPT.glob(f"{OURS}-*") if "=" not in path.name]
    newest = max(
        played, key=lambda path: max((run.stat().st_mtime for run in path.rglob("*.json")), default=0.0), default=None
    )
    return "" if newest is None else newest.name.removeprefix(f"{OURS}-")


def runs(entry: Entry, problem: Problem) -> dict[int, dict[str, Any]]:
    """The runs that are kept, by seed."""
    found = (json.loads(path.read_text()) for path in sorted(folder_of(entry, problem).glob("*.json")))
    return {run["seed"]: run for run in found}


def reason(entry: Entry, problem: Problem) -> str:
    """Why the player can't play the problem, as far as it was tried; empty: it can."""
    path = folder_of(entry, problem) / UNABLE
    return path.read_text().strip() if path.exists() else ""


def make(entry: Entry, problems: Sequence[Problem], seeds: int, jobs: int = 1) -> None:
    """Plays the runs that aren't kept yet, seed by seed, so that all problems have about as many."""
    wanted = [
        (problem.name, seed)
        for seed in range(seeds)
        for problem in problems
        if not (folder_of(entry, problem) / f"{seed}.json").exists() and not reason(entry, problem)
    ]
    if jobs == 1:
        _play_all(entry, wanted)
        return
    spawn = multiprocessing.get_context("spawn")
    crew = [spawn.Process(target=_play_all, args=(entry, wanted[place::jobs])) for place in range(jobs)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()


def _play_all(entry: Entry, wanted: Sequence[tuple[str, int]]) -> None:
    unable: set[str] = set()
    remaining = list(wanted)
    while remaining:
        with table(entry) as seats:
            while remaining:
                name, seed = remaining.pop(0)
                if name in unable:
                    continue
                problem = NAMED[name]
                folder = folder_of(entry, problem)
                folder.mkdir(parents=True, exist_ok=True)
                begun = time.perf_counter()
                try:
                    run = play(problem, seats.seated(problem, seed), seed)
                except Unable as why:
                    unable.add(name)
                    (folder / UNABLE).write_text(f"{why}\n")
                    print(f"{entry.name}: no {name}: {why}", file=sys.stderr, flush=True)
                except Exception:
                    # One player's fault on one problem must not end the others' runs; the table shows who has fewer.
                    print(f"{entry.name} failed on {name}, seed {seed}", file=sys.stderr)
                    traceback.print_exc()
                    break
                else:
                    path = folder / f"{seed}.json"
                    path.with_suffix(".part").write_text(json.dumps(run))
                    path.with_suffix(".part").rename(path)
                    took = time.perf_counter() - begun
                    print(f"{entry.name} {name} {seed}: {took:.1f} s", file=sys.stderr, flush=True)
