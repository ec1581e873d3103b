"""What puts trials into the queue, and trials from elsewhere, in SQL that is the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from trimtab_service.domain.errors import InvalidArgument, TrimtabError
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import STATE_AFTER, ModelInfo, Source, Trial, TrialState
from trimtab_service.store import refusals, rows
from trimtab_service.store.base import NumberTaken, Request
from trimtab_service.store.connection import Connection
from trimtab_service.store.documents import Document, refusal_document, refusal_of
from trimtab_service.store.queue import ANY_REVISION, MANUAL, MOST_IN_LINE, ForeignTrial, QueuedTrial
from trimtab_service.store.sql_claims import SqlClaims
from trimtab_service.store.sql_requests import recall, remember
from trimtab_service.store.sql_trials import ADVANCE, LOCK, STUDY_EXISTS, is_last, is_stored
from trimtab_service.store.tables import progress, trials
from trimtab_service.store.transactions import Overtaken

Storing: TypeAlias = Callable[[Connection, int], int]
"""Stores trials from a number on; how many they were."""

FROM_ELSEWHERE = "none"
"""The algorithm behind a trial that people brought."""

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


class SqlQueue(SqlClaims):
    """The part of Store that is about trials that wait."""

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


def _foreign(number: int, state: TrialState, parameters: Parameters, context: Parameters, now: datetime) -> Trial:
    """A trial that people brought; it has no lease."""
    model = ModelInfo(FROM_ELSEWHERE, 0, 0)
    return Trial(number, state, parameters, Source.MANUAL, model, now, now, context)
