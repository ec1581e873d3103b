"""SquareCB: inverse gap weights, and how steep they are."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.contextual_problems import ONE, begin, chances_at, drawn_contexts, observed
from trimtab_service.bandits.linear import Belief
from trimtab_service.bandits.square_cb import SquareCb, inverse_gap_weights
from trimtab_service.domain.errors import InvalidArgument


def test_inverse_gap_weights() -> None:
    """1 / (K + steepness * gap), and the rest for the least."""
    actual = inverse_gap_weights(np.array([3.0, 1.0, 2.0]), 4.0)

    np.testing.assert_allclose(actual, [1 / 11, 1 - 1 / 11 - 1 / 7, 1 / 7])


@pytest.mark.parametrize("steepness", [0.0, 1.0, 1e300])
def test_ties_share(steepness: float) -> None:
    """The least predictions are played alike, however steep; with no steepness at all everything is."""
    weights = inverse_gap_weights(np.array([0.0, 5.0, 0.0]), steepness)

    assert weights[0] == weights[2]
    assert weights.sum() == pytest.approx(1.0)
    assert weights[1] == pytest.approx(1 / (3 + 5 * steepness))


def test_the_law() -> None:
    """The steepness is gamma sqrt(t) for gaps in units of the noise."""
    bandit, rng = SquareCb(gamma=2.0), np.random.default_rng(1)
    contexts, arms = drawn_contexts(ONE, 90, rng), np.arange(90) % 3
    state = bandit.fold(begin(bandit, ONE, 3), observed(contexts, arms, arms + rng.standard_normal(90)))
    belief = Belief.of(state.regression, state.features)
    assert belief is not None
    predictions = belief.means(state.features(contexts[:1])[0], np.arange(3)) / belief.noise

    expected = 1 / (3 + 2 * 90**0.5 * (predictions[2] - predictions.min()))
    assert expected == pytest.approx(chances_at(bandit, state, np.arange(3), contexts[0])[2])


@pytest.mark.parametrize("gamma", [-1.0, 1e10])
def test_gamma_has_bounds(gamma: float) -> None:
    """The error names the option."""
    with pytest.raises(InvalidArgument, match="gamma"):
        SquareCb(gamma=gamma)
