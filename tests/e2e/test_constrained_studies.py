"""Constraints, several objectives, costs: what is refused, and what comes of it, against a real server."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

import serving
import trimtab
from serving import RunningServer
from trimtab import Desirability, Desire, Float, Integer, InvalidArgumentError, Metric, OutcomeConstraint, Robustness
from trimtab.v1 import study_pb2

Spec = study_pb2.StudySpec
MINIMIZE = study_pb2.GOAL_MINIMIZE


def with_fields(**fields: Any) -> Callable[[Spec], None]:
    """A study that measures y and z, and has these fields besides."""

    def change(spec: Spec) -> None:
        spec.metrics.add(name="z")
        spec.MergeFrom(Spec(**fields))

    return change


def bounded(**bound: Any) -> Callable[[Spec], None]:
    """A study with one outcome constraint."""
    return with_fields(outcome_constraints=[study_pb2.OutcomeConstraint(**{"metric": "z", **bound})])


def bandit(**fields: Any) -> Callable[[Spec], None]:
    """A study of four arms with these fields."""

    def change(spec: Spec) -> None:
        spec.CopyFrom(serving.arms_spec(arms=4))
        with_fields(**fields)(spec)

    return change


def robust(**fields: Any) -> Callable[[Spec], None]:
    """A study that must be good in two of the day's hours, but for these fields."""

    def change(spec: Spec) -> None:
        spec.context.add(name="hour").integer_range.max = 23
        conditions = [serving.parameters(hour=3), serving.parameters(hour=9)]
        spec.robustness.CopyFrom(study_pb2.Robustness(**{"conditions": conditions, **fields}))

    return change


def desired(**desire: Any) -> Callable[[Spec], None]:
    """A study with a desirability of one desire."""

    def change(spec: Spec) -> None:
        formula = study_pb2.Desirability(desires=[study_pb2.Desire(**{"metric": "y", "target": 1.0, **desire})])
        spec.metrics.add(name="d", desirability=formula)

    return change


def second(**objective: Any) -> Callable[[Spec], None]:
    """A study with a second objective."""
    return with_fields(objectives=[study_pb2.Objective(**{"metric": "z", "goal": MINIMIZE, **objective})])


