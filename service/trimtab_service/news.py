"""What is sent to a worker process of a study's trials, and what it remembers of them: only new ones travel."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from trimtab_service.domain.past import Past
from trimtab_service.domain.suggestion import Trial

MOST_KNOWN = 200_000  # ended trials that a worker keeps, so that only new ones are sent to it


class Forgotten(Exception):
    """The worker doesn't know the trials that it was taken to know; send it all of them."""


@dataclass(frozen=True, slots=True)
class News:
    """A past as it is sent to a worker: without the first ``base`` ended trials, which it knows."""

    past: Past
    base: int

    @classmethod
    def of(cls, past: Past, base: int) -> News:
        """What a worker needs that knows ``base`` trials of the past's line."""
        new = tuple(past.ended[base : past.count])
        return cls(_with_ended(past, new), base)


def _with_ended(past: Past, ended: Sequence[Trial]) -> Past:
    counts = (past.next_number, past.revision, past.observation_count)
    return Past(past.uid, past.line, ended, len(ended), past.open, *counts)


class Known:
    """What a worker remembers: ended trials, by study. It may forget at any time, and then says so."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._lines: OrderedDict[str, tuple[int, list[Trial]]] = OrderedDict()

    def past(self, news: News) -> Past:
        """The whole of it. Raises Forgotten."""
        line, trials = self._lines.get(news.past.uid, (0, []))
        if news.base and (line != news.past.line or len(trials) < news.base):
            raise Forgotten
        whole = trials[: news.base] + list(news.past.ended)
        self._lines[news.past.uid] = (news.past.line, whole)
        self._lines.move_to_end(news.past.uid)
        kept = sum(len(each) for _, each in self._lines.values())
        while kept > self._most and len(self._lines) > 1:
            kept -= len(self._lines.popitem(last=False)[1][1])
        return _with_ended(news.past, whole)
