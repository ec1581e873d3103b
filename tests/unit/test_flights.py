"""What a flight puts into the queue: no point that somebody has got, or gets in the same batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, cast

import pytest

from store_values import SPEC, a_study, completed
from trimtab_service.ahead import MOST_UNASKED, Ahead, Wish
from trimtab_service.compute import Asked, Compute
from trimtab_service.domain.errors import SpaceExhausted
from trimtab_service.domain.outcomes import Robustness
from trimtab_service.domain.space import Categorical, SearchSpace
from trimtab_service.domain.study import Study, StudyName, StudySpec, StudyState
from trimtab_service.domain.suggestion import Source, Suggested, Trial, TrialState
from trimtab_service.histories import Histories, Look
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import TrialObservation
from trimtab_service.store.catalog import open_store
from trimtab_service.store.queue import ForeignTrial

THREADS = 2
SIX = replace(SPEC, space=SearchSpace((Categorical("kind", tuple("abcdef")),)))
DAYS = ({"day": "x"}, {"day": "y"})


def points(kinds: str, *contexts: dict[str, str]) -> list[Suggested]:
    """One a letter, in each of the contexts."""
    return [Suggested({"kind": each}, Source.MODEL, "", day) for each in kinds for day in contexts or (None,)]


@dataclass
class Scripted:
    """An optimizer that likes ``best`` in this order, and where all are being tried, in the opposite one.

    meanwhile: what happens before each answer.
    """

    best: Sequence[Suggested]
    meanwhile: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    async def suggest(self, asked: Asked, count: int, seconds: float) -> Sequence[Suggested]:
        """Those that aren't being tried first; none twice."""
        assert seconds > 0
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        past = asked.past
        tried = [(each.parameters, each.context) for each in (*past.ended[: past.count], *past.open)]
        new = [one for one in self.best if (one.parameters, one.context or {}) not in tried]
        every = [*new, *(one for one in reversed(self.best) if one not in new)]
        if count > len(every):
            raise SpaceExhausted("there are no more")
        return every[:count]


@dataclass
class Bench:
    """One study, and the server that looks after its queue."""

    storage: Storage
    study: Study
    optimizer: Scripted
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        histories = Histories(self.storage, self.metrics)
        self.ahead = Ahead(self.storage, histories, cast(Compute, self.optimizer), 8, self.metrics)

    async def got(self, count: int = 1) -> list[Trial]:
        """A batch, for somebody who has time."""
        wish = Wish(self.study, count, "", None, self.storage.now(), monotonic() + 30)
        return list((await self.ahead.suggest(wish)).trials)

    async def observed(self, trial: Trial) -> None:
        """At another server."""
        store, found = self.storage.store, [TrialObservation(trial.number, completed())]
        await self.storage.write(store.observe_trials, self.study, found, self.storage.now(), None)

    async def flown(self, count: int = 2) -> None:
        """So many are wanted soon, and none to spare."""
        line = self.ahead._line(self.study)
        line.asked, line.calls, line.unasked = count, 1, 0
        most, self.ahead.most = self.ahead.most, count
        await self.ahead._flown(line)
        self.ahead.most = most

    async def joined(self, waiting: int) -> asyncio.Task[list[Trial]]:
        """One more who asks, once ``waiting`` suggestions are waited for in all."""
        asking = asyncio.create_task(self.got())
        while self.ahead._line(self.study).waiting < waiting:
            await asyncio.sleep(0)
        return asking

    def waiting(self) -> list[str]:
        """The kinds in the queue."""
        store, states = self.storage.store, frozenset({TrialState.QUEUED})
        return kinds(store.list_trials(self.study, self.storage.now(), 0, 100, states))

    @property
    def wasted(self) -> float:
        """Flights that brought nothing."""
        return cast(float, cast(Any, self.metrics.fits_wasted)._value.get())


def kinds(trials: Sequence[Trial]) -> list[str]:
    """The points, with the day where there is one."""
    return [f"{each.parameters['kind']}{each.context.get('day', '')}" for each in trials]


@pytest.fixture
async def storage(sqlite_url: str) -> AsyncIterator[Storage]:
    """The door to an empty store."""
    store = open_store(sqlite_url, THREADS)
    store.migrate()
    storage = Storage(store, THREADS, Metrics())
    yield storage
    await storage.close()


def bench(storage: Storage, best: Sequence[Suggested], spec: StudySpec = SIX) -> Bench:
    """Of an empty study."""
    return Bench(storage, storage.store.create_study(a_study(spec=spec), None), Scripted(best))


async def with_old_ones(made: Bench) -> None:
    """Three are handed out and two wait, which have become old, but not too old to be handed out."""
    trials = [*await made.got(2), *await made.got()]
    await made.observed(trials[0])
    await made.flown()
    await made.observed(trials[1])


async def test_what_is_handed_out_during_a_flight_is_not_queued_again(storage: Storage) -> None:
    """Though the flight took it for waiting; what waits still is replaced, so that it isn't there twice either."""
    made = bench(storage, points("abcdef"))
    await with_old_ones(made)
    got: list[Trial] = []

    async def claimed() -> None:
        got.extend(await made.got())

    made.optimizer.meanwhile = [claimed]
    await made.flown()
    assert (kinds(got), made.waiting()) == (["d"], ["e"])
    assert kinds([*await made.got(), *await made.got()]) == ["e", "f"]
    assert made.wasted == 0


