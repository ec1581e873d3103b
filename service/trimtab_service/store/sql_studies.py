"""Studies in SQL, the same for every engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Engine, and_, bindparam, case, exists, func, literal_column, select, tuple_, update

from trimtab_service.domain.study import Study, StudyCounts, StudyName
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store import refusals, rows
from trimtab_service.store.base import Request
from trimtab_service.store.connection import Connection
from trimtab_service.store.deletion import DELETED_AT_ONCE, clear, hide, next_hidden
from trimtab_service.store.documents import listed
from trimtab_service.store.sql_requests import SqlRequests, namespace_scope, recall, remember
from trimtab_service.store.tables import NOWHERE, observations, progress, signing_keys, studies, trials
from trimtab_service.store.words import among_texts

MOST_STUDIES = 200
"""Studies of which it is remembered what their rows mean."""

IS_THERE = studies.c.namespace != NOWHERE
"""A study that wasn't deleted."""

NAMED = and_(studies.c.namespace == bindparam("namespace"), studies.c.study == bindparam("study"))
_BY_NAME = select(*rows.STUDY_COLUMNS).where(NAMED)
_BY_UID = select(*rows.STUDY_COLUMNS).where(studies.c.uid == bindparam("uid"), IS_THERE)
_REVISIONS = select(studies.c.uid, studies.c.revision).where(among_texts(studies.c.uid, "uids"), IS_THERE)
_ORDER = (studies.c.namespace, studies.c.study)
_STORED_REVISION = and_(
    studies.c.uid == bindparam("old_uid"), studies.c.revision == bindparam("old_revision"), IS_THERE
)
_NEW = tuple(f"new_{name}" for name in rows.STUDY.columns)
_REPLACE = (
    update(studies)
    .where(_STORED_REVISION)
    .values({name: bindparam(new) for name, new in zip(rows.STUDY.columns, _NEW, strict=True)})
)
_LOCK_PROGRESS = select(progress.c.compacted).where(progress.c.study_uid == bindparam("uid")).with_for_update()

_EXPIRED = and_(trials.c.state == TrialState.PENDING.value, trials.c.expire_time <= bindparam("now"))
_STATE = case((_EXPIRED, TrialState.EXPIRED.value), else_=trials.c.state)
HAS_PROGRESS = exists().where(progress.c.study_uid == bindparam("uid"))
"""That the study ``uid`` wasn't deleted; of one that was, rows may be left."""
_COUNT_TRIALS = (
    select(_STATE.label("state"), func.count().label("many"))
    .where(trials.c.study_uid == bindparam("uid"), HAS_PROGRESS)
    .group_by(_STATE)
)
_ROWS_LEFT = select(func.count()).where(observations.c.study_uid == bindparam("uid")).scalar_subquery()
_COUNT_DECISIONS = select(progress.c.compacted + _ROWS_LEFT).where(progress.c.study_uid == bindparam("uid"))
_PROGRESS = select(progress.c.observations).where(progress.c.study_uid == bindparam("uid"))

# The state is part of the statement: only so every planner sees that the partial index will do.
_COUNT_PENDING = select(func.count()).where(
    trials.c.state == literal_column(f"'{TrialState.PENDING.value}'"), trials.c.expire_time > bindparam("now")
)

_DEPLOYMENT = "deployment"
_SELECT_KEY = select(signing_keys.c.secret).where(signing_keys.c.name == _DEPLOYMENT)


