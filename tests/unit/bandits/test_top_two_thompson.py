"""Top-two Thompson sampling: the law, its tail, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from contract.bandits.bandit_problems import BINARY, chances, outcomes_of, start, table
from trimtab_service.bandits.base import Bandit
from trimtab_service.bandits.posteriors import BetaPosterior, StudentPosterior
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.bandits.top_two_thompson import TopTwoThompson, beating
from trimtab_service.domain.errors import InvalidArgument

LOSSES, WINS = np.array([3, 6, 5, 9]), np.array([9, 8, 3, 2])
TRIED = outcomes_of(np.arange(4), LOSSES / (LOSSES + WINS), counts=LOSSES + WINS)


@pytest.mark.parametrize("share", [0.5, 0.8, 1.0])
def test_the_law_is_that_of_drawing_until_another_arm_wins(share: float) -> None:
    """The probabilities are the frequencies of the published procedure, carried out on samples."""
    rng = np.random.default_rng(1)
    bandit = TopTwoThompson(share=share)
    state = bandit.fold(start(bandit, 4, BINARY), TRIED)
    winners = rng.beta(1 + LOSSES, 1 + WINS, (1_000_000, 4)).argmin(axis=1)
    first = winners[:200_000]
    played = np.where(rng.random(first.size) < share, first, -1)
    challengers = iter(winners[200_000:].tolist())
    for place in np.flatnonzero(played < 0).tolist():
        played[place] = next(arm for arm in challengers if arm != first[place])

    expected = np.bincount(played, minlength=4) / played.size
    np.testing.assert_allclose(chances(bandit, state, np.arange(4)), expected, atol=5e-3)


def test_the_favourite_keeps_its_share() -> None:
    """When one arm is all but surely the best it gets its share, and the others the rest, however sure it is."""
    bandit = TopTwoThompson(share=0.6)
    for count in (1e3, 1e6, 1e12):
        state = bandit.fold(start(bandit, 3), outcomes_of([0, 1, 2], [0.0, 1.0, 1.0], 1, count, 1.0))
        np.testing.assert_allclose(chances(bandit, state, np.arange(3)), [0.6, 0.2, 0.2], atol=2e-3)


def test_rivals_are_told_apart_in_the_tail() -> None:
    """Where the favourite is all but certain its nearest rival gets nearly all of the rest."""
    bandit = TopTwoThompson()
    state = bandit.fold(start(bandit, 3), outcomes_of([0, 1, 2], [0.0, 1.0, 1.2], 1, 1e4, 9.0))

    np.testing.assert_allclose(chances(bandit, state, np.arange(3)), [0.5, 0.5, 0.0], atol=1e-3)


def test_the_tail_is_the_normal_one() -> None:
    """How likely arms beat the favourite, against SciPy's logarithms of the normal distribution."""
    means, errors = np.array([0.0, 3.0, 5.0, 40.0]), np.array([0.3, 1.0, 0.2, 1.5])
    posterior = StudentPosterior(means, errors, np.full(4, 1e9))
    logs = stats.norm.logsf(means / np.hypot(errors, errors[0]))[1:]

    weights = beating(posterior, np.arange(4), 0)

    assert weights[0] == 0
    np.testing.assert_allclose(np.log(weights[1:] / weights[1]), logs - logs[0], atol=0.02)


def test_the_two_ways_to_weigh_rivals_meet() -> None:
    """Where best-arm probabilities are just good enough, the tail says much the same."""
    losses, wins = np.array([100.0, 140, 138]), np.array([200.0, 160, 162])
    posterior = BetaPosterior(losses, wins, 0.0, 1.0)
    best = posterior.probabilities(np.arange(3))
    weights = beating(posterior, np.arange(3), 0)

    assert best[1:].sum() < 2e-3
    assert best[2] / best[1] == pytest.approx(weights[2] / weights[1], rel=0.15)


def test_a_share_of_nothing_is_refused() -> None:
    """The favourite has to be played as well."""
    with pytest.raises(InvalidArgument, match="share"):
        TopTwoThompson(share=0.0)


def doubt(bandit: Bandit, seed: int) -> float:
    """How likely the arm called best isn't the best, after 600 measurements of six arms."""
    rng = np.random.default_rng(seed)
    means = np.array([0.0, 0.25, 0.3, 0.5, 1.0, 1.0])
    state = start(bandit, 6)
    for _ in range(40):
        arms, propensities = table(bandit, state, 6).draw(rng.random(15))
        state = bandit.fold(state, outcomes_of(arms, means[arms] + rng.standard_normal(15), propensities))
    estimate = bandit.best(state, np.arange(6), None, 0.0)
    assert estimate is not None
    assert estimate.probability is not None
    return 1 - estimate.probability


def test_it_gets_surer_than_thompson_sampling() -> None:
    """After as many measurements, less doubt is left about which arm is best: that is what this bandit is for."""
    ours, plain = (np.mean([doubt(bandit, seed) for seed in range(12)]) for bandit in (TopTwoThompson(), Thompson()))

    assert ours < 0.8 * plain
