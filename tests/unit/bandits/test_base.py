"""Tables that choices are drawn from, and the options that all bandits share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from trimtab_service.bandits.base import MOST_STEPS, Options, Table
from trimtab_service.domain.errors import InvalidArgument

ARMS = np.array([1, 4, 7, 9])


@pytest.mark.parametrize(
    ("floor", "expected"),
    [(0.0, [0.5, 0.0, 0.5, 0.0]), (0.2, [0.45, 0.05, 0.45, 0.05]), (1.0, [0.25, 0.25, 0.25, 0.25])],
)
def test_the_floor_is_shared_equally(floor: float, expected: list[float]) -> None:
    """It is taken from all chances in proportion; no arm has less than its share."""
    table = Table.of(ARMS, np.array([0.5, 0.0, 0.5, 0.0]), floor)

    np.testing.assert_allclose(table.probabilities, expected)
    np.testing.assert_allclose(table.cumulative, np.cumsum(expected))


@given(
    chances=arrays(float, st.integers(1, 60), elements=st.floats(0, 1)).filter(lambda chances: chances.sum() > 1e-300),
    floor=st.floats(0, 1),
    luck=st.lists(st.floats(0, 1, exclude_max=True), max_size=5),
)
def test_what_is_drawn_is_what_is_logged(chances: np.ndarray, floor: float, luck: list[float]) -> None:
    """Whatever the chances and the luck: an arm that can be drawn, and the probability that it has in the table."""
    arms = 3 * np.arange(chances.size)
    table = Table.of(arms, chances, floor)
    drawn, propensities = table.draw(np.array([*luck, 0.0, np.nextafter(1.0, 0.0)]))

    assert pytest.approx(table.probabilities.sum(), abs=1e-9) == 1.0
    assert table.cumulative[-1] == 1.0
    assert (propensities > 0).all()
    np.testing.assert_array_equal(table.probabilities[drawn // 3], propensities)


def test_frequencies_are_the_probabilities() -> None:
    """Of a million draws each arm gets its share, and an arm of probability 0 none."""
    table = Table.of(ARMS, np.array([0.2, 0.0, 0.5, 0.3]), 0.0)
    drawn, _ = table.draw(np.random.default_rng(1).random(1_000_000))
    frequencies = np.array([(drawn == arm).sum() for arm in ARMS])

    assert frequencies[1] == 0
    kept = [0, 2, 3]
    assert stats.chisquare(frequencies[kept], 1_000_000 * table.probabilities[kept]).pvalue > 1e-3


def test_a_table_is_never_changed() -> None:
    """Its arrays are read-only, and the chances it came from are as they were."""
    chances = np.array([0.5, 0.0, 0.5, 0.0])
    table = Table.of(ARMS, chances, 0.1)

    assert chances.tolist() == [0.5, 0.0, 0.5, 0.0]
    assert not table.probabilities.flags.writeable
    assert not table.cumulative.flags.writeable


@pytest.mark.parametrize(
    ("option", "value"), [("floor", -0.01), ("floor", 1.01), ("steps", -1), ("steps", MOST_STEPS + 1)]
)
def test_options_out_of_range(option: str, value: float) -> None:
    """They are refused by name."""
    with pytest.raises(InvalidArgument) as caught:
        Options(**{option: value})  # type: ignore[arg-type]

    assert option == caught.value.violations[0].field
