"""Runs calls at the same instant in threads, for tests of what happens then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import monotonic
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENCE = 30.0  # seconds


def race(calls: Sequence[Callable[[], Answer]]) -> list[Answer | Exception]:
    """What each call answered or raised; all begin once every thread is ready."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer | Exception:
        barrier.wait()
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


class Patience:
    """For what comes late, whatever else the machine does: ``PATIENCE``, counted from the first question."""

    def __init__(self) -> None:
        self._end: float | None = None

    def is_over(self) -> bool:
        """Whether what hasn't come by now never will."""
        if self._end is None:
            self._end = monotonic() + PATIENCE
        return monotonic() > self._end
