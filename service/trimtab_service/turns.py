"""Who asks for trials of a study at the same time, so that one computation can answer several."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyName
from trimtab_service.domain.suggestion import Trial
from trimtab_service.store.base import Request

Answer: TypeAlias = tuple[Study, Sequence[Trial]]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a Suggest asks for.

    fixed: values that the answer must have. deadline: on the monotonic clock, in seconds.
    """

    study: StudyName
    count: int
    context: Parameters
    fixed: Parameters
    worker: str
    fallback: bool
    deadline: float
    request: Request | None

    def is_like(self, other: Ask) -> bool:
        """Whether one computation can answer both."""
        return (self.context, self.fixed) == (other.context, other.fixed)


@dataclass(eq=False, slots=True)
class Caller:
    """Somebody who waits for a turn, and what others found for them meanwhile."""

    ask: Ask
    answer: Answer | None = None


@dataclass(eq=False, slots=True, weakref_slot=True)
class Turns:
    """Who computes for a study, and who waits for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    callers: list[Caller] = field(default_factory=list)

    def sharing(self, caller: Caller, most: int) -> list[Caller]:
        """The caller, and others that wait for the same kind of answer; ``most`` suggestions in all, if several."""
        sharing, count = [caller], caller.ask.count
        for other in self.callers:
            fits = count + other.ask.count <= most
            if fits and other is not caller and other.answer is None and other.ask.is_like(caller.ask):
                sharing.append(other)
                count += other.ask.count
        return sharing
