"""Every Prometheus instrument of the service, in one place.

Labels are bounded: methods, codes, algorithm names, and other short lists of
our own; never the name of a study, a caller, or a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

# A second series for each, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

CAUSES = ("deadline", "overload", "failure")
"""Of a fallback. What is rare has a series from the start: of one that begins at 1 Prometheus sees no increase."""

# Seconds. From a decision's tens of microseconds to a large model's fit.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The instruments of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.rpcs = Counter(
            "trimtab_rpcs", "Calls answered, by method and status code.", ["method", "code"], registry=registry
        )
        self.rpc_seconds = Histogram(
            "trimtab_rpc_seconds",
            "Seconds from a call's arrival to its answer.",
            ["method"],
            buckets=_BUCKETS,
            registry=registry,
        )
        # Counted on one thread: an instrument, which has a lock, would cost more than the counting.
        self.calls_in_flight = 0
        self.rpcs_in_flight = Gauge("trimtab_rpcs_in_flight", "Calls being worked on.", registry=registry)
        self.rpcs_in_flight.set_function(lambda: self.calls_in_flight)
        self.suggest_phase_seconds = Histogram(
            "trimtab_suggest_phase_seconds",
            "Seconds spent in the phases of a Suggest: claim (a look into the queue of suggestions), read, queue "
            "(waiting for a process), fit, acquisition, write.",
            ["phase"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.suggestions = Counter(
            "trimtab_suggestions",
            "Suggestions given, by algorithm and source.",
            ["algorithm", "source"],
            registry=registry,
        )
        self.fallbacks = Counter(
            "trimtab_fallbacks", "Suggestions the algorithm couldn't give, by cause.", ["cause"], registry=registry
        )
        for cause in CAUSES:
            self.fallbacks.labels(cause)
        self.suggest_conflicts = Counter(
            "trimtab_suggest_conflicts",
            "Suggestions computed again because another replica was first.",
            registry=registry,
        )
        self.computations = Counter(
            "trimtab_computations", "Answers of optimizers that run in processes of their own.", registry=registry
        )
        self.fits_wasted = Counter(
            "trimtab_wasted_computations",
            "Answers of optimizers none of whose points could be used, because another replica was first.",
            registry=registry,
        )
        self.computed_ahead = Counter(
            "trimtab_computed_ahead", "Suggestions put into the queue, to wait or for who waits.", registry=registry
        )
        self.claims = Counter(
            "trimtab_queue_claims",
            "Looks into the queue, by result: hit, miss.",
            ["result"],
            registry=registry,
        )
        self.queue_age = Histogram(
            "trimtab_queue_age_observations",
            "How many observations were not yet known to a suggestion that came from the queue.",
            buckets=(0, 1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=registry,
        )
        self.queue_depth = Gauge(
            "trimtab_queue_depth",
            "Suggestions that wait in the queues of the studies in use, when this server last looked.",
            registry=registry,
        )
        self.observations = Counter(
            "trimtab_observations",
            "Observations by result: recorded, duplicate, refused.",
            ["result"],
            registry=registry,
        )
        self.store_seconds = Histogram(
            "trimtab_store_seconds",
            "Seconds in the store, by operation.",
            ["operation"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.store_errors = Counter(
            "trimtab_store_errors",
            "Store operations that found the database unavailable.",
            ["operation"],
            registry=registry,
        )
        self.commit_rows = Histogram(
            "trimtab_commit_calls",
            "Observe calls that shared one commit.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
            registry=registry,
        )
        self.workers = Gauge("trimtab_workers", "Optimizer processes alive.", registry=registry)
        self.workers_busy = Gauge("trimtab_workers_busy", "Optimizer processes at work.", registry=registry)
        self.worker_queue = Gauge("trimtab_worker_queue", "Optimizer calls waiting for a process.", registry=registry)
        self.worker_deaths = Counter(
            "trimtab_worker_deaths", "Optimizer processes that died, or hung and were ended.", registry=registry
        )
        self.trials_pending = Gauge(
            "trimtab_trials_pending",
            "Trials handed out whose lease runs, in the whole store, at the last look.",
            registry=registry,
        )
        self.live_studies = Gauge(
            "trimtab_live_bandit_studies", "Bandit studies with a policy in memory.", registry=registry
        )
        self.checkpoints = Counter("trimtab_checkpoints", "Checkpoints of bandit studies kept.", registry=registry)
        self.compacted_rows = Counter(
            "trimtab_compacted_observations", "Observations deleted after their retention.", registry=registry
        )
        self.settled = Counter(
            "trimtab_settled_decisions",
            "Decisions whose wait for a reward ended, counted as the default unless they were observed.",
            registry=registry,
        )
        self.policy_age_seconds = Gauge(
            "trimtab_policy_age_seconds",
            "Seconds since the log of the live studies was last followed to its end.",
            registry=registry,
        )

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Times a phase of a Suggest."""
        start = perf_counter()
        try:
            yield
        finally:
            self.suggest_phase_seconds.labels(name).observe(perf_counter() - start)
