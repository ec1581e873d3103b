"""What the costs in several conditions count as together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.optimizers.problems import Problem
from trimtab_service.domain.outcomes import Robustness
from trimtab_service.domain.space import Float
from trimtab_service.optimizers.gp_posterior import Kernel, Posterior
from trimtab_service.optimizers.risk import Risk

NUMBERS = np.zeros(2, dtype=bool)


def risk(weights: list[float], share: float) -> Risk:
    """Over conditions along one context."""
    places = np.linspace(0.0, 1.0, len(weights))[:, None]
    return Risk(places, np.array(weights) / sum(weights), share)


def posterior(count: int = 12) -> Posterior:
    """Of one parameter and one context."""
    rng = np.random.default_rng(0)
    rows = rng.random((count, 2))
    kernel = Kernel(np.array([0.5, 0.8]), 1.0, NUMBERS)
    return Posterior.of(kernel, 0.0, rows, np.full(count, 0.01), np.square(rows[:, 0] - rows[:, 1]))


def test_over_all_conditions_it_is_the_weighted_mean() -> None:
    """With the weights that were declared."""
    assert risk([1.0, 1.0, 2.0], 1.0)(np.array([4.0, 0.0, 2.0])) == pytest.approx(2.0)


def test_of_the_worst_share_only_the_worst_conditions_count() -> None:
    """The last of them in part, where the share ends within its weight."""
    costs = np.array([1.0, 9.0, 3.0, 7.0])
    assert risk([1.0] * 4, 0.25)(costs) == pytest.approx(9.0)
    assert risk([1.0] * 4, 0.5)(costs) == pytest.approx(8.0)
    assert risk([1.0] * 4, 0.375)(costs) == pytest.approx((9.0 + 0.5 * 7.0) / 1.5)
    assert risk([1.0, 0.1, 1.0, 1.0], 1e-3)(costs) == pytest.approx(9.0)


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0.01, 10.0)), min_size=2, max_size=8),
    st.floats(0.01, 1.0),
    st.floats(0.01, 1.0),
)
def test_a_smaller_share_is_never_better(conditions: list[tuple[float, float]], first: float, second: float) -> None:
    """It lies between the mean and the worst, and falls with the share."""
    costs, weights = np.array([cost for cost, _ in conditions]), [weight for _, weight in conditions]
    small, large = sorted((first, second))
    values = [float(risk(weights, share)(costs)) for share in (small, large, 1.0)]
    slack = 1e-9 * (1.0 + np.abs(costs).max())
    assert values[0] >= values[1] - slack >= values[2] - 2 * slack
    assert costs.min() - slack <= values[0] <= costs.max() + slack


def test_draws_have_the_moments_of_the_posterior() -> None:
    """Means, and covariances between conditions at one point, whether few points are asked for or many."""
    model, over = posterior(), risk([1.0, 1.0, 1.0], 1.0)
    rng = np.random.default_rng(1)
    half = rng.standard_normal((20_000, 3))
    normal = np.concatenate([half, -half])
    rows = np.array([[0.2], [0.9]])
    costs, counted = over.drawn(model, rows, normal)
    for index, row in enumerate(rows):
        local = model.at(over.beside(row[None]))
        alike, _ = model.kernel.parts(over.beside(row[None]), over.beside(row[None]))
        np.testing.assert_allclose(costs[index].mean(axis=0), local.means[:, 0], atol=1e-9)
        np.testing.assert_allclose(np.cov(costs[index].T), alike - local.weights @ local.weights.T, atol=0.01)
    np.testing.assert_allclose(counted, costs.mean(axis=2))
    many, _ = over.drawn(model, np.tile(rows, (700, 1)), normal[:4])
    np.testing.assert_allclose(many[-1], costs[1, :4], atol=1e-9)


def test_the_condition_that_is_known_least_tells_most() -> None:
    """And one that is known tells nothing."""
    costs = np.random.default_rng(2).standard_normal((500, 3)) * (0.0, 0.3, 1.0)
    over = risk([1.0, 1.0, 1.0], 1.0)
    assert over.telling(costs, over(costs), 0.01).tolist() == [2, 1, 0]


def test_of_the_worst_conditions_the_worst_one_tells_most() -> None:
    """Where only the worst counts, an equally uncertain better one is of no interest."""
    costs = np.random.default_rng(3).standard_normal((500, 3)) * 0.5 + (0.0, 10.0, 0.0)
    over = risk([1.0, 1.0, 1.0], 0.3)
    assert over.telling(costs, over(costs), 0.01)[0] == 1


@pytest.mark.parametrize(("large", "small"), [((1e308, 1e308), (1.0, 1.0)), ((1.5e308, 0.5e308), (3.0, 1.0))])
def test_only_the_proportions_of_weights_count(large: tuple[float, ...], small: tuple[float, ...]) -> None:
    """However large their sum is."""
    made = Problem("two", (Float("x", 0.0, 1.0),), context=(Float("load", 0.0, 1.0),)).study("gp")
    conditions = ({"load": 0.0}, {"load": 1.0})
    risks = [
        Risk.of(replace(made, spec=replace(made.spec, robustness=Robustness(conditions, weights))))
        for weights in (large, small)
    ]
    np.testing.assert_allclose(risks[0].weights, risks[1].weights, rtol=1e-15)
