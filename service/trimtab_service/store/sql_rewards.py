"""Default rewards in SQL, the same for every engine: what is expected to be observed, and what wasn't.

Who writes what: ``record_decisions`` and ``settle`` both take the expectation
away and put a first row of the decision into the log, whose unique index lets
one of them through. Whoever observes a decision whose default reward is in the
log adds a second row, in a transaction that began after the first was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import JSON, BigInteger, bindparam, delete, exists, insert, literal_column, select

from trimtab_service.domain.errors import StudyNotFound
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.study import Study
from trimtab_service.store import refusals, rows
from trimtab_service.store.base import Expectation, ExpectationBatch
from trimtab_service.store.connection import Connection
from trimtab_service.store.documents import listed
from trimtab_service.store.group_commit import HELD_STUDIES, Decision
from trimtab_service.store.sql_studies import SqlStudies
from trimtab_service.store.tables import expected, observations, studies
from trimtab_service.store.words import among_texts

_OF_STUDY = expected.c.study_uid == bindparam("uid")
_NAMED = among_texts(expected.c.decision, "decisions")
_EXPECTED = select(expected.c.decision).where(_OF_STUDY, _NAMED)
_IS_DUE = expected.c.due <= bindparam("now")
_ANY_DUE = select(expected.c.due).where(_IS_DUE).limit(1)
# What another server is at is left to it.
_DUE = (
    select(expected.c.study_uid, expected.c.decision)
    .where(_IS_DUE)
    .order_by(expected.c.due)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
# A study that is being deleted takes its expectations along; who deletes it waits for them.
_STUDIES_OF_THOSE = (
    select(*rows.STUDY_COLUMNS)
    .where(among_texts(studies.c.uid, "uids"))
    .order_by(studies.c.uid)
    .with_for_update(read=True, key_share=True, skip_locked=True)
)
_IN_THE_LOG = exists().where(
    observations.c.study_uid == expected.c.study_uid, observations.c.decision == expected.c.decision
)
_KEPT = ("arm", "propensity", "context", "issue_time", "step", "tag")
_COUNT_AS_DEFAULT = insert(observations).from_select(
    ["study_uid", "decision", *_KEPT, "observation", "create_time", "is_default"],
    select(
        expected.c.study_uid,
        expected.c.decision,
        *(expected.c[name] for name in _KEPT),
        bindparam("observation", type_=JSON()),
        bindparam("time", type_=BigInteger()),
        literal_column("true"),
    )
    .where(_OF_STUDY, _NAMED, ~_IN_THE_LOG)
    .order_by(expected.c.due),
)
_EXPECT_NO_MORE = delete(expected).where(
    expected.c.study_uid == bindparam("old_uid"), among_texts(expected.c.decision, "decisions")
)


class SqlRewards(SqlStudies):
    """The part of Store that is about default rewards."""

    def expect_decisions(self, batches: Sequence[ExpectationBatch]) -> list[StudyNotFound | None]:
        """One statement if all is new; where a constraint objects, once more with a look at what is there."""

        def hopeful(connection: Connection) -> list[StudyNotFound | None]:
            return _remember(connection, batches, {batch.study.uid for batch in batches}, set())

        def careful(connection: Connection) -> list[StudyNotFound | None]:
            uids = sorted({batch.study.uid for batch in batches})
            held = {uid for (uid,) in connection.all(HELD_STUDIES, {"uids": listed(uids)})}
            known: set[Decision] = set()
            for uid in sorted(held):
                named = sorted(
                    {item.decision for batch in batches if batch.study.uid == uid for item in batch.expectations}
                )
                found = connection.all(_EXPECTED, {"uid": uid, "decisions": listed(named)})
                known.update((uid, decision) for (decision,) in found)
            return _remember(connection, batches, held, known)

        return self.write_alone_or_retry(hopeful, careful)

    def settle(self, now: datetime, limit: int) -> int:
        """Nothing but a look at an index where nothing is due."""
        due = {"now": rows.microseconds(now) // 1_000}
        if self.look(lambda connection: connection.first(_ANY_DUE, due)) is None:
            return 0

        def count(connection: Connection) -> int:
            taken = sorted(connection.all(_DUE, {**due, "most": limit}))
            uids = sorted({uid for uid, _ in taken})
            found = connection.all(_STUDIES_OF_THOSE, {"uids": listed(uids)})
            held = {study.uid: study for study in map(self.study_of, found)}
            settled = 0
            for uid, group in groupby(taken, itemgetter(0)):
                if uid in held:
                    decisions = [decision for _, decision in group]
                    _settle(connection, held[uid], decisions, rows.microseconds(now))
                    settled += len(decisions)
            return settled

        return self.write_or_retry(count, count)


def _remember(
    connection: Connection, batches: Sequence[ExpectationBatch], held: set[str], known: set[Decision]
) -> list[StudyNotFound | None]:
    """Stores what is not known, of the studies that are held."""
    new: dict[Decision, tuple[Study, Expectation]] = {}
    for batch in batches:
        for item in batch.expectations:
            key = (batch.study.uid, item.decision)
            if batch.study.uid in held and key not in known:
                new.setdefault(key, (batch.study, item))
    if new:
        connection.insert((rows.EXPECTATION, [rows.expectation_row(*new[key]) for key in sorted(new)]))
    return [None if batch.study.uid in held else refusals.study_gone(batch.study) for batch in batches]


def _settle(connection: Connection, study: Study, decisions: Sequence[str], now: int) -> None:
    named = listed(decisions)
    reward = study.spec.default_reward
    if reward is not None:
        observation = Observation(Outcome.COMPLETED, {study.spec.objective.metric: Measurement(reward)})
        text = rows.observation_text(observation)
        values = {"uid": study.uid, "decisions": named, "observation": text, "time": now}
        connection.change(_COUNT_AS_DEFAULT, values)
    connection.change(_EXPECT_NO_MORE, {"old_uid": study.uid, "decisions": named})
