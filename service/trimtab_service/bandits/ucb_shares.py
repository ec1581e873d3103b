"""How UCB would divide its next choices, for those who can't wait for each reward before the next choice.

An index policy is certain of its choice, and while rewards are under way it
makes it again and again. What it would do with rewards that come as expected
is known in advance: every choice raises an index, and the choices go where
indices are lowest, as water does. Only arrays come in and go out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST_GAP = 1e100  # in units of the bonus: the share of one choice, 1e-200, is still positive
# Newton's method takes about 10 for 20 arms.
MOST_ITERATIONS = 200
LEAST_AHEAD = 1e-9  # of the measurements of an arm: fewer choices than that would drown in rounding


def ucb_shares(
    means: NDArray[np.float64],
    counts: NDArray[np.float64],
    bonus: NDArray[np.float64],
    ahead: NDArray[np.float64],
    starts: NDArray[np.intp],
) -> NDArray[np.float64]:
    """[V] the share of each arm in the next choices of its group; they add up to 1 over each group.

    means, counts: [V] mean cost of each arm, and of how many measurements; the
        groups stand one after the other.
    bonus: [g] b of each group; the arm with the lowest mean - b / sqrt(count) comes next.
    ahead: [g] how many choices are divided, above 0; few: nearly all go to one arm.
    starts: [g] where the arms of each group begin.

    Arms without measurements come first, and share equally. Otherwise arm i
    gets max(0, (b / (mean_i - level))^2 - count_i) choices, the level being
    such that they add up to ``ahead``: these many bring its index there. In
    y = (least mean - level) / b their sum is convex and decreasing, so
    Newton's method from a y where it is too large climbs to the root.
    """
    sizes = np.diff(np.append(starts, means.size))
    untried = counts <= 0
    waiting = np.add.reduceat(untried, starts, dtype=np.intp)
    gaps = means - np.repeat(np.minimum.reduceat(np.where(untried, np.inf, means), starts), sizes)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gaps = np.where(gaps > 0, np.minimum(gaps / np.repeat(bonus, sizes), LARGEST_GAP), 0.0)
    # An arm of the least mean would get all of ``ahead``, or more, at this y.
    least = np.minimum.reduceat(np.where(gaps == 0, np.where(untried, np.inf, counts), np.inf), starts)
    least = np.where(waiting > 0, 1.0, least)
    ahead = np.maximum(ahead, LEAST_AHEAD * least)
    y = (least + ahead) ** -0.5
    for _ in range(MOST_ITERATIONS):
        inverses = 1 / (gaps + np.repeat(y, sizes))
        squares = inverses * inverses
        choices = np.maximum(squares - counts, 0.0)
        chosen = choices > 0
        excess = np.add.reduceat(choices, starts) - ahead
        slopes = 2 * np.add.reduceat(np.where(chosen, squares * inverses, 0.0), starts)
        steps = np.where(excess > 0, excess / np.maximum(slopes, 1e-300), 0.0)
        y += steps
        if (steps <= 1e-14 * y).all():
            break
    shares: NDArray[np.float64] = np.where(np.repeat(waiting > 0, sizes), untried, choices)
    shares /= np.repeat(np.add.reduceat(shares, starts), sizes)
    return shares
