"""Use cases of studies themselves: create, read, change, delete."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TypeVar
from uuid import uuid4

from trimtab_service import algorithms
from trimtab_service.bandits.catalog import bandit
from trimtab_service.domain import errors
from trimtab_service.domain.arms import levels
from trimtab_service.domain.errors import (
    EtagMismatch,
    InvalidArgument,
    StudyNotFound,
    TooMuchContention,
    TrimtabError,
)
from trimtab_service.domain.metric import Objective
from trimtab_service.domain.space import SearchSpace
from trimtab_service.domain.study import (
    LARGEST_SEED,
    ChosenAlgorithm,
    Study,
    StudyCounts,
    StudyName,
    StudySpec,
    StudyState,
)
from trimtab_service.live import Live
from trimtab_service.storage import Storage
from trimtab_service.store.base import LogRow, Request

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MOST_REMEMBERED = 10_000  # studies
# For how long a study that was read is taken for what it is. Who relies on every
# replica knowing of an update waits for a multiple of it.
MEMO_SECONDS = 10.0

CHANGEABLE = frozenset(
    {
        "state",
        "spec.description",
        "spec.labels",
        "spec.algorithm",
        "spec.baseline",
        "spec.lease",
        "spec.decision_lifetime",
        "spec.retention",
        "spec.disabled_arms",
        "spec.search_space",
        "spec.outcome_constraints",
        "spec.half_life",
        "spec.objectives",
        "spec.transfer_from",
    }
)
"""What an update may change: what a study means stays as it was when its history was made."""

MOST_SPACES = 100  # that a study has had
# Times a change is begun where others change the study between its reading and
# its writing. Each time somebody got through, so it takes as many others in a row.
MOST_ROUNDS = 20


class Studies:
    """Studies in the store, and a memo of those seen in the last ``MEMO_SECONDS``.

    The memo only says where to look first; whoever acts on a study acts on
    what the store holds, and calls ``forget`` when that is another one.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._clearing: set[asyncio.Task[None]] = set()
        self._memo: OrderedDict[StudyName, tuple[Study, float]] = OrderedDict()  # and when it was so at the earliest

    async def recall(self, name: StudyName) -> Study:
        """The study as it was at some instant of the last ``MEMO_SECONDS``. Raises StudyNotFound."""
        study, seen = self._memo.get(name, (None, 0.0))
        return study if study is not None and monotonic() - seen < MEMO_SECONDS else await self.get(name)

    def confirm(self, study: Study, seen: float) -> None:
        """Says that the store held this very study at ``seen``, in seconds on the monotonic clock, or later."""
        known, _ = self._memo.get(study.name, (None, 0.0))
        if known is not None and known.etag == study.etag:
            self._remember(study, seen)

    def forget(self, name: StudyName) -> None:
        """Makes the next ``recall`` read the store."""
        self._memo.pop(name, None)

    def _remember(self, study: Study, seen: float) -> Study:
        self._memo[study.name] = study, seen
        self._memo.move_to_end(study.name)
        if len(self._memo) > MOST_REMEMBERED:
            self._memo.popitem(last=False)
        return study

    async def create(self, name: StudyName, spec: StudySpec, request: Request | None) -> Study:
        """Raises InvalidArgument (field ``study.spec...``), StudyExists, RequestIdReused."""
        now, begun = self._storage.now(), monotonic()
        if spec.seed is None:
            spec = replace(spec, seed=secrets.randbelow(LARGEST_SEED))
        with errors.field("study.spec"):
            # In a thread: to see that a space has legal points may take seconds.
            study = await asyncio.to_thread(self._assembled, name, spec, now)
        # Of a repeated request, what it named may be gone by now.
        if spec.transfer_from and not await self._replayed(f"namespaces/{name.namespace}", request):
            with errors.field("study.spec"):
                await self._check_related(name, spec)
        stored = await self._storage.write(self._storage.store.create_study, study, request)
        if stored.uid == study.uid:
            log.info("study created", extra={"study": str(name), "algorithm": study.algorithm.name})
        return self._remember(stored, begun)

    @staticmethod
    def _assembled(name: StudyName, spec: StudySpec, now: datetime) -> Study:
        study = Study(
            name=name,
            uid=uuid4().hex,
            spec=spec,
            algorithm=algorithms.choose(spec),
            create_time=now,
            update_time=now,
        )
        if study.algorithm.decisions:
            Live.begun(study)
        return study

    async def _replayed(self, scope: str, request: Request | None) -> bool:
        """Whether the request was answered before; see ``Store.replayed``. Raises RequestIdReused."""
        return request is not None and await self._storage.read(self._storage.store.replayed, scope, request)

    async def _check_related(self, own: StudyName, spec: StudySpec) -> None:
        """Raises InvalidArgument where a study that is to be learned from isn't there, or has no trials to tell of.

        Later it may be deleted; then it tells nothing.
        """
        for index, name in enumerate(spec.transfer_from):
            if name == own:
                raise InvalidArgument(f"transfer_from[{index}]", "a study can't be related to itself")
            try:
                related = await self.get(name)
            except StudyNotFound:
                raise InvalidArgument(f"transfer_from[{index}]", f"there is no study {name}") from None
            if related.algorithm.decisions:
                raise InvalidArgument(f"transfer_from[{index}]", f"{name} is a bandit study, which has no trials")

    async def get(self, name: StudyName) -> Study:
        """The study as it is now. Raises StudyNotFound."""
        begun = monotonic()
        return self._remember(await self._storage.read(self._storage.store.get_study, name), begun)

    async def counts(self, study: Study) -> StudyCounts:
        """How much there is in it."""
        return await self._storage.read(self._storage.store.get_counts, study, self._storage.now())

    async def list(self, namespace: str | None, after: StudyName | None, limit: int) -> list[Study]:
        """By name, those behind ``after``; of every namespace where it is None."""
        return await self._storage.read(self._storage.store.list_studies, namespace, after, limit)

    async def observations(self, study: Study, after: int, limit: int) -> Sequence[LogRow]:
        """The study's log by sequence, behind ``after``."""
        return await self._storage.read(self._storage.store.list_observations, study, after, limit)

    async def update(
        self,
        name: StudyName,
        change: Callable[[Study], tuple[StudySpec, StudyState]],
        paths: frozenset[str],
        etag: str,
        request: Request | None,
    ) -> Study:
        """Makes the study what ``change`` says of it; ``paths`` are those that it touches, see ``CHANGEABLE``.

        Without an ``etag`` the study may be any that is stored: where another update comes in between,
        ``change`` is asked again. Raises StudyNotFound, InvalidArgument, EtagMismatch, RequestIdReused.
        """
        return await _until_through(lambda: self._updated(name, change, paths, etag, request), etag)

    async def _updated(
        self,
        name: StudyName,
        change: Callable[[Study], tuple[StudySpec, StudyState]],
        paths: frozenset[str],
        etag: str,
        request: Request | None,
    ) -> Study:
        """One round of ``update``."""
        begun = monotonic()
        old = await self.get(name)
        if await self._replayed(old.uid, request):
            return old
        self._check_etag(old, etag)
        spec, state = change(old)
        with errors.field("study.spec"):
            _check_constraints(old.spec, spec)
            spec = replace(spec, objectives=_repointed(old.spec.objectives, spec.objectives))
        chosen = old.algorithm
        with errors.field("study.spec"):
            if "spec.algorithm" in paths:
                chosen = await asyncio.to_thread(_rechosen, old, spec)
            algorithms.check_fields(spec, chosen)
            if "spec.transfer_from" in paths:
                await self._check_related(name, spec)
        spaces = old.earlier_spaces
        if spec.space != old.spec.space:
            with errors.field("study.spec.search_space"):
                spaces = (*spaces, _grown(old, spec, chosen))
        new = replace(
            old,
            spec=spec,
            state=state,
            algorithm=chosen,
            revision=old.revision + 1,
            update_time=self._storage.now(),
            earlier_spaces=spaces,
        )
        if chosen.decisions:
            with errors.field("study.spec"):
                Live.begun(new)
        stored = await self._storage.write(self._storage.store.replace_study, old, new, request)
        log.info("study updated", extra={"study": str(name), "revision": stored.revision})
        return self._remember(stored, begun)

    async def delete(self, name: StudyName, etag: str, request: Request | None) -> None:
        """Raises StudyNotFound, EtagMismatch, RequestIdReused; a repeated request is answered like the first.

        Without an ``etag`` whatever revision is stored goes.
        """
        await _until_through(lambda: self._deleted(name, etag, request), etag)

    async def _deleted(self, name: StudyName, etag: str, request: Request | None) -> None:
        """One round of ``delete``."""
        scope = f"namespaces/{name.namespace}"
        if await self._replayed(scope, request):
            return
        try:
            study = await self.get(name)
        except StudyNotFound:
            self.forget(name)
            if await self._replayed(scope, request):  # sent twice at once: the other one was faster
                return
            raise
        self._check_etag(study, etag)
        await self._storage.write(self._storage.store.delete_study, study, request)
        self.forget(name)
        log.info("study deleted", extra={"study": str(name)})
        # Of a long one most is left. It goes on even if the caller goes away.
        clearing = asyncio.create_task(self._cleared())
        self._clearing.add(clearing)
        clearing.add_done_callback(self._clearing.discard)
        await asyncio.shield(clearing)

    async def _cleared(self) -> None:
        """Deletes what is left of deleted studies, others' writes in between. If the store fails, a sweep goes on."""
        try:
            while await self._storage.write(self._storage.store.clear_deleted):
                pass
        except TrimtabError as error:
            log.warning("can't delete what is left of a study yet", extra={"reason": error.reason})

    @staticmethod
    def _check_etag(study: Study, etag: str) -> None:
        if etag and etag != study.etag:
            raise EtagMismatch(f"{study.name} has changed since etag {etag[:64]!r} was read", etag=study.etag)


