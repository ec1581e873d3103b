"""Studies: what defines one, and what it is at."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.observation import Observation, Outcome
from trimtab_service.domain.space import (
    MOST_TEXT,
    NAME,
    Parameter,
    Parameters,
    ParameterValue,
    SearchSpace,
    check_name,
    check_unique,
    check_values,
)

IDENTIFIER = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
MOST_METRICS = 50
MOST_CONTEXT = 50
MOST_LABELS = 64
MOST_LABEL_VALUE = 256  # bytes
MOST_STUDY_DESCRIPTION = 4_096  # bytes
LARGEST_SEED = 2**63 - 1
SHORTEST_SPAN = timedelta(seconds=1)
LONGEST_SPAN = timedelta(days=366)
DEFAULT_LEASE = timedelta(hours=1)
DEFAULT_DECISION_LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True, order=True)
class StudyName:
    """namespaces/{namespace}/studies/{study}."""

    namespace: str
    study: str

    def __str__(self) -> str:
        return f"namespaces/{self.namespace}/studies/{self.study}"

    @classmethod
    def parse(cls, text: str) -> StudyName:
        """Raises InvalidArgument with an empty field."""
        match text.split("/"):
            case ["namespaces", namespace, "studies", study] if IDENTIFIER.fullmatch(
                namespace
            ) and IDENTIFIER.fullmatch(study):
                return cls(namespace, study)
        raise InvalidArgument("", f"{text[:200]!r} is not of the form namespaces/{{namespace}}/studies/{{study}}")


def check_identifier(text: str) -> str:
    """The text if it can be the id of a study or namespace; InvalidArgument otherwise."""
    if not IDENTIFIER.fullmatch(text):
        raise InvalidArgument(
            "",
            f"{text[:80]!r} is not an id: a lowercase letter, then lowercase letters, digits and -, "
            "63 at most, not ending in -",
        )
    return text


@dataclass(frozen=True, slots=True)
class TrialName:
    """namespaces/{namespace}/studies/{study}/trials/{number}."""

    study: StudyName
    number: int

    def __str__(self) -> str:
        return f"{self.study}/trials/{self.number}"

    @classmethod
    def parse(cls, text: str) -> TrialName:
        """Raises InvalidArgument with an empty field."""
        head, _, last = text.rpartition("/trials/")
        if re.fullmatch(r"[1-9][0-9]{0,17}", last):
            try:
                return cls(StudyName.parse(head), int(last))
            except InvalidArgument:
                pass
        raise InvalidArgument(
            "", f"{text[:200]!r} is not of the form namespaces/{{namespace}}/studies/{{study}}/trials/{{number}}"
        )


class MetricKind(Enum):
    """What kind of numbers a metric takes."""

    REAL = "real"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured.

    min, max: what can be measured, in the unit of the metric; None: not known.
    A binary metric has 0 and 1 unless it says otherwise.
    """

    name: str
    kind: MetricKind = MetricKind.REAL
    min: float | None = None
    max: float | None = None
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.description.encode()) > MOST_TEXT:
            raise InvalidArgument("description", f"longer than {MOST_TEXT} bytes")
        for name in ("min", "max"):
            bound = getattr(self, name)
            if bound is not None and not math.isfinite(bound):
                raise InvalidArgument(name, f"must be finite, not {bound}")
        if self.kind is MetricKind.BINARY:
            if self.min not in (None, 0) or self.max not in (None, 1):
                raise InvalidArgument("kind", "a binary metric lies between 0 and 1")
            object.__setattr__(self, "min", 0.0)
            object.__setattr__(self, "max", 1.0)
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise InvalidArgument("max", f"{self.max} must be greater than min, {self.min}")


class Goal(Enum):
    """Which way a metric should go."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to minimize or to maximize."""

    metric: str
    goal: Goal

    @property
    def sign(self) -> float:
        """1 to minimize, -1 to maximize: sign * value is always a cost."""
        return 1.0 if self.goal is Goal.MINIMIZE else -1.0


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

    def __post_init__(self) -> None:
        self._check_context()
        self._check_metrics()
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

    def _check_metrics(self) -> None:
        if not self.metrics:
            raise InvalidArgument("metrics", "a study needs at least one metric")
        if len(self.metrics) > MOST_METRICS:
            raise InvalidArgument("metrics", f"{len(self.metrics)} metrics; {MOST_METRICS} at most")
        names: set[str] = set()
        for index, metric in enumerate(self.metrics):
            if metric.name in names:
                raise InvalidArgument(f"metrics[{index}].name", f"{metric.name!r} is there twice")
            names.add(metric.name)
        if len(self.objectives) != 1:
            raise InvalidArgument("objectives", f"a study takes exactly one objective, not {len(self.objectives)}")
        if self.objectives[0].metric not in names:
            raise InvalidArgument("objectives[0].metric", f"{self.objectives[0].metric!r} is not a declared metric")

    def _check_labels(self) -> None:
        if len(self.labels) > MOST_LABELS:
            raise InvalidArgument("labels", f"{len(self.labels)} labels; {MOST_LABELS} at most")
        for name, value in self.labels.items():
            if not NAME.fullmatch(name):
                raise InvalidArgument("labels", f"{name[:130]!r} is not a name")
            if len(value.encode()) > MOST_LABEL_VALUE:
                raise InvalidArgument(f'labels["{name}"]', f"longer than {MOST_LABEL_VALUE} bytes")

    @property
    def objective(self) -> Objective:
        """The one objective."""
        return self.objectives[0]

    @property
    def objective_metric(self) -> Metric:
        """The metric of the one objective."""
        return next(metric for metric in self.metrics if metric.name == self.objective.metric)

    def check_context(self, values: Parameters) -> dict[str, ParameterValue]:
        """One legal value for each declared context; InvalidArgument otherwise."""
        return check_values(self.context, values, "context value of the study")

    def check_observation(self, observation: Observation) -> None:
        """Raises InvalidArgument unless the measurements fit the declared metrics."""
        if observation.outcome is not Outcome.COMPLETED:
            return
        metrics = {metric.name: metric for metric in self.metrics}
        for objective in self.objectives:
            if objective.metric not in observation.measurements:
                raise InvalidArgument(
                    f'measurements["{objective.metric}"]',
                    "missing: it is an objective of the study; report outcome failed if it can't be measured",
                )
        for name, measurement in observation.measurements.items():
            path = f'measurements["{name[:130]}"]'
            metric = metrics.get(name)
            if metric is None:
                raise InvalidArgument(path, "not a declared metric of the study")
            below = metric.min is not None and measurement.mean < metric.min
            above = metric.max is not None and measurement.mean > metric.max
            if below or above:
                raise InvalidArgument(
                    f"{path}.mean", f"{measurement.mean} is outside the metric's range, {metric.min} to {metric.max}"
                )
            if metric.kind is MetricKind.BINARY and measurement.count == 1 and measurement.mean not in (0, 1):
                raise InvalidArgument(
                    f"{path}.mean", f"a single measurement of a binary metric is 0 or 1, not {measurement.mean}"
                )


class StudyState(Enum):
    """Whether a study hands out suggestions."""

    ACTIVE = "active"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Study:
    """One tuning problem.

    uid: 32 hexadecimal digits, never used again, even for the same name.
    revision: counts changes of spec and state, from 1.
    """

    name: StudyName
    uid: str
    spec: StudySpec
    algorithm: ChosenAlgorithm
    create_time: datetime
    update_time: datetime
    state: StudyState = StudyState.ACTIVE
    revision: int = 1

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
