"""How a caller's time is shared between an optimizer and what comes after it. No clock: only lengths of time."""

from __future__ import annotations

# What a deadline must leave after the optimizer's share: storing a trial and
# the way back take a few milliseconds, on a busy machine a hundred times that.
# Who is in a hurry gets the least of it, who has time to spare a tenth.
LEAST_RESERVE, MOST_RESERVE = 0.05, 0.5  # seconds
RESERVED_SHARE = 0.1


def for_the_optimizer(seconds: float) -> float:
    """How many of the ``seconds`` that a caller still waits an optimizer may take."""
    return seconds - min(max(RESERVED_SHARE * seconds, LEAST_RESERVE), MOST_RESERVE)


def for_a_look(seconds: float) -> float:
    """How many of the ``seconds`` may pass until what an optimizer needs is read: half of them even in a hurry."""
    return max(for_the_optimizer(seconds), seconds / 2)
