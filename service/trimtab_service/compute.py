"""The door to the worker processes in which optimizers run.

Each worker is a process of its own, spawned (never forked) when it is first
needed, so that the serving process stays small and its event loop never waits
for a model. A worker that dies takes one call with it, which is tried once
more on a fresh process.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from time import perf_counter
from typing import Any, Generic, TypeVar

from trimtab_service.domain.errors import OptimizerFailed, Overloaded, ShuttingDown, TrimtabError
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Incumbent, Suggested
from trimtab_service.metrics import Metrics
from trimtab_service.optimizers import catalog
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.phases import recording

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MOST_TRIES = 2  # of one call, whose worker may have died by another's fault (memory)

# One thread a worker: two threads of BLAS on one small matrix cost more than
# they bring, and the workers share the cores. Read by the libraries when they
# are first imported, hence set before a worker is spawned.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Computed(Generic[Answer]):
    """What a worker answers: the result, and seconds by phase."""

    answer: Answer
    phases: Mapping[str, float]


def _start_worker() -> None:
    """Runs first in every worker: it ends with its parent, and leaves signals to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _suggest(study: Study, history: History, context: Parameters, count: int) -> Computed[Sequence[Suggested]]:
    with recording(perf_counter) as phases:
        optimizer = catalog.optimizer(study.algorithm)
        answer = optimizer.suggest(study, history, context, count, generator(study, history))
    return Computed(answer, phases)


def _incumbent(study: Study, history: History, context: Parameters) -> Computed[Incumbent]:
    from trimtab_service.optimizers.incumbent import incumbent

    with recording(perf_counter) as phases:
        answer = incumbent(study, history, context)
    return Computed(answer, phases)


class Worker:
    """One process, started when first used and again after it died."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._process: ProcessPoolExecutor | None = None

    async def run(self, task: Callable[..., Answer], *args: Any) -> Answer:
        """Raises BrokenProcessPool when the process dies, and whatever the task raises."""
        if self._process is None:
            for name in _ONE_THREAD:
                os.environ.setdefault(name, "1")
            self._process = ProcessPoolExecutor(
                max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
            )
            self._metrics.workers.inc()
        process = self._process
        try:
            return await asyncio.wrap_future(process.submit(task, *args))
        except BrokenProcessPool:
            if self._process is process:
                self._process = None
                self._metrics.workers.dec()
                self._metrics.worker_deaths.inc()
            process.shutdown(wait=False)
            raise

    def close(self) -> None:
        """Ends the process; a call under way is lost."""
        if self._process is None:
            return
        for child in list((self._process._processes or {}).values()):
            child.terminate()  # an answer that nobody waits for isn't worth the wait
        self._process.shutdown(wait=True, cancel_futures=True)
        self._process = None
        self._metrics.workers.dec()


class Compute:
    """Runs optimizers: cheap ones here, the others in worker processes."""

    def __init__(self, workers: int, queue: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self._workers = [Worker(metrics) for _ in range(workers)]
        self._idle: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put_nowait(worker)
        self._most_waiting = queue
        self._waiting = 0
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def suggest(
        self, study: Study, history: History, context: Parameters, count: int, seconds: float
    ) -> Sequence[Suggested]:
        """What the study's optimizer suggests.

        Raises TimeoutError after ``seconds``, Overloaded, OptimizerFailed, and
        what the optimizer itself says to the caller (SpaceExhausted, ...).
        """
        optimizer = catalog.CATALOG[study.algorithm.name]
        if optimizer.inline:
            return _suggest(study, history, context, count).answer
        return await self._bounded(seconds, _suggest, study, history, context, count)

    async def incumbent(self, study: Study, history: History, context: Parameters, seconds: float) -> Incumbent:
        """The best parameters known. Raises as ``suggest`` does, and NoIncumbent."""
        return await self._bounded(seconds, _incumbent, study, history, context)

    async def _bounded(self, seconds: float, task: Callable[..., Computed[Answer]], *args: Any) -> Answer:
        """Waits for ``seconds`` in all. A call that got a process goes on to its end, and its slot is free then."""
        if self._closed:
            raise ShuttingDown("this server is shutting down")
        if self._waiting >= self._most_waiting:
            raise Overloaded(f"{self._waiting} optimizer calls are waiting for a process already")
        async with asyncio.timeout(seconds):
            worker = await self._slot()
            running = asyncio.create_task(self._on(worker, task, *args))
            self._running.add(running)
            running.add_done_callback(self._forget)
            return await asyncio.shield(running)

    async def _slot(self) -> Worker:
        self._waiting += 1
        self._metrics.worker_queue.set(self._waiting)
        try:
            with self._metrics.phase("queue"):
                return await self._idle.get()
        finally:
            self._waiting -= 1
            self._metrics.worker_queue.set(self._waiting)

    def _forget(self, running: asyncio.Task[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # seen, even if its caller stopped waiting

    async def _on(self, worker: Worker, task: Callable[..., Computed[Answer]], *args: Any) -> Answer:
        self._metrics.workers_busy.inc()
        try:
            computed = await self._tried(worker, task, *args)
        finally:
            self._metrics.workers_busy.dec()
            self._idle.put_nowait(worker)
        for name, seconds in computed.phases.items():
            self._metrics.suggest_phase_seconds.labels(name).observe(seconds)
        return computed.answer

    async def _tried(self, worker: Worker, task: Callable[..., Answer], *args: Any) -> Answer:
        for tries in range(1, MOST_TRIES + 1):
            try:
                return await worker.run(task, *args)
            except BrokenProcessPool:
                if self._closed:
                    raise ShuttingDown("this server is shutting down") from None
                log.warning("optimizer process died", extra={"tries": tries})
            except TrimtabError:
                raise
            except Exception as error:
                log.exception("optimizer failed")
                raise OptimizerFailed(f"the optimizer raised {type(error).__name__}") from error
        raise OptimizerFailed(f"the optimizer's process died {MOST_TRIES} times")

    async def close(self) -> None:
        """Ends every process."""
        self._closed = True
        await asyncio.gather(*(asyncio.to_thread(worker.close) for worker in self._workers))
        for running in list(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
