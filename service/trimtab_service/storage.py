"""The door between the event loop and the synchronous store.

Reads run in a few threads. Writes run in as many as the engine has use for
(one for SQLite). Observations of decisions that arrive while a commit is
under way share the next one (group commit): a batch forms by itself under
load, and an idle server adds no wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter
from typing import ParamSpec, TypeVar

from trimtab_service.domain.errors import ShuttingDown, StoreUnavailable, TrimtabError
from trimtab_service.metrics import Metrics
from trimtab_service.store.base import DecisionBatch, Result, Store

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

# Rows that share one commit at most: it bounds how long the first caller of a
# batch waits for the last one's rows.
MOST_ROWS = 2_000


class Storage:
    """Calls the store from the event loop. Also tells the time, for what is stored."""

    def __init__(self, store: Store, readers: int, metrics: Metrics) -> None:
        self.store = store
        self._metrics = metrics
        self._readers = ThreadPoolExecutor(readers, "store-read")
        self._writers = ThreadPoolExecutor(store.writers, "store-write")
        self._waiting: deque[tuple[DecisionBatch, asyncio.Future[list[Result]]]] = deque()
        self._committers: set[asyncio.Task[None]] = set()
        # A second committer keeps PostgreSQL busy while the first one's commit
        # is on its way; more would only make the batches smaller.
        self._most_committers = min(2, store.writers)
        self._closed = False

    @staticmethod
    def now() -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    async def read(
        self, call: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Answer:
        """Runs a read of the store in a thread."""
        return await self._run(self._readers, call, *args, **kwargs)

    async def write(
        self, call: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Answer:
        """Runs a write of the store in a thread; it goes on to its end even if the caller goes away."""
        return await self._run(self._writers, call, *args, **kwargs)

    async def _run(
        self,
        executor: ThreadPoolExecutor,
        call: Callable[Arguments, Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        if self._closed:
            raise ShuttingDown("this server is shutting down")
        return await asyncio.get_running_loop().run_in_executor(executor, lambda: self._timed(call, *args, **kwargs))

    def _timed(self, call: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        operation = call.__name__
        start = perf_counter()
        try:
            return call(*args, **kwargs)
        except StoreUnavailable:
            self._metrics.store_errors.labels(operation).inc()
            raise
        finally:
            self._metrics.store_seconds.labels(operation).observe(perf_counter() - start)

    async def record(self, batch: DecisionBatch) -> list[Result]:
        """Appends a batch to the log, in a commit shared with whoever else is waiting.

        Returns after the commit. Raises StudyNotFound, RequestIdReused, StoreUnavailable.
        """
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, future))
        if len(self._committers) < self._most_committers:
            task = asyncio.create_task(self._commit())
            self._committers.add(task)
            task.add_done_callback(self._committers.discard)
        return await future

    async def _commit(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft()]
            rows = len(taken[0][0].observations)
            while self._waiting and rows + len(self._waiting[0][0].observations) <= MOST_ROWS:
                taken.append(self._waiting.popleft())
                rows += len(taken[-1][0].observations)
            self._metrics.commit_rows.observe(len(taken))
            try:
                answers = await self.write(self.store.record_decisions, [batch for batch, _ in taken], self.now())
            except Exception as error:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), answer in zip(taken, answers, strict=True):
                if future.done():
                    continue  # the caller has gone away; what it sent is stored all the same
                if isinstance(answer, TrimtabError):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def close(self) -> None:
        """Finishes the writes under way, then lets the store go."""
        while self._committers:
            await asyncio.wait(self._committers)
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._readers.shutdown()
        self._writers.shutdown()
        self.store.close()
