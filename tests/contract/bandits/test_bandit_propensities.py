"""What is logged with a choice is the probability that it had: for every K-armed bandit, with its floor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from contract.bandits.bandit_problems import outcomes_of, start, table
from contract.bandits.hosted import every_bandit

ARMS = 6
DRAWS = 1_000_000
TARGET = np.array([0.05, 0.4, 0.1, 0.1, 0.3, 0.05])
"""A fixed policy whose value is estimated from what another one played."""


@every_bandit
@pytest.mark.parametrize("floor", [0.01, 0.1])
def test_propensities_are_frequencies(bandit: Any, floor: float) -> None:
    """Of a million draws each arm gets the share that is logged, and the log says what another policy is worth."""
    rng = np.random.default_rng(7)
    means = np.arange(ARMS) / 4
    played = np.repeat(np.arange(ARMS), 4)
    bandit = replace(bandit, floor=floor)
    state = bandit.fold(start(bandit, ARMS), outcomes_of(played, means[played] + rng.standard_normal(4 * ARMS)))
    drawn = table(bandit, state, ARMS)
    arms, propensities = drawn.draw(rng.random(DRAWS))

    np.testing.assert_array_equal(propensities, drawn.probabilities[arms])
    frequencies = np.bincount(arms, minlength=ARMS)
    assert stats.chisquare(frequencies, DRAWS * drawn.probabilities / drawn.probabilities.sum()).pvalue > 1e-3
    weighted = TARGET[arms] / propensities * (means[arms] + rng.standard_normal(DRAWS))
    error = stats.norm.ppf(0.995) * weighted.std() / DRAWS**0.5
    assert pytest.approx(weighted.mean(), abs=error) == TARGET @ means
