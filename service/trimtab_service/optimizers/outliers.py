"""Tells measurements that went wrong from those that are news. NumPy and SciPy, no torch.

A row that the others don't predict may get a variance of its own, as large as
makes it most likely; the hyperparameters are fitted again, and the treatment
stays only if the likelihood gains more than it costs. Ament, Santorella,
Eriksson, Letham, Balandat, Bakshy 2024, "Robust Gaussian Processes via
Relevance Pursuit", with the gain of each row in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trimtab_service.optimizers.evidence import Evidence
from trimtab_service.optimizers.gp_fit import Hyperparameters, Known, Loss, hyperparameters, search
from trimtab_service.optimizers.targets import Vector

LEAST_ROWS = 8  # fewer can't outvote one of them
PRICE = 5.0  # of calling a row an outlier, in log likelihood: one row in 20 is, and its variance is one more number
GOOD_PRICE = 10.0  # if it is better than expected: what a search is after is rare, too
# By how much the square of the worst standardized residual must be above what
# chance makes of it for more fits to be worth their time; and how many times as much
# gain it takes on the good side, where functions without noise have sharp optima.
BEYOND_CHANCE, GOOD_SIDE, GOOD_SIDE_OF_MANY = 1.0, 3.0, 5.0
DOUBTFUL = 0.1  # part of its price that a row must gain to be tried
MOST_SHARE = 0.2  # of the rows
ROUNDS = 3  # of fits
# With many rows a fit costs much, and chance alone makes some of them suspicious.
MANY, FEW_ROUNDS, HALF = 100, 2, 0.5
LEVELS = (0.0, -0.7, -1.4, -2.8)  # added to the log of the level of noise, without the outliers
LEAST = 1e-12  # of a variance


def robust(
    evidence: Evidence, categorical: Sequence[int], known: Known | None = None
) -> tuple[Evidence, Hyperparameters]:
    """The evidence of one target with its outliers' variances set, and the most probable hyperparameters.

    known: of these hyperparameters, if anything is.

    Law: the evidence comes back as it is unless the log posterior of the
    hyperparameters gains more than the price of each outlier.

    Outliers hide each other: they raise the level of noise that they are
    measured by. So the first round takes in all that may be one, and later
    ones keep what is one by a level that was fitted without them.
    """
    loss = Loss.of(evidence, categorical) if known is None else known.loss
    if known is not None and math.isfinite(known.value):
        value, theta = known.value, known.theta
    else:
        value, theta = search(loss, None if known is None else known.theta)
    best = (value, loss, theta)
    many = len(loss.costs) >= MANY
    most = int(MOST_SHARE * len(loss.costs))
    paid, rounds = (HALF, FEW_ROUNDS) if many else (DOUBTFUL, ROUNDS)
    if len(loss.costs) < LEAST_ROWS or not _is_suspicious(loss, theta, evidence):
        return evidence, hyperparameters(loss, theta)
    for attempt in range(rounds):
        added, price = _added(loss, theta, evidence, paid, most)
        if not added.any() or (attempt > 1 and np.array_equal(added > 0.0, loss.added > 0.0)):
            break
        loss = replace(loss, added=added)
        found, theta = search(loss, theta) if attempt or not many else _quieter(loss, theta)
        total = found + price
        if total < best[0]:
            best = (total, loss, theta)
        if not attempt:
            # Fewer outliers can't gain more than all that may be some: what that pays for is what there can be.
            paid, most = 1.0, min(most, int((value - found) / PRICE))
    _, loss, theta = best
    if loss.added.any():
        (target,) = evidence.targets
        evidence = replace(evidence, targets=(replace(target, added=loss.added),))
    return evidence, hyperparameters(loss, theta)


def _quieter(loss: Loss, theta: Vector) -> tuple[float, Vector]:
    """The least loss among a few lower levels of noise, and its theta: what costs less than a search."""
    steps = np.zeros((len(LEVELS), len(theta)))
    steps[:, -1] = LEVELS
    return min(((loss.begun(theta + step)[0], theta + step) for step in steps), key=lambda found: found[0])


def left_out(loss: Loss, theta: Vector) -> tuple[Vector, Vector]:
    """Residuals [n] and variances [n], noise included, of each cost as predicted from all the others.

    With C the covariance of the costs, P = C^-1 - C^-1 1 1' C^-1 / 1' C^-1 1
    leaves the unknown mean out: residual (P y)_i / P_ii, variance 1 / P_ii.
    Dubrule 1983, "Cross Validation of Kriging in a Unique Neighborhood".
    """
    inverse = loss.inverse(theta)
    sums = inverse.sum(axis=0)
    precisions = np.maximum(inverse.diagonal() - np.square(sums) / sums.sum(), LEAST)
    weights = inverse @ loss.costs - sums * float(sums @ loss.costs / sums.sum())
    return weights / precisions, 1.0 / precisions


def _gains(loss: Loss, theta: Vector, evidence: Evidence) -> tuple[Vector, Vector, Vector]:
    """How much log likelihood [n] a variance of its own would bring each row, that variance [n], and its price [n].

    A normal residual r of variance s^2 becomes most likely with r^2 - s^2
    more: the gain is (z^2 - 1 - log z^2) / 2 with z = r / s, where |z| > 1. A
    failure is no measurement, and so no outlier.
    """
    residuals, variances = left_out(loss, theta)
    without = np.maximum(variances - loss.added, LEAST)
    squares = np.maximum(np.square(residuals) / without, 1.0)
    gains = np.where(evidence.measured, 0.5 * (squares - 1.0 - np.log(squares)), 0.0)
    return gains, (squares - 1.0) * without, np.where(residuals < 0.0, GOOD_PRICE, PRICE)


def _is_suspicious(loss: Loss, theta: Vector, evidence: Evidence) -> bool:
    """Whether a row is farther off than the farthest of n normal residuals would be, 2 log n in squares."""
    gains, _, prices = _gains(loss, theta, evidence)
    square = 2.0 * np.log(len(gains)) + BEYOND_CHANCE
    least = 0.5 * (square - 1.0 - np.log(square))
    side = GOOD_SIDE_OF_MANY if len(gains) >= MANY else GOOD_SIDE
    return bool((gains > np.where(prices == GOOD_PRICE, side * least, least)).any())


def _added(loss: Loss, theta: Vector, evidence: Evidence, paid: float, most: int) -> tuple[Vector, float]:
    """[n] the variances of the ``most`` rows that gain most above their price, and their prices' sum.

    paid: the part of the price that a row must gain at least.
    """
    gains, variances, prices = _gains(loss, theta, evidence)
    order = np.argsort(paid * prices - gains, kind="stable")[:most]
    chosen = order[gains[order] > paid * prices[order]]
    added = np.zeros(len(gains))
    added[chosen] = variances[chosen]
    return added, float(prices[chosen].sum())
