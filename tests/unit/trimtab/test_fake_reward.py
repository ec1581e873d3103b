"""What the fake server takes for an observation of a study with formulas and ranges."""

from __future__ import annotations

from typing import Any

import pytest

from trimtab import Float, InvalidArgumentError, Measurement, Metric, Observation, Outcome, Ratio, Study, WeightedSum
from trimtab.testing import FakeServer

METRICS = [
    Metric("seconds", min=0),
    Metric("euros", max=10, outside_range="clip"),
    Metric("score", formula=WeightedSum({"seconds": 1.0, "euros": -2.0}), max=100),
    Metric("rate", formula=Ratio("seconds", "euros"), min=0.5, outside_range="clip"),
]


def made(objective: str) -> Study:
    """A study of a new server."""
    return FakeServer().client().create_study("s", parameters=[Float("x", 0, 1)], minimize=objective, metrics=METRICS)


@pytest.mark.parametrize(
    ("objective", "measured", "field"),
    [
        ("score", {"seconds": 1.0}, '.measurements["euros"]'),
        ("score", {"score": 1.0}, '.measurements["score"]'),
        ("score", {"seconds": -1.0, "euros": 1.0}, '.measurements["seconds"].mean'),
        ("score", {"seconds": 300.0, "euros": 1.0}, ".measurements"),
        ("score", {"seconds": 1.0, "euros": Measurement(1.0, 2)}, ".measurements"),
        ("rate", {"seconds": 1.0, "euros": 0.0}, '.measurements["euros"].mean'),
        ("seconds", {"seconds": 1.0, "rate": 1.0}, '.measurements["rate"]'),
    ],
)
def test_what_makes_no_reward_is_refused(objective: str, measured: dict[str, Any], field: str) -> None:
    """As the server refuses it, and nothing is stored."""
    study = made(objective)
    suggestion = study.suggest()
    with pytest.raises(InvalidArgumentError) as refusal:
        suggestion.observe(measured)
    assert [violation.field for violation in refusal.value.violations] == [f"observations[0]{field}"]
    assert study.trial(1).measurements == {}


@pytest.mark.parametrize(
    ("objective", "measured", "mean"),
    [
        ("seconds", {"seconds": 3.0}, 3.0),
        ("score", {"seconds": 3.0, "euros": 1.0}, 1.0),
        ("score", {"seconds": 30.0, "euros": 99.0}, 10.0),
        ("rate", {"seconds": Measurement(3.0, 4), "euros": Measurement(2.0, 4)}, 1.5),
        ("rate", {"seconds": 1.0, "euros": 99.0}, 0.5),
    ],
)
def test_the_objective_is_computed_of_clipped_means(objective: str, measured: dict[str, Any], mean: float) -> None:
    """And clipped itself, while what was measured stays as it came."""
    study = made(objective)
    study.suggest().observe(measured)
    assert study.incumbent().predicted_mean == mean
    kept = {name: each.mean for name, each in study.trial(1).measurements.items()}
    assert kept == {name: getattr(value, "mean", value) for name, value in measured.items()}


def test_a_failure_measured_nothing() -> None:
    """A measurement next to it is refused."""
    study = made("seconds")
    observation = Observation(study.suggest().id, {"seconds": 1.0}, Outcome.FAILED)
    (result,) = study.observe_many([observation])
    assert isinstance(result.error, InvalidArgumentError)
