"""What defines a study, as callers say it and as the server says it back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any

from trimtab.space import Metric, Parameter, ParameterValue, ValueLike, plain_number, plain_value

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
    minimize, maximize: the metric that is the objective; exactly one of them.
    metrics: what is measured, where there is more to say of it than its name
        or more than the objective; the objective is added if it isn't there.
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
    disabled_arms: what a bandit study doesn't suggest: each entry gives values
        for some of the parameters, and takes out every point that has them all.
    seed: of every random draw; None: drawn when the study is created.
    description: for people. labels: for programs that sort studies.
    """

    parameters: Sequence[Parameter]
    minimize: str | None = None
    maximize: str | None = None
    metrics: Sequence[Metric] = ()
    context: Sequence[Parameter] = ()
    algorithm: str = "auto"
    options: Mapping[str, ValueLike] = field(default_factory=dict)
    baseline: Mapping[str, ValueLike] | None = None
    lease: timedelta | None = None
    decision_lifetime: timedelta | None = None
    reward_wait: timedelta | None = None
    default_reward: float | None = None
    retention: timedelta | None = None
    disabled_arms: Sequence[Mapping[str, ValueLike]] = ()
    seed: int | None = None
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.minimize is None) == (self.maximize is None):
            raise ValueError("say what to optimize: either minimize=METRIC or maximize=METRIC")
        metrics = tuple(self.metrics)
        if all(metric.name != self.objective for metric in metrics):
            metrics = (Metric(self.objective), *metrics)
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "context", tuple(self.context))
        object.__setattr__(self, "options", {name: plain_value(value) for name, value in self.options.items()})
        if self.baseline is not None:
            object.__setattr__(self, "baseline", {name: plain_value(value) for name, value in self.baseline.items()})
        if self.default_reward is not None:
            object.__setattr__(self, "default_reward", plain_number(self.default_reward))
        if self.retention == FOREVER:
            object.__setattr__(self, "retention", None)
        object.__setattr__(self, "disabled_arms", plain_patterns(self.disabled_arms))

    @property
    def objective(self) -> str:
        """The name of the metric that is optimized."""
        return self.minimize if self.minimize is not None else self.maximize or ""


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

    def __post_init__(self) -> None:
        if self.options is not None and self.algorithm is None:
            raise ValueError("options belong to an algorithm: name it as well")
        if self.disabled_arms is not None:
            object.__setattr__(self, "disabled_arms", plain_patterns(self.disabled_arms))


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
        if there != here:
            yield name, there, here
    for name in ("parameters", "context", "metrics"):
        yield from _declared_pairs(name, getattr(existing, name), getattr(wanted, name))
    if wanted.algorithm not in (existing.algorithm, algorithm.name):
        yield "algorithm", existing.algorithm, wanted.algorithm
    in_force = {name: algorithm.options.get(name) for name in wanted.options}
    if not same(in_force, dict(wanted.options)):
        yield "options", in_force, wanted.options
    unset = {each.name: each.default for each in fields(StudySpec)} | {"labels": {}}
    for name in (
        *("baseline", "lease", "decision_lifetime", "reward_wait", "default_reward", "retention", "disabled_arms"),
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