async def _until_through(attempt: Callable[[], Awaitable[Answer]], etag: str) -> Answer:
    """What ``attempt`` answers; it is made again where it met another revision, though its caller named none."""
    for _ in range(MOST_ROUNDS):
        try:
            return await attempt()
        except EtagMismatch:
            if etag:
                raise
    raise TooMuchContention("too many callers change the study at once; retry")


def _check_constraints(old: StudySpec, new: StudySpec) -> None:
    """Raises InvalidArgument where the history may lack what the new constraints need."""
    kept = {constraint.metric for constraint in old.outcome_constraints}
    for index, constraint in enumerate(new.outcome_constraints):
        if constraint.metric not in kept:
            raise InvalidArgument(
                f"outcome_constraints[{index}].metric",
                f"{constraint.metric!r} was not constrained before, so trials may lack it; bounds can be changed and "
                "constraints left out",
            )


def _repointed(old: Sequence[Objective], new: Sequence[Objective]) -> tuple[Objective, ...]:
    """The old objectives, in their order, with the reference points of the new ones.

    Raises InvalidArgument where something else would change: by what is better, trials were chosen.
    """
    asked = {(each.metric, each.goal): each for each in new}
    if len(new) != len(old) or asked.keys() != {(each.metric, each.goal) for each in old}:
        raise InvalidArgument(
            "objectives", "must be the same metrics with the same goals; only their reference points can change"
        )
    return tuple(asked[each.metric, each.goal] for each in old)


