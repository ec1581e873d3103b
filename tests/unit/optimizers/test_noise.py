"""How noisy one observation is against another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from contract.optimizers.problems import NOW, trial
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.optimizers.noise import LEAST_FACTOR, MOST_HALVINGS, halvings, weighed
from trimtab_service.optimizers.targets import MOST_VARIANCE, Role, Target

DAY = timedelta(days=1)


def seen_after(days: float) -> Trial:
    """A trial that was observed so long after the study began."""
    made = trial(1, {"x": 0.5}, TrialState.COMPLETED, Measurement(1.0))
    return replace(made, complete_time=NOW + days * DAY)


def test_the_weight_halves_with_each_half_life() -> None:
    """Counted back from the newest observation, wherever it stands in the history."""
    found = halvings([seen_after(0), seen_after(6), seen_after(3)], 3 * DAY)
    assert found.tolist() == pytest.approx([2.0, 0.0, 1.0])


def test_the_same_history_gives_the_same_answer_at_any_time() -> None:
    """A shift of all times changes nothing."""
    early = halvings([seen_after(0), seen_after(5)], DAY)
    late = halvings([seen_after(100), seen_after(105)], DAY)
    assert early.tolist() == late.tolist()


def test_an_observation_without_a_time_is_as_old_as_its_suggestion() -> None:
    """As histories of older servers have it."""
    bare = trial(1, {"x": 0.5}, TrialState.COMPLETED, Measurement(1.0))
    assert halvings([bare, seen_after(2)], DAY).tolist() == pytest.approx([2.0, 0.0])


def test_ages_are_bounded_and_nothing_has_none() -> None:
    """The power of 2 stays a number; an empty history has no newest observation."""
    assert halvings([seen_after(0), seen_after(3_000)], timedelta(seconds=1)).tolist() == [MOST_HALVINGS, 0.0]
    assert halvings([], DAY).tolist() == []


def target(variances: list[float] | None = None) -> Target:
    """Of three rows."""
    known = None if variances is None else np.array(variances)
    return Target("loss", Role.OBJECTIVE, 1.0, np.array([-1.0, 0.0, 1.0]), known, 0.0, 1.0)


def test_a_mean_of_many_is_the_less_noisy() -> None:
    """By their number, relative to the median."""
    found = weighed(target(), np.array([1.0, 4.0, 16.0]), None).noise_factors
    assert found is not None
    assert found.tolist() == pytest.approx([4.0, 1.0, 0.25])


def test_an_old_observation_is_the_noisier() -> None:
    """By the halvings of its weight, and by its count."""
    found = weighed(target(), np.array([1.0, 1.0, 2.0]), np.array([3.0, 1.0, 0.0])).noise_factors
    assert found is not None
    assert found.tolist() == pytest.approx([4.0, 1.0, 0.25])


def test_known_variances_grow_with_age_alone() -> None:
    """A standard error is of the mean already; and what is too old says nothing, in finite numbers."""
    found = weighed(target([0.1, 0.2, 0.3]), np.array([5.0, 5.0, 1.0]), np.array([1.0, 0.0, MOST_HALVINGS]))
    assert found.noise_factors is not None
    assert found.noise_factors.tolist() == [2.0, 1.0, MOST_VARIANCE]
    assert found.variances is not None
    assert found.variances.tolist() == pytest.approx([0.2, 0.2, MOST_VARIANCE])


def test_where_all_are_alike_there_is_nothing_to_say() -> None:
    """The model with one level for all is the cheaper one."""
    assert weighed(target(), np.full(3, 7.0), None).noise_factors is None
    assert weighed(target([0.1] * 3), np.array([1.0, 2.0, 3.0]), None).noise_factors is None


def test_no_count_makes_a_measurement_exact() -> None:
    """Two means of countless measurements at one place are still two rows of an invertible covariance."""
    costs = np.arange(6.0)
    target = Target("y", Role.OBJECTIVE, 1.0, costs, None, 0.0, 1.0)
    factors = weighed(target, np.array([1.0, 1.0, 1.0, 1.0, 1e17, 2.0**62]), None).noise_factors
    assert factors is not None
    assert factors.min() == LEAST_FACTOR
