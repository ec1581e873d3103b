"""The use cases of one server over a SQLite file, without the server, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from trimtab_service import decisions, following, studies
from trimtab_service.decisions import Decisions
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective
from trimtab_service.domain.space import Categorical, SearchSpace
from trimtab_service.domain.study import AlgorithmRequest, StudyName, StudySpec
from trimtab_service.following import Following
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.catalog import open_store
from trimtab_service.studies import Studies
from trimtab_service.tokens import TokenKeys

THREADS = 2
KEYS = TokenKeys.parse("test:c2VjcmV0IHRoYXQgaXMgbG9uZyBlbm91Z2ggZm9yIGE=")
NAME = StudyName("default", "s")
SPEC = StudySpec(
    space=SearchSpace((Categorical("letter", ("a", "b", "c")),)),
    metrics=(Metric("click", MetricKind.BINARY),),
    objectives=(Objective("click", Goal.MAXIMIZE),),
    algorithm=AlgorithmRequest("thompson"),
    seed=1,
)


class Clock:
    """The time in seconds, for everybody inside of its block."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begin = datetime(2031, 5, 17, tzinfo=UTC)

    def now(self) -> datetime:
        """The time in UTC."""
        return self._begin + timedelta(seconds=self.seconds)

    def __enter__(self) -> Clock:
        with ExitStack() as stack:
            stack.enter_context(patch.object(Storage, "now", self.now))
            for module in (decisions, following):
                stack.enter_context(patch.object(module, "time", lambda: self.now().timestamp()))
            for module in (studies, following):
                stack.enter_context(patch.object(module, "monotonic", lambda: self.seconds))
            # On a busy machine no policy is slow to make.
            stack.enter_context(patch.object(following, "perf_counter", lambda: self.seconds))
            self._restore = stack.pop_all().close
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()


class Replica:
    """One server's use cases."""

    def __init__(self, url: str) -> None:
        self.metrics = Metrics()
        self.store = open_store(url, THREADS)
        self.store.migrate()
        self.storage = Storage(self.store, THREADS, self.metrics)
        self.studies = Studies(self.storage)
        self.following = Following(self.storage, self.studies, 0.5, 100, self.metrics)
        self.decisions = Decisions(self.storage, self.studies, self.following, KEYS, self.metrics)

    async def look(self) -> None:
        """One look at what the other replicas did, as ``Following.follow`` takes them in turn."""
        await self.following._looked_everywhere()

    def reads(self) -> float:
        """How many times it read a study."""
        return self.metrics.registry.get_sample_value("trimtab_store_seconds_count", {"operation": "get_study"}) or 0.0


@asynccontextmanager
async def replicas(url: str) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two, over one database."""
    both = Replica(url), Replica(url)
    try:
        yield both
    finally:
        for one in both:
            await one.storage.close()
