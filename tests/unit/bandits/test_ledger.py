"""The state that most bandits share."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, BOUNDED, REAL, outcomes_of, study_of
from trimtab_service.bandits.ledger import Ledger, believed_best
from trimtab_service.bandits.posteriors import BetaPosterior, StudentPosterior
from trimtab_service.domain.metric import Goal, Metric


@pytest.mark.parametrize(
    ("metric", "kind"), [(BINARY, BetaPosterior), (BOUNDED, StudentPosterior), (REAL, StudentPosterior)]
)
def test_the_posterior_fits_the_metric(metric: Metric, kind: type) -> None:
    """Wins and losses have Beta posteriors, all other costs Student's."""
    ledger = Ledger.of(study_of(2, metric), 2).plus(outcomes_of([0, 1], [0.0, 1.0]))

    assert isinstance(ledger.posterior, kind)


def test_wins_and_losses() -> None:
    """A failure is a loss, an aggregate as many of each as it says, when maximizing too."""
    ledger = Ledger.of(study_of(3, BINARY, Goal.MAXIMIZE), 3)
    ledger = ledger.plus(outcomes_of([0, 0, 1, 1], [-1.0, np.nan, -0.25, 0.0], counts=[1, 1, 8, 1]))
    posterior = ledger.beta(0.5, 2.0)

    np.testing.assert_allclose(posterior.losses, [1.5, 7.5, 0.5])
    np.testing.assert_allclose(posterior.wins, [3.0, 4.0, 2.0])
    assert (posterior.least, posterior.width) == (-1.0, 1.0)


def test_shares_need_a_range() -> None:
    """Without both bounds there is nothing to have a share of."""
    ledger = Ledger.of(study_of(2, Metric("cost", min=0.0)), 2)
    with pytest.raises(ValueError, match="range"):
        ledger.shares_lost(ledger.moments)


def test_of_arms_that_nothing_tells_apart_the_first_tried_is_best() -> None:
    """It costs what all cost, for sure, and is as likely the best as any other."""
    ledger = Ledger.of(study_of(4), 4).plus(outcomes_of([1, 2], [0.0, 0.0]))
    best = believed_best(ledger, ledger.posterior, np.array([0, 2, 3]))

    assert best is not None
    assert (best.arm, best.cost, best.standard_error) == (2, 0.0, 0.0)
    assert best.probability == pytest.approx(1 / 3)
    assert believed_best(ledger, ledger.posterior, np.array([0, 3])) is None
