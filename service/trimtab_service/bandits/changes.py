"""Whether anything has changed: how likely it is that what was once measured of an arm still holds.

Bayesian change-point detection (Adams & MacKay 2007, Bayesian Online
Changepoint Detection) over sums in blocks instead of single measurements in
their order. Only arrays come in and go out; what to do about a change is the
bandits' business.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.moments import Moments
from trimtab_service.bandits.posteriors import ROUNDING

LEAST_SPREAD = 1e-3  # of the arms' means, in variances of single measurements
LARGEST_EVIDENCE = 1e12  # beyond it nothing is left to decide, and sums of it are still exact enough
LEAST_WEIGHT = 1e-9  # what was surely before a change is still better than nothing


def still_holds(
    evidence: NDArray[np.float64], starts: NDArray[np.float64], latest: float, hazard: float
) -> NDArray[np.float64]:
    """[B, K] the probability that what arm k is like hasn't changed since block b began, at least LEAST_WEIGHT.

    evidence: [B, B, K] log probability of what was measured of an arm in
        blocks i to j, had there been no change between them; unused where j < i.
    starts: [B] the first step of each block; latest: the last step of all.
    hazard: the probability that at some step there is a change that concerns
        all arms; just as likely is one that concerns a single arm.

    Changes of all arms and of each one are judged apart, as if there were no
    other kind, and an arm's past holds if both say so. With a_j the
    probability of all that was measured before block j, and of a change there,

        a_j = h_j sum over i < j of a_i evidence(i, j - 1) product over i < m < j of (1 - h_m),

    where h_j is the hazard times the distance between the middles of the
    blocks that meet there. The last change was at j with a probability in
    proportion to a_j evidence(j, B - 1).
    """
    blocks, _, arms = evidence.shape
    joint = np.concatenate([evidence, evidence.sum(axis=2, keepdims=True)], axis=2)
    hazards = np.append(np.full(arms, hazard / arms), hazard)
    ends = np.append(starts[1:], latest + 1)
    distances = np.append(0.0, (ends[1:] - starts[:-1]) / 2)
    changing = np.minimum(distances[:, None] * hazards, 0.5)
    staying = np.cumsum(np.log1p(-changing), axis=0)
    joint += staying[None] - staying[:, None]
    with np.errstate(divide="ignore"):
        log_changing = np.log(changing)
    before = np.zeros((blocks, arms + 1))
    for block in range(1, blocks):
        before[block] = log_changing[block] + _log_sum(before[:block] + joint[:block, block - 1])
    last = before + joint[:, -1]
    since = np.cumsum(np.exp(last - _log_sum(last)), axis=0)
    held: NDArray[np.float64] = np.clip(since[:, :arms] * since[:, arms:], LEAST_WEIGHT, 1.0)
    return held


def beta_evidence(counts: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """[B, B, K] of ``losses`` [B, K] among ``counts`` [B, K], each arm's chance of one being uniform in [0, 1].

    To about 0.05, see ``_log_factorials``.
    """
    first, last = np.triu_indices(len(counts))
    number = _over_blocks(counts, first, last)
    lost = np.clip(_over_blocks(losses, first, last), 0.0, number)
    return _squared(_log_factorials(lost, number - lost), len(counts))


def normal_evidence(blocks: Moments) -> NDArray[np.float64]:
    """[B, B, K] of normal measurements in blocks [B, K], up to a sum over blocks that is the same for all divisions.

    Their variance is the one within all blocks; the mean between two changes
    is normal about the mean of the arms, with the spread that the arms show.
    """
    shape = (len(blocks.counts), *blocks.counts.shape)
    counts = blocks.counts.sum(axis=0)
    tried = counts > 0
    if not tried.any():
        return np.zeros(shape)
    arms = (blocks.counts * blocks.means).sum(axis=0)[tried] / counts[tried]
    center, spread = float(arms.mean()), float(np.var(arms))
    freedom = float(np.maximum(blocks.groups - 1, 0.0).sum())
    noise = (float(blocks.squares.sum()) + spread) / (freedom + 1)
    noise = max(noise, (ROUNDING * float(np.abs(arms).max())) ** 2)
    if noise == 0:
        return np.zeros(shape)
    ratio = spread / noise + LEAST_SPREAD
    first, last = np.triu_indices(len(blocks.counts))
    number = _over_blocks(blocks.counts, first, last)
    away = _over_blocks(blocks.counts * ((blocks.means - center) / noise**0.5), first, last)
    gain = (away / (number + 1 / ratio)) * away / 2
    return _squared(np.minimum(gain, LARGEST_EVIDENCE) - np.log1p(number * ratio) / 2, len(blocks.counts))


def _over_blocks(values: NDArray[np.float64], first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float64]:
    """[n, K] sums of ``values`` [B, K] over the blocks from ``first`` [n] to ``last`` [n]."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    totals: NDArray[np.float64] = sums[last + 1] - sums[first]
    return totals


def _squared(values: NDArray[np.float64], blocks: int) -> NDArray[np.float64]:
    """[B, B, K] with ``values`` [B (B + 1) / 2, K] on and above the diagonal."""
    square = np.zeros((blocks, blocks, values.shape[1]))
    square[np.triu_indices(blocks)] = values
    return square


def _log_sum(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] the logarithm of the sum of exponentials over the first axis."""
    most = logs.max(axis=0)
    total: NDArray[np.float64] = most + np.log(np.exp(logs - most).sum(axis=0))
    return total


def _log_factorials(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(a! b! / (a + b + 1)!) for a, b of at least 0, to about 0.05, and exactly 0 where both are 0.

    By log n! = n log n - n + log((2 n + 1/3) pi) / 2 (Gosper 1978, Decision
    procedure for indefinite hypergeometric summation), which NumPy evaluates
    in a tenth of the time that better ones take.
    """
    n = a + b + 1
    powers = a * np.log(np.maximum(a, 1e-300)) + b * np.log(np.maximum(b, 1e-300)) - n * np.log(n)
    roots = np.log((2 * a + 1 / 3) / (2 * n + 1 / 3) * (2 * b + 1 / 3) * 21) / 2
    result: NDArray[np.float64] = powers + roots
    return result
