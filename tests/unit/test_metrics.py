"""The instruments: what is exposed before anything happened."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from trimtab_service.domain.errors import OptimizerFailed, Overloaded
from trimtab_service.metrics import CAUSES, Metrics
from trimtab_service.suggesting import _cause


@pytest.mark.parametrize("error", [TimeoutError(), Overloaded("full"), OptimizerFailed("broken")])
def test_a_fallback_that_has_not_happened_yet_is_counted_as_none(error: Exception) -> None:
    """Whatever its cause will be: Prometheus sees no increase in a series that begins at 1."""
    cause, _ = _cause(error)
    assert cause in CAUSES
    assert Metrics().registry.get_sample_value("trimtab_fallbacks_total", {"cause": cause}) == 0


def test_nothing_says_when_a_counter_was_made() -> None:
    """It would double the number of series."""
    metrics = Metrics()
    metrics.rpcs.labels("Suggest", "OK").inc()
    metrics.rpc_seconds.labels("Suggest").observe(1.0)
    assert "_created" not in generate_latest(metrics.registry).decode()
