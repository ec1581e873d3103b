"""The door between the event loop and the synchronous store.

Reads run in a few threads. Writes run in as many as the engine has use for
(one for SQLite). Observations of decisions that arrive while a commit is
under way share the next one (group commit): a batch forms by itself under
load, and an idle server adds no wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter
from typing import Generic, ParamSpec, TypeVar, cast

from trimtab_service.domain.errors import ShuttingDown, StoreUnavailable, StudyNotFound, TrimtabError
from trimtab_service.metrics import Metrics
from trimtab_service.store.base import DecisionBatch, ExpectationBatch, Result, Store

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Item = TypeVar("Item")

# Rows that share one commit at most: it bounds how long the first caller of a
# batch waits for the last one's rows.
MOST_ROWS = 2_000

_AT_START_AND_END = {"migrate", "signing_key", "close"}
OPERATIONS = sorted(
    {name for name in dir(Store) if callable(getattr(Store, name)) and name[0] != "_"} - _AT_START_AND_END
)
"""What a store is asked while the server serves."""


class Storage:
    """Calls the store from the event loop. Also tells the time, for what is stored."""

    def __init__(self, store: Store, readers: int, metrics: Metrics) -> None:
        self.store = store
        self._metrics = metrics
        for operation in OPERATIONS:
            metrics.store_errors.labels(operation)
        self._readers = ThreadPoolExecutor(readers, "store-read")
        self._writers = ThreadPoolExecutor(store.writers, "store-write")
        # A second committer keeps PostgreSQL busy while the first one's commit
        # is on its way; more would only make the batches smaller.
        most = min(2, store.writers)
        self._recorded = _Commits[DecisionBatch, list[Result]](self._record, most)
        self._expected = _Commits[ExpectationBatch, None](self._expect, most)
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
        """Runs a write of the store in a thread; once begun it goes on to its end even if the caller goes away.

        One that still waits for a thread then is left undone.
        """
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
        return await self._recorded.enter(batch, len(batch.observations))

    async def expect(self, batch: ExpectationBatch) -> None:
        """Remembers decisions that were made, in a commit shared likewise. Raises StudyNotFound, StoreUnavailable."""
        await self._expected.enter(batch, len(batch.expectations))

    async def _record(self, batches: list[DecisionBatch]) -> list[list[Result] | TrimtabError]:
        self._metrics.commit_rows.observe(len(batches))
        return await self.write(self.store.record_decisions, batches, self.now())

    async def _expect(self, batches: list[ExpectationBatch]) -> list[StudyNotFound | None]:
        return list(await self.write(self.store.expect_decisions, batches))

    async def close(self) -> None:
        """Finishes the writes under way, then lets the store go."""
        await self._recorded.finish()
        await self._expected.finish()
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._readers.shutdown()
        self._writers.shutdown()
        self.store.close()


class _Commits(Generic[Item, Answer]):
    """Group commit: what arrives while a commit is under way shares the next one."""

    def __init__(self, commit: Callable[[list[Item]], Awaitable[Sequence[Answer | TrimtabError]]], most: int) -> None:
        """``most``: how many commits may be under way at once."""
        self._commit = commit
        self._most = most
        self._waiting: deque[tuple[Item, int, asyncio.Future[Answer]]] = deque()
        self._committers: set[asyncio.Task[None]] = set()

    async def enter(self, item: Item, rows: int) -> Answer:
        """The answer to ``item``, which brings so many rows, after its commit."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, rows, future))
        if len(self._committers) < self._most:
            task = asyncio.create_task(self._committing())
            self._committers.add(task)
        return await future

    async def _committing(self) -> None:
        try:
            await self._commit_all()
        finally:
            # In the step that found nothing waiting: left to a callback, whoever
            # enters before that runs would wait for a committer that has ended.
            self._committers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _commit_all(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft()]
            rows = taken[0][1]
            while self._waiting and rows + self._waiting[0][1] <= MOST_ROWS:
                taken.append(self._waiting.popleft())
                rows += taken[-1][1]
            try:
                answers = await self._commit([item for item, _, _ in taken])
            except Exception as error:
                for _, _, future in taken:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, _, future), answer in zip(taken, answers, strict=True):
                if future.done():
                    continue  # the caller has gone away; what it sent is stored all the same
                if isinstance(answer, TrimtabError):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def finish(self) -> None:
        """Waits until nothing is under way."""
        while self._committers:
            await asyncio.wait(self._committers)
