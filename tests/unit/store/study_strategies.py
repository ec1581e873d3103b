"""Hypothesis strategies for all that a store keeps: every legal value can come up."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from trimtab_service.domain.desirability import Desirability, Desire
from trimtab_service.domain.metric import Formula, Goal, Metric, MetricKind, Objective, OutsideRange, Ratio, WeightedSum
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness
from trimtab_service.domain.space import Parameter, ParameterValue, SearchSpace
from trimtab_service.domain.study import (
    LARGEST_SEED,
    LONGEST_HALF_LIFE,
    LONGEST_RETENTION,
    LONGEST_SPAN,
    SHORTEST_SPAN,
    AlgorithmRequest,
    ChosenAlgorithm,
    Study,
    StudyName,
    StudySpec,
    StudyState,
)
from trimtab_service.domain.suggestion import ModelInfo, Source, Trial, TrialState
from trimtab_service.store.base import DecisionObservation, Expectation
from unit.domain.parameters_strategies import NAMES, TEXTS, spaces, values_of

FINITE = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**53), 2**53)
COUNTS = st.integers(1, 2**63 - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.integers(-(10**15), 7 * 10**15).map(lambda value: EPOCH + timedelta(microseconds=value))
SPANS = st.timedeltas(SHORTEST_SPAN, LONGEST_SPAN)
VALUES: st.SearchStrategy[ParameterValue] = st.one_of(FINITE, WHOLE, TEXTS, st.booleans())
OPTIONS = st.dictionaries(NAMES, VALUES, max_size=3)
IDENTIFIERS = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


ENDS = ((1.5, 0.1, None), (-1e300, None, 1e300), (0.0, -1.0, 2.0))
TUNED = st.tuples(st.floats(0.01, 100.0), st.floats(1e-300, 1e300))


@st.composite
def metrics(draw: st.DrawFn, name: str) -> Metric:
    """Of either kind, with or without bounds."""
    description = draw(TEXTS)
    if draw(st.booleans()):
        return Metric(name, MetricKind.BINARY, description=description)
    low, high = sorted(draw(st.lists(FINITE, min_size=2, max_size=2, unique=True)))
    bounds = draw(st.sampled_from([(None, None), (low, None), (None, high), (low, high)]))
    return Metric(name, MetricKind.REAL, *bounds, description=description, outside=draw(st.sampled_from(OutsideRange)))


@st.composite
def formulas(draw: st.DrawFn, names: list[str]) -> Formula:
    """Of some of the metrics."""
    if draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        return Desirability(tuple(Desire(name, *draw(st.sampled_from(ENDS)), *draw(TUNED)) for name in chosen))
    if len(names) > 1 and draw(st.booleans()):
        numerator, denominator = draw(st.permutations(names))[:2]
        return Ratio(numerator, denominator)
    return WeightedSum(draw(st.dictionaries(st.sampled_from(names), FINITE.filter(bool), min_size=1)))


@st.composite
def robustnesses(draw: st.DrawFn, context: tuple[Parameter, ...]) -> Robustness:
    """Over some conditions of the context, no two the same."""
    condition = st.fixed_dictionaries({one.name: values_of(one) for one in context})
    conditions = draw(st.lists(condition, min_size=2, max_size=4, unique_by=lambda values: frozenset(values.items())))
    positive = st.floats(0, exclude_min=True, allow_infinity=False)
    weights = draw(st.just([]) | st.lists(positive, min_size=len(conditions), max_size=len(conditions)))
    return Robustness(tuple(conditions), tuple(weights), draw(st.floats(0, 1, exclude_min=True)))


def in_range(metric: Metric) -> st.SearchStrategy[float]:
    """Values that the metric can have."""
    return st.floats(metric.min, metric.max, allow_infinity=False, allow_nan=False)


@st.composite
def points(draw: st.DrawFn, space: SearchSpace) -> dict[str, ParameterValue]:
    """A point of the space."""
    return {parameter.name: draw(values_of(parameter)) for parameter in space.parameters}


@st.composite
def parts(draw: st.DrawFn, space: SearchSpace) -> dict[str, ParameterValue]:
    """Values for some of the parameters."""
    names = draw(st.sets(st.sampled_from([parameter.name for parameter in space.parameters]), min_size=1))
    return {name: value for name, value in draw(points(space)).items() if name in names}


@st.composite
def specs(draw: st.DrawFn) -> StudySpec:
    """Any study."""
    space = draw(spaces())
    taken = {parameter.name for parameter in space.parameters}
    context = tuple(parameter for parameter in draw(spaces()).parameters if parameter.name not in taken)
    declared = [draw(metrics(name)) for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))]
    names = [metric.name for metric in declared]
    others = draw(st.lists(NAMES.filter(lambda name: name not in names), max_size=2, unique=True))
    declared += [Metric(name, formula=draw(formulas(names))) for name in others]
    objective = draw(st.sampled_from(declared))
    constrained = tuple(
        OutcomeConstraint(metric.name, *draw(st.sampled_from([(low, None), (None, high), (low, high)])))
        for metric in declared[: draw(st.integers(0, 2))]
        for low, high in [sorted(draw(st.lists(in_range(metric), min_size=2, max_size=2, unique=True)))]
    )
    others_of_it = [metric for metric in declared if metric is not objective and (metric.max is None or metric.max > 0)]
    cost = draw(st.none() | st.sampled_from(others_of_it)) if others_of_it else None
    second = draw(st.none() | st.sampled_from(others_of_it)) if others_of_it else None
    objectives = [Objective(objective.name, draw(st.sampled_from(Goal)))]
    if second is not None and second is not cost:
        objectives.append(Objective(second.name, draw(st.sampled_from(Goal)), draw(st.none() | FINITE)))
    alone = len(objectives) == 1 and not constrained and cost is None
    lifetime = draw(SPANS)
    wait = draw(st.none() | st.timedeltas(SHORTEST_SPAN, lifetime))
    baseline = draw(st.none() | points(space))
    disabled = draw(st.lists(parts(space), max_size=2))
    if baseline is not None:
        disabled = [part for part in disabled if not part.items() <= baseline.items()]
    return StudySpec(
        space=space,
        metrics=tuple(declared),
        objectives=tuple(objectives),
        context=context,
        algorithm=AlgorithmRequest(draw(TEXTS), draw(OPTIONS)),
        baseline=baseline,
        lease=draw(SPANS),
        decision_lifetime=lifetime,
        seed=draw(st.none() | st.integers(0, LARGEST_SEED)),
        description=draw(TEXTS),
        labels=draw(st.dictionaries(NAMES, TEXTS, max_size=3)),
        reward_wait=wait,
        default_reward=None if wait is None else draw(in_range(objective)),
        retention=draw(st.none() | st.timedeltas(lifetime, LONGEST_RETENTION)),
        disabled_arms=tuple(disabled),
        outcome_constraints=constrained,
        cost_metric=None if cost is None else cost.name,
        half_life=draw(st.none() | st.timedeltas(SHORTEST_SPAN, LONGEST_HALF_LIFE)),
        robustness=draw(st.none() | robustnesses(context)) if context and alone else None,
        transfer_from=tuple(
            StudyName(*each) for each in draw(st.sets(st.tuples(IDENTIFIERS, IDENTIFIERS), max_size=2))
        ),
    )


algorithms = st.builds(ChosenAlgorithm, TEXTS, OPTIONS, TEXTS, st.booleans())


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Any study, with a uid that was never used."""
    return Study(
        name=StudyName(draw(IDENTIFIERS), draw(IDENTIFIERS)),
        uid=uuid.uuid4().hex,
        spec=draw(specs()),
        algorithm=draw(algorithms),
        create_time=draw(TIMES),
        update_time=draw(TIMES),
        state=draw(st.sampled_from(StudyState)),
        revision=draw(COUNTS),
        earlier_spaces=tuple(draw(st.lists(spaces(), max_size=2))),
    )


