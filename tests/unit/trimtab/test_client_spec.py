"""Definitions of studies, and how two of them differ."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from trimtab import (
    Categorical,
    ChosenAlgorithm,
    Discrete,
    Float,
    Integer,
    Metric,
    OutcomeConstraint,
    Ratio,
    StudySpec,
    WeightedSum,
)
from trimtab.spec import FOREVER, StudyChange, differences, duration, duration_or_forever, lets_in, plain_patterns

WANTED = StudySpec(
    parameters=[Float("x", 0, 1), Discrete("k", [1, 2])],
    minimize="cost",
    metrics=[Metric("seconds", min=0)],
    context=[Integer("hour", 0, 23)],
    baseline={"x": 0.5, "k": 1},
)
EXISTING = replace(
    WANTED,
    lease=timedelta(hours=1),
    decision_lifetime=timedelta(days=7),
    reward_wait=timedelta(hours=2),
    default_reward=0.5,
    retention=timedelta(days=90),
    disabled_arms=[{"k": 1}, {"x": 0.5, "k": 2}],
    seed=3,
    description="ours",
    labels={"a": "b"},
)
CHOSEN = ChosenAlgorithm("gp", {"restarts": 4, "exact": True}, "auto saw few parameters", decisions=False)


def test_the_objective_is_measured() -> None:
    """The objective's metric needs no declaration of its own."""
    assert [Metric("cost"), Metric("seconds", min=0)] == list(WANTED.metrics)


def test_a_declared_objective_is_not_declared_twice() -> None:
    """Where the objective's metric is described, that is what counts."""
    spec = StudySpec(parameters=[Float("x", 0, 1)], maximize="share", metrics=[Metric("share", max=1)])
    assert (("share", (Metric("share", max=1),))) == (spec.objective, spec.metrics)


@pytest.mark.parametrize("goals", [{}, {"minimize": []}, {"minimize": "a", "maximize": ["b", "a"]}])
def test_there_is_an_objective(goals: dict[str, Any]) -> None:
    """One at least, and none both ways."""
    with pytest.raises(ValueError, match=r"say what to optimize|both ways"):
        StudySpec(parameters=[Float("x", 0, 1)], **goals)


def test_several_objectives_are_told_by_their_goals() -> None:
    """What is minimized first; a list of one is one."""
    spec = StudySpec(parameters=[], minimize=["a"], maximize=("b", "c"), reference_point={"b": 1})
    assert (spec.minimize, spec.objective) == ("a", "a")
    assert list(spec.goals.items()) == [("a", "minimize"), ("b", "maximize"), ("c", "maximize")]
    with pytest.raises(ValueError, match="'d' is not an objective"):
        StudySpec(parameters=[], minimize="a", reference_point={"d": 1.0})


def test_what_is_asked_of_outcomes_declares_its_metrics() -> None:
    """Behind those that are declared, each once."""
    spec = StudySpec(
        parameters=[],
        minimize="a",
        metrics=[Metric("b", min=0)],
        outcome_constraints=[OutcomeConstraint("c", max=1), OutcomeConstraint("b", max=1)],
        cost_metric="c",
    )
    assert [metric.name for metric in spec.metrics] == ["a", "b", "c"]


def test_names_of_other_studies_are_a_list() -> None:
    """A text would be taken for a list of letters."""
    with pytest.raises(TypeError, match="transfer_from must be several names"):
        StudySpec(parameters=[], minimize="a", transfer_from="other")


