"""Lets whoever runs an optimizer learn how long its phases take.

Optimizers don't read a clock; they say which phase they are in, and a caller
that wants to know lends the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_entered: ContextVar[Callable[[str, bool], None] | None] = ContextVar("phase", default=None)


@contextmanager
def phase(name: str) -> Iterator[None]:
    """The work inside is phase ``name``: fit, or acquisition."""
    listener = _entered.get()
    if listener is None:
        yield
        return
    listener(name, True)
    try:
        yield
    finally:
        listener(name, False)


@contextmanager
def recording(clock: Callable[[], float]) -> Iterator[dict[str, float]]:
    """Seconds by phase of the work inside, filled in as it goes; phases don't nest."""
    seconds: dict[str, float] = {}
    begun: dict[str, float] = {}

    def listen(name: str, entering: bool) -> None:
        if entering:
            begun[name] = clock()
        else:
            seconds[name] = seconds.get(name, 0.0) + clock() - begun.pop(name)

    token = _entered.set(listen)
    try:
        yield seconds
    finally:
        _entered.reset(token)
