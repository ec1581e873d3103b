"""Studies in SQL, the same for every engine."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Row, and_, bindparam, case, delete, func, insert, select, tuple_, update

from trimtab_service.domain.study import Study, StudyCounts, StudyName
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store import refusals, rows
from trimtab_service.store.base import Request
from trimtab_service.store.sql_requests import SqlRequests, namespace_scope, recall, remember
from trimtab_service.store.tables import observations, progress, requests, signing_keys, studies, trials

_INSERT = insert(studies)
_INSERT_PROGRESS = insert(progress)
_BY_NAME = select(*rows.STUDY).where(
    studies.c.namespace == bindparam("namespace"), studies.c.study == bindparam("study")
)
_BY_UID = select(*rows.STUDY).where(studies.c.uid == bindparam("uid"))
_ORDER = (studies.c.namespace, studies.c.study)
_STORED_REVISION = and_(studies.c.uid == bindparam("old_uid"), studies.c.revision == bindparam("old_revision"))
_REPLACE = update(studies).where(_STORED_REVISION)
_DELETE = delete(studies).where(_STORED_REVISION)
_LOCK_PROGRESS = select(progress.c.study_uid).where(progress.c.study_uid == bindparam("uid")).with_for_update()
_DELETE_REQUESTS = delete(requests).where(requests.c.scope == bindparam("old_scope"))

_EXPIRED = and_(trials.c.state == TrialState.PENDING.value, trials.c.expire_time <= bindparam("now"))
_STATE = case((_EXPIRED, TrialState.EXPIRED.value), else_=trials.c.state)
_COUNT_TRIALS = (
    select(_STATE.label("state"), func.count().label("many"))
    .where(trials.c.study_uid == bindparam("uid"))
    .group_by(_STATE)
)
_COUNT_OBSERVATIONS = select(func.count()).where(observations.c.study_uid == bindparam("uid"))

_COUNT_PENDING = select(func.count()).where(
    trials.c.state == TrialState.PENDING.value, trials.c.expire_time > bindparam("now")
)

_DEPLOYMENT = "deployment"
_INSERT_KEY = insert(signing_keys)
_SELECT_KEY = select(signing_keys.c.secret).where(signing_keys.c.name == _DEPLOYMENT)


def _find(connection: Connection, name: StudyName) -> Study | None:
    row = connection.execute(_BY_NAME, {"namespace": name.namespace, "study": name.study}).first()
    return None if row is None else rows.study_of(row)


def _find_uid(connection: Connection, uid: str) -> Study | None:
    row = connection.execute(_BY_UID, {"uid": uid}).first()
    return None if row is None else rows.study_of(row)


class SqlStudies(SqlRequests):
    """The part of Store that is about studies, and the deployment's key."""

    def signing_key(self, candidate: bytes) -> bytes:
        """The deployment's own key."""

        def insert_key(connection: Connection) -> bytes:
            connection.execute(_INSERT_KEY, {"name": _DEPLOYMENT, "secret": candidate})
            return candidate

        def read_key(connection: Connection) -> bytes | None:
            secret = connection.execute(_SELECT_KEY).scalar()
            return None if secret is None else bytes(secret)

        kept = self.look(read_key)
        return kept if kept is not None else self.write_or_judge(insert_key, read_key)

    def create_study(self, study: Study, request: Request | None) -> Study:
        """Inserts; the unique name decides between two that are created at once."""
        scope = namespace_scope(study.name.namespace)

        def create(connection: Connection) -> Study:
            connection.execute(_INSERT, rows.study_row(study))
            connection.execute(_INSERT_PROGRESS, {"study_uid": study.uid, "observations": 0, "newest_sequence": 0})
            remember(connection, scope, request, {"uid": study.uid})
            return study

        def judge(connection: Connection) -> Study | None:
            answer = recall(connection, scope, request)
            if answer is not None:
                created = _find_uid(connection, answer["uid"])
                if created is None:
                    raise refusals.study_gone(study)
                return created
            if _find(connection, study.name) is not None:
                raise refusals.study_exists(study.name)
            return None

        return self.write_or_judge(create, judge)

    def get_study(self, name: StudyName) -> Study:
        """By its name."""
        study = self.look(lambda connection: _find(connection, name))
        if study is None:
            raise refusals.no_study(name)
        return study

    def get_counts(self, study: Study, now: datetime) -> StudyCounts:
        """Counts trials by state; takes time in proportion to what there is."""

        def count(connection: Connection) -> StudyCounts:
            of_study = {"uid": study.uid}
            states: list[Row[tuple[str, int]]] = list(
                connection.execute(_COUNT_TRIALS, {**of_study, "now": rows.microseconds(now)})
            )
            observed = connection.execute(_COUNT_OBSERVATIONS, of_study).scalar_one()
            return StudyCounts(**{row.state: row.many for row in states}, observations=observed)

        return self.read(count)

    def count_pending(self, now: datetime) -> int:
        """From an index of the pending trials alone."""
        values = {"now": rows.microseconds(now)}
        return self.look(lambda connection: connection.execute(_COUNT_PENDING, values).scalar_one())

    def list_studies(self, namespace: str | None, after: StudyName | None, limit: int) -> list[Study]:
        """By name."""
        query = select(*rows.STUDY).order_by(*_ORDER).limit(limit)
        if namespace is not None:
            query = query.where(studies.c.namespace == namespace)
        if after is not None:
            place = tuple_(after.namespace, after.study)
            query = query.where(tuple_(*_ORDER) > place)
        return self.look(lambda connection: [rows.study_of(row) for row in connection.execute(query)])

    def replace_study(self, old: Study, new: Study, request: Request | None) -> Study:
        """Writes where the stored revision is the old one's."""

        def replace(connection: Connection) -> Study | None:
            values = {**rows.study_row(new), "old_uid": old.uid, "old_revision": old.revision}
            if connection.execute(_REPLACE, values).rowcount == 0:
                return None
            remember(connection, old.uid, request, {})
            return new

        def judge(connection: Connection) -> Study | None:
            answer = recall(connection, old.uid, request)
            stored = _find_uid(connection, old.uid)
            if stored is None:
                raise refusals.study_gone(old)
            if answer is None and stored.revision != old.revision:
                raise refusals.study_changed(old)
            return stored if answer is not None else None

        return self.write_or_judge(replace, judge)

    def delete_study(self, study: Study, request: Request | None) -> None:
        """Deletes where the stored revision is the study's; the database takes what hangs on it along."""
        scope = namespace_scope(study.name.namespace)

        def remove(connection: Connection) -> bool | None:
            # First the lock that observations take first; else the two could wait for each other.
            connection.execute(_LOCK_PROGRESS, {"uid": study.uid})
            if connection.execute(_DELETE, {"old_uid": study.uid, "old_revision": study.revision}).rowcount == 0:
                return None
            connection.execute(_DELETE_REQUESTS, {"old_scope": study.uid})
            remember(connection, scope, request, {})
            return True

        def judge(connection: Connection) -> bool | None:
            if recall(connection, scope, request) is not None:
                return True
            stored = _find_uid(connection, study.uid)
            if stored is None:
                raise refusals.study_gone(study)
            if stored.revision != study.revision:
                raise refusals.study_changed(study)
            return None

        self.write_or_judge(remove, judge)
