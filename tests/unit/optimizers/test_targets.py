"""How metrics are turned into what models learn, and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.metric import MetricKind
from trimtab_service.domain.observation import Measurement
from trimtab_service.optimizers.targets import Target, constraint_target, cost_target, objective_target
from trimtab_service.optimizers.transforms import Above, Bilog, Logarithm, Straight, Transform

REAL = MetricKind.REAL
NUMBERS = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    "transform",
    [
        Straight(),
        Above(-2e6, 1e5),
        Bilog(-math.inf, 3.0, 0.5),
        Bilog(-2.0, math.inf, 10.0),
        Bilog(-2.0, 3.0, 1.0),
    ],
    ids=repr,
)
@given(value=NUMBERS, other=NUMBERS)
def test_transforms_increase_and_can_be_undone(transform: Transform, value: float, other: float) -> None:
    """And the slope is that of the values."""
    low, high = sorted((value, other))
    bent = transform.forward(np.array([low, high]))
    assert bent[0] <= bent[1]
    np.testing.assert_allclose(transform.inverse(bent), [low, high], rtol=1e-9, atol=1e-9)
    step = 1e-6 * max(1.0, abs(low))
    up, down = transform.forward(np.array([low + step, low - step]))
    if all(abs(low - end) > 2.0 * step for end in (-2.0, 3.0)):
        assert transform.slope(np.array([low]))[0] == pytest.approx((up - down) / (2.0 * step), rel=1e-3, abs=1e-6)


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_can_be_undone(value: float) -> None:
    """Over all orders of magnitude, short of the ends of doubles."""
    found = Logarithm().inverse(Logarithm().forward(np.array([value])))[0]
    assert found == pytest.approx(value, rel=1e-9)


def test_nothing_is_below_where_a_curve_ends() -> None:
    """What is there all the same has an image, and one that isn't above any other's."""
    curve = Above(3.0, 0.5)
    assert curve.inverse(np.array([-1e3]))[0] == 2.5
    images = curve.forward(np.array([-1e300, 2.4, 2.5, 2.6, 3.0]))
    assert np.isfinite(images).all()
    assert (np.diff(images) >= 0.0).all()
    assert images[-1] == 0.0
    assert np.isfinite(curve.inverse(np.array([1e9]))[0])


@given(st.lists(NUMBERS, min_size=2, max_size=12), st.one_of(st.none(), NUMBERS), NUMBERS)
def test_bounds_keep_their_place(values: list[float], low: float | None, high: float) -> None:
    """A measurement is acceptable in standardized units exactly where it was."""
    bounds = (-math.inf, high) if low is None or low >= high else (low, high)
    target = of_constraint(values, bounds)
    inside = [bounds[0] <= value <= bounds[1] for value in values]
    close = 1e-9 * (1.0 + max(map(abs, values)))
    for cost, value, expected in zip(target.costs, values, inside, strict=True):
        if all(abs(value - bound) > close for bound in bounds):
            assert (target.low <= cost <= target.high) == expected


def of_constraint(values: list[float], bounds: tuple[float, float]) -> Target:
    """The target of measured values."""
    measured = np.ones(len(values), dtype=bool)
    return constraint_target("m", bounds, REAL, [Measurement(value) for value in values], measured)


def test_huge_violations_do_not_flatten_the_rest() -> None:
    """Among values within 2 of the bound, one a million beyond it leaves differences that count."""
    near = [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]
    target = of_constraint([*near, 1e6], (-math.inf, 0.0))
    assert np.diff(target.costs[:6]).min() > 0.05


def test_what_failed_says_nothing_of_constraints_and_costs() -> None:
    """While it counts as a bad one of the objective."""
    measured = np.array([True, False, True])
    given_ = [Measurement(1.0), Measurement(3.0)]
    constraint = constraint_target("m", (-math.inf, 2.0), REAL, given_, measured)
    price = cost_target("m", REAL, given_, measured)
    assert constraint.told.tolist() == price.told.tolist() == measured.tolist()
    assert objective_target("m", 1.0, REAL, given_, measured).told.all()


def test_values_come_back_in_their_unit() -> None:
    """Of an objective that is maximized, of a constraint, and of a cost."""
    values = [2.0, 3.0, 5.0, 8.0]
    given_, measured = [Measurement(value) for value in values], np.ones(4, dtype=bool)
    for target in (
        objective_target("m", -1.0, REAL, given_, measured),
        constraint_target("m", (1.0, 4.0), REAL, given_, measured),
        cost_target("m", REAL, given_, measured),
    ):
        np.testing.assert_allclose(target.value(target.costs), values)
        assert target.cost(3.0) == pytest.approx(target.costs[1])


def test_errors_are_stretched_as_the_values_are() -> None:
    """The variance of the log of a cost is that of its relative error."""
    given_ = [Measurement(10.0, 1, 1.0), Measurement(1_000.0, 1, 100.0)]
    target = cost_target("m", REAL, given_, np.ones(2, dtype=bool))
    assert target.variances is not None
    np.testing.assert_allclose(target.variances * target.spread**2, [0.01, 0.01])


def test_the_spread_of_few_measurements_is_hardly_believed() -> None:
    """Two that happen to agree are no exact measurement; fifty that agree are; alone, an error is what it is said."""
    usual = [Measurement(value, 2, 0.1) for value in (1.0, 2.0, 3.0, 4.0)]

    def variance_of(one: Measurement) -> float:
        measured = np.ones(5, dtype=bool)
        target = objective_target("loss", 1.0, MetricKind.REAL, [*usual, one], measured)
        assert target.variances is not None
        return float(target.variances[-1]) * target.spread**2

    two, fifty, alone = (variance_of(Measurement(5.0, count, 0.01)) for count in (2, 50, 1))
    assert 0.1**2 / 4 < two < 0.1**2
    assert fifty == pytest.approx(0.01**2, rel=0.5)
    assert alone == pytest.approx(0.01**2)
