"""Use cases of studies themselves: create, read, change, delete."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from trimtab_service import algorithms
from trimtab_service.bandits.catalog import bandit
from trimtab_service.domain import errors
from trimtab_service.domain.arms import levels
from trimtab_service.domain.errors import EtagMismatch, InvalidArgument, StudyNotFound
from trimtab_service.domain.space import SearchSpace
from trimtab_service.domain.study import LARGEST_SEED, Study, StudyCounts, StudyName, StudySpec, StudyState
from trimtab_service.live import Live
from trimtab_service.storage import Storage
from trimtab_service.store.base import LogRow, Request

log = logging.getLogger(__name__)

MOST_REMEMBERED = 10_000  # studies

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
    }
)
"""What an update may change: what a study means stays as it was when its history was made."""

MOST_SPACES = 100  # that a study has had


class Studies:
    """Studies in the store, and a memo of those seen lately.

    The memo only says where to look first; whoever acts on a study acts on
    what the store holds, and calls ``forget`` when that is another one.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._memo: OrderedDict[StudyName, Study] = OrderedDict()

    async def recall(self, name: StudyName) -> Study:
        """The study as it was when last read, maybe a while ago. Raises StudyNotFound."""
        study = self._memo.get(name)
        return study if study is not None else await self.get(name)

    def forget(self, name: StudyName) -> None:
        """Makes the next ``recall`` read the store."""
        self._memo.pop(name, None)

    def _remember(self, study: Study) -> Study:
        self._memo[study.name] = study
        self._memo.move_to_end(study.name)
        if len(self._memo) > MOST_REMEMBERED:
            self._memo.popitem(last=False)
        return study

    async def create(self, name: StudyName, spec: StudySpec, request: Request | None) -> Study:
        """Raises InvalidArgument (field ``study.spec...``), StudyExists, RequestIdReused."""
        now = self._storage.now()
        if spec.seed is None:
            spec = replace(spec, seed=secrets.randbelow(LARGEST_SEED))
        with errors.field("study.spec"):
            study = self._assembled(name, spec, now)
        stored = await self._storage.write(self._storage.store.create_study, study, request)
        if stored.uid == study.uid:
            log.info("study created", extra={"study": str(name), "algorithm": study.algorithm.name})
        return self._remember(stored)

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

    async def get(self, name: StudyName) -> Study:
        """The study as it is now. Raises StudyNotFound."""
        return self._remember(await self._storage.read(self._storage.store.get_study, name))

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

        Raises StudyNotFound, InvalidArgument, EtagMismatch, RequestIdReused.
        """
        old = await self.get(name)
        replayed = request is not None and await self._storage.read(self._storage.store.replayed, old.uid, request)
        if replayed:
            return old
        self._check_etag(old, etag)
        spec, state = change(old)
        spaces = old.earlier_spaces
        if spec.space != old.spec.space:
            with errors.field("study.spec.search_space"):
                spaces = (*spaces, _grown(old, spec))
        if "spec.algorithm" in paths:
            with errors.field("study.spec"):
                chosen = algorithms.choose(spec)
                if chosen.decisions != old.algorithm.decisions:
                    raise InvalidArgument(
                        "algorithm.name", "a study can't change between stored trials and decisions; create another one"
                    )
        else:
            chosen = old.algorithm
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
        return self._remember(stored)

    async def delete(self, name: StudyName, etag: str, request: Request | None) -> None:
        """Raises StudyNotFound, EtagMismatch, RequestIdReused; a repeated request is answered like the first."""
        store = self._storage.store
        if request is not None and await self._storage.read(store.replayed, f"namespaces/{name.namespace}", request):
            return
        try:
            study = await self.get(name)
        except StudyNotFound:
            self.forget(name)
            raise
        self._check_etag(study, etag)
        await self._storage.write(store.delete_study, study, request)
        self.forget(name)
        log.info("study deleted", extra={"study": str(name)})

    @staticmethod
    def _check_etag(study: Study, etag: str) -> None:
        if etag and etag != study.etag:
            raise EtagMismatch(f"{study.name} has changed since etag {etag[:64]!r} was read", etag=study.etag)


def _grown(old: Study, spec: StudySpec) -> SearchSpace:
    """The space so far, once it is sure that ``spec`` only adds to it. Raises InvalidArgument."""
    if not old.algorithm.decisions:
        raise InvalidArgument("", "only a bandit study can be given more values")
    ours = bandit(old.algorithm)
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
    return old.spec.space
