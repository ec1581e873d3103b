"""Studies and histories that every optimizer meets. A new algorithm inherits them all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import (
    Categorical,
    Discrete,
    Float,
    Integer,
    Parameter,
    Parameters,
    ParameterValue,
    Scale,
    SearchSpace,
)
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudySpec
from trimtab_service.domain.suggestion import History, ModelInfo, Source, Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.random import RandomSearch
from trimtab_service.optimizers.region import Region

NOW = datetime(2025, 1, 1, tzinfo=UTC)
SIX = tuple(Float(f"x{index}", -5.0, 10.0) for index in range(6))


@dataclass(frozen=True, slots=True)
class Problem:
    """A search space, and maybe a context, a baseline, and values that a call fixes."""

    name: str
    parameters: tuple[Parameter, ...]
    linear_constraints: tuple[LinearConstraint, ...] = ()
    simplexes: tuple[Simplex, ...] = ()
    fixed: Parameters = field(default_factory=dict)
    context: tuple[Parameter, ...] = ()
    here: Parameters | None = None
    baseline: Parameters | None = None
    goal: Goal = Goal.MINIMIZE
    kind: MetricKind = MetricKind.REAL

    def study(self, algorithm: str, seed: int = 7, **options: ParameterValue) -> Study:
        """The study of this problem with an algorithm."""
        spec = StudySpec(
            space=self.space,
            metrics=(Metric("loss", self.kind), Metric("other")),
            objectives=(Objective("loss", self.goal),),
            context=self.context,
            baseline=self.baseline,
            seed=seed,
        )
        chosen = ChosenAlgorithm(algorithm, options, "asked for", decisions=False)
        return Study(StudyName("contract", "study"), "0" * 32, spec, chosen, NOW, NOW)

    @property
    def space(self) -> SearchSpace:
        """What is searched."""
        return SearchSpace(self.parameters, self.linear_constraints, self.simplexes)

    @property
    def size(self) -> int | None:
        """How many points a call may get, where they are few."""
        every = Region(self.space, self.fixed).every()
        return None if every is None else len(every)

    @property
    def roomy(self) -> bool:
        """Whether two random points are never the same."""
        free = [one for one in self.parameters if not one.conditions and one.name not in self.fixed]
        return any(parameter.cardinality is None for parameter in free)


PROBLEMS = (
    Problem("one_float", (Float("x", -1.0, 2.0),)),
    Problem("one_integer", (Integer("n", -3, 40),)),
    Problem("one_value", (Categorical("only", ("this",)),)),
    Problem("six_floats", SIX, goal=Goal.MAXIMIZE),
    Problem("log_scales", (Float("rate", 1e-6, 1.0, Scale.LOG), Integer("width", 1, 4_096, Scale.LOG))),
    Problem("logit", (Float("share", 0.001, 0.999, Scale.LOGIT), Float("x", 0.0, 1.0))),
    Problem("steps", (Float("x", 0.1, 0.7, step=0.1), Float("y", -1.0, 1.05, step=0.25), Float("z", 0.0, 1.0))),
    Problem("discrete", (Discrete("batch", (16, 32, 64, 256)), Discrete("share", (0.1, 0.5, 0.9)), SIX[0])),
    Problem("categorical", (Categorical("kind", ("a", "b", "c", "d")), Categorical("fast", (False, True)))),
    Problem("finite_and_large", tuple(Integer(f"n{index}", 0, 99) for index in range(4))),
    Problem(
        "mixed",
        (
            Float("rate", 1e-4, 1.0, Scale.LOG),
            Integer("depth", 1, 12),
            Categorical("loss", ("square", "absolute", "huber")),
            Discrete("bins", (15, 31, 63, 127, 255)),
            Categorical("early", (True, False)),
        ),
        baseline={"rate": 0.1, "depth": 3, "loss": "square", "bins": 255, "early": False},
    ),
    Problem(
        "context",
        (Float("x", 0.0, 1.0), Integer("n", 1, 64, Scale.LOG)),
        context=(Float("load", 0.0, 100.0), Categorical("tenant", ("north", "south")), Integer("hour", 0, 23)),
        here={"load": 12.5, "tenant": "south", "hour": 7},
        baseline={"x": 0.5, "n": 8},
    ),
    Problem("binary", (Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)), goal=Goal.MAXIMIZE, kind=MetricKind.BINARY),
)


def cost(point: Parameters) -> float:
    """A smooth function of any point, between 0 and 1."""
    total = 0.0
    for index, value in enumerate(point.values()):
        number = float(value) if not isinstance(value, str) else float(len(value) + ord(value[0]) % 7)
        total += math.sin(1.0 + index + math.copysign(math.log1p(abs(number)), number))
    return 0.5 + 0.5 * math.sin(total)


def trial(
    number: int,
    parameters: Parameters,
    state: TrialState,
    measurement: Measurement | None = None,
    context: Mapping[str, ParameterValue] | None = None,
) -> Trial:
    """A stored trial; a completed one needs a measurement."""
    observation = None
    if state is TrialState.COMPLETED and measurement is not None:
        observation = Observation(Outcome.COMPLETED, {"loss": measurement})
    elif state is not TrialState.PENDING:
        observation = Observation(Outcome(state.value), reason="it did not work")
    info = ModelInfo("random", number - 1, number - 1)
    return Trial(number, state, parameters, Source.MODEL, info, NOW, NOW, context or {}, observation=observation)


def history_of(trials: Iterable[Trial]) -> History:
    """The history with these trials, each numbered by its place."""
    numbered = tuple(replace(one, number=number) for number, one in enumerate(trials, start=1))
    seen = sum(one.observation is not None for one in numbered)
    return History(numbered, len(numbered) + 1, seen, seen)


def tried(problem: Problem, count: int, seed: int = 3) -> list[Parameters]:
    """Random points of the problem."""
    study = problem.study("random", seed)
    empty = History((), 2, 0, 0)
    return [one.parameters for one in RandomSearch().suggest(study, empty, {}, count, generator(study, empty))]


def history(problem: Problem, kind: str) -> History:
    """A history of one of ``KINDS``."""
    points = tried(problem, 12)
    completed = TrialState.COMPLETED

    def observed(measurements: Iterable[Measurement]) -> list[Trial]:
        return [
            trial(1, point, completed, measurement, problem.here)
            for point, measurement in zip(points, measurements, strict=False)
        ]

    def others(state: TrialState, count: int) -> list[Trial]:
        return [trial(1, point, state, None, problem.here) for point in tried(problem, count, seed=4)]

    costs = [cost(point) for point in points]
    measured = observed(Measurement(value) for value in costs)
    binary = problem.kind is MetricKind.BINARY
    large = 1.0 if binary else 1e300
    histories = {
        "empty": [],
        "only_failed": others(TrialState.FAILED, 12),
        "only_pending": others(TrialState.PENDING, 12),
        "only_abandoned": others(TrialState.ABANDONED, 12),
        "one_completed": measured[:1] + others(TrialState.PENDING, 8),
        "completed": measured,
        "all_states": measured
        + [one for state in ["failed", "abandoned", "pending"] for one in others(TrialState(state), 3)],
        "equal_costs": observed([Measurement(0.25)] * 12),
        "huge_costs": observed(Measurement(large * (-1.0 if index % 2 and not binary else 0.5)) for index in range(12)),
        "errors_known": observed(Measurement(value, 10, 0.01) for value in costs),
        "some_errors_known": observed(Measurement(v, 5, 0.02 if i % 3 else None) for i, v in enumerate(costs)),
        "huge_errors": observed(Measurement(value, 3, 10.0 ** (50 * index)) for index, value in enumerate(costs[:7])),
        "exact": observed(Measurement(value, 1, 0.0) for value in costs),
        "one_point_again_and_again": observed([Measurement(value) for value in costs])[:1] * 12,
    }
    return history_of(histories[kind])


KINDS = (
    "empty",
    "only_failed",
    "only_pending",
    "only_abandoned",
    "one_completed",
    "completed",
    "all_states",
    "equal_costs",
    "huge_costs",
    "errors_known",
    "some_errors_known",
    "huge_errors",
    "exact",
    "one_point_again_and_again",
)
