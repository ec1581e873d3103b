"""The observation log in SQL, the same for every engine: group commit, paging, and the tail.

How the tail misses nothing: rows come in the order (transaction_id, sequence),
and only those of transactions older than every transaction still open, the
horizon. All of these have ended, so the rows before the horizon are complete
for ever, and the place of the last one read is all that a cursor has to say.
Where there is one writer at a time, transaction_id is always 0 and everything
that can be seen lies before the horizon.

Rows that a checkpoint covers may be compacted. A study's progress says up to
which place; a tail is read together with it, so that a cursor before that
place is never taken for one behind which nothing is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    ColumnElement,
    Executable,
    String,
    and_,
    bindparam,
    delete,
    literal_column,
    select,
    true,
    tuple_,
)

from trimtab_service.domain.errors import TrimtabError
from trimtab_service.domain.study import Study
from trimtab_service.store import rows
from trimtab_service.store.base import CursorTooOld, DecisionBatch, LogRow, Result, Tail
from trimtab_service.store.connection import Connection, Row
from trimtab_service.store.documents import listed
from trimtab_service.store.group_commit import HELD_STUDIES, Known, Plan, judge
from trimtab_service.store.sql_requests import SqlRequests
from trimtab_service.store.sql_studies import HAS_PROGRESS
from trimtab_service.store.tables import expected, observations, progress, studies, trials
from trimtab_service.store.transactions import Overtaken
from trimtab_service.store.words import Horizon, IntegerAt, Listed, TextAt, among_texts

_WITH_TRIAL = observations.outerjoin(
    trials, and_(trials.c.study_uid == observations.c.study_uid, trials.c.number == observations.c.number)
)
_LOG = select(*rows.LOG_COLUMNS).select_from(_WITH_TRIAL).where(observations.c.study_uid == bindparam("uid"))
PLACE = (observations.c.transaction_id, observations.c.sequence)
_BEFORE_THE_HORIZON = observations.c.transaction_id < Horizon()
_NEW = (
    _LOG.where(tuple_(*PLACE) > tuple_(bindparam("transaction"), bindparam("sequence")), _BEFORE_THE_HORIZON)
    .order_by(*PLACE)
    .limit(bindparam("most"))
    .subquery("news")
)
TAIL = (
    select(*_NEW.c, progress.c.compacted_transaction, progress.c.compacted_sequence)
    .select_from(progress.outerjoin(_NEW, true()))
    .where(progress.c.study_uid == bindparam("uid"))
)
"""New rows, each with the place up to which the log was compacted; without any, that alone; nothing of no study."""

_CURSORS = Listed(bindparam("cursors", type_=String())).table_valued("value", name="cursors")
_UID: ColumnElement[str] = TextAt(_CURSORS.c.value, literal_column("0"))
_AFTER = tuple_(*(IntegerAt(_CURSORS.c.value, literal_column(position)) for position in "12"))
# In the order of an index and only the first, so that no engine thinks of another way to find out.
_FIRST_NEW = (
    select(observations.c.sequence)
    .where(observations.c.study_uid == _UID, tuple_(*PLACE) > _AFTER, _BEFORE_THE_HORIZON)
    .order_by(*PLACE)
    .limit(1)
    .correlate(_CURSORS)
    .scalar_subquery()
)
NEWS = select(_UID).select_from(_CURSORS).where(_FIRST_NEW.is_not(None))

# The study is held first: whoever deletes it holds it while its expectations go.
_HELD_STUDY = (
    select(studies.c.uid)
    .where(studies.c.uid == bindparam("uid"))
    .with_for_update(read=True, key_share=True)
    .scalar_subquery()
)
_EXPECT_NO_MORE = delete(expected).where(
    expected.c.study_uid == _HELD_STUDY, among_texts(expected.c.decision, "decisions")
)


def page_by(*order: ColumnElement[int]) -> Executable:
    """A page of a study's log in this order, which is that of the sequences."""
    return (
        _LOG.where(observations.c.sequence > bindparam("after"), HAS_PROGRESS).order_by(*order).limit(bindparam("most"))
    )


class SqlLog(SqlRequests):
    """The part of Store that is about the log."""

    page: ClassVar[Executable] = page_by(observations.c.sequence)
    """A page of the log by sequence, from an index."""

    def record_decisions(self, batches: Sequence[DecisionBatch], now: datetime) -> list[list[Result] | TrimtabError]:
        """One insertion if all is new; where a constraint objects, once more with a look at what is there.

        And a statement for each study with a default reward: a decision that is
        observed is expected no more. First of all, since ``settle`` takes the
        expectation first as well.
        """
        time = rows.microseconds(now)
        hope = judge(batches, Known.nothing(batches), time)
        # Rows of a study that is gone are refused; where there are none, nothing says that it is.
        unsure = sorted({batch.study.uid for batch in batches} - {row[0] for row in hope.decisions})

        def hopeful(connection: Connection) -> list[list[Result] | TrimtabError]:
            if unsure and len(connection.all(HELD_STUDIES, {"uids": listed(unsure)})) < len(unsure):
                raise Overtaken
            return _store(connection, hope)

        def careful(connection: Connection) -> list[list[Result] | TrimtabError]:
            return _store(connection, judge(batches, Known.read(connection, batches), time))

        if hope.expected:
            return self.write_or_retry(hopeful, careful)
        return self.write_alone_or_retry(hopeful, careful)

    def list_observations(self, study: Study, after: int, limit: int) -> list[LogRow]:
        """By sequence."""
        values = {"uid": study.uid, "after": after, "most": limit}
        found = self.look(lambda connection: connection.all(self.page, values))
        return [rows.log_row_of(row) for row in found]

    def tail(self, study: Study, cursor: str, limit: int) -> Tail:
        """The cursor is the place of the last row read: TRANSACTION-SEQUENCE."""
        place = rows.place_of(cursor)
        values = {"uid": study.uid, "transaction": place.transaction, "sequence": place.sequence, "most": limit + 1}
        found = self.look(lambda connection: connection.all(TAIL, values))
        if not found:
            return Tail([], cursor, more=False)
        start = rows.Place(*found[0][-2:])
        if place < start:
            raise CursorTooOld(rows.cursor_of(start))
        # Joined, the rows are in whatever order the engine likes.
        new = sorted((row[:-2] for row in found if row[0] is not None), key=_place)
        read = new[:limit]
        if read:
            cursor = rows.cursor_of(_place(read[-1]))
        return Tail([rows.log_row_of(row) for row in read], cursor, more=len(new) > limit)

    def news(self, cursors: Mapping[str, str]) -> set[str]:
        """The cursors travel as one value, and each is looked up in an index."""
        values = {"cursors": listed([(uid, *rows.place_of(cursor)) for uid, cursor in cursors.items()])}
        found = self.look(lambda connection: connection.all(NEWS, values))
        return {uid for (uid,) in found}


def _store(connection: Connection, plan: Plan) -> list[list[Result] | TrimtabError]:
    for uid in sorted(plan.expected):
        connection.change(_EXPECT_NO_MORE, {"uid": uid, "decisions": listed(sorted(plan.expected[uid]))})
    # Sorted: two transactions that insert the same keys wait for each other in one direction only.
    parts = [(rows.REQUEST, sorted(plan.requests)), (rows.DECISION, sorted(plan.decisions))]
    filled = [part for part in parts if part[1]]
    if filled:
        connection.insert(*filled)
    return plan.answers


def _place(row: Row) -> rows.Place:
    return rows.Place(row[0], row[1])
