"""What defines a study, as callers say it and as the server says it back."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

from trimtab._plain import ParameterValue, ValueLike, at, plain_number, plain_value, plain_values, set_numbers
from trimtab.laws import LinearConstraint, Simplex
from trimtab.outcomes import OutcomeConstraint, Robustness
from trimtab.space import Metric, Parameter

FOREVER = timedelta.max  # of a retention


class StudyState(StrEnum):
    """Whether a study hands out suggestions."""

    ACTIVE = "active"
    """Suggests and observes."""
    STOPPED = "stopped"
    """Refuses suggest; still takes observations."""
    UNKNOWN = "unknown"
    """A newer server said something that this client doesn't know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """Everything that defines a study; what is left out is left to the server.

    parameters: the search space, in the order in which it is shown.
    linear_constraints: what parameters must have together, in every point.
    simplexes: mixtures: parameters that add up to a total.
    minimize, maximize: the metric that is the objective; or several, up to 4
        in all, for which the best trades are looked for (the Pareto front).
    reference_point: with several objectives, the worst values of interest, by
        metric; what is left out is judged from what was observed.
    metrics: what is measured, where there is more to say of it than its name;
        objectives, constrained metrics and the cost are added if they aren't
        there.
    outcome_constraints: which outcomes are acceptable.
    cost_metric: what a trial costs (seconds, money): trials are then chosen by
        what is gained per unit of it. None: all cost the same.
    context: values that every suggest must give, declared like parameters.
    algorithm: "auto" looks at the study and chooses.
    options: of the algorithm, by name.
    baseline: the parameters in use before tuning: always a legal answer, the
        first trial, and what a client falls back to.
    lease: how long a trial may stay pending; None: 1 hour.
    decision_lifetime: how long a decision of a bandit study may be observed;
        None: 7 days.
    reward_wait, default_reward: how long after its suggest a decision that
        nobody observed counts as default_reward; an observation that comes
        later takes its place. None: it teaches nothing.
    retention: how long observations of a bandit study are kept after they
        were learned from; None: for ever.
    half_life: the age at which an observation of a trial study weighs half of
        a new one; None: age doesn't count.
    robustness: be good in all of these conditions; suggest then takes no
        context, and says in which one to measure.
    transfer_from: other studies whose trials may tell where to look; ids in
        the client's namespace, or full names.
    disabled_arms: what a bandit study doesn't suggest: each entry gives values
        for some of the parameters, and takes out every point that has them all.
    seed: of every random draw; None: drawn when the study is created.
    description: for people. labels: for programs that sort studies.
    """

    parameters: Sequence[Parameter]
    linear_constraints: Sequence[LinearConstraint] = ()
    simplexes: Sequence[Simplex] = ()
    minimize: str | Sequence[str] | None = None
    maximize: str | Sequence[str] | None = None
    reference_point: Mapping[str, float] = field(default_factory=dict)
    metrics: Sequence[Metric] = ()
    outcome_constraints: Sequence[OutcomeConstraint] = ()
    cost_metric: str | None = None
    context: Sequence[Parameter] = ()
    algorithm: str = "auto"
    options: Mapping[str, ValueLike] = field(default_factory=dict)
    baseline: Mapping[str, ValueLike] | None = None
    lease: timedelta | None = None
    decision_lifetime: timedelta | None = None
    reward_wait: timedelta | None = None
    default_reward: float | None = None
    retention: timedelta | None = None
    half_life: timedelta | None = None
    robustness: Robustness | None = None
    transfer_from: Sequence[str] = ()
    disabled_arms: Sequence[Mapping[str, ValueLike]] = ()
    seed: int | None = None
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("minimize", "maximize"):
            object.__setattr__(self, name, _one_or_several(getattr(self, name)))
        if both := set(_names(self.minimize)) & set(_names(self.maximize)):
            raise ValueError(f"{min(both)!r} can't go both ways")
        if not self.goals:
            raise ValueError("say what to optimize: minimize=METRIC or maximize=METRIC")
        object.__setattr__(self, "reference_point", plain_reference_point(self.reference_point, self.goals))
        object.__setattr__(self, "outcome_constraints", tuple(self.outcome_constraints))
        object.__setattr__(self, "metrics", self._all_metrics())
        if isinstance(self.transfer_from, str):
            raise TypeError(f"transfer_from must be several names, in a list, not {self.transfer_from!r:.80}")
        object.__setattr__(self, "transfer_from", tuple(self.transfer_from))
        for name in ("parameters", "linear_constraints", "simplexes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "context", tuple(self.context))
        object.__setattr__(self, "options", plain_values(self.options, "options"))
        if self.baseline is not None:
            object.__setattr__(self, "baseline", plain_values(self.baseline, "baseline"))
        set_numbers(self, "default_reward", or_none=True)
        if self.retention == FOREVER:
            object.__setattr__(self, "retention", None)
        object.__setattr__(self, "disabled_arms", plain_patterns(self.disabled_arms))

    def _all_metrics(self) -> tuple[Metric, ...]:
        declared = {metric.name for metric in self.metrics}
        others = [each.metric for each in self.outcome_constraints if isinstance(each, OutcomeConstraint)]
        others += [] if self.cost_metric is None else [self.cost_metric]
        first = [name for name in self.goals if name not in declared]
        last = [name for name in dict.fromkeys(others) if name not in declared and name not in self.goals]
        return (*map(Metric, first), *self.metrics, *map(Metric, last))

    @property
    def goals(self) -> Mapping[str, Literal["minimize", "maximize"]]:
        """The metrics that are optimized, and which way; what is minimized first."""
        goals: dict[str, Literal["minimize", "maximize"]] = {}
        goals.update(dict.fromkeys(_names(self.minimize), "minimize"))
        goals.update(dict.fromkeys(_names(self.maximize), "maximize"))
        return goals

    @property
    def objective(self) -> str:
        """The name of the metric that is optimized; of several, the first."""
        return next(iter(self.goals))


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _one_or_several(given: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    names = _names(given)
    return names if len(names) > 1 else (names[0] if names else None)


@dataclass(frozen=True, slots=True)
class ChosenAlgorithm:
    """What runs a study: never "auto".

    options: every option with the value in force.
    reason: why it was chosen, in a sentence.
    decisions: whether suggestions are decisions, whose id is the record,
        rather than stored trials.
    """

    name: str
    options: Mapping[str, ParameterValue]
    reason: str
    decisions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChange:
    """What is to be changed of a study; what is None stays as it is."""

    state: StudyState | None = None
    description: str | None = None
    labels: Mapping[str, str] | None = None
    algorithm: str | None = None
    options: Mapping[str, ValueLike] | None = None
    baseline: Mapping[str, ValueLike] | None = None
    lease: timedelta | None = None
    decision_lifetime: timedelta | None = None
    parameters: Sequence[Parameter] | None = None
    retention: timedelta | None = None
    disabled_arms: Sequence[Mapping[str, ValueLike]] | None = None
    outcome_constraints: Sequence[OutcomeConstraint] | None = None
    half_life: timedelta | None = None
    reference_point: Mapping[str, float] | None = None
    transfer_from: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.options is not None and self.algorithm is None:
            raise ValueError("options belong to an algorithm: name it as well")
        if self.disabled_arms is not None:
            object.__setattr__(self, "disabled_arms", plain_patterns(self.disabled_arms))


def plain_reference_point(given: Mapping[str, float], objectives: Container[str]) -> dict[str, float]:
    """Numbers by metric; ValueError for one that is no objective."""
    for name in sorted(given):
        if name not in objectives:
            raise ValueError(f"reference_point: {name!r} is not an objective")
    with at("reference_point"):
        return {name: plain_number(value) for name, value in given.items()}


def duration(value: timedelta | float) -> timedelta:
    """A length of time; numbers are seconds."""
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def duration_or_forever(value: timedelta | float) -> timedelta:
    """The same, with math.inf for ever."""
    return FOREVER if value == math.inf else duration(value)


def plain_patterns(patterns: Sequence[Mapping[str, ValueLike]]) -> tuple[Mapping[str, ParameterValue], ...]:
    """Values of some parameters each, as Python's own; TypeError for anything but a sequence of mappings."""
    if isinstance(patterns, Mapping | str):
        raise TypeError(f"several mappings of names to values are needed, in a list, not {patterns!r:.80}")
    return tuple({name: plain_value(value) for name, value in pattern.items()} for pattern in patterns)


