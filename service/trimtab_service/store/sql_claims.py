"""Claims of trials that wait to be handed out, in SQL that is the same for every engine.

A claim takes rows that nobody else is taking (PostgreSQL skips those that are
locked, SQLite has one writer at a time), so of many callers each gets trials
of its own, and none waits for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import BigInteger, bindparam, exists, func, or_, select, update

from trimtab_service.domain.study import Study, StudyName, StudyState
from trimtab_service.domain.suggestion import Trial, TrialState, lease_end
from trimtab_service.store import rows
from trimtab_service.store.base import Request
from trimtab_service.store.connection import Connection, Row, Values
from trimtab_service.store.queue import ANY_REVISION, DESIGNED, Claim, Claimed, QueuedTrial
from trimtab_service.store.sql_requests import recall
from trimtab_service.store.sql_studies import NAMED
from trimtab_service.store.sql_trials import SqlTrials, answered, is_stored
from trimtab_service.store.tables import progress, studies, trials

LOOKS = 3  # at a queue that seems to be empty, before it is taken for that
_others = trials.alias("others")
_AT_WORK = (
    select(func.count())
    .where(
        _others.c.study_uid == studies.c.uid,
        is_stored(TrialState.PENDING, _others),
        _others.c.expire_time > bindparam("now"),
    )
    .scalar_subquery()
)
_BEHIND_AT_MOST = bindparam("patience", type_=BigInteger) * _AT_WORK + bindparam("grace", type_=BigInteger)
# One row, or none. Its values go into the search as constants, so that the
# trials come out of their index in the order wanted, and the first one ends it,
# however many are in line.
_WANTED = (
    select(
        studies.c.uid,
        studies.c.revision,
        progress.c.observations,
        (progress.c.observations - _BEHIND_AT_MOST).label("fresh_enough"),
    )
    .select_from(studies.join(progress, progress.c.study_uid == studies.c.uid))
    .where(NAMED, studies.c.state == StudyState.ACTIVE.value)
    .cte("wanted")
)
_CLAIMABLE = (
    select(select(_WANTED.c.observations).scalar_subquery(), *rows.QUEUED_COLUMNS, *rows.STUDY_COLUMNS)
    .select_from(trials.join(studies, studies.c.uid == trials.c.study_uid))
    .where(
        trials.c.study_uid == select(_WANTED.c.uid).scalar_subquery(),
        is_stored(TrialState.QUEUED),
        or_(
            trials.c.study_revision == ANY_REVISION,
            trials.c.study_revision == select(_WANTED.c.revision).scalar_subquery(),
        ),
        trials.c.known >= bindparam("least_known"),
        trials.c.known >= select(_WANTED.c.fresh_enough).scalar_subquery(),
    )
    .order_by(trials.c.known.desc(), trials.c.number)
    .limit(bindparam("most"))
    .with_for_update(of=trials, skip_locked=True)
)
_TAKE = (
    update(trials)
    .where(
        trials.c.study_uid == bindparam("old_uid"),
        trials.c.number == bindparam("old_number"),
        is_stored(TrialState.QUEUED),
        # That it is what was looked at, which nobody may have held since.
        trials.c.create_time == bindparam("old_time"),
        trials.c.known == bindparam("old_known"),
        trials.c.study_revision == bindparam("old_revision"),
    )
    .values(
        state=TrialState.PENDING.value,
        create_time=bindparam("begin"),
        expire_time=bindparam("end"),
        origin=bindparam("new_origin"),
        context=bindparam("new_context"),
    )
)
_OBSERVED = select(progress.c.observations).where(progress.c.study_uid == bindparam("old_uid"))
_better = trials.alias("better")
_BETTER = exists().where(
    _better.c.study_uid == bindparam("old_uid"),
    is_stored(TrialState.QUEUED, _better),
    or_(_better.c.study_revision == ANY_REVISION, _better.c.study_revision == bindparam("revision")),
)
_KNOWN = bindparam("old_known", type_=BigInteger)
_locked = trials.alias("locked")
_TAKE_EXPECTED = _TAKE.where(
    # Whoever holds it may get it; it would take as long as they do to know.
    trials.c.number
    == select(_locked.c.number)
    .where(_locked.c.study_uid == bindparam("old_uid"), _locked.c.number == bindparam("old_number"))
    .with_for_update(skip_locked=True)
    .scalar_subquery(),
    exists()
    .select_from(studies.join(progress, progress.c.study_uid == studies.c.uid))
    .where(
        studies.c.uid == bindparam("old_uid"),
        NAMED,
        studies.c.state == StudyState.ACTIVE.value,
        studies.c.revision == bindparam("revision"),
        progress.c.observations - _BEHIND_AT_MOST <= _KNOWN,
    ),
    ~_BETTER.where(_better.c.known > _KNOWN),
    # What is of one of these kinds is handed out by number. Apart, so that each is found by the index.
    ~_BETTER.where(_better.c.known == _KNOWN, _KNOWN >= DESIGNED, _better.c.number < bindparam("old_number")),
)


class SqlClaims(SqlTrials):
    """The part of Store that hands out what waits."""

    def claim_trials(self, name: StudyName, claim: Claim, now: datetime, request: Request | None) -> Claimed | None:
        """A statement if all is as expected, else a look at the queue, a few where it seems to be empty, and a
        statement for each trial that is taken.

        One trial is taken without a transaction, which would be two more round
        trips, if it still waits; else the next one is looked for in a transaction,
        where nobody else can take what was found.
        """
        values = {
            "namespace": name.namespace,
            "study": name.study,
            "now": rows.microseconds(now),
            "patience": claim.patience,
            "grace": claim.grace,
            "least_known": claim.least_known,
            "most": claim.count,
        }

        def take(connection: Connection) -> tuple[Claimed | None] | None:
            first = _take_expected(connection, claim, now, values, request)
            if first is not None:
                return (first,)
            found: list[Row] = []
            for _ in range(LOOKS):
                found = connection.all(_CLAIMABLE, values)
                if len(found) >= claim.count:
                    break
                # What was seen was being replaced, maybe: what replaces it can be seen by now.
            if len(found) < claim.count:
                return (self._replayed(connection, name, now, request),)
            width = 1 + len(rows.QUEUED_COLUMNS)
            study = self.study_of(tuple(found[0][width:]))
            queued = [rows.queued_of(row[1:width]) for row in found]
            taken = tuple(_handed_out(study, each.trial, claim, now) for each in queued)
            requested = _request_rows(study, request, taken)
            for each, trial in zip(queued, taken, strict=True):
                changes = _handing_out(study, each, trial)
                if connection.change_and_insert(_TAKE, changes, rows.REQUEST, requested, _OBSERVED) is None:
                    return None
                requested = []
            return (Claimed(study, tuple(sorted(taken, key=lambda trial: trial.number)), found[0][0]),)

        def judge(connection: Connection) -> tuple[Claimed | None] | None:
            replay = self._replayed(connection, name, now, request)
            return None if replay is None else (replay,)

        return self.write_or_judge(take, judge, alone=claim.count == 1)[0]

    def _replayed(
        self, connection: Connection, name: StudyName, now: datetime, request: Request | None
    ) -> Claimed | None:
        """What the request got before; None if it is a new one."""
        study = None if request is None else self._find(connection, name)
        before = None if study is None else recall(connection, study.uid, request)
        if study is None or before is None:
            return None
        return Claimed(study, tuple(trial.at(now) for trial in answered(connection, study.uid, before)), 0)


def _take_expected(
    connection: Connection, claim: Claim, now: datetime, values: Values, request: Request | None
) -> Claimed | None:
    """What was expected to be the first, if it is; one statement if the database is far. values: of the look."""
    if claim.expected is None or claim.count > 1:
        return None
    study, queued = claim.expected.study, claim.expected.queued
    if queued.known < claim.least_known or queued.study_revision not in (ANY_REVISION, study.revision):
        return None
    trial = _handed_out(study, queued.trial, claim, now)
    changes = {**values, **_handing_out(study, queued, trial), "revision": study.revision}
    requested = _request_rows(study, request, [trial])
    row = connection.change_and_insert(_TAKE_EXPECTED, changes, rows.REQUEST, requested, _OBSERVED)
    return None if row is None else Claimed(study, (trial,), row[0])


def _request_rows(study: Study, request: Request | None, taken: Sequence[Trial]) -> list[Row]:
    """For rows.REQUEST: what the request was answered with, if it has an identity."""
    answer = {"numbers": [trial.number for trial in taken]}
    return [] if request is None else [rows.request_row(study.uid, request, answer)]


def _handed_out(study: Study, trial: Trial, claim: Claim, now: datetime) -> Trial:
    return replace(
        trial,
        state=TrialState.PENDING,
        create_time=now,
        expire_time=lease_end(now, study.spec.lease),
        context=claim.context or trial.context,
        worker=claim.worker,
        detail=claim.detail or trial.detail,
        ahead=trial.create_time <= claim.asked,
    )


def _handing_out(study: Study, queued: QueuedTrial, trial: Trial) -> dict[str, object]:
    """For _TAKE: what was looked at, and what it becomes."""
    return {
        "old_uid": study.uid,
        "old_number": queued.trial.number,
        "old_time": rows.microseconds(queued.trial.create_time),
        "old_known": queued.known,
        "old_revision": queued.study_revision,
        "begin": rows.microseconds(trial.create_time),
        "end": rows.microseconds(trial.expire_time),
        "new_origin": rows.origin_text(trial),
        "new_context": rows.values_text(trial.context),
    }
