"""Trials in SQL, the same for every engine. The primary key (study, number) is the lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from sqlalchemy import Connection, Executable, and_, bindparam, func, insert, or_, select, update

from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import Study, StudyName, TrialName
from trimtab_service.domain.suggestion import STATE_AFTER, History, Trial, TrialState
from trimtab_service.store import refusals, rows
from trimtab_service.store.base import (
    DUPLICATE,
    RECORDED,
    NumberTaken,
    Request,
    Result,
    Snapshot,
    TrialObservation,
)
from trimtab_service.store.documents import Document, observation_of, results_document, results_of
from trimtab_service.store.sql_requests import SqlRequests, check_same, recall, remember
from trimtab_service.store.tables import observations, progress, requests, studies, trials

_OF_STUDY = trials.c.study_uid == bindparam("uid")
_NUMBERED = trials.c.number.in_(bindparam("numbers", expanding=True))
_WITH_OBSERVATION = trials.outerjoin(
    observations,
    and_(observations.c.study_uid == trials.c.study_uid, observations.c.number == trials.c.number),
)
_IN_ORDER = select(*rows.TRIAL).select_from(_WITH_OBSERVATION).where(_OF_STUDY).order_by(trials.c.number)
_SOME = _IN_ORDER.where(_NUMBERED)

_UNDER_LEASE = and_(trials.c.state == TrialState.PENDING.value, trials.c.expire_time > bindparam("now"))
_STATE_IS = {
    **{state: trials.c.state == state.value for state in TrialState},
    TrialState.PENDING: _UNDER_LEASE,
    TrialState.EXPIRED: and_(trials.c.state == TrialState.PENDING.value, trials.c.expire_time <= bindparam("now")),
}
_OBSERVED = trials.c.state.in_([state.value for state in STATE_AFTER.values()])
_HISTORY = _IN_ORDER.where(or_(_UNDER_LEASE, _OBSERVED))

_NEWEST_NUMBER = (
    select(func.max(trials.c.number))
    .where(trials.c.study_uid == studies.c.uid)
    .scalar_subquery()
    .label("newest_number")
)
_SNAPSHOT = (
    select(
        *rows.STUDY,
        progress.c.observations,
        progress.c.newest_sequence,
        _NEWEST_NUMBER,
        requests.c.method,
        requests.c.fingerprint,
        requests.c.answer,
    )
    .select_from(
        studies.join(progress, progress.c.study_uid == studies.c.uid).outerjoin(
            requests, and_(requests.c.scope == studies.c.uid, requests.c.key == bindparam("key"))
        )
    )
    .where(studies.c.namespace == bindparam("namespace"), studies.c.study == bindparam("study"))
)

# RETURNING makes one statement of many rows, rather than many statements.
_INSERT = insert(trials).returning(trials.c.number)
_EXISTS = select(studies.c.uid).where(studies.c.uid == bindparam("uid"))
_LEASE = (
    update(trials)
    .where(
        trials.c.study_uid == bindparam("old_uid"),
        trials.c.number == bindparam("old_number"),
        trials.c.state.in_([TrialState.QUEUED.value, TrialState.PENDING.value]),
    )
    .values(state=TrialState.PENDING.value, expire_time=bindparam("lease_end"))
)
_STATE_OF = select(trials.c.state).where(_OF_STUDY, trials.c.number == bindparam("number"))
_LOCK_PROGRESS = (
    select(progress.c.observations, progress.c.newest_sequence)
    .where(progress.c.study_uid == bindparam("uid"))
    .with_for_update()
)
_OBSERVATIONS = (
    select(trials.c.number, observations.c.observation).select_from(_WITH_OBSERVATION).where(_OF_STUDY, _NUMBERED)
)
_END = (
    update(trials)
    .where(trials.c.study_uid == bindparam("old_uid"), trials.c.number.in_(bindparam("numbers", expanding=True)))
    .values(state=bindparam("end_state"))
)
_PROGRESS = (
    update(progress)
    .where(progress.c.study_uid == bindparam("old_uid"))
    .values(observations=progress.c.observations + bindparam("added"), newest_sequence=bindparam("newest"))
)
_NAMED = and_(studies.c.namespace == bindparam("namespace"), studies.c.study == bindparam("study"))
_ONE = (
    select(*rows.TRIAL)
    .select_from(
        studies.outerjoin(
            _WITH_OBSERVATION, and_(trials.c.study_uid == studies.c.uid, trials.c.number == bindparam("number"))
        )
    )
    .where(_NAMED)
)


class SqlTrials(SqlRequests):
    """The part of Store that is about trials."""

    append_observations: ClassVar[Executable]
    """Inserts rows of the log and gives their sequences: see sql_log.append_observations."""

    def snapshot(self, name: StudyName, now: datetime, request: Request | None, *, trials: bool) -> Snapshot:
        """One statement, unless there are trials to read."""
        values = {"namespace": name.namespace, "study": name.study, "key": request.key if request else None}

        def look(connection: Connection) -> rows.AnyRow:
            row = connection.execute(_SNAPSHOT, values).first()
            if row is None:
                raise refusals.no_study(name)
            if request is not None and row.answer is not None:
                check_same(request, row.method, row.fingerprint)
            return row

        def read(connection: Connection) -> Snapshot:
            row = look(connection)
            replay = None
            if row.answer is not None:
                replay = tuple(trial.at(now) for trial in _answered(connection, row.uid, row.answer))
            return _snapshot(row, _known(connection, row.uid, now) if trials else (), replay)

        if trials:
            return self.read(read)
        row = self.look(look)
        return _snapshot(row, (), None) if row.answer is None else self.read(read)

    def append_trials(self, study: Study, trials: Sequence[Trial], request: Request | None) -> tuple[Trial, ...]:
        """Inserts; the primary key decides between two that append the same number."""
        answer = {"numbers": [trial.number for trial in trials]}

        def append(connection: Connection) -> tuple[Trial, ...]:
            remember(connection, study.uid, request, answer)
            connection.execute(_INSERT, [rows.trial_row(study, trial) for trial in trials])
            return tuple(trials)

        def judge(connection: Connection) -> tuple[Trial, ...]:
            before = recall(connection, study.uid, request)
            if before is not None:
                return _answered(connection, study.uid, before)
            if connection.execute(_EXISTS, {"uid": study.uid}).first() is None:
                raise refusals.study_gone(study)
            raise NumberTaken

        return self.write_or_judge(append, judge)

    def observe_trials(
        self, study: Study, observations: Sequence[TrialObservation], now: datetime, request: Request | None
    ) -> list[Result]:
        """One observer of a study at a time, so that sequences grow in the order of commits."""

        def observe(connection: Connection) -> list[Result]:
            if connection.execute(_LOCK_PROGRESS, {"uid": study.uid}).first() is None:
                raise refusals.study_gone(study)
            before = recall(connection, study.uid, request)
            if before is not None:
                return results_of(before)
            stored = _observed(connection, study, observations)
            results, taken = _judge(study, observations, stored)
            if taken:
                self._end(connection, study, taken, now)
            remember(connection, study.uid, request, results_document(results))
            return results

        return self.write_or_retry(observe, observe)

    def _end(self, connection: Connection, study: Study, taken: Sequence[TrialObservation], now: datetime) -> None:
        added = [rows.trial_observation_row(study, item.number, item.observation, now) for item in taken]
        sequences = connection.execute(self.append_observations, added).scalars().all()
        for outcome, state in STATE_AFTER.items():
            numbers = [item.number for item in taken if item.observation.outcome is outcome]
            if numbers:
                connection.execute(_END, {"old_uid": study.uid, "numbers": numbers, "end_state": state.value})
        connection.execute(_PROGRESS, {"old_uid": study.uid, "added": len(sequences), "newest": max(sequences)})

    def extend_lease(self, study: Study, number: int, expire_time: datetime, request: Request | None) -> datetime:
        """Writes where the trial has no observation."""
        name = TrialName(study.name, number)
        end = rows.microseconds(expire_time)
        values = {"old_uid": study.uid, "old_number": number, "lease_end": end}

        def extend(connection: Connection) -> datetime | None:
            if connection.execute(_LEASE, values).rowcount == 0:
                return None
            remember(connection, study.uid, request, {"expire_time": end})
            return expire_time

        def judge(connection: Connection) -> datetime | None:
            before = recall(connection, study.uid, request)
            if before is not None:
                return rows.time_of(before["expire_time"])
            state = connection.execute(_STATE_OF, {"uid": study.uid, "number": number}).scalar()
            if state is None:
                raise refusals.no_trial(name)
            if TrialState(state) in STATE_AFTER.values():
                raise refusals.trial_ended(name)
            return None

        return self.write_or_judge(extend, judge)

    def get_trial(self, name: TrialName, now: datetime) -> Trial:
        """With its observation, in one statement."""
        values = {"namespace": name.study.namespace, "study": name.study.study, "number": name.number}
        row = self.look(lambda connection: connection.execute(_ONE, values).first())
        if row is None:
            raise refusals.no_study(name.study)
        if row.number is None:
            raise refusals.no_trial(name)
        return rows.trial_of(row).at(now)

    def list_trials(
        self, study: Study, now: datetime, after: int, limit: int, states: frozenset[TrialState]
    ) -> list[Trial]:
        """By number."""
        query = _IN_ORDER.where(trials.c.number > after).limit(limit)
        if states:
            query = query.where(or_(*(_STATE_IS[state] for state in sorted(states, key=lambda state: state.value))))
        values = {"uid": study.uid, "now": rows.microseconds(now)}
        found = self.look(lambda connection: connection.execute(query, values).all())
        return [rows.trial_of(row).at(now) for row in found]


def _snapshot(row: rows.AnyRow, known: tuple[Trial, ...], replay: tuple[Trial, ...] | None) -> Snapshot:
    history = History(known, (row.newest_number or 0) + 1, row.newest_sequence, row.observations)
    return Snapshot(rows.study_of(row), history, replay)


def _known(connection: Connection, uid: str, now: datetime) -> tuple[Trial, ...]:
    found = connection.execute(_HISTORY, {"uid": uid, "now": rows.microseconds(now)})
    return tuple(rows.trial_of(row) for row in found)


def _answered(connection: Connection, uid: str, answer: Document) -> tuple[Trial, ...]:
    """The trials that answered a request, as they are now."""
    found = connection.execute(_SOME, {"uid": uid, "numbers": answer["numbers"]})
    return tuple(rows.trial_of(row) for row in found)


def _observed(
    connection: Connection, study: Study, observations: Sequence[TrialObservation]
) -> dict[int, Observation | None]:
    """What is stored for those of the trials that there are."""
    numbers = sorted({item.number for item in observations})
    found = connection.execute(_OBSERVATIONS, {"uid": study.uid, "numbers": numbers})
    return {row.number: None if row.observation is None else observation_of(row.observation) for row in found}


def _judge(
    study: Study, observations: Sequence[TrialObservation], stored: Mapping[int, Observation | None]
) -> tuple[list[Result], list[TrialObservation]]:
    """A result for each, and those that are to be stored."""
    first = dict(stored)
    results: list[Result] = []
    taken: list[TrialObservation] = []
    for item in observations:
        name = TrialName(study.name, item.number)
        if item.number not in first:
            results.append(refusals.no_trial(name))
            continue
        before = first[item.number]
        if before is None:
            first[item.number] = item.observation
            taken.append(item)
            results.append(RECORDED)
        else:
            same = before == item.observation
            results.append(DUPLICATE if same else refusals.observed_already(str(name), before))
    return results, taken
