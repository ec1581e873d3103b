"""What an observation counts as: measured or computed, clipped or refused."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain import reward
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Metric, MetricKind, OutsideRange, Ratio, WeightedSum
from trimtab_service.domain.observation import Measurement

CLIP = OutsideRange.CLIP
ROLE = "an objective of the study"
METRICS = (
    Metric("latency", min=0.0),
    Metric("cost", min=0.0, max=10.0, outside=CLIP),
    Metric("click", MetricKind.BINARY),
    Metric("score", formula=WeightedSum({"latency": 2.0, "cost": -0.5}), min=-100.0, max=100.0),
    Metric("rate", formula=Ratio("latency", "cost"), max=5.0, outside=CLIP),
    Metric("gain", formula=WeightedSum({"click": 3.0})),
    Metric("bounded", min=0.0, max=1.0, outside=CLIP),
)
VALUES = st.floats(-1e100, 1e100)


def counted(objective: str, **measurements: Measurement | float) -> Measurement:
    """What they count as, once they are found to be right."""
    measured = {
        name: value if isinstance(value, Measurement) else Measurement(value) for name, value in measurements.items()
    }
    reward.check(METRICS, {objective: ROLE}, measured)
    return reward.reward(METRICS, objective, measured)


def refused(objective: str, **measurements: Measurement | float) -> tuple[str, str]:
    """The field at fault, and what is wrong with it."""
    with pytest.raises(InvalidArgument) as caught:
        counted(objective, **measurements)
    (violation,) = caught.value.violations
    return violation.field, violation.description


def test_an_objective_that_is_measured_counts_as_what_was_measured() -> None:
    """With its count and its standard error."""
    measured = Measurement(3.0, 7, 0.25)
    assert counted("latency", latency=measured, cost=99.0) is measured


@pytest.mark.parametrize(("mean", "expected"), [(-3.0, 0.0), (0.25, 0.25), (7.0, 1.0)])
def test_a_measured_mean_is_clipped_where_it_is_declared(mean: float, expected: float) -> None:
    """Count and standard error stay: clipping makes an error no larger."""
    assert counted("bounded", bounded=Measurement(mean, 4, 0.5)) == Measurement(expected, 4, 0.5)


@given(st.lists(st.tuples(VALUES, VALUES.filter(bool)), min_size=1, max_size=20))
def test_a_sum_is_exact(terms: list[tuple[float, float]]) -> None:
    """Each product is rounded once and their sum once, whatever cancels out."""
    metrics = [Metric(f"m{index}") for index in range(len(terms))]
    total = Metric("total", formula=WeightedSum({f"m{index}": weight for index, (_, weight) in enumerate(terms)}))
    measured = {f"m{index}": Measurement(mean) for index, (mean, _) in enumerate(terms)}
    exact = float(sum(Fraction(mean * weight) for mean, weight in terms))
    reward.check([*metrics, total], {"total": ROLE}, measured)
    assert reward.reward([*metrics, total], "total", measured).mean == exact


def test_inputs_are_clipped_before_they_are_added() -> None:
    """A cost of 30 counts as 10 wherever it counts."""
    assert counted("score", latency=4.0, cost=30.0) == Measurement(2 * 4.0 - 0.5 * 10.0)


def test_a_ratio_is_that_of_the_means_clipped_in_the_end() -> None:
    """Here at 5."""
    assert counted("rate", latency=Measurement(6.0, 3), cost=Measurement(4.0, 3)) == Measurement(1.5, 3)
    assert counted("rate", latency=8.0, cost=1.0).mean == 5.0


def test_what_is_not_among_the_formulas_inputs_changes_nothing() -> None:
    """It is kept for whoever reads the log."""
    assert counted("score", latency=1.0, cost=2.0, click=1.0) == counted("score", latency=1.0, cost=2.0)


@pytest.mark.parametrize(
    ("objective", "latency", "cost", "expected"),
    [
        ("score", None, None, None),
        ("score", 0.5, 0.25, None),
        ("score", None, 0.0, None),
        ("score", 0.5, 0.0, 2.0 * 0.5),
        ("score", 0.0, 0.5, 0.5 * 0.5),
        ("score", 0.0, 0.0, 0.0),
        ("rate", 0.5, 0.25, None),
        ("rate", 0.5, 0.0, 0.5 / 4.0),
        ("rate", 0.0, 0.5, None),
        ("rate", 0.0, 0.0, 0.0),
    ],
)
def test_a_standard_error_is_known_where_only_one_input_varies(
    objective: str, latency: float | None, cost: float | None, expected: float | None
) -> None:
    """And the formula is linear in it; covariances are never guessed."""
    got = counted(objective, latency=Measurement(2.0, 9, latency), cost=Measurement(4.0, 9, cost))
    assert (got.count, got.standard_error) == (9, expected)


def test_an_error_too_large_for_a_double_is_not_known() -> None:
    """Rather than infinite."""
    metrics = (Metric("a"), Metric("s", formula=WeightedSum({"a": 1e300})))
    assert reward.reward(metrics, "s", {"a": Measurement(1.0, 2, 1e300)}).standard_error is None


@pytest.mark.parametrize(
    ("objective", "measurements", "field"),
    [
        ("latency", {}, 'measurements["latency"]'),
        ("score", {"latency": 1.0}, 'measurements["cost"]'),
        ("score", {"score": 1.0}, 'measurements["score"]'),
        ("latency", {"latency": 1.0, "score": 1.0}, 'measurements["score"]'),
        ("latency", {"latency": 1.0, "x" * 200: 1.0}, f'measurements["{"x" * 130}"]'),
        ("score", {"latency": -1.0, "cost": 1.0}, 'measurements["latency"].mean'),
        ("score", {"latency": 200.0, "cost": 1.0}, "measurements"),
        ("score", {"latency": 1.0, "cost": Measurement(1.0, 2)}, 'measurements["cost"].count'),
        ("rate", {"latency": Measurement(1.0, 2), "cost": 1.0}, 'measurements["cost"].count'),
        ("rate", {"latency": 1.0, "cost": 0.0}, 'measurements["cost"].mean'),
        ("rate", {"latency": 1.0, "cost": -3.0}, 'measurements["cost"].mean'),
        ("rate", {"latency": 1e300, "cost": 1e-300}, 'measurements["cost"].mean'),
        ("gain", {"click": 0.5}, 'measurements["click"].mean'),
        ("gain", {"click": Measurement(1.5, 4)}, 'measurements["click"].mean'),
    ],
)
def test_what_makes_no_reward_is_refused(
    objective: str, measurements: dict[str, Measurement | float], field: str
) -> None:
    """Missing, computed or undeclared ones, values out of range, unequal counts, a division by 0, also by a clipped
    one, and one that overflows."""
    at, why = refused(objective, **measurements)
    assert at == field
    assert why


def test_a_sum_that_overflows_is_refused() -> None:
    """Also on the way, where infinities would cancel out."""
    metrics = (Metric("a"), Metric("b"), Metric("s", formula=WeightedSum({"a": 1e200, "b": -1e200})))
    for mean in (1e200, 1e108):
        with pytest.raises(InvalidArgument, match=r"^measurements: s, .* too large"):
            reward.check(metrics, {"s": ROLE}, {"a": Measurement(mean), "b": Measurement(-mean)})
        with pytest.raises(InvalidArgument, match=r"^measurements: s, .* too large"):
            reward.check(metrics, {"s": ROLE}, {"a": Measurement(1e200), "b": Measurement(1e200)})


def test_messages_say_what_to_do() -> None:
    """What is computed isn't reported, and what is needed says for what."""
    assert refused("score", score=1.0)[1] == "is computed by the service: report latency, cost instead"
    assert refused("score", latency=1.0)[1] == (
        "missing: score, an objective of the study, needs it; report outcome failed if it can't be measured"
    )
    assert refused("score", latency=200.0, cost=1.0)[1] == (
        "score is computed from them: 399.5 is outside the metric's range, -100.0 to 100.0"
    )


def test_a_clipped_click_is_a_whole_one() -> None:
    """Beyond the range a single measurement counts as 0 or 1; between them it is none."""
    metrics = (Metric("click", MetricKind.BINARY, outside=CLIP),)
    reward.check(metrics, {"click": ROLE}, {"click": Measurement(3.0)})
    assert reward.reward(metrics, "click", {"click": Measurement(3.0)}).mean == 1.0
    with pytest.raises(InvalidArgument, match=r"is 0 or 1, not 0\.5"):
        reward.check(metrics, {"click": ROLE}, {"click": Measurement(0.5)})


@given(st.floats(0, 1e6), st.floats(-1e3, 1e3), st.integers(1, 1_000))
def test_whatever_passes_the_check_makes_a_reward(latency: float, cost: float, count: int) -> None:
    """A finite one, of the inputs' count, within a clipped metric's range."""
    measured = {"latency": Measurement(latency, count), "cost": Measurement(cost, count)}
    for objective in ("score", "rate"):
        try:
            reward.check(METRICS, {objective: ROLE}, measured)
        except InvalidArgument:
            continue
        got = reward.reward(METRICS, objective, measured)
        assert math.isfinite(got.mean)
        assert got.count == count
        assert objective != "rate" or got.mean <= 5.0
