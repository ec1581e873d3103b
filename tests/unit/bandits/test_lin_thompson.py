"""Linear Thompson sampling: what is played is what drawing coefficients would play."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.contextual_problems import MIXED, begin, chances_at, drawn_contexts, observed
from trimtab_service.bandits.lin_thompson import LinThompson
from trimtab_service.bandits.linear import Belief
from trimtab_service.domain.errors import InvalidArgument


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_chances_are_those_of_drawn_coefficients(width: float) -> None:
    """Each arm is played as often as it is the cheapest by coefficients drawn from the posterior."""
    bandit, rng = LinThompson(width=width), np.random.default_rng(3)
    contexts, arms = drawn_contexts(MIXED, 60, rng), rng.integers(0, 4, 60)
    state = bandit.fold(begin(bandit, MIXED, 4), observed(contexts, arms, arms / 3 + rng.standard_normal(60)))
    belief = Belief.of(state.regression, state.features)
    assert belief is not None
    for place in contexts[:3]:
        row = belief.standardize @ state.features(place[None])[0]
        roots = np.linalg.cholesky(belief.covariances)
        draws = belief.coefficients + width * np.einsum(
            "kij,nkj->nki", roots, rng.standard_normal((20_000, 4, row.size))
        )
        expected = np.bincount((draws @ row).argmin(axis=1), minlength=4) / 20_000

        np.testing.assert_allclose(chances_at(bandit, state, np.arange(4), place), expected, atol=0.03)


@pytest.mark.parametrize("width", [0.0, 1e4])
def test_width_has_bounds(width: float) -> None:
    """The error names the option."""
    with pytest.raises(InvalidArgument, match="width"):
        LinThompson(width=width)
