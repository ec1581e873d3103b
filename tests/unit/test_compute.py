"""The processes that run optimizers: what becomes of them, and of their calls."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from serving import eventually
from store_values import a_study
from trimtab_service import compute
from trimtab_service.compute import Asked, Compute, Stuck, Worker
from trimtab_service.domain.errors import OptimizerFailed
from trimtab_service.domain.past import Past
from trimtab_service.domain.study import ChosenAlgorithm
from trimtab_service.domain.suggestion import Source
from trimtab_service.metrics import Metrics

SECONDS = 60.0


def first_of(algorithm: str) -> Asked:
    """The question for the first trial of a study."""
    study = replace(a_study(), algorithm=ChosenAlgorithm(algorithm, {}, "asked for", decisions=False))
    return Asked(study, Past(study.uid, 1, (), 0, (), 1, 0, 0), {}, {})


@asynccontextmanager
async def computing(metrics: Metrics) -> AsyncIterator[Compute]:
    """With one worker."""
    running = Compute(workers=1, queue=8, metrics=metrics)
    yield running
    await running.close()


def has_models() -> bool:
    """Whether the one process has loaded torch."""
    (child,) = (child for child in multiprocessing.active_children() if child.is_alive())
    return "libtorch" in Path(f"/proc/{child.pid}/maps").read_text()


def sample(metrics: Metrics, name: str) -> float | None:
    """The value of an instrument without labels."""
    return metrics.registry.get_sample_value(f"trimtab_{name}")


async def test_a_worker_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is gone, that is counted, and the next call gets a fresh one."""
    metrics = Metrics()
    worker = Worker(metrics)
    hung = await worker.run(os.getpid)
    with monkeypatch.context() as hurried:
        hurried.setattr(compute, "LONGEST_CALL", 0.1)
        with pytest.raises(Stuck):
            await worker.run(time.sleep, 3_600)
    fresh = await worker.run(os.getpid)
    assert await asyncio.to_thread(eventually, lambda: not Path(f"/proc/{hung}").exists())
    await asyncio.to_thread(worker.close)
    assert fresh != hung
    assert (sample(metrics, "worker_deaths_total"), sample(metrics, "workers")) == (1, 0)


async def test_a_worker_that_does_not_listen_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the server would wait for it for ever when it stops."""
    monkeypatch.setattr(compute, "ENDING", 0.1)
    worker = Worker(Metrics())
    deaf = await worker.run(os.getpid)
    await worker.run(exec, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    call = asyncio.ensure_future(worker.run(time.sleep, 3_600))
    await asyncio.sleep(0)
    async with asyncio.timeout(SECONDS):
        await asyncio.to_thread(worker.close)
        with pytest.raises(BrokenProcessPool):
            await call
    assert not Path(f"/proc/{deaf}").exists()


async def test_a_call_that_hangs_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hang again. It is an error that says so, and its place is free for the next one."""
    metrics = Metrics()
    async with computing(metrics) as running:
        with monkeypatch.context() as hurried:
            hurried.setattr(compute, "LONGEST_CALL", 0.0)
            with pytest.raises(OptimizerFailed, match="was at it for 0 seconds"):
                await running.suggest(first_of("sobol"), 1, SECONDS)
        deaths, busy = sample(metrics, "worker_deaths_total"), sample(metrics, "workers_busy")
        assert len(await running.suggest(first_of("sobol"), 1, SECONDS)) == 1
    assert (deaths, busy) == (1, 0)


async def test_a_worker_loads_models_before_one_is_asked_for() -> None:
    """After the first answer about a study that will need them; who asks meanwhile is answered all the same."""
    async with computing(Metrics()) as running:
        await running.suggest(first_of("gp"), 1, SECONDS)
        (meanwhile,) = await running.suggest(first_of("gp"), 1, SECONDS)
        assert await asyncio.to_thread(eventually, has_models)
    assert meanwhile.source is Source.INITIAL


async def test_a_worker_loads_no_models_for_a_study_without() -> None:
    """They take a quarter of a gigabyte."""
    async with computing(Metrics()) as running:
        for _ in range(2):
            await running.suggest(first_of("sobol"), 1, SECONDS)
        assert not has_models()