class SqlStudies(SqlRequests):
    """The part of Store that is about studies, and the deployment's key."""

    def __init__(self, engine: Engine, place: str) -> None:
        super().__init__(engine, place)
        # The row of a study is read with every snapshot, and hardly ever another one.
        self.study_of = lru_cache(MOST_STUDIES)(rows.study_of)

    def _find(self, connection: Connection, name: StudyName) -> Study | None:
        row = connection.first(_BY_NAME, {"namespace": name.namespace, "study": name.study})
        return None if row is None else self.study_of(row)

    def _find_uid(self, connection: Connection, uid: str) -> Study | None:
        row = connection.first(_BY_UID, {"uid": uid})
        return None if row is None else self.study_of(row)

    def signing_key(self, candidate: bytes) -> bytes:
        """The deployment's own key."""

        def insert_key(connection: Connection) -> bytes:
            connection.insert((rows.SIGNING_KEY, [(_DEPLOYMENT, candidate)]))
            return candidate

        def read_key(connection: Connection) -> bytes | None:
            row = connection.first(_SELECT_KEY, {})
            return None if row is None else bytes(row[0])

        kept = self.look(read_key)
        return kept if kept is not None else self.write_or_judge(insert_key, read_key)

    def create_study(self, study: Study, request: Request | None) -> Study:
        """Inserts; the unique name decides between two that are created at once."""
        scope = namespace_scope(study.name.namespace)

        def create(connection: Connection) -> Study:
            connection.insert((rows.STUDY, [rows.study_row(study)]))
            connection.insert((rows.PROGRESS, [(study.uid, 0, 0)]))
            remember(connection, scope, request, {"uid": study.uid})
            return study

        def judge(connection: Connection) -> Study | None:
            answer = recall(connection, scope, request)
            if answer is not None:
                created = self._find_uid(connection, answer["uid"])
                if created is None:
                    raise refusals.study_gone(study)
                return created
            if self._find(connection, study.name) is not None:
                raise refusals.study_exists(study.name)
            return None

        return self.write_or_judge(create, judge)

    def get_study(self, name: StudyName) -> Study:
        """By its name."""
        study = self.look(lambda connection: self._find(connection, name))
        if study is None:
            raise refusals.no_study(name)
        return study

    def get_counts(self, study: Study, now: datetime) -> StudyCounts:
        """Counts trials, or decisions, one by one: it takes time in proportion to what there is."""
        counting = _COUNT_DECISIONS if study.algorithm.decisions else _PROGRESS

        def count(connection: Connection) -> StudyCounts:
            values = {"uid": study.uid, "now": rows.microseconds(now)}
            states = {str(state): int(many) for state, many in connection.all(_COUNT_TRIALS, values)}
            row = connection.first(counting, {"uid": study.uid})
            return StudyCounts(**states, observations=row[0] if row else 0)

        return self.read(count)

    def count_pending(self, now: datetime) -> int:
        """From an index of the pending trials alone."""
        values = {"now": rows.microseconds(now)}
        row = self.look(lambda connection: connection.first(_COUNT_PENDING, values))
        return int(row[0]) if row else 0

    def list_studies(self, namespace: str | None, after: StudyName | None, limit: int) -> list[Study]:
        """By name."""
        query = select(*rows.STUDY_COLUMNS).where(IS_THERE).order_by(*_ORDER).limit(limit)
        if namespace is not None:
            query = query.where(studies.c.namespace == namespace)
        if after is not None:
            place = tuple_(after.namespace, after.study)
            query = query.where(tuple_(*_ORDER) > place)
        return self.look(lambda connection: [self.study_of(row) for row in connection.all(query, {})])

    def revisions(self, uids: Collection[str]) -> Mapping[str, int]:
        """In one statement, however many."""
        values = {"uids": listed(list(uids))}
        return {uid: int(revision) for uid, revision in self.look(lambda each: each.all(_REVISIONS, values))}

    def replace_study(self, old: Study, new: Study, request: Request | None) -> Study:
        """Writes where the stored revision is the old one's."""

        longer = new.spec.decision_lifetime > old.spec.decision_lifetime

        def replace(connection: Connection) -> Study | None:
            if longer and self._forgets(connection, old):
                raise refusals.lifetime_settled(old)
            values = dict(zip(_NEW, rows.study_row(new), strict=True))
            if connection.change(_REPLACE, {**values, "old_uid": old.uid, "old_revision": old.revision}) == 0:
                return None
            remember(connection, old.uid, request, {})
            return new

        def judge(connection: Connection) -> Study | None:
            answer = recall(connection, old.uid, request)
            stored = self._find_uid(connection, old.uid)
            if stored is None:
                raise refusals.study_gone(old)
            if answer is None and stored.revision != old.revision:
                raise refusals.study_changed(old)
            return stored if answer is not None else None

        return self.write_or_judge(replace, judge)

    @staticmethod
    def _forgets(connection: Connection, study: Study) -> bool:
        """Whether rows of the log were deleted, or may be; holds off who deletes some."""
        compacted = connection.first(_LOCK_PROGRESS, {"uid": study.uid})
        return study.spec.retention is not None or (compacted is not None and compacted[0] > 0)

    def delete_study(self, study: Study, request: Request | None) -> None:
        """Hides where the stored revision is the study's, and deletes what can be deleted at once; see ``deletion``."""
        scope = namespace_scope(study.name.namespace)

        def remove(connection: Connection) -> bool | None:
            # First the lock that observations take first; else the two could wait for each other.
            connection.first(_LOCK_PROGRESS, {"uid": study.uid})
            if not hide(connection, study):
                return None
            remember(connection, scope, request, {})
            clear(connection, study.uid, DELETED_AT_ONCE)
            return True

        def judge(connection: Connection) -> bool | None:
            if recall(connection, scope, request) is not None:
                return True
            stored = self._find_uid(connection, study.uid)
            if stored is None:
                raise refusals.study_gone(study)
            if stored.revision != study.revision:
                raise refusals.study_changed(study)
            return None

        self.write_or_judge(remove, judge)

    def clear_deleted(self) -> int:
        """A portion, under the lock that holds off who would add to it."""

        def clear_next(connection: Connection) -> int:
            uid = next_hidden(connection)
            return 0 if uid is None else clear(connection, uid, DELETED_AT_ONCE)

        return self.write(clear_next)

    def forget_requests(self, before: datetime) -> int:
        """And goes on with deletions that nobody has gone on with."""
        while self.clear_deleted():
            pass
        return super().forget_requests(before)
