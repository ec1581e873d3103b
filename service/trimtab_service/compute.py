"""The door to the worker processes in which optimizers run.

Each worker is a process of its own, spawned (never forked) when it is first
needed, so that the serving process stays small and its event loop never waits
for a model. A worker that dies takes one call with it, which is tried once
more on a fresh process. One that hangs is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from time import perf_counter
from typing import Any, Generic, TypeVar

from trimtab_service.domain.errors import OptimizerFailed, Overloaded, ShuttingDown, TrimtabError
from trimtab_service.domain.explanation import Explanation, Slice
from trimtab_service.domain.past import Past
from trimtab_service.domain.prediction import ParetoFront
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Incumbent, Related, Suggested
from trimtab_service.metrics import Metrics
from trimtab_service.news import Forgotten, Known, News
from trimtab_service.optimizers import catalog
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.phases import recording

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MOST_TOLD = 1_000  # studies of which it is noted what a worker knows
MOST_TRIES = 2  # of one call, whose worker may have died by another's fault (memory)
# Seconds, after which a worker is taken to hang. The longest calls that are legal,
# a thousand points of 200 parameters after 500 trials, or the models of fifty
# metrics, take a quarter of an hour on a busy core.
LONGEST_CALL = 3_600.0
ENDING = 2.0  # seconds that a worker has to end when it is told to

# One thread a worker: two threads of BLAS on one small matrix cost more than
# they bring, and the workers share the cores. Read by the libraries when they
# are first imported, hence set before a worker is spawned.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NICENESS = 5  # of a worker: a call that the server can answer at once doesn't wait for a model


@dataclass(frozen=True, slots=True)
class Computed(Generic[Answer]):
    """What a worker answers: the result, and seconds by phase."""

    answer: Answer
    phases: Mapping[str, float]


class Stuck(Exception):
    """The worker was at one call for so long that it was ended."""


def _start_worker() -> None:
    """Runs first in every worker: it ends with its parent, leaves signals to it, and gives way to it."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to an optimizer.

    past: of the study. related: other studies with theirs.
    context: that the answer is for. fixed: values that it must have.
    """

    study: Study
    past: Past
    context: Parameters
    fixed: Parameters
    related: tuple[tuple[Study, Past], ...] = ()


class Overdue(TimeoutError):
    """The caller can't wait any longer, but the computation goes on.

    ``running`` ends with the answer, or raises what the computation does.
    """

    def __init__(self, running: asyncio.Future[Any]) -> None:
        super().__init__()
        self.running = running


@lru_cache(maxsize=1)
def _known() -> Known:
    """The memory of the worker process that calls it."""
    return Known()


def _history(news: News, fixed: Parameters, related: Sequence[tuple[Study, News]]) -> History:
    others = tuple(Related(study, _known().past(each).history({})) for study, each in related)
    return _known().past(news).history(fixed, others)


def _told(
    task: Callable[..., Answer],
    study: Study,
    news: News,
    related: Sequence[tuple[Study, News]],
    context: Parameters,
    fixed: Parameters,
    *args: Any,
) -> Computed[Answer]:
    """Runs in a worker: puts the history together, and times the phases of the task."""
    with recording(perf_counter) as phases:
        answer = task(study, _history(news, fixed, related), context, *args)
    return Computed(answer, phases)


def _load_models() -> None:
    """Runs in a worker: what a model needs, which takes seconds to load."""
    from trimtab_service.optimizers import gp_suggest  # noqa: F401


def _suggest(study: Study, history: History, context: Parameters, count: int) -> Sequence[Suggested]:
    optimizer = catalog.optimizer(study.algorithm)
    return optimizer.suggest(study, history, context, count, generator(study, history))


def _incumbent(study: Study, history: History, context: Parameters) -> Incumbent:
    from trimtab_service.optimizers.incumbent import incumbent

    return incumbent(study, history, context)


def _explain(
    study: Study, history: History, context: Parameters, point: Parameters | None, slices: Sequence[Slice]
) -> Explanation:
    from trimtab_service.optimizers.explain import explain

    return explain(study, history, context, point, slices)


def _pareto_front(study: Study, history: History, _: Parameters) -> ParetoFront:
    from trimtab_service.optimizers.pareto import pareto_front

    return pareto_front(study, history)


class Worker:
    """One process, started when first used and again after it died."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._process: ProcessPoolExecutor | None = None
        self._told: OrderedDict[str, tuple[int, int]] = OrderedDict()  # line, and how many trials, by study
        self._needs_models = False  # whether a study that it was asked about does, or will
        self._prepared: ProcessPoolExecutor | None = None

    def knows(self, uid: str) -> tuple[int, bool]:
        """How much of a study it was told, and whether it runs: whom to ask first."""
        return self._told.get(uid, (0, 0))[1], self._process is not None

    def ask(self, task: Callable[..., Answer], asked: Asked, *args: Any) -> Awaitable[Computed[Answer]]:
        """Runs a task on the history, of which only what is new is sent. Raises as ``run``, and Forgotten."""
        self._needs_models |= catalog.CATALOG[asked.study.algorithm.name].ahead
        related = [(study, self._news(past)) for study, past in asked.related]
        news = self._news(asked.past)
        return self.run(_told, task, asked.study, news, related, asked.context, asked.fixed, *args)

    def _news(self, past: Past) -> News:
        line, count = self._told.get(past.uid, (0, 0))
        self._told[past.uid] = (past.line, past.count)
        self._told.move_to_end(past.uid)
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        return News.of(past, count if line == past.line and count <= past.count else 0)

    def forget(self) -> None:
        """Makes it be told everything again."""
        self._told.clear()

    async def run(self, task: Callable[..., Answer], *args: Any) -> Answer:
        """Raises BrokenProcessPool when the process dies, Stuck when it was ended, and whatever the task raises."""
        if self._process is None:
            for name in _ONE_THREAD:
                os.environ.setdefault(name, "1")
            self._process = ProcessPoolExecutor(
                max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker
            )
            self._metrics.workers.inc()
        process = self._process
        try:
            async with asyncio.timeout(LONGEST_CALL) as bound:
                return await asyncio.wrap_future(process.submit(task, *args))
        except BrokenProcessPool:
            self._bury(process)
            raise
        except TimeoutError:
            if not bound.expired():
                raise  # it is the task's own
            for child in _children(process):
                child.kill()
            self._bury(process)
            raise Stuck from None

    def prepare(self) -> None:
        """Loads models into the idle process, once, if it was asked about a study that will need them.

        The first points of a study need none, so its caller would wait twice
        otherwise: for the process, and some trials later for its models. Who
        asks meanwhile waits for no more than the rest of it.
        """
        if self._process is None or self._process is self._prepared or not self._needs_models:
            return
        self._prepared = self._process
        with contextlib.suppress(RuntimeError):  # it has died, as the next call finds out, or is being closed
            self._process.submit(_load_models)

    def _bury(self, process: ProcessPoolExecutor) -> None:
        if self._process is process:
            self._process = None
            self.forget()
            self._metrics.workers.dec()
            self._metrics.worker_deaths.inc()
        process.shutdown(wait=False)

    def close(self) -> None:
        """Ends the process; a call under way is lost."""
        if self._process is None:
            return
        for child in _children(self._process):
            child.terminate()  # an answer that nobody waits for isn't worth the wait
            if not wait([child.sentinel], ENDING):
                child.kill()  # a library of its own may have taken the signal, and hang in that
        self._process.shutdown(wait=True, cancel_futures=True)
        self._process = None
        self._metrics.workers.dec()