def test_what_is_left_out_is_no_difference() -> None:
    """Seed, lifetimes and texts that the caller didn't mention are the server's to fill in."""
    assert differences(WANTED, EXISTING, CHOSEN) == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"parameters": [Float("x", 0, 2), Discrete("k", [1, 2])]}, ["parameters['x']"]),
        ({"parameters": [Float("x", 0, 1), Discrete("k", [1.0, 2.0])]}, ["parameters['k']"]),
        ({"parameters": [Float("x", 0, 1)]}, ["parameters['k']"]),
        ({"parameters": [*WANTED.parameters, Categorical("new", ["a"])]}, ["parameters['new']"]),
        ({"minimize": None, "maximize": "cost"}, ["minimize", "maximize"]),
        ({"metrics": [Metric("cost"), Metric("seconds")]}, ["metrics['seconds']"]),
        ({"context": []}, ["context['hour']"]),
        ({"algorithm": "sobol"}, ["algorithm"]),
        ({"algorithm": "gp", "options": {"restarts": 5}}, ["options"]),
        ({"algorithm": "gp", "options": {"unheard": 5}}, ["options"]),
        ({"algorithm": "gp", "options": {"exact": 1}}, ["options"]),
        ({"baseline": {"x": 0.6, "k": 1}}, ["baseline"]),
        ({"lease": timedelta(hours=2)}, ["lease"]),
        ({"reward_wait": timedelta(hours=1), "default_reward": 0.25}, ["reward_wait", "default_reward"]),
        ({"retention": timedelta(days=30)}, ["retention"]),
        ({"disabled_arms": [{"k": 1}]}, ["disabled_arms"]),
        ({"disabled_arms": [{"k": True}, {"x": 0.5, "k": 2}]}, ["disabled_arms"]),
        ({"metrics": [Metric("cost", formula=Ratio("seconds", "units"))]}, ["metrics['cost']", "metrics['seconds']"]),
        ({"metrics": [Metric("cost"), Metric("seconds", min=0, outside_range="clip")]}, ["metrics['seconds']"]),
        ({"seed": 4}, ["seed"]),
        ({"description": "theirs"}, ["description"]),
        ({"labels": {"a": "c"}}, ["labels"]),
    ],
)
def test_every_difference_is_named(change: dict[str, Any], names: list[str]) -> None:
    """Each argument that the caller gave and that differs is named with both values."""
    found = differences(replace(WANTED, **change), EXISTING, CHOSEN)
    assert names == [text.partition(":")[0] for text in found]


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "gp"},
        {"algorithm": "gp", "options": {"restarts": 4}},
        {"baseline": {"x": 0.5, "k": 1.0}},
        {"parameters": list(reversed(WANTED.parameters))},
        {"seed": 3},
        {"disabled_arms": [{"k": 2, "x": 0.5}, {"k": 1.0}]},
        {"retention": FOREVER},
        {"parameters": [Float("x", 0, 1, description="a share"), Discrete("k", [1, 2])]},
        {"metrics": [Metric("cost", description="EUR"), Metric("seconds", min=0)]},
    ],
)
def test_the_same_in_other_words_is_no_difference(change: dict[str, Any]) -> None:
    """Naming what auto chose, a default, an equal number, another order or another description changes nothing."""
    assert differences(replace(WANTED, **change), EXISTING, CHOSEN) == []


def test_a_sum_is_the_same_in_any_order() -> None:
    """Its text decides whether two definitions differ."""
    sums = [WeightedSum({"a": 1, "b": 0.5}), WeightedSum({"b": 0.5, "a": 1.0})]
    assert repr(sums[0]) == repr(sums[1]) == "WeightedSum(weights={'a': 1.0, 'b': 0.5})"


@pytest.mark.parametrize("patterns", [{"k": 1}, "k=1", [{"k": [1]}]])
def test_patterns_are_a_list_of_mappings(patterns: Any) -> None:
    """One alone, forgotten to be put into a list, isn't taken for several."""
    with pytest.raises(TypeError):
        plain_patterns(patterns)


@pytest.mark.parametrize(
    ("patterns", "let_in"),
    [
        ([{"k": 1}], True),
        ([{"k": 1.0, "x": 0.5}], True),
        ([{"k": 2}, {"x": 0.5}], True),
        ([{"k": 2}, {"k": 1, "x": 0.6}], False),
        ([{"k": True}], False),
        ([{"other": 1}], False),
        ([], False),
    ],
)
def test_a_pattern_lets_in_what_has_all_its_values(patterns: list[dict[str, Any]], let_in: bool) -> None:
    """One of several is enough; a truth value isn't a number."""
    assert lets_in(plain_patterns(patterns), {"x": 0.5, "k": 1}) == let_in


@pytest.mark.parametrize("given", [math.inf, FOREVER])
def test_what_is_kept_for_ever_has_no_retention(given: float | timedelta) -> None:
    """Infinity is a number of seconds, too."""
    assert replace(WANTED, retention=duration_or_forever(given)).retention is None
    assert duration_or_forever(60) == timedelta(minutes=1)


def test_options_belong_to_an_algorithm() -> None:
    """Options alone would be read as those of another algorithm."""
    with pytest.raises(ValueError, match="name it as well"):
        StudyChange(options={"restarts": 2})


@pytest.mark.parametrize("given", [90, 90.0, timedelta(minutes=1.5)])
def test_numbers_are_seconds(given: float | timedelta) -> None:
    """A length of time is a timedelta, or a number of seconds."""
    assert timedelta(seconds=90) == duration(given)
