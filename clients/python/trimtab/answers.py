"""What the server answers, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from trimtab._plain import ParameterValue
from trimtab.errors import TrimtabError
from trimtab.prediction import Prediction
from trimtab.space import Measurement, Observation
from trimtab.spec import ChosenAlgorithm, StudySpec, StudyState


class Source(StrEnum):
    """Where parameters come from."""

    MODEL = "model"
    """The algorithm chose them from what was observed."""
    QUEUE = "queue"
    """The algorithm chose them earlier; they waited to be handed out."""
    INITIAL = "initial"
    """Part of the initial design, before a model can say anything."""
    BASELINE = "baseline"
    """The study's baseline."""
    INCUMBENT = "incumbent"
    """The best parameters known, repeated to be measured again."""
    FALLBACK = "fallback"
    """The algorithm couldn't answer, and the server drew a point (it has an id), or no answer came, and this is the
    client's baseline (the id is empty); ``detail`` says why."""
    MANUAL = "manual"
    """Somebody gave them: with ``enqueue``, or with ``import_trials``."""
    UNKNOWN = "unknown"
    """A newer server said something that this client doesn't know."""


class TrialState(StrEnum):
    """What a trial is at."""

    QUEUED = "queued"
    """Computed ahead, not yet handed out."""
    PENDING = "pending"
    """Handed out; the lease runs."""
    COMPLETED = "completed"
    """Measured."""
    FAILED = "failed"
    """It can't work with these parameters."""
    ABANDONED = "abandoned"
    """Nobody tried it."""
    EXPIRED = "expired"
    """The lease ran out; a late observation still counts."""
    UNKNOWN = "unknown"
    """A newer server said something that this client doesn't know."""


class ObserveStatus(StrEnum):
    """What became of one observation."""

    RECORDED = "recorded"
    """It is stored, durably."""
    DUPLICATE = "duplicate"
    """The same observation was stored before; nothing changed."""
    NOT_SENT = "not_sent"
    """It is about the client's own fallback, which the server doesn't know of."""
    REFUSED = "refused"
    """It wasn't stored; ``error`` says why."""


@dataclass(frozen=True, slots=True)
class ObserveResult:
    """The result of one observation; ``error`` is there where it was refused."""

    suggestion_id: str
    status: ObserveStatus
    error: TrimtabError | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What an answer rests on.

    algorithm: the one that answered.
    revision: of the knowledge behind it; comparable within one study only.
    observation_count: observations behind it.
    """

    algorithm: str
    revision: int
    observation_count: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """Parameters to apply, and all there is to know about them.

    id: what an observation refers to; empty for the client's own fallback.
    propensity: the probability of the choice, given the context; bandits only.
    expire_time: until when an observation is expected; None: not known.
    detail: a sentence for people about the source.
    context: the condition to measure them in, where the server chose it; else empty.
    """

    id: str
    parameters: Mapping[str, ParameterValue]
    source: Source
    propensity: float | None
    model: ModelInfo
    expire_time: datetime | None
    detail: str
    context: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """A stored suggestion with its state.

    name: the id of its suggestion. number: counts the study's trials from 1.
    measurements: empty unless completed.
    complete_time: when its observation was stored; None while there is none.
    """

    name: str
    number: int
    state: TrialState
    parameters: Mapping[str, ParameterValue]
    context: Mapping[str, ParameterValue]
    source: Source
    model: ModelInfo
    worker: str
    measurements: Mapping[str, Measurement]
    reason: str
    create_time: datetime
    expire_time: datetime | None
    complete_time: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class ObservationRecord:
    """One row of a study's observation log.

    sequence: the place in the log; grows, with gaps.
    propensity: the probability of the choice; bandit studies only.
    suggest_time: when the suggestion was made; None in trial studies.
    is_default: nothing was observed in time, and this is the study's default reward.
    replaces_default: it came after the default reward was counted, and takes its place.
    """

    sequence: int
    observation: Observation
    parameters: Mapping[str, ParameterValue]
    context: Mapping[str, ParameterValue]
    propensity: float | None
    create_time: datetime
    suggest_time: datetime | None
    is_default: bool
    replaces_default: bool


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The best parameters known, by the model's posterior.

    predicted_mean: what the model expects of the objective there, in the unit
        of the metric; None: nothing was observed, this is the baseline.
    predicted_standard_error: of that expectation.
    trial: the name of the trial that has these parameters; empty in bandit
        studies.
    probability_best: that no other arm has a better mean; None in trial
        studies, and where the algorithm can't say.

    The rest is of trial studies. With several objectives it is one trade of
    many, far from the reference point in all of them (``pareto_front`` has all
    of them), and predicted_mean is that of the first one.

    predictions: of each metric that is an objective, a constraint or the cost.
    probability_better_than_baseline: in every objective; None where the baseline wasn't measured.
    probability_feasible: that all outcome constraints hold; None: there are none.
    expected_gain: by how much one more trial is expected to better the
        objective, in its unit; with several, to add to the hypervolume of
        their front; None while nothing acceptable is known.
    worth_another_trial: whether that is more than the trial_cost that was
        asked about; None: none was.
    """

    parameters: Mapping[str, ParameterValue]
    predicted_mean: float | None
    predicted_standard_error: float | None
    trial: str
    source: Source
    model: ModelInfo
    probability_best: float | None
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    probability_better_than_baseline: float | None = None
    probability_feasible: float | None = None
    expected_gain: float | None = None
    worth_another_trial: bool | None = None


@dataclass(frozen=True, slots=True)
class StudyCounts:
    """How much there is in a study: trials by state, and observations."""

    queued: int
    pending: int
    completed: int
    failed: int
    abandoned: int
    expired: int
    observations: int


@dataclass(frozen=True, slots=True)
class StudyDescription:
    """One study, as it was when the server answered.

    name: namespaces/{namespace}/studies/{study}.
    revision: counts changes of spec and state, from 1.
    etag: changes with them.
    counts: None in lists.
    """

    name: str
    spec: StudySpec
    state: StudyState
    algorithm: ChosenAlgorithm
    revision: int
    etag: str
    create_time: datetime
    update_time: datetime
    counts: StudyCounts | None

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]
