"""Trials in SQL, the same for every engine. The primary key (study, number) is the lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Executable,
    FromClause,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from trimtab_service.domain.errors import InvalidArgument, TrialQueued
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import Study, StudyName, TrialName
from trimtab_service.domain.suggestion import STATE_AFTER, History, Trial, TrialState
from trimtab_service.store import documents, refusals, rows
from trimtab_service.store.base import (
    DUPLICATE,
    RECORDED,
    NumberTaken,
    Request,
    Result,
    Snapshot,
    TrialObservation,
)
from trimtab_service.store.connection import Connection
from trimtab_service.store.queue import QueuedTrial
from trimtab_service.store.sql_requests import check_same, recall, remember
from trimtab_service.store.sql_studies import HAS_PROGRESS, IS_THERE, NAMED, SqlStudies
from trimtab_service.store.tables import observations, progress, requests, studies, trials
from trimtab_service.store.transactions import Overtaken
from trimtab_service.store.words import TransactionId, among_integers, as_text

Answer: TypeAlias = str | None
"""What a request was answered before, as text."""

OF_STUDY = trials.c.study_uid == bindparam("uid")
_NUMBERED = among_integers(trials.c.number, "numbers")
_ITS_OBSERVATION = and_(observations.c.study_uid == trials.c.study_uid, observations.c.number == trials.c.number)
_WITH_OBSERVATION = trials.outerjoin(observations, _ITS_OBSERVATION)
_IN_ORDER = select(*rows.TRIAL_COLUMNS).select_from(_WITH_OBSERVATION).where(OF_STUDY).order_by(trials.c.number)
_SOME = _IN_ORDER.where(_NUMBERED)

_IS_PENDING = trials.c.state == TrialState.PENDING.value
_UNDER_LEASE = and_(_IS_PENDING, trials.c.expire_time > bindparam("now"))
_STATE_IS = {
    **{state: trials.c.state == state.value for state in TrialState},
    TrialState.PENDING: _UNDER_LEASE,
    TrialState.EXPIRED: and_(_IS_PENDING, trials.c.expire_time <= bindparam("now")),
}


def is_stored(state: TrialState, table: FromClause = trials) -> ColumnElement[bool]:
    """The state is part of the statement: only so every planner sees that a partial index will do."""
    return table.c.state == literal_column(f"'{state.value}'")


_PENDING = _IN_ORDER.where(is_stored(TrialState.PENDING), trials.c.expire_time > bindparam("now"))
_QUEUED = select(*rows.QUEUED_COLUMNS).where(OF_STUDY, is_stored(TrialState.QUEUED)).order_by(trials.c.number)
_ENDED = _IN_ORDER.where(or_(*(trials.c.state == state.value for state in STATE_AFTER.values())))


def ended_after(*order: ColumnElement[bool]) -> Executable:
    """The trials whose observation came after a revision; ``order`` helps an engine to find them in an index."""
    return (
        select(*rows.TRIAL_COLUMNS)
        .select_from(observations.join(trials, _ITS_OBSERVATION))
        .where(observations.c.study_uid == bindparam("uid"), observations.c.sequence > bindparam("after"), *order)
        .order_by(trials.c.number)
    )


NEWEST_NUMBER = select(func.max(trials.c.number)).where(trials.c.study_uid == studies.c.uid).scalar_subquery()
_FIRST_QUEUED = (
    select(trials.c.number)
    .where(trials.c.study_uid == studies.c.uid, is_stored(TrialState.QUEUED))
    .limit(1)
    .scalar_subquery()
)
_SNAPSHOT = (
    select(
        *rows.STUDY_COLUMNS,
        progress.c.observations,
        progress.c.newest_sequence,
        NEWEST_NUMBER,
        _FIRST_QUEUED,
        requests.c.method,
        requests.c.fingerprint,
        as_text(requests.c.answer),
    )
    .select_from(
        studies.join(progress, progress.c.study_uid == studies.c.uid).outerjoin(
            requests, and_(requests.c.scope == studies.c.uid, requests.c.key == bindparam("key"))
        )
    )
    .where(NAMED)
)
_ITS_TRIAL = and_(trials.c.study_uid == studies.c.uid, trials.c.number == bindparam("number"))
_ONE = (
    select(*rows.TRIAL_COLUMNS)
    .select_from(studies.outerjoin(trials, _ITS_TRIAL).outerjoin(observations, _ITS_OBSERVATION))
    .where(NAMED)
)
STUDY_EXISTS = select(studies.c.uid).where(studies.c.uid == bindparam("uid"), IS_THERE)
NO_CONTEXT = "{}"
_STATE_OF = select(trials.c.state).where(OF_STUDY, trials.c.number == bindparam("number"))
_LEASE = (
    update(trials)
    .where(
        trials.c.study_uid == bindparam("old_uid"),
        trials.c.number == bindparam("old_number"),
        or_(trials.c.state == TrialState.QUEUED.value, _IS_PENDING),
    )
    .values(state=TrialState.PENDING.value, expire_time=bindparam("lease_end"))
)
_LEASE_IN_CONTEXT = _LEASE.where(as_text(trials.c.context) != NO_CONTEXT)
_LATER = exists().where(OF_STUDY, trials.c.number > bindparam("number"))
_IS_LAST = select(progress.c.study_uid).where(progress.c.study_uid == bindparam("uid"), ~_LATER)
LOCK = select(progress.c.observations).where(progress.c.study_uid == bindparam("uid")).with_for_update()
_OBSERVATIONS = (
    select(trials.c.number, as_text(trials.c.context), as_text(observations.c.observation))
    .select_from(_WITH_OBSERVATION)
    .where(OF_STUDY, _NUMBERED)
)
_END = update(trials).where(trials.c.study_uid == bindparam("old_uid"), _NUMBERED).values(state=bindparam("end_state"))
_NEWEST_SEQUENCE = (
    select(func.max(observations.c.sequence))
    .where(observations.c.study_uid == bindparam("old_uid"), observations.c.transaction_id == TransactionId())
    .scalar_subquery()
)
ADVANCE = (
    update(progress)
    .where(progress.c.study_uid == bindparam("old_uid"))
    .values(observations=progress.c.observations + bindparam("added"), newest_sequence=_NEWEST_SEQUENCE)
)


class SqlTrials(SqlStudies):
    """The part of Store that is about trials."""

    ended: ClassVar[Executable] = ended_after()
    """Trials that ended after a revision, by way of an index."""

    def snapshot(
        self, name: StudyName, now: datetime, request: Request | None, *, trials: bool, after: int = 0
    ) -> Snapshot:
        """One statement, unless there are trials to read."""
        values = {"namespace": name.namespace, "study": name.study, "key": None if request is None else request.key}

        def look(connection: Connection) -> tuple[Snapshot, Answer]:
            row = connection.first(_SNAPSHOT, values)
            if row is None:
                raise refusals.no_study(name)
            *study, observed, newest_sequence, newest_number, queued, method, fingerprint, answer = row
            if request is not None and answer is not None:
                check_same(request, method, fingerprint)
            history = History((), (newest_number or 0) + 1, newest_sequence, observed)
            return Snapshot(self.study_of(tuple(study)), history, has_queue=queued is not None), answer

        def read(connection: Connection) -> Snapshot:
            snapshot, answer = look(connection)
            uid, replay = snapshot.study.uid, None
            if answer is not None:
                replay = tuple(trial.at(now) for trial in answered(connection, uid, documents.parsed(answer)))
            history = snapshot.history
            if not trials:
                return replace(snapshot, replay=replay)
            history = replace(history, trials=self._known(connection, uid, now, after))
            return replace(snapshot, history=history, replay=replay, queue=_queued(connection, uid))

        if trials:
            return self.read(read)
        snapshot, answer = self.look(look)
        return snapshot if answer is None else self.read(read)

    def _known(self, connection: Connection, uid: str, now: datetime, after: int) -> tuple[Trial, ...]:
        values = {"uid": uid, "now": rows.microseconds(now)}
        found = connection.all(_PENDING, values)
        found += connection.all(self.ended, {"uid": uid, "after": after}) if after else connection.all(_ENDED, values)
        return tuple(sorted(map(rows.trial_of, found), key=lambda trial: trial.number))

    def append_trials(self, study: Study, trials: Sequence[Trial], request: Request | None) -> tuple[Trial, ...]:
        """Inserts; the primary key decides between two that append the same number."""
        numbers = [trial.number for trial in trials]
        stored = (rows.TRIAL, [rows.trial_row(study, trial) for trial in trials])
        asked = [] if request is None else [rows.request_row(study.uid, request, {"numbers": numbers})]

        def append(connection: Connection) -> tuple[Trial, ...] | None:
            connection.insert(*([(rows.REQUEST, asked)] if asked else []), stored)
            return tuple(trials) if is_last(connection, study, max(numbers)) else None

        def judge(connection: Connection) -> tuple[Trial, ...] | None:
            before = recall(connection, study.uid, request)
            if before is not None:
                return answered(connection, study.uid, before)
            if connection.first(STUDY_EXISTS, {"uid": study.uid}) is None:
                raise refusals.study_gone(study)
            raise NumberTaken

        return self.write_or_judge(append, judge)

    def observe_trials(
        self,
        study: Study,
        observations: Sequence[TrialObservation | InvalidArgument],
        now: datetime,
        request: Request | None,
    ) -> list[Result]:
        """One observer of a study at a time, so that sequences grow in the order of commits."""

        def observe(connection: Connection) -> list[Result]:
            if connection.first(LOCK, {"uid": study.uid}) is None:
                raise refusals.study_gone(study)
            before = recall(connection, study.uid, request)
            if before is not None:
                return documents.results_of(before)
            stored = _observed(connection, study, [item for item in observations if isinstance(item, TrialObservation)])
            results, taken = _judge(study, observations, stored)
            if taken:
                _end(connection, study, taken, rows.microseconds(now))
            remember(connection, study.uid, request, documents.results_document(results))
            return results

        return self.write_or_retry(observe, observe)

    def extend_lease(self, study: Study, number: int, expire_time: datetime, request: Request | None) -> datetime:
        """Writes where the trial has no observation."""
        name = TrialName(study.name, number)
        end = rows.microseconds(expire_time)
        values = {"old_uid": study.uid, "old_number": number, "lease_end": end}
        statement = _LEASE_IN_CONTEXT if study.spec.context else _LEASE

        def extend(connection: Connection) -> datetime | None:
            if connection.change(statement, values) == 0:
                return None
            remember(connection, study.uid, request, {"expire_time": end})
            return expire_time

        def judge(connection: Connection) -> datetime | None:
            before = recall(connection, study.uid, request)
            if before is not None:
                return rows.time_of(before["expire_time"])
            row = connection.first(_STATE_OF, {"uid": study.uid, "number": number})
            if row is None:
                raise refusals.no_trial(name)
            if TrialState(row[0]) in STATE_AFTER.values():
                raise refusals.trial_ended(name)
            if study.spec.context and TrialState(row[0]) is TrialState.QUEUED:
                raise refusals.trial_queued(name)
            return None

        return self.write_or_judge(extend, judge)

    def get_trial(self, name: TrialName, now: datetime) -> Trial:
        """With its observation, in one statement."""
        values = {"namespace": name.study.namespace, "study": name.study.study, "number": name.number}
        row = self.look(lambda connection: connection.first(_ONE, values))
        if row is None:
            raise refusals.no_study(name.study)
        if row[0] is None:
            raise refusals.no_trial(name)
        return rows.trial_of(row).at(now)

    def list_trials(
        self, study: Study, now: datetime, after: int, limit: int, states: frozenset[TrialState]
    ) -> list[Trial]:
        """By number."""
        query = _IN_ORDER.where(trials.c.number > bindparam("after"), HAS_PROGRESS).limit(bindparam("most"))
        if states:
            query = query.where(or_(*(_STATE_IS[state] for state in TrialState if state in states)))
        values = {"uid": study.uid, "now": rows.microseconds(now), "after": after, "most": limit}
        found = self.look(lambda connection: connection.all(query, values))
        return [rows.trial_of(row).at(now) for row in found]


def is_last(connection: Connection, study: Study, number: int) -> bool:
    """Whether no trial comes after the one just stored, so that its number never was another's; False of a study that
    was deleted.

    Whoever replaces trials stores later ones first, and leaves the last; so
    once a number of those could be stored, the later ones can be seen.
    """
    return connection.first(_IS_LAST, {"uid": study.uid, "number": number}) is not None


def _queued(connection: Connection, uid: str) -> tuple[QueuedTrial, ...]:
    return tuple(map(rows.queued_of, connection.all(_QUEUED, {"uid": uid})))


def answered(connection: Connection, uid: str, answer: documents.Document) -> tuple[Trial, ...]:
    """The trials that answered a request, as they are now."""
    found = connection.all(_SOME, {"uid": uid, "numbers": documents.listed(answer["numbers"])})
    return tuple(map(rows.trial_of, found))


def _end(connection: Connection, study: Study, taken: Sequence[TrialObservation], now: int) -> None:
    added = [rows.trial_observation_row(study, item.number, item.observation, now) for item in taken]
    connection.insert((rows.TRIAL_OBSERVATION, added))
    for outcome, state in STATE_AFTER.items():
        numbers = [item.number for item in taken if item.observation.outcome is outcome]
        if numbers:
            values = {"old_uid": study.uid, "numbers": documents.listed(numbers), "end_state": state.value}
            if connection.change(_END, values) < len(numbers):
                raise Overtaken  # one of them was in the queue, and was replaced since it was looked at
    connection.change(ADVANCE, {"old_uid": study.uid, "added": len(added)})


def _observed(
    connection: Connection, study: Study, observations: Sequence[TrialObservation]
) -> dict[int, Observation | TrialQueued | None]:
    """What is stored for those of the trials that there are, or why nothing may be."""
    numbers = sorted({item.number for item in observations})
    found = connection.all(_OBSERVATIONS, {"uid": study.uid, "numbers": documents.listed(numbers)}) if numbers else []
    known: dict[int, Observation | TrialQueued | None] = {}
    for number, context, stored in found:
        known[number] = None if stored is None else rows.observation_of(stored)
        if study.spec.context and context == NO_CONTEXT:
            known[number] = refusals.trial_queued(TrialName(study.name, number))
    return known


def _judge(
    study: Study,
    observations: Sequence[TrialObservation | InvalidArgument],
    stored: Mapping[int, Observation | TrialQueued | None],
) -> tuple[list[Result], list[TrialObservation]]:
    """A result for each, and those that are to be stored."""
    first = dict(stored)
    results: list[Result] = []
    taken: list[TrialObservation] = []
    for item in observations:
        if isinstance(item, InvalidArgument):
            results.append(item)
            continue
        name = TrialName(study.name, item.number)
        if item.number not in first:
            results.append(refusals.no_trial(name))
            continue
        before = first[item.number]
        if before is None:
            first[item.number] = item.observation
            taken.append(item)
            results.append(RECORDED)
        elif isinstance(before, TrialQueued):
            results.append(before)
        else:
            same = before == item.observation
            results.append(DUPLICATE if same else refusals.observed_already(str(name), before))
    return results, taken