def _children(process: ProcessPoolExecutor) -> list[BaseProcess]:
    """The process itself, which the executor has no name for."""
    return list((process._processes or {}).values())


class Compute:
    """Runs optimizers: cheap ones here, the others in worker processes."""

    def __init__(self, workers: int, queue: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self._workers = [Worker(metrics) for _ in range(workers)]
        self._idle = list(self._workers)
        self._queue: deque[asyncio.Future[Worker]] = deque()
        self._most_waiting = queue
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def suggest(self, asked: Asked, count: int, seconds: float) -> Sequence[Suggested]:
        """What the study's optimizer suggests.

        Raises TimeoutError after ``seconds``, Overdue where it was at work by then, Overloaded,
        OptimizerFailed, and what the optimizer itself says to the caller (SpaceExhausted, ...).
        """
        if catalog.CATALOG[asked.study.algorithm.name].inline:
            return _suggest(asked.study, asked.past.history(asked.fixed), asked.context, count)
        answer = await self._bounded(seconds, _suggest, asked, count)
        self._metrics.computations.inc()
        return answer

    async def incumbent(self, asked: Asked, seconds: float) -> Incumbent:
        """The best parameters known. Raises as ``suggest`` does, and NoIncumbent."""
        return await self._bounded(seconds, _incumbent, asked)

    async def explain(
        self, asked: Asked, point: Parameters | None, slices: Sequence[Slice], seconds: float
    ) -> Explanation:
        """What the model believes. Raises as ``suggest`` does, and NothingObserved."""
        return await self._bounded(seconds, _explain, asked, point, slices)

    async def pareto_front(self, asked: Asked, seconds: float) -> ParetoFront:
        """The trials that are best for some trade. Raises as ``suggest`` does, and NothingObserved."""
        return await self._bounded(seconds, _pareto_front, asked)

    async def _bounded(self, seconds: float, task: Callable[..., Answer], asked: Asked, *args: Any) -> Answer:
        """Waits for ``seconds`` in all. A call that got a process goes on to its end, and its slot is free then."""
        if self._closed:
            raise ShuttingDown("this server is shutting down")
        if len(self._queue) >= self._most_waiting:
            raise Overloaded(f"{len(self._queue)} optimizer calls are waiting for a process already")
        running: asyncio.Task[Answer] | None = None
        try:
            async with asyncio.timeout(seconds):
                worker = await self._slot(asked.past.uid)
                running = asyncio.create_task(self._on(worker, task, asked, *args))
                self._running.add(running)
                running.add_done_callback(self._forget)
                return await asyncio.shield(running)
        except TimeoutError as error:
            if running is None:
                raise
            raise Overdue(running) from error

    async def _slot(self, uid: str) -> Worker:
        """An idle worker, of several the one that knows most of the study; else the next that gets idle."""
        with self._metrics.phase("queue"):
            if self._idle:
                worker = max(self._idle, key=lambda each: each.knows(uid))
                self._idle.remove(worker)
                return worker
            turn: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            self._metrics.worker_queue.set(len(self._queue))
            try:
                return await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._free(turn.result())
                raise
            finally:
                if turn in self._queue:
                    self._queue.remove(turn)
                self._metrics.worker_queue.set(len(self._queue))

    def _free(self, worker: Worker) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(worker)
                return
        self._idle.append(worker)
        worker.prepare()

    def _forget(self, running: asyncio.Task[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # seen, even if its caller stopped waiting

    async def _on(self, worker: Worker, task: Callable[..., Answer], asked: Asked, *args: Any) -> Answer:
        self._metrics.workers_busy.inc()
        try:
            computed = await self._tried(worker, task, asked, *args)
        finally:
            self._metrics.workers_busy.dec()
            self._free(worker)
        for name, seconds in computed.phases.items():
            self._metrics.suggest_phase_seconds.labels(name).observe(seconds)
        return computed.answer

    async def _tried(self, worker: Worker, task: Callable[..., Answer], asked: Asked, *args: Any) -> Computed[Answer]:
        for tries in range(1, MOST_TRIES + 1):
            try:
                try:
                    return await worker.ask(task, asked, *args)
                except Forgotten:
                    worker.forget()
                    return await worker.ask(task, asked, *args)
            except BrokenProcessPool:
                if self._closed:
                    raise ShuttingDown("this server is shutting down") from None
                log.warning("optimizer process died", extra={"tries": tries})
            except Stuck:
                log.error("optimizer process hung and was ended", extra={"seconds": LONGEST_CALL})
                raise OptimizerFailed(f"the optimizer was at it for {LONGEST_CALL:g} seconds, and was ended") from None
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
