"""Trials that wait to be handed out, and trials from elsewhere, in SQL that is the same for every engine.

A claim takes rows that nobody else is taking (PostgreSQL skips those that are
locked, SQLite has one writer at a time), so of many callers each gets trials
of its own, and none waits for another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import BigInteger, and_, bindparam, delete, exists, func, or_, select, update

from trimtab_service.domain.errors import InvalidArgument, TrimtabError
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyName, StudyState
from trimtab_service.domain.suggestion import STATE_AFTER, ModelInfo, Source, Trial, TrialState, lease_end
from trimtab_service.store import refusals, rows
from trimtab_service.store.base import NumberTaken, Request
from trimtab_service.store.connection import Connection, Row, Values
from trimtab_service.store.documents import Document, refusal_document, refusal_of
from trimtab_service.store.queue import ANY_REVISION, MANUAL, MOST_IN_LINE, Claim, Claimed, ForeignTrial, QueuedTrial
from trimtab_service.store.sql_requests import recall, remember
from trimtab_service.store.sql_studies import NAMED
from trimtab_service.store.sql_trials import ADVANCE, LOCK, STUDY_EXISTS, SqlTrials, answered, is_last, is_stored
from trimtab_service.store.tables import progress, studies, trials
from trimtab_service.store.transactions import Overtaken

Storing: TypeAlias = Callable[[Connection, int], int]
"""Stores trials from a number on; how many they were."""

LOOKS = 3  # at a queue that seems to be empty, before it is taken for that

FROM_ELSEWHERE = "none"
"""The algorithm behind a trial that people brought."""

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
_ASKED = (
    select(
        studies.c.uid,
        studies.c.revision,
        progress.c.observations,
        (progress.c.observations - _BEHIND_AT_MOST).label("fresh_enough"),
    )
    .select_from(studies.join(progress, progress.c.study_uid == studies.c.uid))
    .where(NAMED, studies.c.state == StudyState.ACTIVE.value)
    .cte("asked")
)
_CLAIMABLE = (
    select(select(_ASKED.c.observations).scalar_subquery(), *rows.QUEUED_COLUMNS, *rows.STUDY_COLUMNS)
    .select_from(trials.join(studies, studies.c.uid == trials.c.study_uid))
    .where(
        trials.c.study_uid == select(_ASKED.c.uid).scalar_subquery(),
        is_stored(TrialState.QUEUED),
        or_(
            trials.c.study_revision == ANY_REVISION,
            trials.c.study_revision == select(_ASKED.c.revision).scalar_subquery(),
        ),
        trials.c.known >= bindparam("least_known"),
        trials.c.known >= select(_ASKED.c.fresh_enough).scalar_subquery(),
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
_HAND_OUT = _TAKE.returning(trials.c.number)
_better = trials.alias("better")
_HAND_OUT_EXPECTED = _TAKE.where(
    exists()
    .select_from(studies.join(progress, progress.c.study_uid == studies.c.uid))
    .where(
        studies.c.uid == bindparam("old_uid"),
        NAMED,
        studies.c.state == StudyState.ACTIVE.value,
        studies.c.revision == bindparam("revision"),
        progress.c.observations - _BEHIND_AT_MOST <= bindparam("old_known", type_=BigInteger),
    ),
    ~exists().where(
        _better.c.study_uid == bindparam("old_uid"),
        is_stored(TrialState.QUEUED, _better),
        _better.c.known > bindparam("old_known", type_=BigInteger),
        or_(_better.c.study_revision == ANY_REVISION, _better.c.study_revision == bindparam("revision")),
    ),
).returning(select(progress.c.observations).where(progress.c.study_uid == bindparam("old_uid")).scalar_subquery())
_REPLACE = delete(trials).where(
    trials.c.study_uid == bindparam("old_uid"),
    is_stored(TrialState.QUEUED),
    trials.c.known < MANUAL,
    # The highest number there is stays, so that the one after it never was another trial's.
    trials.c.number < bindparam("least_number"),
    or_(trials.c.known < bindparam("old_known"), trials.c.study_revision != bindparam("revision")),
)
_TAKE_BACK = delete(trials).where(
    trials.c.study_uid == bindparam("old_uid"), trials.c.number == bindparam("old_number"), is_stored(TrialState.QUEUED)
)
_IN_LINE = select(func.count()).where(
    trials.c.study_uid == bindparam("uid"), is_stored(TrialState.QUEUED), trials.c.known >= MANUAL
)
_NEWEST = select(func.max(trials.c.number)).where(trials.c.study_uid == bindparam("uid"))
_FLIGHT = progress.c.study_uid == bindparam("old_uid")
_TAKE_OFF = (
    update(progress)
    .where(
        _FLIGHT,
        # One that is far in the future was written by a clock that is wrong.
        or_(
            progress.c.flight_end <= bindparam("now"),
            progress.c.flight_end > bindparam("new_end"),
            progress.c.flight_end == bindparam("again"),
        ),
    )
    .values(flight_end=bindparam("new_end"))
)
_LAND = update(progress).where(and_(_FLIGHT, progress.c.flight_end == bindparam("again"))).values(flight_end=0)


class SqlQueue(SqlTrials):
    """The part of Store that is about trials that wait."""

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
            asked = _asked(study, request, taken)
            for each, trial in zip(queued, taken, strict=True):
                changes = _handing_out(study, each, trial)
                if connection.change_and_insert(_HAND_OUT, changes, rows.REQUEST, asked) is None:
                    return None
                asked = []
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

    def queue_trials(self, study: Study, queued: Sequence[QueuedTrial], instead: Sequence[int] = ()) -> None:
        """Inserts, and deletes once that is committed; but what is there again goes as it comes.

        The primary key decides between two that append the same number. Until
        new trials can be seen the old ones can be taken: where rows that are being deleted are
        skipped, whoever claims meanwhile would find neither.
        """
        least = min(each.known for each in queued)
        numbers = [each.trial.number for each in queued]

        def append(connection: Connection) -> bool | None:
            connection.insert((rows.QUEUED_TRIAL, [rows.queued_row(study, each) for each in queued]))
            gone = [connection.change(_TAKE_BACK, {"old_uid": study.uid, "old_number": each}) for each in instead]
            return True if all(gone) and is_last(connection, study, max(numbers)) else None

        def judge(connection: Connection) -> bool | None:
            if connection.first(STUDY_EXISTS, {"uid": study.uid}) is None:
                raise refusals.study_gone(study)
            raise NumberTaken

        self.write_or_judge(append, judge)
        # Should it come to nothing, the next one deletes these too; new ones are handed out first.
        self.write_alone(lambda connection: _replace(connection, study, least, min(numbers)))

    def enqueue_trials(
        self, study: Study, points: Sequence[tuple[Parameters, Parameters]], now: datetime, request: Request | None
    ) -> tuple[int, ...]:
        """Under the lock of the study's observations, so that only suggestions come in between."""

        def store(connection: Connection, first: int) -> int:
            row = connection.first(_IN_LINE, {"uid": study.uid})
            if row is not None and row[0] + len(points) > MOST_IN_LINE:
                raise refusals.line_full(study, row[0], MOST_IN_LINE)
            waiting = [
                QueuedTrial(_foreign(number, TrialState.QUEUED, point, context, now), MANUAL, ANY_REVISION)
                for number, (point, context) in enumerate(points, first)
            ]
            connection.insert((rows.QUEUED_TRIAL, [rows.queued_row(study, each) for each in waiting]))
            return len(waiting)

        return tuple(self._numbered(study, store, request, {})["numbers"])

    def import_trials(
        self, study: Study, foreign: Sequence[ForeignTrial | InvalidArgument], now: datetime, request: Request | None
    ) -> tuple[int | TrimtabError, ...]:
        """Under the lock of the study's observations, as whoever observes."""
        time = rows.microseconds(now)
        good = [one for one in foreign if isinstance(one, ForeignTrial)]
        refused = [
            [place, refusal_document(one)] for place, one in enumerate(foreign) if isinstance(one, InvalidArgument)
        ]

        def store(connection: Connection, first: int) -> int:
            if not good:
                return 0
            numbered = list(enumerate(good, first))
            made = [
                _foreign(number, STATE_AFTER[one.observation.outcome], one.parameters, one.context, now)
                for number, one in numbered
            ]
            connection.insert(
                (rows.TRIAL, [rows.trial_row(study, trial) for trial in made]),
                (
                    rows.TRIAL_OBSERVATION,
                    [rows.trial_observation_row(study, number, one.observation, time) for number, one in numbered],
                ),
            )
            connection.change(ADVANCE, {"old_uid": study.uid, "added": len(made)})
            return len(made)

        answer = self._numbered(study, store, request, {"refused": refused})
        results: list[int | TrimtabError] = list(answer["numbers"])
        for place, document in answer["refused"]:
            results.insert(place, refusal_of(document))
        return tuple(results)

    def _numbered(self, study: Study, store: Storing, request: Request | None, besides: Document) -> Document:
        """Stores what ``store`` does under the numbers that come next; if that is any, deletes all queued trials but
        MANUAL ones. The numbers, and ``besides``; of a repeated request those of the first call.
        """

        def append(connection: Connection) -> Document:
            if connection.first(LOCK, {"uid": study.uid}) is None:
                raise refusals.study_gone(study)
            before = recall(connection, study.uid, request)
            if before is not None:
                return before
            newest = connection.first(_NEWEST, {"uid": study.uid})
            first = ((newest and newest[0]) or 0) + 1
            answer = {"numbers": list(range(first, first + store(connection, first))), **besides}
            if answer["numbers"]:
                if not is_last(connection, study, max(answer["numbers"])):
                    raise Overtaken
                _replace(connection, study, MANUAL, first)
            remember(connection, study.uid, request, answer)
            return answer

        return self.write_or_retry(append, append)

    def take_off(self, study: Study, now: datetime, end: datetime, *, again: datetime | None = None) -> bool:
        """One statement."""
        values = {
            "old_uid": study.uid,
            "now": rows.microseconds(now),
            "new_end": rows.microseconds(end),
            "again": -1 if again is None else rows.microseconds(again),
        }
        return self.write_alone(lambda connection: connection.change(_TAKE_OFF, values)) > 0

    def land(self, study: Study, end: datetime) -> None:
        """One statement."""
        values = {"old_uid": study.uid, "again": rows.microseconds(end)}
        self.write_alone(lambda connection: connection.change(_LAND, values))