def _rechosen(old: Study, spec: StudySpec) -> ChosenAlgorithm:
    """The algorithm that ``spec`` asks for. Raises InvalidArgument (fields ``algorithm...``)."""
    chosen = algorithms.choose(spec)
    if chosen.decisions != old.algorithm.decisions:
        raise InvalidArgument(
            "algorithm.name", "a study can't change between stored trials and decisions; create another one"
        )
    if chosen.decisions:
        with errors.field("algorithm"):
            _check_numbers(old, chosen)
    return chosen


def _check_numbers(old: Study, chosen: ChosenAlgorithm) -> None:
    """Raises InvalidArgument where an arm would get another number: decisions and the log name arms so."""
    before, after = bandit(old.algorithm), bandit(chosen)
    if old.earlier_spaces and before.joint != after.joint:
        raise InvalidArgument(
            "name", f"{after.name} numbers points otherwise than {before.name} once values were added; create another"
        )
    with errors.field('options["steps"]'):
        for parameter in (one for space in (*old.earlier_spaces, old.spec.space) for one in space.parameters):
            if levels(parameter, after.steps) != levels(parameter, before.steps):
                raise InvalidArgument(
                    "",
                    f"must stay {before.steps}: with {after.steps}, {parameter.name!r} has other values, and decisions "
                    "made so far would mean other points; create another study",
                )


def _grown(old: Study, spec: StudySpec, chosen: ChosenAlgorithm) -> SearchSpace:
    """The space so far, once it is sure that ``spec`` only adds to it, and not too much. Raises InvalidArgument."""
    if not old.algorithm.decisions:
        raise InvalidArgument("", "only a bandit study can be given more values")
    ours = bandit(chosen)
    if ours.joint:
        raise InvalidArgument("", f"a study of {ours.name} can't be given more values; create another one")
    if len(old.earlier_spaces) >= MOST_SPACES:
        raise InvalidArgument("", f"it was changed {MOST_SPACES} times, which is as often as it can be")
    before, after = old.spec.space.parameters, spec.space.parameters
    if [(type(one), one.name) for one in before] != [(type(one), one.name) for one in after]:
        raise InvalidArgument("parameters", "must be the same, by name, kind and order; only their values can grow")
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        with errors.field(f"parameters[{index}]"):
            missing = set(levels(one, ours.steps)) - set(levels(other, ours.steps))
            if missing:
                raise InvalidArgument("", f"{min(missing)!r} must stay; to leave arms out, disable them")
    algorithms.check_count(spec, ours)
    return old.spec.space
