"""The observation log in SQL, the same for every engine: group commit, paging, and the tail.

How the tail misses nothing: rows come in the order (transaction_id, sequence),
and only those of transactions older than every transaction still open, the
horizon. All of these have ended, so the rows before the horizon are complete
for ever, and the place of the last one read is all that a cursor has to say.
Where there is one writer at a time, transaction_id is always 0 and everything
that can be seen lies before the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from sqlalchemy import ColumnElement, Executable, and_, bindparam, select, tuple_

from trimtab_service.domain.errors import TrimtabError
from trimtab_service.domain.study import Study
from trimtab_service.store import rows
from trimtab_service.store.base import DecisionBatch, LogRow, Result, Tail
from trimtab_service.store.connection import Connection
from trimtab_service.store.group_commit import Known, Plan, judge
from trimtab_service.store.sql_requests import SqlRequests
from trimtab_service.store.tables import observations, trials
from trimtab_service.store.words import Horizon

_WITH_TRIAL = observations.outerjoin(
    trials, and_(trials.c.study_uid == observations.c.study_uid, trials.c.number == observations.c.number)
)
_LOG = select(*rows.LOG_COLUMNS).select_from(_WITH_TRIAL).where(observations.c.study_uid == bindparam("uid"))
_PLACE = (observations.c.transaction_id, observations.c.sequence)
TAIL = (
    _LOG.where(
        tuple_(*_PLACE) > tuple_(bindparam("transaction"), bindparam("sequence")),
        observations.c.transaction_id < Horizon(),
    )
    .order_by(*_PLACE)
    .limit(bindparam("most"))
)


def page_by(*order: ColumnElement[int]) -> Executable:
    """A page of a study's log in this order, which is that of the sequences."""
    return _LOG.where(observations.c.sequence > bindparam("after")).order_by(*order).limit(bindparam("most"))


class SqlLog(SqlRequests):
    """The part of Store that is about the log."""

    page: ClassVar[Executable] = page_by(observations.c.sequence)
    """A page of the log by sequence, from an index."""

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
            connection.insert(rows.REQUEST, sorted(plan.requests))
        if plan.decisions:
            connection.insert(rows.DECISION, sorted(plan.decisions))
        return plan.answers

    def list_observations(self, study: Study, after: int, limit: int) -> list[LogRow]:
        """By sequence."""
        values = {"uid": study.uid, "after": after, "most": limit}
        found = self.look(lambda connection: connection.all(self.page, values))
        return [rows.log_row_of(row) for row in found]

    def tail(self, study: Study, cursor: str, limit: int) -> Tail:
        """The cursor is the place of the last row read: TRANSACTION-SEQUENCE."""
        transaction, sequence = (int(part) for part in cursor.split("-")) if cursor else (0, 0)
        values = {"uid": study.uid, "transaction": transaction, "sequence": sequence, "most": limit + 1}
        found = self.look(lambda connection: connection.all(TAIL, values))
        read = found[:limit]
        if read:
            cursor = "{}-{}".format(*read[-1])
        return Tail([rows.log_row_of(row) for row in read], cursor, more=len(found) > limit)