def lets_in(patterns: Sequence[Mapping[str, ParameterValue]], point: Mapping[str, ParameterValue]) -> bool:
    """Whether a point has all the values of one of the patterns."""
    return any(all(same(point.get(name), value) for name, value in pattern.items()) for pattern in patterns)


def differences(wanted: StudySpec, existing: StudySpec, algorithm: ChosenAlgorithm) -> list[str]:
    """Which arguments of create_study differ, in words; what was left out doesn't,
    nor do the descriptions of parameters and metrics.

    algorithm: what runs the existing study. Asking by name for what "auto"
        chose there, or for an option's default, is no difference.
    """
    return [
        f"{name}: {there if there is not None else 'nothing'} there, "
        f"{here if here is not None else 'nothing'} asked for"
        for name, there, here in _pairs(wanted, existing, algorithm)
    ]


def _pairs(wanted: StudySpec, existing: StudySpec, algorithm: ChosenAlgorithm) -> Iterator[tuple[str, Any, Any]]:
    for name in ("minimize", "maximize"):
        there, here = getattr(existing, name), getattr(wanted, name)
        if set(_names(there)) != set(_names(here)):
            yield name, there, here
    for name in ("parameters", "context", "metrics"):
        yield from _declared_pairs(name, getattr(existing, name), getattr(wanted, name))
    if wanted.algorithm not in (existing.algorithm, algorithm.name):
        yield "algorithm", existing.algorithm, wanted.algorithm
    in_force = {name: algorithm.options.get(name) for name in wanted.options}
    if not same(in_force, dict(wanted.options)):
        yield "options", in_force, wanted.options
    unset = {each.name: each.default for each in fields(StudySpec)} | {"labels": {}, "reference_point": {}}
    for name in (
        *("baseline", "lease", "decision_lifetime", "reward_wait", "default_reward", "retention", "disabled_arms"),
        *("reference_point", "outcome_constraints", "cost_metric", "half_life", "robustness", "transfer_from"),
        *("linear_constraints", "simplexes"),
        *("seed", "description", "labels"),
    ):
        there, here = getattr(existing, name), getattr(wanted, name)
        if here != unset[name] and not same(there, here):
            yield name, there, here


def _declared_pairs(
    name: str, existing: Sequence[Parameter | Metric], wanted: Sequence[Parameter | Metric]
) -> Iterator[tuple[str, Any, Any]]:
    """What is declared under one name but otherwise, or on one side only; the order says nothing."""
    there = {each.name: each for each in existing}
    here = {each.name: each for each in wanted}
    for key in {**there, **here}:
        # By their text: Discrete("k", [1, 2]) and Discrete("k", [1.0, 2.0]) are
        # equal but not the same; and it leaves descriptions out.
        if repr(there.get(key)) != repr(here.get(key)):
            yield f"{name}[{key!r}]", there.get(key), here.get(key)


def same(left: object, right: object) -> bool:
    """Equality that keeps truth values and numbers apart, inside of mappings and tuples too.

    Of tuples the order says nothing.
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, tuple) and isinstance(right, tuple):
        return all(any(same(one, other) for other in right) for one in left) and all(
            any(same(one, other) for other in left) for one in right
        )
    return isinstance(left, bool) == isinstance(right, bool) and left == right
