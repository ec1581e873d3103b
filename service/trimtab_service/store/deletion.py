"""How a study is deleted, however long it is, without anybody else waiting for it.

In one transaction the study leaves its namespace, and its row of ``progress``
goes: from then on nobody finds it. What hangs on it goes in portions, each a
transaction of its own, and the last one takes the study's row along. Where a
server stops in between, any other goes on: what is hidden is what is left to do.

Each transaction holds the study's row first, as who adds to the study does by
its foreign keys; so none adds to a study that is gone, and none waits for
longer than a portion takes.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Executable, Table, bindparam, delete, select, tuple_, update

from trimtab_service.domain.study import Study
from trimtab_service.store.connection import Connection
from trimtab_service.store.tables import NOWHERE, expected, observations, progress, requests, studies, trials

DELETED_AT_ONCE = 5_000
"""Rows deleted in one transaction."""

_HIDE = (
    update(studies)
    .where(studies.c.uid == bindparam("old_uid"), studies.c.revision == bindparam("old_revision"))
    .where(studies.c.namespace != NOWHERE)
    .values(namespace=NOWHERE, study=studies.c.uid)
)
_FORGET_PROGRESS = delete(progress).where(progress.c.study_uid == bindparam("uid"))
_HIDDEN = select(studies.c.uid).where(studies.c.namespace == NOWHERE).limit(1).with_for_update()
_DELETE = delete(studies).where(studies.c.uid == bindparam("uid"), studies.c.namespace == NOWHERE)


class _Portion(NamedTuple):
    """end: the first row behind a portion, in the order of an index; before: the rows up to there; rest: all rows."""

    end: Executable
    before: Executable
    rest: Executable


def _portion(table: Table, owner: str, *order: str) -> _Portion:
    columns = [table.c[name] for name in order]
    of_study = table.c[owner] == bindparam("uid")
    end = tuple_(*(bindparam(f"end_{place}", type_=column.type) for place, column in enumerate(columns)))
    return _Portion(
        select(*columns).where(of_study).order_by(*columns).offset(bindparam("most")).limit(1),
        delete(table).where(of_study, tuple_(*columns) < end),
        delete(table).where(of_study),
    )


_PORTIONS = (
    _portion(expected, "study_uid", "decision"),
    _portion(observations, "study_uid", "transaction_id", "sequence"),
    _portion(trials, "study_uid", "number"),
    _portion(requests, "scope", "key"),
)


def hide(connection: Connection, study: Study) -> bool:
    """Lets the study go, if it is still of this revision."""
    if connection.change(_HIDE, {"old_uid": study.uid, "old_revision": study.revision}) == 0:
        return False
    connection.change(_FORGET_PROGRESS, {"uid": study.uid})
    return True


def next_hidden(connection: Connection) -> str | None:
    """The uid of a study that is to be cleared, held until the end of the transaction."""
    # Whoever waited for one that another server was through with is told of none, and asks again.
    row = connection.first(_HIDDEN, {}) or connection.first(_HIDDEN, {})
    return None if row is None else str(row[0])


def clear(connection: Connection, uid: str, most: int) -> int:
    """Deletes rows that hang on a hidden study, ``most`` of them; and it too if that is all. How many they were."""
    connection.go_by_indexes()
    deleted = 0
    for portion in _PORTIONS:
        end = connection.first(portion.end, {"uid": uid, "most": most - deleted})
        if end is not None:
            places = {f"end_{place}": value for place, value in enumerate(end)}
            return deleted + connection.change(portion.before, {"uid": uid, **places})
        deleted += connection.change(portion.rest, {"uid": uid})
    return deleted + connection.change(_DELETE, {"uid": uid})
