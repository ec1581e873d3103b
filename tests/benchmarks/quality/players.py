"""Who plays, by name, and how each is seated: in this process, or in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from peers_env import PINNED, one_thread, python_of
from quality import baselines, ours, recipe
from quality.conversation import Player, Spec, Unable
from quality.play import Inside, Seated
from quality.problem import Problem
from trimtab_service.domain.space import ParameterValue

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Entry:
    """One player.

    library: whose environment it runs in; empty: it runs in this process.
    options: of our algorithm, where they aren't the default ones.
    revision: of its adapter; another one makes the results that were kept void.
    sources: the version of ours that is meant; empty: that of the sources as they are.
    """

    name: str
    title: str
    library: str = ""
    algorithm: str = ""
    options: Mapping[str, ParameterValue] = field(default_factory=dict)
    revision: int = 1
    sources: str = ""

    @property
    def version(self) -> str:
        """What its results depend on besides the problem."""
        if self.library:
            return f"{PINNED[self.library][0].partition('==')[2]}-{self.revision}"
        if self.name != OURS:
            return str(self.revision)
        options = "".join(f"-{name}={value}" for name, value in sorted(self.options.items()))
        return f"{self.sources or ours.version()}{options}"


OURS = "trimtab"
BASELINES: Mapping[str, Callable[[Spec, int], Player]] = {
    "random": baselines.Random,
    "sobol": baselines.Sobol,
    "recipe": recipe.Recipe,
}
PLAYERS = {
    entry.name: entry
    for entry in (
        Entry(OURS, "Trimtab"),
        Entry("random", "random"),
        Entry("sobol", "Sobol"),
        Entry("recipe", "short recipe"),
        Entry("optuna-tpe", "Optuna TPE", "optuna", "tpe"),
        Entry("optuna-gp", "Optuna GP", "optuna", "gp"),
        Entry("ax", "Ax", "ax"),
        Entry("hebo", "HEBO", "hebo"),
        Entry("smac", "SMAC", "smac"),
        Entry("vizier", "Vizier", "vizier"),
    )
}


class Seat:
    """A player in a process of its own, for several runs one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def start(self, problem: Problem, algorithm: str, seed: int) -> None:
        """Begins a run; raises Unable."""
        answer = self._ask({"start": {"problem": problem.spec(), "algorithm": algorithm, "seed": seed}})
        if "unable" in answer:
            raise Unable(answer["unable"])

    def suggest(self, context: Mapping[str, float]) -> tuple[Mapping[str, Any], float]:
        """See ``Seated``."""
        answer = self._ask({"suggest": dict(context)})
        return answer["point"], answer["seconds"]

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> float:
        """See ``Seated``."""
        told = {"point": dict(point), "context": dict(context), "outcomes": dict(outcomes)}
        return float(self._ask({"learn": told})["seconds"])

    def recommend(self) -> Mapping[str, Any] | None:
        """See ``Seated``."""
        point: Mapping[str, Any] | None = self._ask({"recommend": {}})["point"]
        return point

    def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the player's process ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def table(entry: Entry) -> Iterator[Table]:
    """Where the player sits for some runs."""
    if not entry.library:
        torch.set_num_threads(1)
        with threadpool_limits(limits=1):
            yield Table(entry, None)
        return
    command = [str(python_of(entry.library)), "-P", str(FOLDER / f"peer_{entry.library}.py")]
    environment = {**one_thread(), "PYTHONPATH": str(FOLDER.parent)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, env=environment
    ) as process:
        try:
            yield Table(entry, Seat(process))
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Table:
    """A player, and its process where it has one."""

    entry: Entry
    seat: Seat | None

    def seated(self, problem: Problem, seed: int) -> Seated:
        """The player at the start of a run; raises Unable."""
        if self.seat is not None:
            self.seat.start(problem, self.entry.algorithm, seed)
            return self.seat
        if self.entry.name == OURS:
            return Inside(ours.Trimtab(problem, seed, self.entry.options))
        baseline = BASELINES[self.entry.name]
        return Inside(baseline(problem.spec(), seed))
