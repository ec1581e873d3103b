"""What a server knows of those who suggest in one study, and of what waits for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isqrt

from trimtab_service.domain.study import Study
from trimtab_service.store.queue import Claimed, Expected, QueuedTrial

LATELY = 32  # flights, from which the demand during the next one is judged
# Of what waits, a worker takes two at most before the next flight is over. (Without such a bound, more points
# make a flight longer, and a longer flight makes more seem to be wanted during it.)
EACH_WORKER = 2
SPARE = 1  # suggestions more, where several workers may come at once
MOST_EXPECTED = 32  # trials that a server remembers of a queue: people may have put thousands in line
PAIR = 2  # workers, of which the one that isn't asking is trying: nobody else comes meanwhile


@dataclass(slots=True)
class Line:
    """What a server knows of the demand for one study's suggestions.

    wishes: how many suggestions each caller that waits wants. asked, calls: suggestions asked for
    since the last flight began, and in how many calls. lately: the most that were to be
    ready by these, for the flights before.
    at_work: how many were being tried or waited for when each of them began.
    news: something was observed since the last flight read the history.
    unasked: flights since the last Suggest. depth: how many wait. queue: the first ones, by the order in which they
    are handed out, good for ``study`` as it is here. Both as far as this server knows. missed: the last one that was
    expected wasn't what was handed out.
    """

    study: Study
    wishes: list[int] = field(default_factory=list)
    asked: int = 0
    calls: int = 0
    lately: deque[int] = field(default_factory=lambda: deque(maxlen=LATELY))
    at_work: deque[int] = field(default_factory=lambda: deque(maxlen=LATELY))
    news: bool = False
    unasked: int = 0
    depth: int = 0
    queue: list[QueuedTrial] = field(default_factory=list)
    missed: bool = False
    flight: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many suggestions callers wait for."""
        return sum(self.wishes)

    @property
    def enough(self) -> tuple[int, int]:
        """How many suggestions are enough for all who wait, and for one of them; 1 if there is nobody."""
        return max(self.waiting, 1), min(self.wishes, default=1)

    def found(self, study: Study, queued: Sequence[QueuedTrial], staying: int) -> None:
        """All that waits, of the study as it is now, ``staying`` of which nothing will replace that is computed now."""
        self.study, self.depth, self.missed = study, staying, False
        self.queue = _first(queued)

    def replaced(self, queued: Sequence[QueuedTrial]) -> None:
        """What was queued, beside what knows as much, in place of the rest."""
        self.depth += len(queued)
        least = min(each.known for each in queued)
        self.queue = _first([*(each for each in self.queue if each.known >= least), *queued])

    def next(self) -> Expected | None:
        """The first that waits, which nobody else is told to expect."""
        return Expected(self.study, self.queue.pop(0)) if self.queue else None

    def handed_out(self, claimed: Claimed | None, expected: Expected | None) -> None:
        """Where that isn't what was expected twice in a row, others suggest here, and nobody knows what they left."""
        numbers = {trial.number for trial in claimed.trials} if claimed is not None else set()
        self.depth = max(0, self.depth - len(numbers))
        self.queue = [each for each in self.queue if each.trial.number not in numbers]
        if expected is not None:
            missed = expected.queued.trial.number not in numbers
            if missed and self.missed:
                self.queue = []
            self.missed = missed

    def demand(self, pending: int) -> int:
        """How many suggestions to have ready, while so many are being tried; ends the count of those asked for.

        As many as were asked for during one flight at most, and, where these were several
        calls, the root of their number more: by so much do random arrivals differ. At least one for
        whoever observed and asks next, and the root of the number of the others: some of them come meanwhile.
        And where there are several, one more: who finds nothing waits many times as long as one more point takes.
        """
        self.lately.append(self.asked + (isqrt(self.calls) + SPARE if self.calls > 1 else 0))
        self.at_work.append(pending + self.waiting)
        self.asked = self.calls = 0
        workers = max(self.at_work)
        asked = min(max(self.lately), EACH_WORKER * workers)
        least = 1 if workers <= PAIR else 1 + isqrt(workers - PAIR) + SPARE
        return max(self.waiting, asked, least)


def _first(queued: Sequence[QueuedTrial]) -> list[QueuedTrial]:
    return sorted(queued, key=lambda each: (-each.known, each.trial.number))[:MOST_EXPECTED]
