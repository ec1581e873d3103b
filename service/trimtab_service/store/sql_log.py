"""The observation log in SQL, the same for every engine: group commit, paging, and the tail.

How the tail misses nothing: rows come in the order (transaction_id, sequence),
and only those of transactions older than every transaction still open, the
horizon. All of these have ended, so the rows before the horizon are complete
for ever, and the place of the last one read is all that a cursor has to say.
Where there is one writer at a time, transaction_id is always 0 and everything
that can be seen lies before the horizon.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, Executable, and_, bindparam, insert, select, tuple_

from trimtab_service.domain.errors import TrimtabError
from trimtab_service.domain.study import Study
from trimtab_service.store import rows
from trimtab_service.store.base import DecisionBatch, LogRow, Result, Tail
from trimtab_service.store.group_commit import Known, Plan, judge
from trimtab_service.store.sql_requests import SqlRequests
from trimtab_service.store.tables import observations, trials

_WITH_TRIAL = observations.outerjoin(
    trials, and_(trials.c.study_uid == observations.c.study_uid, trials.c.number == observations.c.number)
)
_LOG = select(*rows.LOG).select_from(_WITH_TRIAL).where(observations.c.study_uid == bindparam("uid"))
_PAGE = (
    _LOG.where(observations.c.sequence > bindparam("after")).order_by(observations.c.sequence).limit(bindparam("most"))
)
_PLACE = (observations.c.transaction_id, observations.c.sequence)


def append_observations(transaction_id: ColumnElement[int]) -> Executable:
    """Inserts rows of the log and gives their sequences."""
    return insert(observations).values(transaction_id=transaction_id).returning(observations.c.sequence)


def rows_behind(horizon: ColumnElement[int]) -> Executable:
    """Rows of a study's log behind a place and before the horizon."""
    place = tuple_(bindparam("transaction"), bindparam("sequence"))
    return (
        _LOG.where(tuple_(*_PLACE) > place, observations.c.transaction_id < horizon)
        .order_by(*_PLACE)
        .limit(bindparam("most"))
    )


class SqlLog(SqlRequests, ABC):
    """The part of Store that is about the log."""

    tail_rows: ClassVar[Executable]
    """What ``rows_behind`` gives for this engine."""

    @abstractmethod
    def insert_requests(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        """Inserts rows of the columns rows.REQUEST, by the fastest way the driver has."""

    @abstractmethod
    def insert_decisions(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        """Inserts rows of the columns rows.DECISION, by the fastest way the driver has."""

    def record_decisions(self, batches: Sequence[DecisionBatch], now: datetime) -> list[list[Result] | TrimtabError]:
        """Two statements if all is new; where a constraint objects, once more with a look at what is there."""
        time = rows.microseconds(now)

        def hopeful(connection: Connection) -> list[list[Result] | TrimtabError]:
            return self._store(connection, judge(batches, Known.nothing(batches), time))

        def careful(connection: Connection) -> list[list[Result] | TrimtabError]:
            return self._store(connection, judge(batches, Known.read(connection, batches), time))

        return self.write_or_retry(hopeful, careful)

    def _store(self, connection: Connection, plan: Plan) -> list[list[Result] | TrimtabError]:
        # Sorted: two transactions that insert the same keys wait for each other in one direction only.
        if plan.requests:
            self.insert_requests(connection, sorted(plan.requests))
        if plan.decisions:
            self.insert_decisions(connection, sorted(plan.decisions))
        return plan.answers

    def list_observations(self, study: Study, after: int, limit: int) -> list[LogRow]:
        """By sequence."""
        values = {"uid": study.uid, "after": after, "most": limit}
        found = self.look(lambda connection: connection.execute(_PAGE, values).all())
        return [rows.log_row_of(row) for row in found]

    def tail(self, study: Study, cursor: str, limit: int) -> Tail:
        """The cursor is the place of the last row read: TRANSACTION-SEQUENCE."""
        transaction, sequence = (int(part) for part in cursor.split("-")) if cursor else (0, 0)
        values = {"uid": study.uid, "transaction": transaction, "sequence": sequence, "most": limit + 1}
        found = self.look(lambda connection: connection.execute(self.tail_rows, values).all())
        read = found[:limit]
        if read:
            cursor = f"{read[-1].transaction_id}-{read[-1].sequence}"
        return Tail([rows.log_row_of(row) for row in read], cursor, more=len(found) > limit)
