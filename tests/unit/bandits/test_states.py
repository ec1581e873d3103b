"""States written down, read back, and given more arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trimtab_service.bandits import states


@dataclass(frozen=True, slots=True, eq=False)
class Inner:
    """A part of a state."""

    matrix: NDArray[np.float64]
    bound: float | None


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """With everything that a state can have in it."""

    counts: NDArray[np.float64]
    inner: Inner
    number: int
    exact: bool
    history: NDArray[np.intp]


def state_of(arms: int, fill: float, bound: float | None = None, rounds: int = 0) -> State:
    """A state of so many arms, all its numbers alike; the matrix has a row an arm."""
    return State(
        np.full(arms, fill), Inner(np.full((arms, 2), -fill), bound), 7, True, np.arange(rounds, dtype=np.intp)
    )


def leaves(state: State) -> list[Any]:
    """Everything in it."""
    return [state.counts, state.inner.matrix, state.inner.bound, state.number, state.exact, state.history]


@pytest.mark.parametrize("bound", [None, 0.1, np.inf])
def test_what_is_written_is_read_again(bound: float | None) -> None:
    """To the last bit, with its types; the arrays read can't be changed."""
    state = state_of(3, 0.1, bound, rounds=4)
    read = states.unpacked(state_of(3, 0.0, bound), states.packed(state))

    for left, right in zip(leaves(state), leaves(read), strict=True):
        assert type(left) is type(right)
        np.testing.assert_array_equal(right, left)
    assert not any(leaf.flags.writeable for leaf in leaves(read) if isinstance(leaf, np.ndarray))


@pytest.mark.parametrize(("kept", "added"), [(None, b"0"), (-8, b""), (0, b"")])
def test_other_bytes_are_refused(kept: int | None, added: bytes) -> None:
    """Too many, too few, or none."""
    with pytest.raises(ValueError):  # noqa: PT011
        states.unpacked(state_of(3, 0.0), states.packed(state_of(3, 0.1))[:kept] + added)


def test_the_arrays_of_another_state_are_refused() -> None:
    """A number in the place of an array, or integers in that of floats."""
    inner = Inner(np.zeros((3, 2)), None)
    with pytest.raises(ValueError, match="arrays"):
        states.unpacked(inner, states.packed(Inner(np.zeros(3), None)))
    with pytest.raises(ValueError, match="arrays"):
        states.unpacked(inner, states.packed(Inner(np.zeros((3, 2), dtype=np.intp), None)))


def test_new_arms_are_as_the_template_has_them() -> None:
    """Arrays grow along the first axis, numbers stay, and a longer history than the template's is kept."""
    grown = states.extended(state_of(2, 1.0, 0.5, rounds=3), state_of(4, 9.0, 0.7))

    assert grown.counts.tolist() == [1.0, 1.0, 9.0, 9.0]
    assert grown.inner.matrix.tolist() == [[-1.0, -1.0], [-1.0, -1.0], [-9.0, -9.0], [-9.0, -9.0]]
    assert (grown.inner.bound, grown.number, grown.exact) == (0.5, 7, True)
    assert grown.history.tolist() == [0, 1, 2]
    assert not grown.counts.flags.writeable


def test_a_state_of_enough_arms_stays_as_it_is() -> None:
    """Its very arrays are used again."""
    state = state_of(3, 1.0)

    assert states.extended(state, state_of(3, 0.0)).counts is state.counts
