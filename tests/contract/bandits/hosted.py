"""The bandits of the catalogue that list their arms and look at no context, and histories to try them on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from contract.bandits.bandit_problems import METRICS, outcomes_of
from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.catalog import CATALOG
from trimtab_service.domain.metric import Metric

K_ARMED = {name: record for name, record in CATALOG.items() if not record.contextual and not record.joint}
every_bandit = pytest.mark.parametrize("bandit", [pytest.param(record(), id=name) for name, record in K_ARMED.items()])
every_metric = pytest.mark.parametrize("metric", [pytest.param(metric, id=name) for name, metric in METRICS.items()])


@st.composite
def histories(draw: st.DrawFn, metric: Metric, magnitudes: int = 9) -> tuple[int, Outcomes]:
    """How many arms, and what happened to them; counts go to 10 to the power of ``magnitudes``."""
    arms = draw(st.integers(1, 12))
    number = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.sampled_from([-12, -3, 0, 6, 12]))
    counts = rng.integers(1, 10 ** draw(st.integers(0, magnitudes)), number, endpoint=True).astype(float)
    if metric.min is None or metric.max is None:
        costs = scale * (draw(st.sampled_from([0.0, 1.0, -30.0])) + rng.standard_normal(number))
        spread = scale
    else:
        costs = metric.min + (metric.max - metric.min) * rng.integers(0, 3, number) / 2
        spread = metric.max - metric.min
    costs[rng.random(number) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = np.nan
    counts[np.isnan(costs)] = 1
    variances = np.where(rng.random(number) < 0.5, np.nan, spread**2 * rng.random(number))
    propensities, steps = rng.uniform(1e-3, 1, number), rng.integers(0, 1_000, number).astype(float)
    return arms, outcomes_of(rng.integers(0, arms, number), costs, propensities, counts, variances, steps)
