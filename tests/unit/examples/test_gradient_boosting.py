"""The model of the examples: its space and its error."""

from __future__ import annotations

import pytest

import gradient_boosting
import tune_gradient_boosting
from trimtab.testing import FakeServer

QUICK = {**gradient_boosting.DEFAULTS, "n_estimators": 10, "max_depth": 1}


def test_the_defaults_are_a_point_of_the_space() -> None:
    """Every parameter has a default, and no other."""
    assert [parameter.name for parameter in gradient_boosting.PARAMETERS] == list(gradient_boosting.DEFAULTS)


def test_the_error_is_the_same_again() -> None:
    """The same parameters and split give the same error, another split another one."""
    first, again, other = (gradient_boosting.error(QUICK, split) for split in (0, 0, 1))

    assert first == again
    assert first != other


def test_parameters_matter() -> None:
    """A model that can't learn is worse than one that can, so the error measures something."""
    assert gradient_boosting.error({**QUICK, "learning_rate": 0.001}) > 2 * gradient_boosting.error(
        {**QUICK, "learning_rate": 0.5}
    )


def test_fresh_splits_are_others() -> None:
    """What the best is judged on is not what was tuned on."""
    assert gradient_boosting.TUNING_SPLIT not in gradient_boosting.FRESH_SPLITS
    expected = sum(gradient_boosting.error(QUICK, split) for split in gradient_boosting.FRESH_SPLITS) / 4

    assert expected == pytest.approx(gradient_boosting.fresh_error(QUICK))


def test_every_trial_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop observes what it measures, and returns it."""
    monkeypatch.setattr(gradient_boosting, "error", lambda parameters: float(parameters["max_depth"]))
    study = tune_gradient_boosting.create(FakeServer().client(), "s", "gp", baseline=gradient_boosting.DEFAULTS)
    errors = tune_gradient_boosting.tune(study, 5)

    assert [trial.measurements["log_loss"].mean for trial in study.trials()] == errors
