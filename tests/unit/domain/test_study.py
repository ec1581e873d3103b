"""Studies: names, what may be declared, and which observations fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective, OutsideRange, Ratio, WeightedSum
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness
from trimtab_service.domain.space import Categorical, Integer, SearchSpace
from trimtab_service.domain.study import (
    IDENTIFIER,
    ChosenAlgorithm,
    Study,
    StudyName,
    StudySpec,
    TrialName,
    check_identifier,
)

SPEC = StudySpec(
    space=SearchSpace((Integer("size", 1, 9),)),
    metrics=(Metric("latency", min=0.0), Metric("hit", MetricKind.BINARY), Metric("load", max=1.0)),
    objectives=(Objective("latency", Goal.MINIMIZE),),
    context=(Categorical("tier", ("free", "paid")),),
)

METRICS = (*SPEC.metrics, *(Metric(f"m{number}") for number in range(18)))
ROBUSTNESS = Robustness(({"tier": "free"}, {"tier": "paid"}))

IDENTIFIERS = st.from_regex(IDENTIFIER, fullmatch=True)


def refused(build: Callable[[], Any]) -> str:
    """The field at fault."""
    with pytest.raises(InvalidArgument) as caught:
        build()
    (violation,) = caught.value.violations
    assert violation.description
    return violation.field


@given(IDENTIFIERS, IDENTIFIERS, st.integers(1, 10**18 - 1))
def test_a_name_that_is_written_can_be_read(namespace: str, study: str, number: int) -> None:
    """Of a study and of a trial."""
    name = TrialName(StudyName(namespace, study), number)
    assert StudyName.parse(str(name.study)) == name.study
    assert TrialName.parse(str(name)) == name


@given(st.text())
def test_any_text_is_a_name_or_refused(text: str) -> None:
    """No other error comes out."""
    for parse in (StudyName.parse, TrialName.parse):
        assert refused(lambda parse=parse: parse(text)) == ""  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        "namespaces/n/studies/",
        "namespaces//studies/s",
        "namespaces/N/studies/s",
        "namespaces/n/studies/s-",
        "namespaces/n/studies/-s",
        "namespaces/n/studies/1s",
        "namespaces/n/studies/s\n",
        "namespaces/n/studies/s/",
        "namespaces/n/studies/s/trials/1",
        f"namespaces/n/studies/{'s' * 64}",
        "studies/s",
    ],
)
def test_a_text_that_looks_like_a_study_name_is_refused(text: str) -> None:
    """Empty parts, capital letters, and what is too much."""
    assert refused(lambda: StudyName.parse(text)) == ""


@pytest.mark.parametrize("number", ["0", "01", "-1", "1.0", "", "x", "1" * 19, "1/", "٣"])
def test_a_trial_is_numbered_from_one(number: str) -> None:
    """In decimal digits, without anything before or after."""
    assert refused(lambda: TrialName.parse(f"namespaces/n/studies/s/trials/{number}")) == ""


def test_a_trial_of_a_study_with_a_bad_name_is_refused() -> None:
    """The message shows the form of a trial's name."""
    assert refused(lambda: TrialName.parse("namespaces/N/studies/s/trials/1")) == ""


