"""The border between what is asked of outcomes and the messages of the contract. Both ways, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trimtab._convert import parameters_from_message, parameters_to_message
from trimtab.outcomes import OutcomeConstraint, Robustness
from trimtab.space import Desire
from trimtab.v1 import study_pb2 as pb_study

_GOALS = {"minimize": pb_study.GOAL_MINIMIZE, "maximize": pb_study.GOAL_MAXIMIZE}


def objectives_to_messages(goals: Mapping[str, str], reference_point: Mapping[str, float]) -> list[pb_study.Objective]:
    """In the order of the goals, which are by metric."""
    return [
        pb_study.Objective(metric=name, goal=_GOALS[goal], reference_point=reference_point.get(name))
        for name, goal in goals.items()
    ]


def objectives_from_messages(messages: Sequence[pb_study.Objective]) -> tuple[list[str], list[str], dict[str, float]]:
    """What is minimized, what is maximized, and the reference points that are given."""
    minimized = [each.metric for each in messages if each.goal == pb_study.GOAL_MINIMIZE]
    maximized = [each.metric for each in messages if each.goal != pb_study.GOAL_MINIMIZE]
    return minimized, maximized, {e.metric: e.reference_point for e in messages if e.HasField("reference_point")}


def desire_to_message(desire: Desire) -> pb_study.Desire:
    """TypeError for anything else."""
    if not isinstance(desire, Desire):
        raise TypeError(f"a desirability is made of Desires, not {desire!r:.80}")
    return pb_study.Desire(
        metric=desire.metric,
        target=desire.target,
        low=desire.low,
        high=desire.high,
        exponent=desire.exponent,
        weight=desire.weight,
    )


def desire_from_message(message: pb_study.Desire) -> Desire:
    """With the defaults of what is unset."""
    return Desire(
        message.metric,
        message.target,
        message.low if message.HasField("low") else None,
        message.high if message.HasField("high") else None,
        message.exponent if message.HasField("exponent") else 1.0,
        message.weight if message.HasField("weight") else 1.0,
    )


def constraint_to_message(constraint: OutcomeConstraint) -> pb_study.OutcomeConstraint:
    """TypeError for anything else."""
    if not isinstance(constraint, OutcomeConstraint):
        raise TypeError(f"an outcome constraint is needed, not {constraint!r:.80}")
    return pb_study.OutcomeConstraint(
        metric=constraint.metric,
        min=constraint.min,
        max=constraint.max,
        relative_to_baseline=constraint.relative_to_baseline,
    )


def constraint_from_message(message: pb_study.OutcomeConstraint) -> OutcomeConstraint:
    """One outcome constraint."""
    return OutcomeConstraint(
        message.metric,
        message.min if message.HasField("min") else None,
        message.max if message.HasField("max") else None,
        message.relative_to_baseline,
    )


def robustness_to_message(robustness: Robustness) -> pb_study.Robustness:
    """In which conditions a point must be good."""
    return pb_study.Robustness(
        conditions=map(parameters_to_message, robustness.conditions),
        weights=robustness.weights,
        worst_share=robustness.worst_share,
    )


def robustness_from_message(message: pb_study.Robustness) -> Robustness:
    """With the defaults of what is unset."""
    return Robustness(
        [parameters_from_message(each) for each in message.conditions],
        message.weights,
        message.worst_share if message.HasField("worst_share") else 1.0,
    )
