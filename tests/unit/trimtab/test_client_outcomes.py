"""What a caller asks of outcomes: there and back, in files, by the fake server, and what is answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import trimtab
from trimtab import (
    ChosenAlgorithm,
    Desirability,
    Desire,
    Float,
    Integer,
    InvalidArgumentError,
    Metric,
    OutcomeConstraint,
    Robustness,
    StudySpec,
)
from trimtab._convert_incumbent import incumbent_from_message
from trimtab._convert_outcomes import objectives_from_messages
from trimtab._convert_study import change_to_message, spec_from_message, spec_to_message
from trimtab.cli.definition import definition
from trimtab.prediction import Prediction
from trimtab.spec import FOREVER, StudyChange, differences
from trimtab.testing import FakeServer
from trimtab.v1 import study_service_pb2, trial_pb2

WORTH = Metric(
    "worth", formula=Desirability([Desire("speed", 9, low=1), Desire("price", 1, high=5, exponent=2, weight=3)])
)
FULL = StudySpec(
    parameters=[Float("x", 0, 1)],
    minimize=["price", "error"],
    maximize="worth",
    reference_point={"error": 2},
    metrics=[WORTH, Metric("speed"), Metric("price", min=0)],
    outcome_constraints=[
        OutcomeConstraint("speed", min=2),
        OutcomeConstraint("memory", 0.5, 1.5, relative_to_baseline=True),
    ],
    cost_metric="seconds",
    baseline={"x": 0.5},
    half_life=timedelta(days=7),
    transfer_from=["namespaces/n/studies/s"],
)
ROBUST = StudySpec(
    parameters=[Float("x", 0, 1)],
    minimize="error",
    context=[Integer("hour", 0, 23)],
    robustness=Robustness([{"hour": 1}, {"hour": 2}], [1, 3], 0.1),
)
CHOSEN = ChosenAlgorithm("gp", {}, "", decisions=False)


@pytest.mark.parametrize("spec", [FULL, ROBUST], ids=["full", "robust"])
def test_a_definition_comes_back(spec: StudySpec) -> None:
    """With all that is asked of outcomes; and no difference is found."""
    back = spec_from_message(spec_to_message(spec))
    assert spec == back
    assert differences(spec, back, CHOSEN) == []


@pytest.mark.parametrize(
    "change",
    [
        {"minimize": "price"},
        {"reference_point": {"error": 3.0}},
        {"outcome_constraints": [OutcomeConstraint("speed", min=3)]},
        {"cost_metric": "price"},
        {"half_life": timedelta(days=8)},
        {"transfer_from": ["namespaces/n/studies/t"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_wish_is_a_difference(change: dict[str, Any]) -> None:
    """By the name of the argument."""
    wanted = replace(FULL, **{"reference_point": {}, **change})
    assert any(next(iter(change)) in found for found in differences(wanted, FULL, CHOSEN))


def test_numbers_get_their_own_form() -> None:
    """So that equal wishes have equal texts."""
    assert repr(OutcomeConstraint("m", 1, 2)) == repr(OutcomeConstraint("m", 1.0, 2.0))
    assert repr(Desire("m", 1, low=0)) == repr(Desire("m", 1.0, low=0.0))
    with pytest.raises(TypeError, match="a number is needed"):
        OutcomeConstraint("m", max="high")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metrics": [Metric("d", formula=Desirability(["price"]))]}, "made of Desires"),  # type: ignore[list-item]
        ({"outcome_constraints": [Metric("price")]}, "an outcome constraint is needed"),
    ],
)
def test_what_cannot_be_said_is_refused(change: dict[str, Any], words: str) -> None:
    """Before anything is sent."""
    with pytest.raises((TypeError, AttributeError), match=words):
        spec_to_message(replace(ROBUST, **change))


def test_an_update_names_what_changes() -> None:
    """No bounds, no related studies and no half-life are changes too."""
    message, paths = change_to_message(StudyChange(outcome_constraints=[], half_life=FOREVER, transfer_from=[]), {})
    assert paths == ["spec.outcome_constraints", "spec.half_life", "spec.transfer_from"]
    assert not message.spec.HasField("half_life")
    bounds = [OutcomeConstraint("speed", min=4)]
    message, _ = change_to_message(StudyChange(outcome_constraints=bounds, half_life=timedelta(days=1)), {})
    assert (message.spec.outcome_constraints[0].min, message.spec.half_life.ToTimedelta()) == (4.0, timedelta(days=1))


def test_a_change_of_the_reference_point_names_every_objective() -> None:
    """With its goal, as the contract wants it; what is no objective has no reference point."""
    goals = {"price": "minimize", "speed": "maximize"}
    message, paths = change_to_message(StudyChange(reference_point={"speed": 4}), goals)
    assert paths == ["spec.objectives"]
    assert objectives_from_messages(message.spec.objectives) == (["price"], ["speed"], {"speed": 4.0})
    with pytest.raises(ValueError, match="'heat' is not an objective"):
        change_to_message(StudyChange(reference_point={"heat": 4}), goals)


def test_a_file_says_the_same() -> None:
    """Lists of goals, fields of the classes."""
    _, spec = definition(
        {
            "parameters": [{"name": "x", "type": "float", "min": 0, "max": 1}],
            "minimize": ["price", "error"],
            "maximize": "worth",
            "reference_point": {"error": 2},
            "metrics": [
                {
                    "name": "worth",
                    "formula": {
                        "desires": [
                            {"metric": "speed", "target": 9, "low": 1},
                            {"metric": "price", "target": 1, "high": 5, "exponent": 2, "weight": 3},
                        ]
                    },
                },
                {"name": "speed"},
                {"name": "price", "min": 0},
            ],
            "outcome_constraints": [
                {"metric": "speed", "min": 2},
                {"metric": "memory", "min": 0.5, "max": 1.5, "relative_to_baseline": True},
            ],
            "cost_metric": "seconds",
            "baseline": {"x": 0.5},
            "half_life": 7 * 86_400,
            "transfer_from": ["namespaces/n/studies/s"],
        }
    )
    assert spec == FULL
    conditions = {"conditions": [{"hour": 1}, {"hour": 2}], "weights": [1, 3], "worst_share": 0.1}
    assert definition({"parameters": [], "minimize": "y", "robustness": conditions})[1].robustness == ROBUST.robustness


MEASURED = {"price": 3.0, "speed": 5.0, "error": 1.0, "memory": 1.0, "seconds": 2.0}


@pytest.fixture
def study() -> trimtab.Study:
    """On a fake server."""
    return FakeServer().client().create_study_from("s", FULL)


@pytest.mark.parametrize("missing", list(MEASURED))
def test_the_fake_server_wants_all_that_is_looked_at(study: trimtab.Study, missing: str) -> None:
    """As a server does."""
    suggestion = study.suggest()
    with pytest.raises(InvalidArgumentError, match="missing"):
        suggestion.observe({name: value for name, value in MEASURED.items() if name != missing})
    with pytest.raises(InvalidArgumentError, match="greater than 0"):
        suggestion.observe({**MEASURED, "seconds": 0.0})
    suggestion.observe(MEASURED)
    assert study.trial(1).measurements["memory"].mean == 1.0


@pytest.mark.parametrize(
    ("speed", "price", "expected"), [(9.0, 1.0, 1.0), (1.0, 1.0, 0.01**0.25), (5.0, 3.0, 0.505**0.25 * 0.2575**0.75)]
)
def test_the_fake_server_computes_desirabilities(speed: float, price: float, expected: float) -> None:
    """As the formula says."""
    client = FakeServer().client()
    study = client.create_study(
        "d", parameters=[Float("x", 0, 1)], maximize="worth", metrics=[WORTH, Metric("speed"), Metric("price")]
    )
    study.suggest().observe(speed=speed, price=price)
    assert study.incumbent().predicted_mean == pytest.approx(expected)


def test_a_number_of_one_of_several_objectives_needs_its_name(study: trimtab.Study) -> None:
    """It isn't taken for the first one's."""
    with pytest.raises(TypeError, match="say of which metric"):
        study.suggest().observe(1.0)


def test_ids_of_other_studies_are_in_the_namespace_of_the_client() -> None:
    """Full names stay as they are."""
    client = FakeServer().client(namespace="mine")
    names = ["first", "namespaces/n/studies/s"]
    study = client.create_study("s", parameters=[Float("x", 0, 1)], minimize="y", transfer_from=names)
    assert study.describe().spec.transfer_from == ("namespaces/mine/studies/first", "namespaces/n/studies/s")


def test_an_incumbent_says_what_is_known_of_it() -> None:
    """A probability of 0 is one that is known, and so is an answer of no."""
    message = study_service_pb2.GetIncumbentResponse(
        probability_best=0.0,
        predictions={"y": trial_pb2.Prediction(mean=1.0, standard_error=0.5, interval_low=0.0, interval_high=2.0)},
        probability_better_than_baseline=0.0,
        probability_feasible=0.25,
        expected_gain=0.0,
        worth_another_trial=False,
    )
    found = incumbent_from_message(message)
    assert (found.probability_best, found.probability_better_than_baseline, found.probability_feasible) == (0, 0, 0.25)
    assert found.predictions == {"y": Prediction(1.0, 0.5, (0.0, 2.0))}
    assert (found.expected_gain, found.worth_another_trial) == (0.0, False)
    nothing = incumbent_from_message(study_service_pb2.GetIncumbentResponse())
    assert (nothing.probability_best, nothing.predictions, nothing.worth_another_trial) == (None, {}, None)


@pytest.mark.parametrize("resolution", [0, 1, -3])
def test_a_slice_has_two_values_at_least(resolution: int) -> None:
    """None at all would travel as nothing said, and get the default."""
    with pytest.raises(ValueError, match=f"resolution: must be 2 or more, not {resolution}"):
        trimtab.Slice("depth", resolution)