def _replace(connection: Connection, study: Study, known: int, first: int) -> int:
    """Deletes what knows less than ``known``, of the numbers before ``first``: later ones came in meanwhile."""
    values = {"old_uid": study.uid, "old_known": known, "revision": study.revision, "least_number": first}
    return connection.change(_REPLACE, values)


def _take_expected(
    connection: Connection, claim: Claim, now: datetime, values: Values, request: Request | None
) -> Claimed | None:
    """What was expected to be the first, if it is; one statement if the database is far. values: of the look."""
    if claim.expected is None or claim.count > 1 or claim.expected.queued.known < claim.least_known:
        return None
    study, queued = claim.expected.study, claim.expected.queued
    trial = _handed_out(study, queued.trial, claim, now)
    changes = {**values, **_handing_out(study, queued, trial), "revision": study.revision}
    row = connection.change_and_insert(_HAND_OUT_EXPECTED, changes, rows.REQUEST, _asked(study, request, [trial]))
    return None if row is None else Claimed(study, (trial,), row[0])


def _asked(study: Study, request: Request | None, taken: Sequence[Trial]) -> list[Row]:
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
    """For _HAND_OUT: what was looked at, and what it becomes."""
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


def _foreign(number: int, state: TrialState, parameters: Parameters, context: Parameters, now: datetime) -> Trial:
    """A trial that people brought; it has no lease."""
    model = ModelInfo(FROM_ELSEWHERE, 0, 0)
    return Trial(number, state, parameters, Source.MANUAL, model, now, now, context)