CONSTRAINT, DESIRE = "study.spec.outcome_constraints[0]", "study.spec.metrics[1].desirability.desires[0]"
HOUR = {"seconds": 3_600}
FAULTS: dict[str, tuple[Callable[[Spec], None], str]] = {
    "bound of nothing": (bounded(), f"{CONSTRAINT}.max"),
    "bound NaN": (bounded(min=math.nan), f"{CONSTRAINT}.min"),
    "bounds upside down": (bounded(min=2.0, max=1.0), f"{CONSTRAINT}.max"),
    "bound of what isn't declared": (bounded(metric="q", max=1.0), f"{CONSTRAINT}.metric"),
    "bound of no baseline": (bounded(max=1.1, relative_to_baseline=True), f"{CONSTRAINT}.relative_to_baseline"),
    "cost that isn't declared": (with_fields(cost_metric="q"), "study.spec.cost_metric"),
    "cost that is the objective": (with_fields(cost_metric="y"), "study.spec.cost_metric"),
    "half-life of nothing": (with_fields(half_life={"seconds": 0}), "study.spec.half_life"),
    "conditions without a context": (with_fields(robustness={"conditions": [{}, {}]}), "study.spec.robustness"),
    "one condition": (with_fields(robustness={"conditions": [{}]}), "study.spec.robustness.conditions"),
    "half-life too long": (with_fields(half_life={"seconds": 10**11}), "study.spec.half_life"),
    "robust in one condition twice": (
        robust(conditions=[serving.parameters(hour=3), serving.parameters(hour=3)]),
        "study.spec.robustness.conditions[1]",
    ),
    "robust in no context": (
        robust(conditions=[serving.parameters(hour=3), serving.parameters(day=3)]),
        'study.spec.robustness.conditions[1].values["hour"]',
    ),
    "robust by nothing": (robust(weights=[1.0, 0.0]), "study.spec.robustness.weights[1]"),
    "robust by too few weights": (robust(weights=[1.0]), "study.spec.robustness.weights"),
    "robust in no share": (robust(worst_share=math.nan), "study.spec.robustness.worst_share"),
    "transfer from a name twice": (
        with_fields(transfer_from=["namespaces/n/studies/a"] * 2),
        "study.spec.transfer_from[1]",
    ),
    "transfer from a crowd": (
        with_fields(transfer_from=[f"namespaces/n/studies/a{index}" for index in range(11)]),
        "study.spec.transfer_from",
    ),
    "transfer from nowhere": (with_fields(transfer_from=["namespaces/n/studies/none"]), "study.spec.transfer_from[0]"),
    "transfer from itself": (with_fields(transfer_from=["namespaces/n/studies/faulty"]), "study.spec.transfer_from[0]"),
    "transfer from no name": (with_fields(transfer_from=["other"]), "study.spec.transfer_from[0]"),
    "objective without a goal": (second(goal=0), "study.spec.objectives[1].goal"),
    "reference point NaN": (second(reference_point=math.nan), "study.spec.objectives[1].reference_point"),
    "reference point of one objective": (
        lambda spec: setattr(spec.objectives[0], "reference_point", 1.0),
        "study.spec.objectives[0].reference_point",
    ),
    "desire without an end": (desired(), f"{DESIRE}.low"),
    "desire with its ends crossed": (desired(low=2.0), f"{DESIRE}.low"),
    "desire of weight 0": (desired(low=0.0, weight=0.0), f"{DESIRE}.weight"),
    "desire of what isn't declared": (desired(metric="q", low=0.0), f"{DESIRE}.metric"),
    "bandit with two objectives": (
        bandit(objectives=[study_pb2.Objective(metric="z", goal=MINIMIZE)]),
        "study.spec.objectives",
    ),
    "bandit with a constraint": (
        bandit(outcome_constraints=[study_pb2.OutcomeConstraint(metric="z", max=1.0)]),
        "study.spec.outcome_constraints",
    ),
    "bandit with a cost": (bandit(cost_metric="z"), "study.spec.cost_metric"),
    "bandit with a half-life": (bandit(half_life=HOUR), "study.spec.half_life"),
    "bandit with transfer": (bandit(transfer_from=["namespaces/n/studies/s"]), "study.spec.transfer_from"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_spec_names_its_field(shared_server: RunningServer, fault: str) -> None:
    """INVALID_ARGUMENT with the path of the field, and no study."""
    change, path = FAULTS[fault]
    spec = serving.float_spec()
    change(spec)
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, spec, study="faulty-outcomes")
    code, _, fields = serving.details(refusal.value)
    assert (code, fields) == ("INVALID_ARGUMENT", [path])
    with pytest.raises(grpc.RpcError) as missing:
        serving.get(shared_server, "faulty-outcomes")
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[trimtab.Client]:
    """A client of the server."""
    with trimtab.Client(shared_server.address, namespace="outcomes") as client:
        yield client


X = Float("x", 0.0, 1.0)


def test_what_is_unacceptable_is_not_recommended(client: trimtab.Client) -> None:
    """The best point within the bounds is, with how likely they hold; and whether to go on."""
    study = client.create_study(
        "bounded",
        parameters=[X],
        minimize="cost",
        outcome_constraints=[OutcomeConstraint("load", max=1.2, relative_to_baseline=True)],
        baseline={"x": 0.5},
        algorithm="gp",
        seed=1,
    )
    for _ in range(14):
        with study.suggest(timeout=120) as suggestion:
            x = float(suggestion["x"])
            suggestion.observe(cost=(x - 0.9) ** 2, load=x)
    best = study.incumbent(trial_cost=10.0, timeout=120)
    assert best.parameters["x"] == pytest.approx(0.6, abs=0.02)
    assert best.predictions.keys() == {"cost", "load"}
    assert best.predictions["load"].interval[0] <= 0.6 <= best.predictions["load"].interval[1] + 0.02
    assert best.probability_feasible is not None
    assert best.probability_feasible >= 0.5
    assert best.probability_better_than_baseline is not None
    assert best.probability_better_than_baseline > 0.99
    assert best.expected_gain is not None
    assert 0.0 <= best.expected_gain < 0.05
    assert best.worth_another_trial is False


def test_several_objectives_have_one_balanced_answer(client: trimtab.Client) -> None:
    """Neither end of the front; and a number alone isn't taken for one of them."""
    study = client.create_study("both", parameters=[X], minimize=["a", "b"], algorithm="gp", seed=1)
    with pytest.raises(TypeError, match="several objectives"):
        study.suggest().observe(1.0)
    for _ in range(10):
        with study.suggest(timeout=120) as suggestion:
            x = float(suggestion["x"])
            suggestion.observe(a=x**2, b=(1.0 - x) ** 2)
    best = study.incumbent(timeout=120)
    assert 0.2 < float(best.parameters["x"]) < 0.8
    assert best.expected_gain is not None
    assert 0.0 < best.expected_gain < study.pareto_front().hypervolume
    assert study.incumbent(trial_cost=1.0).worth_another_trial is False
    assert study.incumbent(trial_cost=0.0).worth_another_trial is True


def test_a_desirability_is_computed_by_the_server(client: trimtab.Client) -> None:
    """And what it is made of must be reported, and nothing else."""
    worth = Metric("worth", formula=Desirability([Desire("speed", 10.0, low=0.0), Desire("price", 1.0, high=5.0)]))
    study = client.create_study(
        "worth", parameters=[X], maximize="worth", metrics=[worth, Metric("speed"), Metric("price")], algorithm="sobol"
    )
    first, second = study.suggest_many(2)
    with pytest.raises(InvalidArgumentError, match="report speed, price instead"):
        first.observe(worth=1.0)
    first.observe(speed=10.0, price=1.0)
    second.observe(speed=0.0, price=1.0)
    best = study.incumbent(timeout=120)
    assert best.parameters == first.parameters


def test_a_trial_without_its_cost_is_refused(client: trimtab.Client) -> None:
    """And one that is for free; what is measured of a constraint must be told as well."""
    study = client.create_study(
        "costs",
        parameters=[X],
        minimize="loss",
        cost_metric="seconds",
        outcome_constraints=[OutcomeConstraint("memory", max=1.0)],
        algorithm="random",
    )
    suggestion = study.suggest()
    for missing in ({"loss": 1.0, "memory": 1.0}, {"loss": 1.0, "seconds": 1.0}, {"seconds": 1.0, "memory": 1.0}):
        with pytest.raises(InvalidArgumentError, match="missing"):
            suggestion.observe(missing)
    with pytest.raises(InvalidArgumentError, match="greater than 0"):
        suggestion.observe(loss=1.0, memory=1.0, seconds=0.0)
    suggestion.observe(loss=1.0, memory=1.0, seconds=2.0)


def test_what_is_asked_of_outcomes_can_be_read_back_and_changed(client: trimtab.Client) -> None:
    """Bounds, half-life and related studies; metrics that weren't constrained before are no bounds."""
    client.create_study("before", parameters=[X], minimize="loss", algorithm="random")
    study = client.create_study(
        "changing",
        parameters=[X, Integer("n", 1, 4)],
        minimize="loss",
        maximize="recall",
        reference_point={"loss": 9.0},
        metrics=[Metric("other")],
        outcome_constraints=[OutcomeConstraint("memory", max=1.0)],
        half_life=60.0,
        transfer_from=["before"],
        algorithm="gp",
    )
    spec = study.describe().spec
    assert (spec.goals, spec.reference_point) == ({"loss": "minimize", "recall": "maximize"}, {"loss": 9.0})
    assert spec.transfer_from == ("namespaces/outcomes/studies/before",)
    changed = study.update(
        outcome_constraints=[OutcomeConstraint("memory", max=2.0)], half_life=math.inf, transfer_from=[]
    ).spec
    assert changed.outcome_constraints == (OutcomeConstraint("memory", max=2.0),)
    assert (changed.half_life, changed.transfer_from) == (None, ())
    assert study.update(reference_point={"recall": 0.2}).spec.reference_point == {"recall": 0.2}
    with pytest.raises(ValueError, match="'memory' is not an objective"):
        study.update(reference_point={"memory": 2.0})
    with pytest.raises(InvalidArgumentError, match=r"reference_point: must be finite"):
        study.update(reference_point={"loss": math.inf})
    assert study.describe().spec.reference_point == {"recall": 0.2}
    with pytest.raises(InvalidArgumentError, match="not constrained before"):
        study.update(outcome_constraints=[OutcomeConstraint("other", max=2.0)])
    assert study.update(outcome_constraints=[]).spec.outcome_constraints == ()


def test_robustness_is_read_back(client: trimtab.Client) -> None:
    """Conditions, weights and share."""
    robustness = Robustness([{"hour": 1}, {"hour": 2}], [1.0, 3.0], 0.5)
    study = client.create_study(
        "robust", parameters=[X], minimize="loss", context=[Integer("hour", 0, 23)], robustness=robustness
    )
    assert study.describe().spec.robustness == robustness
