"""Keeps what an optimizer says after its caller's deadline, until somebody asks for the same.

The queue in the store is for plain suggestions. What was computed for a
context, or with fixed values, is good for exactly that question, and waits
here: in the memory of one server, since it only saves work. Nothing here must
know of the store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from trimtab_service.compute import Asked
from trimtab_service.domain.space import ParameterValue
from trimtab_service.domain.suggestion import Suggested, TrialState
from trimtab_service.histories import Look
from trimtab_service.nearness import is_new

MOST_KEPT = 1_000  # answers, of all studies together

_Values: TypeAlias = tuple[tuple[str, ParameterValue], ...]
_Question: TypeAlias = tuple[str, int, _Values, _Values]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Points that nobody has got, and the question that they answer, with all that was known then."""

    asked: Asked
    points: Sequence[Suggested]


class Late:
    """Answers on their way to nobody, the newest of each question: study, revision, context and fixed values."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[_Question, tuple[Asked, asyncio.Future[Sequence[Suggested]]]] = OrderedDict()

    def keep(self, asked: Asked, running: asyncio.Future[Sequence[Suggested]]) -> None:
        """Once it has come, the answer waits; if it fails, nothing does."""
        question = _question(asked)
        self._kept.pop(question, None)
        self._kept[question] = (asked, running)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def take(self, look: Look, asked: Asked, count: int, patience: int, grace: int = 0) -> Leftover | None:
        """``count`` points for the same question, and nobody gets them again; None where there aren't as many.

        patience, grace: how old they may be, as in ``Claim``. Points that
        trials made meanwhile in the same context make needless are left out.
        """
        before, running = self._kept.get(_question(asked), (asked, None))
        if running is None or not running.done():
            return None
        if running.cancelled() or running.exception() is not None:
            del self._kept[_question(asked)]
            return None
        at_work = sum(trial.state is TrialState.PENDING for trial in look.past.open)
        if look.past.observation_count - before.past.observation_count > patience * at_work + grace:
            return None
        points = _still_good(look, before, running.result())
        del self._kept[_question(asked)]
        if len(points) > count:
            rest = asyncio.get_running_loop().create_future()
            rest.set_result(points[count:])
            self.keep(before, rest)
        return Leftover(before, points[:count]) if len(points) >= count else None


def _question(asked: Asked) -> _Question:
    study = asked.study
    return study.uid, study.revision, tuple(sorted(asked.context.items())), tuple(sorted(asked.fixed.items()))


def _still_good(look: Look, before: Asked, points: Sequence[Suggested]) -> list[Suggested]:
    past, since = look.past, before.past.next_number
    trials = [*past.ended[: past.count], *past.open]
    made = [trial.parameters for trial in trials if trial.number >= since and trial.context == before.context]
    return [point for point in points if is_new(before.study.spec.space, point.parameters, made)]
