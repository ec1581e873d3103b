"""What a store promises about trials that wait to be handed out, and about those that come from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from trimtab_service.domain.errors import InvalidArgument, TrimtabError
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyName
from trimtab_service.domain.suggestion import Trial
from trimtab_service.store.request import Request

# More than there are observations: these never get stale. Points that people
# put in line come first of all, then those of an initial design.
MANUAL = 2**62
DESIGNED = 2**61
MOST_IN_LINE = 10_000
"""MANUAL trials of one study that may wait: whoever computes for it reads them all, and takes them for tried."""

ANY_REVISION = 0
"""Of a study: such a trial stays good whatever is changed."""


@dataclass(frozen=True, slots=True)
class QueuedTrial:
    """A QUEUED trial, and for how long it is good.

    known: how many observations are behind it, or MANUAL, or DESIGNED.
    study_revision: the revision of the study that it was computed for, or ANY_REVISION.
    """

    trial: Trial
    known: int
    study_revision: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What somebody who claims a trial believes to come first in the queue.

    study: as it was when ``queued`` was the first.
    """

    study: Study
    queued: QueuedTrial


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody wants of the queue.

    patience: how many observations a trial may be behind, for each trial that
        is pending in the study.
    grace: how many it may be behind in any case.
    least_known: MANUAL for whoever takes nothing else, else 0.
    context: what the trials are taken for; empty: what they say themselves.
    asked: since when the caller has been waiting; what was computed later than
        that wasn't computed ahead.
    detail: said of the trials in place of their own detail; empty: nothing.
    expected: the trial that a claim of one gets without a look at the queue, if
        it still waits, and is as good as any that does.
    """

    count: int
    asked: datetime
    worker: str = ""
    patience: int = 0
    grace: int = 0
    least_known: int = 0
    detail: str = ""
    context: Parameters = field(default_factory=dict)
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The study, trials that are PENDING from now on, and how many observations the study has."""

    study: Study
    trials: tuple[Trial, ...]
    observation_count: int


@dataclass(frozen=True, slots=True)
class ForeignTrial:
    """A trial that was made elsewhere."""

    parameters: Parameters
    context: Parameters
    observation: Observation


class QueueStore(Protocol):
    """Trials that wait, and trials from elsewhere."""

    def claim_trials(self, name: StudyName, claim: Claim, now: datetime, request: Request | None) -> Claimed | None:
        """Hands out as many queued trials as are wanted: whoever claims at the same time gets others.

        Of an ACTIVE study, those that are good for its revision and fresh enough: MANUAL ones first, then DESIGNED
        ones, then those that know most; of the same kind by number, but that of those that know as much the one that is
        expected comes first. None if there are too few of them.
        For a repeated request the first answer. Raises RequestIdReused.
        """
        ...

    def queue_trials(self, study: Study, queued: Sequence[QueuedTrial], instead: Sequence[int] = ()) -> None:
        """Stores QUEUED trials, and deletes what they replace.

        That is every queued trial, but for MANUAL ones, that knows less than
        they do, or is for another revision of the study, of an earlier number; in a transaction of its own, so that
        until it is done there are both. The last number always stays, so none is ever given again.
        instead: numbers of queued trials whose points are among the new ones: they go in the same
        instant, so that nobody gets the one after somebody got the other.
        Raises NumberTaken, also where it was replaced, or one of ``instead`` waits no longer; StudyNotFound.
        """
        ...

    def enqueue_trials(
        self, study: Study, points: Sequence[tuple[Parameters, Parameters]], now: datetime, request: Request | None
    ) -> tuple[int, ...]:
        """Stores points, each with its context, as MANUAL trials, and deletes all other queued ones; the numbers.

        For a repeated request those of the first call. Raises StudyNotFound, LineFull, RequestIdReused.
        """
        ...

    def import_trials(
        self, study: Study, trials: Sequence[ForeignTrial | InvalidArgument], now: datetime, request: Request | None
    ) -> tuple[int | TrimtabError, ...]:
        """Stores trials with their observations, and deletes all queued ones but MANUAL ones; the numbers.

        A trial that doesn't fit the study stands here as its error, which is its result. For a repeated
        request the first answer. Raises StudyNotFound, RequestIdReused.
        """
        ...

    def take_off(self, study: Study, now: datetime, end: datetime, *, again: datetime | None = None) -> bool:
        """Whether the caller is the one who computes ahead for the study until ``end``.

        again: where its last such call ended, if it was the one already. Only
        saves others the work: nothing depends on it.
        """
        ...

    def land(self, study: Study, end: datetime) -> None:
        """Says that whoever was to compute until ``end`` is done."""
        ...