async def test_what_is_handed_out_and_observed_during_a_flight_is_not_queued_again(storage: Storage) -> None:
    """Where nothing is left, the flight was in vain, and the next one brings something else."""
    made = bench(storage, points("abcdef"))
    await with_old_ones(made)

    async def tried() -> None:
        for trial in await made.got(2):
            await made.observed(trial)

    made.optimizer.meanwhile = [tried]
    await made.flown()
    assert (made.waiting(), made.wasted) == ([], 1)
    assert kinds(await made.got()) == ["f"]


async def test_a_point_in_another_condition_is_another_trial(storage: Storage) -> None:
    """Of a study that is to be good in several."""
    spec = replace(SIX, context=(Categorical("day", ("x", "y")),), robustness=Robustness(DAYS))
    made = bench(storage, points("abc", *DAYS), spec)
    await with_old_ones(made)
    got: list[Trial] = []

    async def claimed() -> None:
        got.extend(await made.got())

    made.optimizer.meanwhile = [claimed]
    await made.flown()
    assert (kinds(got), made.waiting()) == (["by"], ["cx"])


async def test_a_batch_holds_no_point_twice_where_some_wait(storage: Storage) -> None:
    """Though all are being tried: it gets those that wait, and as many others."""
    made = bench(storage, points("abcd"), replace(SIX, space=SearchSpace((Categorical("kind", tuple("abcd")),))))
    await made.got(2)
    await made.flown()
    assert made.waiting() == ["c", "d"]
    assert sorted(kinds(await made.got(4))) == ["a", "b", "c", "d"]


async def test_a_batch_of_more_points_than_there_are_is_refused_where_some_wait(storage: Storage) -> None:
    """One legal point of six waits: it isn't two."""
    made = bench(storage, points("a"))
    await made.got()
    await made.flown(1)
    assert made.waiting() == ["a"]
    with pytest.raises(SpaceExhausted):
        await made.got(2)


async def test_a_batch_may_be_of_all_points_in_all_conditions(storage: Storage) -> None:
    """More than there are points."""
    space = SearchSpace((Categorical("kind", ("a", "b")),))
    spec = replace(SIX, space=space, context=(Categorical("day", ("x", "y")),), robustness=Robustness(DAYS))
    made = bench(storage, points("ab", *DAYS), spec)
    assert kinds(await made.got(4)) == ["ax", "ay", "bx", "by"]


async def test_who_waits_is_flown_for_as_often_as_it_takes(storage: Storage) -> None:
    """Though what others bring makes flight after flight old before it has landed."""
    made = bench(storage, points("abcdef"))
    brought = ForeignTrial({"kind": "a"}, {}, completed())

    async def imported() -> None:
        store = storage.store
        await storage.write(store.import_trials, made.study, [brought], storage.now(), None)

    made.optimizer.meanwhile = [imported] * (MOST_UNASKED + 2)
    async with asyncio.timeout(20):  # what is wrong goes on for ever
        assert kinds(await made.got()) == ["b"]
    assert made.optimizer.meanwhile == []


async def test_who_joins_a_flight_is_not_told_that_others_asked_for_too_many(storage: Storage) -> None:
    """Two of one point are refused; who asks for one meanwhile gets it."""
    made = bench(storage, points("a"))
    asking: list[asyncio.Task[list[Trial]]] = []

    async def another() -> None:
        asking.append(await made.joined(3))

    made.optimizer.meanwhile = [another]
    with pytest.raises(SpaceExhausted):
        await made.got(2)
    assert kinds(await asking[0]) == ["a"]


async def test_who_asks_for_less_than_there_is_is_not_refused_with_others(storage: Storage) -> None:
    """Two wait for two of three points each: one after the other gets them. Who asks for four is refused."""
    made = bench(storage, points("abc"))
    four, *pairs = await asyncio.gather(made.got(4), made.got(2), made.got(2), return_exceptions=True)
    assert isinstance(four, SpaceExhausted)
    assert [len(set(kinds(cast(list[Trial], pair)))) for pair in pairs] == [2, 2]


async def test_a_study_that_goes_on_is_not_told_to_be_stopped(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a flight that looked while it was: it is set off by an observation, and who asks after that joins it."""
    made = bench(storage, points("ab"))
    (trial,) = await made.got()
    running = made.study
    stopped = replace(running, state=StudyState.STOPPED, revision=2)
    await storage.write(storage.store.replace_study, running, stopped, None)
    await made.observed(trial)
    look, asking = Histories.look, list[asyncio.Task[list[Trial]]]()

    async def looked(histories: Histories, name: StudyName, **wanted: Any) -> Look:
        found = await look(histories, name, **wanted)
        if not asking:
            await storage.write(storage.store.replace_study, stopped, replace(running, revision=3), None)
            asking.append(await made.joined(1))
        return found

    monkeypatch.setattr(Histories, "look", looked)
    made.ahead.observed(made.study)
    while not asking:
        await asyncio.sleep(0)
    assert kinds(await asking[0]) == ["b"]
