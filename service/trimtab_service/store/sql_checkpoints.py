"""Checkpoints, and what they allow to be forgotten, in SQL, the same for every engine."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, bindparam, delete, exists, insert, select, tuple_, update

from trimtab_service.domain.study import Study
from trimtab_service.store import rows
from trimtab_service.store.base import Checkpoint
from trimtab_service.store.connection import Connection
from trimtab_service.store.sql_log import PLACE
from trimtab_service.store.tables import NOWHERE, checkpoints, observations, progress, studies
from trimtab_service.store.transactions import Transactions

_PLACE = (checkpoints.c.transaction_id, checkpoints.c.sequence)
_IS_IT = and_(checkpoints.c.study_uid == bindparam("uid"), checkpoints.c.fingerprint == bindparam("fingerprint"))
_COMPACTED = (progress.c.compacted_transaction, progress.c.compacted_sequence)
_LOAD = (
    select(*rows.CHECKPOINT_COLUMNS)
    .join(progress, progress.c.study_uid == checkpoints.c.study_uid)
    .where(_IS_IT, tuple_(*_PLACE) >= tuple_(*_COMPACTED))
)
_NEW = {name: bindparam(f"new_{name}", type_=checkpoints.c[name].type) for name in rows.CHECKPOINT.columns}
_ADVANCE = (
    update(checkpoints)
    .where(
        _IS_IT,
        tuple_(*_PLACE) < tuple_(_NEW["transaction_id"], _NEW["sequence"]),
    )
    .values({name: value for name, value in _NEW.items() if name not in ("study_uid", "fingerprint")})
)
_KEEP = insert(checkpoints).from_select(
    list(rows.CHECKPOINT.columns),
    select(*_NEW.values())
    .select_from(studies)
    .where(studies.c.uid == bindparam("uid"), studies.c.namespace != NOWHERE, ~exists().where(_IS_IT)),
)

_LOCK = select(progress.c.study_uid).where(progress.c.study_uid == bindparam("uid")).with_for_update()
_REVISION = select(studies.c.revision).where(studies.c.uid == bindparam("uid"))
_COVERED = select(*_PLACE).where(_IS_IT)
_OLDEST = (
    select(*PLACE, observations.c.create_time)
    .where(
        observations.c.study_uid == bindparam("uid"),
        tuple_(*PLACE) <= tuple_(bindparam("transaction"), bindparam("sequence")),
    )
    .order_by(*PLACE)
    .limit(bindparam("most"))
)
_UP_TO = tuple_(bindparam("transaction"), bindparam("last"))
_DELETE = delete(observations).where(observations.c.study_uid == bindparam("uid"), tuple_(*PLACE) <= _UP_TO)
_DELETE_OVERTAKEN = delete(checkpoints).where(checkpoints.c.study_uid == bindparam("uid"), tuple_(*_PLACE) < _UP_TO)
_BEGIN_BEHIND = (
    update(progress)
    .where(progress.c.study_uid == bindparam("uid"))
    .values(
        compacted=progress.c.compacted + bindparam("many"),
        compacted_transaction=bindparam("transaction"),
        compacted_sequence=bindparam("last"),
    )
)


class SqlCheckpoints(Transactions):
    """The part of Store that is about checkpoints."""

    def save_checkpoint(self, study: Study, checkpoint: Checkpoint) -> None:
        """Changes the one of its fingerprint where that is behind, or makes it where there is none."""
        row = dict(zip(rows.CHECKPOINT.columns, rows.checkpoint_row(study, checkpoint), strict=True))
        values = {f"new_{name}": value for name, value in row.items()}
        key = {"uid": study.uid, "fingerprint": checkpoint.fingerprint}

        def save(connection: Connection) -> None:
            if connection.change(_ADVANCE, {**values, **key}) == 0:
                connection.change(_KEEP, {**values, **key})

        # Of two that make it at once the second is told so, and looks whether its own is further on.
        self.write_or_retry(save, save)

    def load_checkpoint(self, study: Study, fingerprint: str) -> Checkpoint | None:
        """Unless the log was compacted further."""
        values = {"uid": study.uid, "fingerprint": fingerprint}
        row = self.look(lambda connection: connection.first(_LOAD, values))
        return None if row is None else rows.checkpoint_of(row)

    def compact(self, study: Study, fingerprint: str, before: datetime, limit: int) -> int:
        """From the start of the log as far as all was recorded before; so nothing is missing behind where it begins."""
        end = rows.microseconds(before)
        uid = {"uid": study.uid}

        def compact(connection: Connection) -> int:
            # First the lock that deletions take first; it also puts those who compact one study in order.
            if connection.first(_LOCK, uid) is None:
                return 0
            # Of a study that was changed since, the retention may be another.
            if connection.first(_REVISION, uid) != (study.revision,):
                return 0
            covered = connection.first(_COVERED, {**uid, "fingerprint": fingerprint})
            if covered is None:
                return 0
            transaction, sequence = covered
            values = {**uid, "transaction": transaction, "sequence": sequence, "most": limit}
            last = None
            for *place, create_time in connection.all(_OLDEST, values):
                if create_time >= end:
                    break
                last = place
            if last is None:
                return 0
            end_of_it = {**uid, "transaction": last[0], "last": last[1]}
            many = connection.change(_DELETE, end_of_it)
            connection.change(_BEGIN_BEHIND, {**end_of_it, "many": many})
            connection.change(_DELETE_OVERTAKEN, end_of_it)
            return many

        return self.write(compact)
