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
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Categorical, Integer, SearchSpace
from trimtab_service.domain.study import (
    IDENTIFIER,
    ChosenAlgorithm,
    Goal,
    Metric,
    MetricKind,
    Objective,
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
        ({"objectives": SPEC.objectives * 2}, "objectives"),
        ({"objectives": (Objective("cost", Goal.MINIMIZE),)}, "objectives[0].metric"),
        ({"context": (Integer("hour", 0, 23), Integer("hour", 0, 23))}, "context[1].name"),
        ({"context": (Integer("size", 1, 9),)}, "context[0].name"),
        ({"context": tuple(Integer(f"c{number}", 0, 1) for number in range(51))}, "context"),
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


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"min": math.nan}, "min"),
        ({"max": math.inf}, "max"),
        ({"min": 1.0, "max": 1.0}, "max"),
        ({"kind": MetricKind.BINARY, "min": -1.0}, "kind"),
        ({"kind": MetricKind.BINARY, "max": 2.0}, "kind"),
        ({"description": "x" * 1_025}, "description"),
    ],
)
def test_a_metric_that_makes_no_sense_is_refused(given_: dict[str, Any], field: str) -> None:
    """By the field at fault."""
    assert refused(lambda: Metric(**{"name": "m", **given_})) == field


def test_a_binary_metric_lies_between_0_and_1() -> None:
    """Said or unsaid."""
    metric = Metric("hit", MetricKind.BINARY)
    assert (metric.min, metric.max) == (0.0, 1.0)
    assert Metric("hit", MetricKind.BINARY, 0.0, 1.0) == metric


def test_the_sign_turns_every_objective_into_a_cost() -> None:
    """Smaller is better after multiplication."""
    assert {goal: Objective("m", goal).sign for goal in Goal} == {Goal.MINIMIZE: 1.0, Goal.MAXIMIZE: -1.0}


def test_the_objective_knows_its_metric() -> None:
    """Wherever the metric stands in the list."""
    spec = replace(SPEC, objectives=(Objective("load", Goal.MAXIMIZE),))
    assert (spec.objective.metric, spec.objective_metric) == ("load", SPEC.metrics[2])


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
