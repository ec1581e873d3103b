"""Prints what the optimizers answer to pickled calls. Run as a program, in a process of its own."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Suggested
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that an answer may depend on."""

    study: Study
    history: History
    context: Parameters
    count: int

    def answer(self) -> list[Suggested]:
        """What the study's optimizer says."""
        rng = generator(self.study, self.history)
        chosen = optimizer(self.study.algorithm)
        return list(chosen.suggest(self.study, self.history, self.context, self.count, rng))


def main() -> None:
    """Reads a list of calls from standard input, and writes a list of answers to standard output."""
    calls: list[Call] = pickle.load(sys.stdin.buffer)
    pickle.dump([call.answer() for call in calls], sys.stdout.buffer)
