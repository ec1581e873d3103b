"""Whether two points are as good as one: what becomes of points that were computed while others were stored."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trimtab_service.domain.parameter import Scale
from trimtab_service.domain.space import Float, Integer, Parameter, Parameters, ParameterValue, SearchSpace
from trimtab_service.domain.suggestion import Suggested, Trial

NEAR = 0.05
"""Of the width of a scale. A model's guess of the best point moves by less than this from one observation to
the next, as a rule; what lies farther away is another idea."""


def is_new(space: SearchSpace, point: Parameters, others: Sequence[Parameters]) -> bool:
    """Whether the point differs from each of the others in a listed value, or in a number by ``NEAR``."""
    return all(_differ(space, point, other) for other in others)


def is_new_beside(space: SearchSpace, point: Suggested, trials: Sequence[Trial]) -> bool:
    """Whether it is new beside the trials; those in another condition than the point says don't count."""
    return is_new(space, point.parameters, [trial.parameters for trial in trials if _may_be(point, trial)])


def is_one_of(point: Suggested, trials: Sequence[Trial]) -> bool:
    """Whether a trial has the very same parameters, in the condition that the point says, if it says one."""
    return any(trial.parameters == point.parameters and _may_be(point, trial) for trial in trials)


def is_again(trial: Trial, others: Sequence[Trial]) -> bool:
    """Whether one of the others has the very same parameters and context."""
    return any(trial.parameters == other.parameters and trial.context == other.context for other in others)


def _may_be(point: Suggested, trial: Trial) -> bool:
    return point.context is None or trial.context == point.context


def _differ(space: SearchSpace, one: Parameters, other: Parameters) -> bool:
    return any(_apart(parameter, one.get(parameter.name), other.get(parameter.name)) for parameter in space.parameters)


def _apart(parameter: Parameter, one: ParameterValue | None, other: ParameterValue | None) -> bool:
    if one is None or other is None or not isinstance(parameter, Float | Integer):
        return one != other
    low, high = _placed(parameter, parameter.min), _placed(parameter, parameter.max)
    return abs(_placed(parameter, float(one)) - _placed(parameter, float(other))) > NEAR * (high - low)


def _placed(parameter: Float | Integer, value: float) -> float:
    """The value on the parameter's scale."""
    if parameter.scale is Scale.LOG:
        return math.log(value)
    if parameter.scale is Scale.LOGIT:
        return math.log(value / (1.0 - value))
    return value