def test_the_longest_identifier_has_63_characters() -> None:
    """As in DNS labels."""
    assert check_identifier("s" * 63) == "s" * 63
    assert refused(lambda: check_identifier("s" * 64)) == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metrics": ()}, "metrics"),
        ({"metrics": tuple(Metric(f"m{number}") for number in range(51))}, "metrics"),
        ({"metrics": (Metric("latency"), Metric("latency"))}, "metrics[1].name"),
        ({"objectives": ()}, "objectives"),
        ({"objectives": SPEC.objectives * 2}, "objectives[1].metric"),
        ({"objectives": (Objective("cost", Goal.MINIMIZE),)}, "objectives[0].metric"),
        ({"context": (Integer("hour", 0, 23), Integer("hour", 0, 23))}, "context[1].name"),
        ({"context": (Integer("size", 1, 9),)}, "context[0].name"),
        ({"context": tuple(Integer(f"c{number}", 0, 1) for number in range(101))}, "context"),
        ({"baseline": {"size": 0}}, 'baseline.values["size"]'),
        ({"baseline": {}}, 'baseline.values["size"]'),
        ({"lease": timedelta(seconds=0.999)}, "lease"),
        ({"lease": timedelta(days=366, microseconds=1)}, "lease"),
        ({"decision_lifetime": timedelta(0)}, "decision_lifetime"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"description": "é" * 2_049}, "description"),
        ({"labels": {"two words": ""}}, "labels"),
        ({"labels": {"team": "x" * 257}}, 'labels["team"]'),
        ({"labels": {f"l{number}": "" for number in range(65)}}, "labels"),
        ({"metrics": (Metric("latency", formula=Ratio("hit", "load")),)}, "metrics[0].ratio.numerator"),
        ({"reward_wait": timedelta(hours=1)}, "default_reward"),
        ({"default_reward": 0.0}, "reward_wait"),
        ({"reward_wait": timedelta(seconds=0.5), "default_reward": 0.0}, "reward_wait"),
        ({"reward_wait": timedelta(days=8), "default_reward": 0.0}, "reward_wait"),
        ({"reward_wait": timedelta(hours=1), "default_reward": math.nan}, "default_reward"),
        ({"reward_wait": timedelta(hours=1), "default_reward": -1.0}, "default_reward"),
        ({"retention": timedelta(days=6)}, "retention"),
        ({"retention": timedelta(days=3_661)}, "retention"),
        ({"outcome_constraints": (OutcomeConstraint("cost", max=1.0),)}, "outcome_constraints[0].metric"),
        ({"outcome_constraints": (OutcomeConstraint("load", max=1.0),) * 2}, "outcome_constraints[1].metric"),
        (
            {"metrics": METRICS, "outcome_constraints": tuple(OutcomeConstraint(one.name, 0.0) for one in METRICS)},
            "outcome_constraints",
        ),
        (
            {"outcome_constraints": (OutcomeConstraint("load", max=1.05, relative=True),)},
            "outcome_constraints[0].relative_to_baseline",
        ),
        ({"outcome_constraints": (OutcomeConstraint("latency", max=-1.0),)}, "outcome_constraints[0].max"),
        ({"outcome_constraints": (OutcomeConstraint("load", min=1.5),)}, "outcome_constraints[0].min"),
        ({"cost_metric": "price"}, "cost_metric"),
        ({"cost_metric": "latency"}, "cost_metric"),
        ({"metrics": (*SPEC.metrics, Metric("debt", max=0.0)), "cost_metric": "debt"}, "cost_metric"),
        ({"half_life": timedelta(seconds=0.5)}, "half_life"),
        ({"half_life": timedelta(days=3_661)}, "half_life"),
        ({"context": (), "robustness": ROBUSTNESS}, "robustness"),
        ({"robustness": Robustness(({"tier": "free"}, {}))}, 'robustness.conditions[1].values["tier"]'),
        ({"transfer_from": (StudyName("n", "s"),) * 2}, "transfer_from[1]"),
        ({"transfer_from": tuple(StudyName("n", f"s{number}") for number in range(11))}, "transfer_from"),
        ({"disabled_arms": ({"size": 1}, {})}, "disabled_arms[1].values"),
        ({"disabled_arms": ({"size": 0},)}, 'disabled_arms[0].values["size"]'),
        ({"disabled_arms": ({"width": 1},)}, 'disabled_arms[0].values["width"]'),
        ({"disabled_arms": ({"size": 1},) * 1_001}, "disabled_arms"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(change: dict[str, Any], field: str) -> None:
    """By the path of the field at fault."""
    assert refused(lambda: replace(SPEC, **change)) == field


def test_a_baseline_is_stored_as_it_is_meant() -> None:
    """Checked like any other point: 3.0 means 3."""
    baseline = replace(SPEC, baseline={"size": 3.0}).baseline
    assert baseline is not None
    assert type(baseline["size"]) is int


def test_the_objective_knows_its_metric() -> None:
    """Wherever the metric stands in the list."""
    spec = replace(SPEC, objectives=(Objective("load", Goal.MAXIMIZE),))
    assert (spec.objective.metric, spec.objective_metric) == ("load", SPEC.metrics[2])


def test_what_a_bandit_may_be_told_is_taken_up_to_its_bounds() -> None:
    """A default as late as a decision lives, and everything kept ten years."""
    week = SPEC.decision_lifetime
    spec = replace(SPEC, reward_wait=week, default_reward=0.0, retention=timedelta(days=3_660))
    assert replace(spec, retention=week, reward_wait=timedelta(seconds=1)).default_reward == 0.0


def test_a_default_reward_beyond_the_range_is_clipped_where_it_is_declared() -> None:
    """It counts like any other value of the metric."""
    metrics = (Metric("latency", min=0.0, outside=OutsideRange.CLIP),)
    spec = replace(SPEC, metrics=metrics, reward_wait=timedelta(hours=1), default_reward=-5.0)
    assert (spec.default_reward, spec.counted_default) == (-5.0, 0.0)
    assert SPEC.counted_default is None


def test_a_pattern_is_stored_as_it_is_meant() -> None:
    """3.0 means 3, or it would match no arm; and it need not name every parameter."""
    wide = SearchSpace((*SPEC.space.parameters, Categorical("mode", ("a", "b"))))
    (pattern,) = replace(SPEC, space=wide, disabled_arms=({"size": 3.0},)).disabled_arms
    assert pattern == {"size": 3}
    assert type(pattern["size"]) is int
    assert refused(lambda: SPEC.check_patterns([{"size": 1}, {"size": "big"}], "allowed")) == (
        'allowed[1].values["size"]'
    )


def test_the_objective_is_measured_or_computed() -> None:
    """By its formula, clipped where it is declared; what there is in the log stays as it came."""
    score = Metric("score", max=6.0, formula=WeightedSum({"latency": 2.0, "load": 1.0}), outside=OutsideRange.CLIP)
    spec = replace(SPEC, metrics=(*SPEC.metrics, score), objectives=(Objective("score", Goal.MINIMIZE),))
    observation = Observation(Outcome.COMPLETED, {"latency": Measurement(4.0, 2), "load": Measurement(0.5, 2)})
    spec.check_observation(observation)
    assert spec.reward(observation) == Measurement(6.0, 2)
    assert SPEC.reward(observation) == observation.measurements["latency"]
    assert refused(lambda: spec.check_observation(Observation(Outcome.COMPLETED))) == 'measurements["latency"]'


@pytest.mark.parametrize(
    ("values", "field"),
    [({}, 'values["tier"]'), ({"tier": "gold"}, 'values["tier"]'), ({"tier": "free", "hour": 1}, 'values["hour"]')],
)
def test_a_context_that_does_not_fit_is_refused(values: dict[str, Any], field: str) -> None:
    """Missing, not one of the values, not declared."""
    assert refused(lambda: SPEC.check_context(values)) == field


def test_a_context_that_fits_is_taken() -> None:
    """As it is."""
    assert SPEC.check_context({"tier": "paid"}) == {"tier": "paid"}


@pytest.mark.parametrize(
    ("measurements", "field"),
    [
        ({}, 'measurements["latency"]'),
        ({"load": Measurement(0.5)}, 'measurements["latency"]'),
        ({"latency": Measurement(1.0), "cost": Measurement(1.0)}, 'measurements["cost"]'),
        ({"latency": Measurement(-0.1)}, 'measurements["latency"].mean'),
        ({"latency": Measurement(1.0), "load": Measurement(1.1)}, 'measurements["load"].mean'),
        ({"latency": Measurement(1.0), "hit": Measurement(0.5)}, 'measurements["hit"].mean'),
        ({"latency": Measurement(1.0), "hit": Measurement(1.5, 10)}, 'measurements["hit"].mean'),
        ({"latency": Measurement(1.0), "x" * 200: Measurement(1.0)}, f'measurements["{"x" * 130}"]'),
    ],
)
def test_an_observation_that_does_not_fit_is_refused(measurements: dict[str, Measurement], field: str) -> None:
    """A missing objective, an undeclared metric, a value out of range, half a click."""
    assert refused(lambda: SPEC.check_observation(Observation(Outcome.COMPLETED, measurements))) == field


WIDE = replace(
    SPEC,
    objectives=(Objective("latency", Goal.MINIMIZE), Objective("hit", Goal.MAXIMIZE)),
    metrics=(*SPEC.metrics, Metric("seconds"), Metric("share", formula=Ratio("latency", "seconds"))),
    outcome_constraints=(OutcomeConstraint("share", max=0.5), OutcomeConstraint("load", max=0.9)),
    cost_metric="seconds",
)
ENOUGH = {name: Measurement(1.0) for name in ("latency", "hit", "load", "seconds")}


@pytest.mark.parametrize("missing", list(ENOUGH))
def test_everything_that_is_looked_at_must_be_told(missing: str) -> None:
    """Every objective, what the constraints need, and the cost."""
    WIDE.check_observation(Observation(Outcome.COMPLETED, ENOUGH))
    WIDE.check_observation(Observation(Outcome.FAILED))
    told = {name: value for name, value in ENOUGH.items() if name != missing}
    assert refused(lambda: WIDE.check_observation(Observation(Outcome.COMPLETED, told))) == f'measurements["{missing}"]'


@pytest.mark.parametrize("cost", [0.0, -1.0])
def test_a_trial_costs_something(cost: float) -> None:
    """More than nothing: gains are divided by it."""
    measured = {**ENOUGH, "load": Measurement(0.0), "seconds": Measurement(cost)}
    spec = replace(WIDE, outcome_constraints=())
    assert refused(lambda: spec.check_observation(Observation(Outcome.COMPLETED, measured))) == (
        'measurements["seconds"].mean'
    )


def test_what_is_looked_at_comes_in_order() -> None:
    """Objectives, constraints, cost; each once."""
    assert list(WIDE.needed) == ["latency", "hit", "share", "load", "seconds"]
    assert list(replace(WIDE, outcome_constraints=(OutcomeConstraint("hit", min=0.5),)).needed) == [
        *("latency", "hit", "seconds")
    ]


@pytest.mark.parametrize(
    "observation",
    [
        Observation(Outcome.COMPLETED, {"latency": Measurement(0.0)}),
        Observation(Outcome.COMPLETED, {"latency": Measurement(1.0), "hit": Measurement(1.0)}),
        Observation(Outcome.COMPLETED, {"latency": Measurement(1.0), "hit": Measurement(0.5, 2)}),
        Observation(Outcome.FAILED, reason="diverged"),
        Observation(Outcome.ABANDONED),
    ],
    ids=repr,
)
def test_an_observation_that_fits_is_taken(observation: Observation) -> None:
    """Without metrics that aren't objectives; with a mean of several clicks; without anything when it failed."""
    SPEC.check_observation(observation)


def study(**change: Any) -> Study:
    """A stored study."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    known: dict[str, Any] = {
        "name": StudyName("n", "s"),
        "uid": "0123456789abcdef" * 2,
        "spec": SPEC,
        "algorithm": ChosenAlgorithm("random", {}, "asked for", decisions=False),
        "create_time": now,
        "update_time": now,
    }
    return Study(**{**known, **change})


def test_the_etag_changes_with_the_revision_and_with_the_study() -> None:
    """A study of the same name that was made later has another one."""
    assert len({study().etag, study(revision=2).etag, study(uid="f" * 32).etag}) == 3


def test_a_study_without_a_seed_was_never_created() -> None:
    """The seed is drawn before a study is stored; its absence is a mistake in the program."""
    assert study(spec=replace(SPEC, seed=7)).seed == 7
    with pytest.raises(ValueError, match="namespaces/n/studies/s was never given a seed"):
        _ = study().seed


def test_a_baseline_cannot_be_disabled() -> None:
    """Clients fall back to it."""
    spec = replace(SPEC, baseline={"size": 5})
    with pytest.raises(InvalidArgument, match=r"^disabled_arms\[0\]: .*baseline"):
        replace(spec, disabled_arms=({"size": 5},))
    assert replace(spec, disabled_arms=({"size": 4},)).disabled_arms == ({"size": 4},)