measurements = st.builds(Measurement, FINITE, COUNTS, st.none() | st.floats(0, 1e300))


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Of any outcome."""
    outcome = draw(st.sampled_from(Outcome))
    measured = draw(st.dictionaries(NAMES, measurements, max_size=3)) if outcome is Outcome.COMPLETED else {}
    return Observation(outcome, measured, draw(TEXTS))


models = st.builds(ModelInfo, TEXTS, st.integers(0, 2**62), st.integers(0, 2**62))


@st.composite
def trials(draw: st.DrawFn, number: int) -> Trial:
    """Any trial that was not observed yet, its lease ending in the future of 2200."""
    return Trial(
        number=number,
        state=draw(st.sampled_from((TrialState.QUEUED, TrialState.PENDING))),
        parameters=draw(OPTIONS),
        source=draw(st.sampled_from(Source)),
        model=draw(models),
        create_time=draw(TIMES),
        expire_time=draw(TIMES) + timedelta(days=366 * 300),
        context=draw(OPTIONS),
        worker=draw(TEXTS),
        detail=draw(TEXTS),
    )


ARMS = st.integers(0, 2**53)
PROPENSITIES = st.floats(0, 1, exclude_min=True)
WHEN = st.integers(0, 2**53)
TAGS = st.integers(-(2**31), 2**31 - 1)


@st.composite
def decisions(draw: st.DrawFn) -> DecisionObservation:
    """Any decision, of an id that was never used."""
    return DecisionObservation(
        decision=uuid.uuid4().hex,
        arm=draw(ARMS),
        propensity=draw(PROPENSITIES),
        observation=draw(observations()),
        context=draw(OPTIONS),
        issued=draw(WHEN),
        step=draw(WHEN),
        tag=draw(TAGS),
    )


@st.composite
def expectations(draw: st.DrawFn) -> Expectation:
    """Any decision that is expected to be observed, of an id that was never used."""
    return Expectation(
        decision=uuid.uuid4().hex,
        due=draw(st.integers(0, 10**14)),
        arm=draw(ARMS),
        propensity=draw(PROPENSITIES),
        context=draw(OPTIONS),
        issued=draw(WHEN),
        step=draw(WHEN),
        tag=draw(TAGS),
    )
