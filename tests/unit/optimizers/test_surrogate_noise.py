"""What models make of the errors that were reported."""

from __future__ import annotations

import numpy as np
import pytest

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Float
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.optimizers.evidence import gather
from trimtab_service.optimizers.surrogates import INTERVAL, Surrogates
from trimtab_service.optimizers.targets import Vector

CUBE = Problem("cube", tuple(Float(name, 0.0, 1.0) for name in "xyz"))
BOTTOM = np.array([0.3, 0.7, 0.5])
RUN_TO_RUN = 0.3


def predicted(reported: float | None, seed: int) -> tuple[float, float, Vector]:
    """Of 40 noisy trials with one standard error: the mean squared error, how many intervals hold, the noise [n]."""
    rng = np.random.default_rng(seed)
    places = rng.random((40, 3))
    values = 3.0 * np.square(places - BOTTOM).sum(axis=1) + RUN_TO_RUN * rng.standard_normal(40)
    trials = [
        trial(
            1,
            dict(zip("xyz", place, strict=True)),
            TrialState.COMPLETED,
            Measurement(value, 1, reported),
        )
        for place, value in zip(places.tolist(), values.tolist(), strict=True)
    ]
    study = CUBE.study("gp")
    surrogates = Surrogates.of(study, gather(study, history_of(trials), 100))
    (target,), (posterior,) = surrogates.targets, surrogates.posteriors
    truth = 3.0 * np.square(places - BOTTOM).sum(axis=1)
    local = posterior.at(posterior.rows)
    errors = target.value(local.means[:, 0]) - truth
    held = np.abs(errors) < INTERVAL * target.spread * local.deviations
    return float(np.square(errors).mean()), float(held.mean()), target.spread**2 * posterior.noise


def test_errors_that_are_too_small_are_made_up_for() -> None:
    """Errors of a fifteenth: predictions are as good as without any, and their intervals hold as often."""
    understated = np.array([predicted(0.02, seed)[:2] for seed in range(6)]).mean(axis=0)
    none = np.array([predicted(None, seed)[:2] for seed in range(6)]).mean(axis=0)
    assert understated[0] == pytest.approx(none[0], rel=0.1)
    assert understated[1] == pytest.approx(none[1], abs=0.1)


def test_errors_that_are_right_are_left_as_they_are() -> None:
    """A few percent of their variance come on top."""
    on_top = [np.median(predicted(RUN_TO_RUN, seed)[2]) - RUN_TO_RUN**2 for seed in range(6)]
    assert 0.0 < float(np.median(on_top)) < 0.1 * RUN_TO_RUN**2
