"""Studies: what defines one, and what it is at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from trimtab_service.domain import errors, outcomes, reward
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Metric, Objective, check_metrics
from trimtab_service.domain.names import IDENTIFIER as IDENTIFIER
from trimtab_service.domain.names import StudyName as StudyName
from trimtab_service.domain.names import TrialName as TrialName
from trimtab_service.domain.names import check_identifier as check_identifier
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness
from trimtab_service.domain.space import (
    NAME,
    Parameter,
    Parameters,
    ParameterValue,
    SearchSpace,
    check_unique,
    check_values,
)

MOST_CONTEXT = 100
MOST_LABELS = 64
MOST_LABEL_VALUE = 256  # bytes
MOST_STUDY_DESCRIPTION = 4_096  # bytes
LARGEST_SEED = 2**63 - 1
SHORTEST_SPAN = timedelta(seconds=1)
LONGEST_SPAN = timedelta(days=366)
DEFAULT_LEASE = timedelta(hours=1)
DEFAULT_DECISION_LIFETIME = timedelta(days=7)
LONGEST_RETENTION = timedelta(days=3_660)
LONGEST_HALF_LIFE = timedelta(days=3_660)
MOST_SOURCES = 10  # studies whose trials may tell where to look
MOST_PATTERNS = 1_000  # of arms that are disabled, or allowed


@dataclass(frozen=True, slots=True)
class AlgorithmRequest:
    """What the caller asked for: a name, maybe auto, and options."""

    name: str = "auto"
    options: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChosenAlgorithm:
    """What runs the study: never auto; every option with the value in force.

    decisions: whether suggestions are decisions, whose id is the record,
    rather than stored trials.
    """

    name: str
    options: Mapping[str, ParameterValue]
    reason: str
    decisions: bool


@dataclass(frozen=True, slots=True)
class StudySpec:
    """Everything that defines a study. ``seed`` is None until the study is created."""

    space: SearchSpace
    metrics: tuple[Metric, ...]
    objectives: tuple[Objective, ...]
    context: tuple[Parameter, ...] = ()
    algorithm: AlgorithmRequest = AlgorithmRequest()
    baseline: Parameters | None = None
    lease: timedelta = DEFAULT_LEASE
    decision_lifetime: timedelta = DEFAULT_DECISION_LIFETIME
    seed: int | None = None
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    reward_wait: timedelta | None = None
    default_reward: float | None = None
    retention: timedelta | None = None
    disabled_arms: tuple[Parameters, ...] = ()
    outcome_constraints: tuple[OutcomeConstraint, ...] = ()
    cost_metric: str | None = None
    half_life: timedelta | None = None
    robustness: Robustness | None = None
    transfer_from: tuple[StudyName, ...] = ()

    def __post_init__(self) -> None:
        self._check_context()
        check_metrics(self.metrics, self.objectives)
        if self.baseline is not None:
            with errors.field("baseline"):
                object.__setattr__(self, "baseline", self.space.check(self.baseline))
        for name in ("lease", "decision_lifetime"):
            if not SHORTEST_SPAN <= getattr(self, name) <= LONGEST_SPAN:
                raise InvalidArgument(name, "must be between 1 second and 366 days")
        if self.seed is not None and not 0 <= self.seed <= LARGEST_SEED:
            raise InvalidArgument("seed", f"must be at least 0, not {self.seed}")
        if len(self.description.encode()) > MOST_STUDY_DESCRIPTION:
            raise InvalidArgument("description", f"longer than {MOST_STUDY_DESCRIPTION} bytes")
        self._check_labels()
        self._check_reward_wait()
        outcomes.check_constraints(self.outcome_constraints, self.metrics, has_baseline=self.baseline is not None)
        if self.cost_metric is not None:
            outcomes.check_cost(self.cost_metric, self.metrics, self.objectives)
        if self.half_life is not None and not SHORTEST_SPAN <= self.half_life <= LONGEST_HALF_LIFE:
            raise InvalidArgument("half_life", f"must be between 1 second and {LONGEST_HALF_LIFE.days:,} days")
        self._check_robustness()
        self._check_transfer()
        if self.retention is not None and not self.decision_lifetime <= self.retention <= LONGEST_RETENTION:
            raise InvalidArgument(
                "retention", f"must be between decision_lifetime, {self.decision_lifetime}, and {LONGEST_RETENTION}"
            )
        object.__setattr__(self, "disabled_arms", self.check_patterns(self.disabled_arms, "disabled_arms"))
        for index, pattern in enumerate(self.disabled_arms):
            if self.baseline is not None and all(self.baseline.get(name) == value for name, value in pattern.items()):
                raise InvalidArgument(
                    f"disabled_arms[{index}]", "takes out the baseline, which clients fall back to; give another one"
                )

    def _check_context(self) -> None:
        if len(self.context) > MOST_CONTEXT:
            raise InvalidArgument("context", f"{len(self.context)} values; {MOST_CONTEXT} at most")
        try:
            check_unique(self.context)
        except InvalidArgument as error:
            (violation,) = error.violations
            raise InvalidArgument(violation.field.replace("parameters", "context", 1), violation.description) from None
        names = {parameter.name for parameter in self.space.parameters}
        for index, parameter in enumerate(self.context):
            if parameter.name in names:
                raise InvalidArgument(
                    f"context[{index}].name", f"{parameter.name!r} is a parameter of the search space"
                )
            if parameter.conditions:
                raise InvalidArgument(f"context[{index}].conditions", "only parameters have them")
            if parameter.prior is not None:
                raise InvalidArgument(f"context[{index}].prior", "only parameters have one: context isn't searched")

    def _check_labels(self) -> None:
        if len(self.labels) > MOST_LABELS:
            raise InvalidArgument("labels", f"{len(self.labels)} labels; {MOST_LABELS} at most")
        for name, value in self.labels.items():
            if not NAME.fullmatch(name):
                raise InvalidArgument("labels", f"{name[:130]!r} is not a name")
            if len(value.encode()) > MOST_LABEL_VALUE:
                raise InvalidArgument(f'labels["{name}"]', f"longer than {MOST_LABEL_VALUE} bytes")

    def _check_reward_wait(self) -> None:
        wait, default = self.reward_wait, self.default_reward
        if wait is None and default is None:
            return
        if wait is None:
            raise InvalidArgument("reward_wait", "missing: it goes with default_reward")
        if default is None:
            raise InvalidArgument("default_reward", "missing: it goes with reward_wait")
        if not SHORTEST_SPAN <= wait <= self.decision_lifetime:
            raise InvalidArgument(
                "reward_wait", f"must be between 1 second and decision_lifetime, {self.decision_lifetime}"
            )
        with errors.field("default_reward"):
            if not math.isfinite(default):
                raise InvalidArgument("", f"must be finite, not {default}")
            self.objective_metric.check(default)

    def _check_robustness(self) -> None:
        if self.robustness is None:
            return
        if not self.context:
            raise InvalidArgument("robustness", "its conditions are contexts, and the study declares none")
        if len(self.objectives) > 1 or self.outcome_constraints or self.cost_metric is not None:
            raise InvalidArgument(
                "robustness", "goes with one objective, without outcome constraints and without a cost_metric"
            )
        checked = []
        for index, condition in enumerate(self.robustness.conditions):
            with errors.field(f"robustness.conditions[{index}]"):
                checked.append(self.check_context(condition))
                if checked[-1] in checked[:-1]:
                    raise InvalidArgument("", "is there twice: give it a larger weight instead")
        object.__setattr__(self, "robustness", replace(self.robustness, conditions=tuple(checked)))

    def _check_transfer(self) -> None:
        if len(self.transfer_from) > MOST_SOURCES:
            raise InvalidArgument("transfer_from", f"{len(self.transfer_from)} studies; {MOST_SOURCES} at most")
        for index, name in enumerate(self.transfer_from):
            if name in self.transfer_from[:index]:
                raise InvalidArgument(f"transfer_from[{index}]", f"{name} is there twice")

    @property
    def objective(self) -> Objective:
        """The one objective; of several, the first."""
        return self.objectives[0]

    @property
    def objective_metric(self) -> Metric:
        """The metric of ``objective``."""
        return self.metric(self.objective.metric)

    @property
    def needed(self) -> dict[str, str]:
        """The metrics that every completed observation must tell, by what they are to the study, in words: the
        objectives first, then what is constrained, then the cost."""
        needed = {objective.metric: "an objective of the study" for objective in self.objectives}
        for constraint in self.outcome_constraints:
            needed.setdefault(constraint.metric, "an outcome constraint of the study")
        if self.cost_metric is not None:
            needed.setdefault(self.cost_metric, "what a trial costs")
        return needed

    def metric(self, name: str) -> Metric:
        """The declared metric of this name."""
        return next(metric for metric in self.metrics if metric.name == name)

    @property
    def counted_default(self) -> float | None:
        """What ``default_reward`` counts as: clipped where the metric says so."""
        return None if self.default_reward is None else self.objective_metric.counted(self.default_reward)

    def check_context(self, values: Parameters) -> dict[str, ParameterValue]:
        """One legal value for each declared context; InvalidArgument otherwise."""
        return check_values(self.context, values, "context value of the study")

    def check_patterns(self, patterns: Sequence[Parameters], field: str) -> tuple[dict[str, ParameterValue], ...]:
        """Legal values for some of the parameters each, as they are meant. Raises InvalidArgument at ``field``."""
        if len(patterns) > MOST_PATTERNS:
            raise InvalidArgument(field, f"{len(patterns)} entries; {MOST_PATTERNS} at most")
        checked = []
        for index, pattern in enumerate(patterns):
            with errors.field(f"{field}[{index}]"):
                checked.append(self.space.check_part(pattern))
        return tuple(checked)

    def check_observation(self, observation: Observation) -> None:
        """Raises InvalidArgument unless the measurements fit the declared metrics, and say all that is needed."""
        if observation.outcome is not Outcome.COMPLETED:
            return
        reward.check(self.metrics, self.needed, observation.measurements)
        if self.cost_metric is not None:
            reward.check_cost(self.metrics, self.cost_metric, observation.measurements)

    def reward(self, observation: Observation, metric: str | None = None) -> Measurement:
        """What a completed observation counts as for a metric, measured or computed; None: the objective's.

        See ``domain.reward``.
        """
        return reward.reward(self.metrics, metric or self.objective.metric, observation.measurements)


class StudyState(Enum):
    """Whether a study hands out suggestions."""

    ACTIVE = "active"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Study:
    """One tuning problem.

    uid: 32 hexadecimal digits, never used again, even for the same name.
    revision: counts changes of spec and state, from 1.
    earlier_spaces: what the search space was before points were added to it,
        the first one first; arms are numbered in the order in which they came.
    """

    name: StudyName
    uid: str
    spec: StudySpec
    algorithm: ChosenAlgorithm
    create_time: datetime
    update_time: datetime
    state: StudyState = StudyState.ACTIVE
    revision: int = 1
    earlier_spaces: tuple[SearchSpace, ...] = ()

    @property
    def etag(self) -> str:
        """Changes with every change of spec and state."""
        return f"{self.uid[:12]}-{self.revision}"

    @property
    def seed(self) -> int:
        """The seed of every random draw of the study."""
        if self.spec.seed is None:
            raise ValueError(f"{self.name} was never given a seed")
        return self.spec.seed


@dataclass(frozen=True, slots=True)
class StudyCounts:
    """How much there is in a study: trials by state, and observations."""

    queued: int = 0
    pending: int = 0
    completed: int = 0
    failed: int = 0
    abandoned: int = 0
    expired: int = 0
    observations: int = 0
