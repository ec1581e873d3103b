"""How noisy one observation is against another, before anything is fitted. NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from trimtab_service.domain.suggestion import Trial
from trimtab_service.optimizers.targets import MOST_VARIANCE, Target, Vector

MOST_HALVINGS = 40.0  # beyond them an observation says nothing, and 2^age stays a number to calculate with

LEAST_FACTOR = 1e-6  # of a level of noise: with less, a covariance matrix stops being invertible


def seen(trial: Trial) -> datetime:
    """When the trial was observed; for one whose observation carries no time, when it was suggested."""
    return trial.complete_time or trial.create_time


def halvings(trials: Sequence[Trial], half_life: timedelta) -> Vector:
    """[n] how often the weight of each trial's observation has halved since the newest one was made.

    Law: age is the time between two observations and never the time until
    now, so that the same history gives the same answer at any time.
    """
    moments = [seen(trial) for trial in trials]
    newest = max(moments, default=None)
    if newest is None:
        return np.empty(0)
    return np.minimum([(newest - moment) / half_life for moment in moments], MOST_HALVINGS)


def weighed(target: Target, counts: Vector, ages: Vector | None) -> Target:
    """The target with what counts and ages say of the noise of its n rows.

    A mean of k measurements has 1 / k of the variance of one, and one that is
    h half-lives older has 2^h times that of a new one, so that its weight in
    a mean is 1 / 2^h. Variances that are known, and what they leave out, take
    the ages only: what differs from run to run is the same in each of the k.
    Factors of a level that is all there is are relative to their median, so
    that the level is that of a typical row.

    counts: [n] measurements in each row. ages: [n] ``halvings``; None: age doesn't count.
    """
    older = np.ones(len(counts)) if ages is None else np.exp2(ages)
    if target.variances is not None:
        if ages is None:
            return target
        variances = np.minimum(target.variances * older, MOST_VARIANCE)
        return replace(target, variances=variances, noise_factors=np.minimum(older, MOST_VARIANCE))
    factors = older / counts
    factors = np.maximum(factors / float(np.median(factors)), LEAST_FACTOR)
    return target if (factors == 1.0).all() else replace(target, noise_factors=factors)


def row_noise(target: Target, level: float) -> Vector:
    """[n] the variance of the noise in each row of a target, in the unit of its costs.

    level: that was fitted, on top of the variances that are known.
    """
    noise = level * (np.ones(len(target.costs)) if target.noise_factors is None else target.noise_factors)
    if target.variances is not None:
        noise += target.variances
    return noise if target.added is None else noise + target.added
