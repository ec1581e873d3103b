"""Costs over propensities, and the unit that they are counted in."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, REAL, outcomes_of, study_of, taken_back
from trimtab_service.bandits.ledger import Ledger
from trimtab_service.bandits.weighted_losses import LossUnit, WeightedLosses
from trimtab_service.domain.metric import Goal, Metric

TRIED = outcomes_of([0, 1, 1, 0], [5.0, 3.0, 8.0, np.nan], [0.5, 0.25, 0.1, 0.2], [2, 1, 1, 1])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Metric("cost", min=1.0), LossUnit(1.0, 5.8 - 1.0, 8.0)),
        (Metric("cost", min=1.0, max=10.0), LossUnit(1.0, 6.2 - 1.0, 10.0)),
        (REAL, LossUnit(3.0, 5.8 - 3.0, 8.0)),
    ],
)
def test_the_unit_is_the_mean_loss(metric: Metric, expected: LossUnit) -> None:
    """From the least cost that is declared, else seen, to the mean of all, failures at what they cost."""
    actual = LossUnit.of(Ledger.of(study_of(2, metric), 2).plus(TRIED))

    assert actual is not None
    assert (expected.shift, expected.failure) == (actual.shift, actual.failure)
    assert expected.scale == pytest.approx(actual.scale)


@pytest.mark.parametrize("costs", [[], [0.0], [7.5, 7.5]])
def test_without_any_difference_there_is_no_unit(costs: list[float]) -> None:
    """One cost over and over says nothing of how large a loss is."""
    assert LossUnit.of(Ledger.of(study_of(2), 2).plus(outcomes_of([0] * len(costs), costs))) is None


def test_losses_are_weighted_sums() -> None:
    """Sum over plays of count times loss over propensity; failures count as what they cost."""
    losses = WeightedLosses.nothing(3).plus(TRIED)
    unit = LossUnit(1.0, 2.0, 9.0)

    expected = [(2 * 4 / 0.5 + 8 / 0.2) / 2, (2 / 0.25 + 7 / 0.1) / 2, 0.0]
    np.testing.assert_allclose(losses.scaled(unit), expected)
    np.testing.assert_allclose(losses.plays, [2 / 0.5 + 1 / 0.2, 1 / 0.25 + 1 / 0.1, 0.0])


def test_plays_estimate_rounds() -> None:
    """The sum of weights of an arm is the number of rounds on average, however rarely it was played."""
    rng = np.random.default_rng(1)
    probabilities = np.array([0.9, 0.09, 0.01])
    arms = rng.choice(3, 200_000, p=probabilities)
    losses = WeightedLosses.nothing(3).plus(outcomes_of(arms, rng.random(arms.size), probabilities[arms]))

    np.testing.assert_allclose(losses.plays, 200_000, rtol=0.1)


def test_what_is_taken_back_leaves_nothing() -> None:
    """Not even what rounding does to a sum of propensities."""
    failed = outcomes_of([0] * 3, [np.nan] * 3, [0.3, 0.7, 1.1e-3])
    back = [taken_back(outcomes_of([0], [np.nan], propensity)) for propensity in (0.7, 1.1e-3, 0.3)]
    losses = WeightedLosses.nothing(1).plus(failed)
    for outcomes in back:
        losses = losses.plus(outcomes)

    assert losses.plays.tolist() == [0.0]


def test_a_win_is_no_loss() -> None:
    """On a binary metric a loss is 1 in 1 / scale of the cases: here every second one."""
    ledger = Ledger.of(study_of(2, BINARY, Goal.MAXIMIZE), 2).plus(outcomes_of([0, 1], [0.0, -1.0]))

    assert LossUnit.of(ledger) == LossUnit(-1.0, 0.5, 0.0)
