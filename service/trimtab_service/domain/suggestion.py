"""Suggestions: what an optimizer answers, and the trials made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from trimtab_service.domain.observation import Observation, Outcome
from trimtab_service.domain.prediction import Predictions
from trimtab_service.domain.space import Parameters, ParameterValue
from trimtab_service.domain.study import Study


class Source(Enum):
    """Where the parameters of a suggestion come from."""

    MODEL = "model"
    QUEUE = "queue"
    INITIAL = "initial"
    BASELINE = "baseline"
    INCUMBENT = "incumbent"
    FALLBACK = "fallback"
    MANUAL = "manual"


class TrialState(Enum):
    """What a trial is at. EXPIRED is never stored: it is PENDING seen after its lease."""

    QUEUED = "queued"
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    ABANDONED = "abandoned"
    EXPIRED = "expired"


STATE_AFTER = {
    Outcome.COMPLETED: TrialState.COMPLETED,
    Outcome.FAILED: TrialState.FAILED,
    Outcome.ABANDONED: TrialState.ABANDONED,
}


@dataclass(frozen=True, slots=True)
class Suggested:
    """What an optimizer answers: parameters to try, and where they come from.

    context: in which to try them, where the optimizer chose it (see ``Robustness``); None: as asked.
    """

    parameters: Parameters
    source: Source
    detail: str = ""
    context: Parameters | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What an answer rests on: the algorithm, its revision of knowledge, and observations."""

    algorithm: str
    revision: int
    observation_count: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A stored suggestion with its state.

    number: counts the trials of the study, from 1.
    ahead: whether it was computed before it was asked for, and waited to be handed out.
    observation, complete_time: None until it is observed.
    """

    number: int
    state: TrialState
    parameters: Parameters
    source: Source
    model: ModelInfo
    create_time: datetime
    expire_time: datetime
    context: Mapping[str, ParameterValue] = field(default_factory=dict)
    worker: str = ""
    detail: str = ""
    ahead: bool = False
    observation: Observation | None = None
    complete_time: datetime | None = None

    @property
    def told_source(self) -> Source:
        """What callers are told: what a model said, and then waited to be handed out, comes from the queue."""
        return Source.QUEUE if self.ahead and self.source is Source.MODEL else self.source

    def at(self, now: datetime) -> Trial:
        """The same trial seen at ``now``: a pending one whose lease is over is EXPIRED."""
        if self.state is TrialState.PENDING and self.expire_time <= now:
            return replace(self, state=TrialState.EXPIRED)
        return self


def lease_end(now: datetime, lease: timedelta) -> datetime:
    """When a lease that begins now is over; without the microseconds, which not every store and client keeps."""
    end = now + lease
    return end.replace(microsecond=end.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True)
class History:
    """Everything an optimizer may know about a study, at one instant.

    trials: by number; EXPIRED ones are left out, and so is every one where the
        optimizer said that it doesn't look at them. Those that wait in the queue
        and will be handed out are PENDING here.
    next_number: the number of the next trial; seeds the draw, and is the
        position in any sequence.
    revision, observation_count: of the knowledge, see ModelInfo.
    fixed: values that some of the parameters must have in what is suggested now.
    related: what was observed in other studies that may tell where to look.
    """

    trials: tuple[Trial, ...]
    next_number: int
    revision: int
    observation_count: int
    fixed: Parameters = field(default_factory=dict)
    related: tuple[Related, ...] = ()

    def in_state(self, state: TrialState) -> tuple[Trial, ...]:
        """The trials in one state, by number."""
        return tuple(trial for trial in self.trials if trial.state is state)


@dataclass(frozen=True, slots=True)
class Related:
    """Another study with the trials of it that have an observation."""

    study: Study
    history: History


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The best parameters known, by the model's posterior.

    mean, standard_error: what the model expects of the objective there, in
        the unit of the metric; None for a baseline that nothing is known of.
    number: of the trial that has these parameters; None in bandit studies.
    probability_best: that no other arm has a better mean; None where it can't be said.
    predictions: of every modelled metric of a trial study.
    probability_better: than the baseline, in every objective; None where that wasn't measured.
    probability_feasible: that all outcome constraints hold; None: there are none.
    expected_gain: by how much one more trial is expected to better the
        objective, in the unit of the metric, or the hypervolume of several;
        None where it can't be said.
    """

    parameters: Parameters
    source: Source
    mean: float | None = None
    standard_error: float | None = None
    number: int | None = None
    probability_best: float | None = None
    predictions: Predictions = field(default_factory=dict)
    probability_better: float | None = None
    probability_feasible: float | None = None
    expected_gain: float | None = None
