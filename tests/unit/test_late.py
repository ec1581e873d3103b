"""What is kept of answers that came too late, and who gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from store_values import a_study, a_trial, completed
from trimtab_service.compute import Asked
from trimtab_service.domain.past import Past
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested, Trial, TrialState
from trimtab_service.histories import Look
from trimtab_service.late import Late
from trimtab_service.store.base import Snapshot

STUDY = a_study()
HERE: Parameters = {"load": 1.0}
POINTS = [Suggested({"rate": rate, "depth": 3}, Source.MODEL) for rate in (0.1, 0.5, 0.9)]


def asked(study: Study = STUDY, context: Parameters = HERE, fixed: Parameters | None = None) -> Asked:
    """A question, when trial 3 was the next one and two were observed."""
    return Asked(study, Past(study.uid, 1, [], 0, (), 3, 2, 2), context, fixed or {})


def look(*made: Trial, observed: int = 2) -> Look:
    """What is there now: trials that were made meanwhile, and how many observations."""
    past = Past(STUDY.uid, 1, [], 0, made, 9, observed, observed)
    return Look(Snapshot(STUDY, History((), 9, observed, observed)), past)


def pending(rate: float, context: Parameters) -> Trial:
    """A trial that is being tried."""
    return replace(a_trial(5, parameters={"rate": rate, "depth": 3}), context=context)


def took(now: Look, question: Asked, points: Sequence[Suggested] = POINTS, grace: int = 0) -> list[float] | None:
    """The rates of the one point that is got for a question, of what was computed for ``asked()``."""

    async def play() -> list[float] | None:
        late = Late()
        running = asyncio.get_running_loop().create_future()
        late.keep(asked(), running)
        assert late.take(now, asked(), 1, 4, 99) is None
        running.set_result(points)
        found = late.take(now, question, 1, 4, grace)
        return None if found is None else [float(point.parameters["rate"]) for point in found.points]

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (asked(), True),
        (asked(context={"load": 2.0}), False),
        (asked(context={}), False),
        (asked(fixed={"depth": 3}), False),
        (asked(replace(STUDY, revision=2)), False),
        (asked(a_study()), False),
    ],
    ids=["the same", "another context", "no context", "fixed values", "changed study", "another study"],
)
def test_who_asks_for_the_same_gets_it(question: Asked, found: bool) -> None:
    """And nobody else."""
    assert took(look(), question) == ([0.1] if found else None)


def test_how_old_it_may_be() -> None:
    """As in the queue: by four observations for each trial that is being tried; older only for who has no choice."""
    busy = look(pending(0.3, HERE), observed=6)
    assert took(busy, asked()) == [0.1]
    assert took(look(pending(0.3, HERE), observed=7), asked()) is None
    assert took(look(observed=3), asked()) is None
    assert took(look(observed=3), asked(), grace=1) == [0.1]


def test_what_was_tried_meanwhile_is_left_out() -> None:
    """In the same context; elsewhere the same point is another trial."""
    assert took(look(pending(0.1, HERE)), asked()) == [0.5]
    assert took(look(pending(0.1, {"load": 2.0})), asked()) == [0.1]
    done = replace(a_trial(4, TrialState.COMPLETED, parameters={"rate": 0.1, "depth": 3}), context=HERE)
    now = look(replace(done, observation=completed()))
    assert took(now, asked()) == [0.5]


def test_each_point_is_given_once() -> None:
    """What is too little for a call is no more than nothing."""

    async def play() -> list[list[float]]:
        late, running = Late(), asyncio.get_running_loop().create_future()
        running.set_result(POINTS)
        late.keep(asked(), running)
        found = [late.take(look(), asked(), count, 4) for count in (2, 1, 1)]
        return [[float(point.parameters["rate"]) for point in one.points] if one else [] for one in found]

    assert asyncio.run(play()) == [[0.1, 0.5], [0.9], []]


def test_what_failed_is_forgotten() -> None:
    """Its next caller computes anew."""

    async def play() -> bool:
        late, running = Late(), asyncio.get_running_loop().create_future()
        running.set_exception(ArithmeticError())
        late.keep(asked(), running)
        return late.take(look(), asked(), 1, 4) is None

    assert asyncio.run(play())


def test_no_more_is_kept_than_that() -> None:
    """The oldest goes first."""

    async def play() -> list[bool]:
        late = Late(most=2)
        questions = [asked(context={"load": load}) for load in (1.0, 2.0, 3.0)]
        for question in questions:
            running = asyncio.get_running_loop().create_future()
            running.set_result(POINTS)
            late.keep(question, running)
        return [late.take(look(), question, 1, 4) is not None for question in questions]

    assert asyncio.run(play()) == [False, True, True]
