"""What happened in a study, in a form of which only the changes have to be read, or sent, again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.suggestion import History, Related, Trial


@dataclass(frozen=True, slots=True)
class Past:
    """The trials of a study at one instant.

    uid: of the study.
    line: of two pasts of one study and one line, the ended trials of the
        shorter one are the first ones of the longer.
    ended: those with an observation, in the order in which these came. The
        list may grow; only the first ``count`` of it are meant. They never change.
    open: those that are PENDING, and those that wait in the queue as PENDING ones.
    next_number, revision, observation_count: see History.
    """

    uid: str
    line: int
    ended: Sequence[Trial]
    count: int
    open: tuple[Trial, ...]
    next_number: int
    revision: int
    observation_count: int

    def history(self, fixed: Parameters, related: tuple[Related, ...] = ()) -> History:
        """The same as optimizers take it."""
        trials = sorted((*self.ended[: self.count], *self.open), key=lambda trial: trial.number)
        return History(tuple(trials), self.next_number, self.revision, self.observation_count, fixed, related)
