"""Whether an objective is learned as it was measured, or by its logarithm. NumPy and SciPy, no torch.

Of many objectives the low costs differ by little and the high ones by much,
and noise grows with the cost: errors of models, latencies, sums of squares. A
Gaussian process that has to follow the high ones tells the low ones apart
badly, and these are what is looked for. So the costs may be bent, as far as
that makes what was measured more likely. Snelson, Rasmussen, Ghahramani 2004,
"Warped Gaussian Processes", with one family of curves of one parameter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trimtab_service.optimizers.evidence import Evidence
from trimtab_service.optimizers.gp_fit import MANY, SAMPLE, Known, Loss, search
from trimtab_service.optimizers.targets import Mask, Target, Vector, clip_bad_side, failure_cost, standard
from trimtab_service.optimizers.transforms import Above

LEAST_ROWS = 8  # fewer can't tell a curve from a line
# Of the distance from the least cost to the median: up to there little is bent.
WIDTHS = (1.0, 0.3, 0.1)
PRICE = 2.0  # of bending, in log likelihood
# So much less likely at the hyperparameters of what isn't bent, nothing is searched for.
HOPELESS = 12.0


def bent(evidence: Evidence, categorical: Sequence[int]) -> tuple[Evidence, Known | None]:
    """The evidence of one objective, bent if that explains it better; and what is known of its theta.

    Law: the costs keep their order, and what they are doesn't depend on the
    unit of the metric. They come back as they are unless their log likelihood
    gains more than the price of bending them.

    Judged by the measured rows within Tukey's fence; of very many by an even sample of them. Where errors were
    reported nothing is bent: how large they are along a curve depends on the true cost, which isn't known, and by
    the measured ones the luckiest would have the largest.
    """
    (target,) = evidence.targets
    if target.variances is not None:
        return evidence, None
    costs = target.costs if target.unclipped is None else target.unclipped
    measured = evidence.measured
    low, middle = float(costs[measured].min()), float(np.median(costs[measured]))
    told = np.flatnonzero(measured & (costs <= target.costs[measured].max()))
    if len(evidence.rows) >= MANY:
        told = told[np.linspace(0, len(told) - 1, min(SAMPLE, len(told))).astype(np.intp)]
    if len(told) < LEAST_ROWS or target.spread * WIDTHS[-1] * (middle - low) < np.finfo(float).tiny:
        return evidence, None
    shown, loss = evidence.at(told), Loss.of(evidence, categorical)
    if len(evidence.rows) < MANY:
        value, theta = search(loss)
        known = Known(loss, value, theta)
        if len(told) < len(evidence.rows):
            value, theta = search(Loss.of(shown, categorical), theta)
    else:
        value, theta = search(Loss.of(shown, categorical))
        known = Known(loss, math.inf, theta)
    found, most, last = target, PRICE, 0.0
    for share in WIDTHS:
        curve = Above(low, share * (middle - low))
        tried = _along(curve, target, costs, measured)
        along = Loss.of(replace(shown, targets=(tried.at(told),)), categorical)
        # The density of a cost is that of its image, times how steep the image is there.
        least = value + float(np.log(curve.slope(costs[told]) / tried.spread).sum())
        if along.begun(theta)[0] > least + HOPELESS:
            break
        reached, theta = search(along, theta)
        if least - reached <= last:
            break
        last = least - reached
        if last > most:
            found, most, began = tried, last, theta
    if found is target:
        return evidence, known
    evidence = replace(evidence, targets=(found,))
    return evidence, Known(Loss.of(evidence, categorical), math.inf, began)


def _along(curve: Above, target: Target, costs: Vector, measured: Mask) -> Target:
    """The target with its unclipped costs [n] bent along a curve, clipped then, and standardized again."""
    images = clip_bad_side(curve.forward(costs[measured]))
    location, spread = standard(images)
    along = np.empty_like(costs)
    along[measured] = (images - location) / spread
    along[~measured] = failure_cost(along[measured])
    in_unit = Above(target.location + target.spread * curve.low, target.spread * curve.width)
    return replace(
        target,
        costs=along,
        unclipped=None,
        location=location,
        spread=spread,
        transform=in_unit,
    )
