"""The sums that linear models are made of."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import outcomes_of, study_of
from trimtab_service.bandits.gram import MOST_NUMBERS, Regression
from trimtab_service.domain.errors import InvalidArgument


def test_the_sums_are_those_of_the_outcomes() -> None:
    """Grams of everything, products about any center, and failures with the largest cost seen."""
    rng = np.random.default_rng(1)
    arms, counts = rng.integers(0, 3, 50), rng.integers(1, 4, 50).astype(float)
    features = np.column_stack([np.ones(50), rng.uniform(-1, 1, (50, 2))])
    costs = 1e6 + rng.standard_normal(50)
    costs[::7] = np.nan
    counts[::7] = 1
    regression = Regression.nothing(study_of(3), 3, 3)
    regression = regression.plus(outcomes_of(arms, costs, counts=counts), features)
    priced = np.where(np.isnan(costs), np.nanmax(costs), costs) - 1e6

    for arm in range(3):
        own = arms == arm
        weighted = counts[own, None] * features[own]
        np.testing.assert_allclose(regression.grams[arm], features[own].T @ weighted)
        # Costs of a million with a spread of one lose no more digits than the costs themselves.
        np.testing.assert_allclose(regression.products_about(1e6)[arm], priced[own] @ weighted, atol=1e-7)


@pytest.mark.parametrize(("arms", "features"), [(1_000, 45), (10, 448)])
def test_too_many_features(arms: int, features: int) -> None:
    """The error names the context, and says how many features there could be."""
    with pytest.raises(InvalidArgument, match=f"takes {features - 1} features at most") as caught:
        Regression.nothing(study_of(arms), arms, features)

    assert caught.value.violations[0].field == "context"
    assert Regression.nothing(study_of(arms), arms, features - 1).grams.size <= MOST_NUMBERS
