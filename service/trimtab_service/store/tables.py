"""The tables, in one place for every engine.

Times are whole microseconds since 1970 in UTC, so that they come back exactly
and sort as numbers. JSON columns hold readable documents (see ``documents``);
the type is JSON and not JSONB because JSONB would turn 1.0 into 1.
Whatever changes here needs a migration; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from trimtab_service.store.words import TransactionId

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    }
)

# Keys sort by code point everywhere, as SQLite does by itself.
Key = String().with_variant(String(collation="C"), "postgresql")

# SQLite numbers rows by itself only where the type is exactly INTEGER, which is as long as any.
Sequence = BigInteger().with_variant(Integer(), "sqlite")


def _study_uid(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "study_uid", Key, ForeignKey("studies.uid", ondelete="CASCADE"), primary_key=primary_key, nullable=False
    )


def _zero(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def _no(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


# A study that was deleted, though not all that hangs on it yet, is in no
# namespace, by which its name is free; and without its row of ``progress``, which
# whoever reads or writes what hangs on it looks at.
NOWHERE = ""

studies = Table(
    "studies",
    metadata,
    Column("uid", Key, primary_key=True),
    Column("namespace", Key, nullable=False),
    Column("study", Key, nullable=False),
    Column("state", String, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("algorithm", JSON, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("update_time", BigInteger, nullable=False),
    UniqueConstraint("namespace", "study"),
)

# How much was observed of a trial study. Apart from the study, so that an
# observation doesn't write the spec anew; its row is the lock that puts the
# observations of one study in order. Of a bandit study: how many rows of its
# log were compacted, and the place of the last of them. flight_end: until when
# (microseconds) others leave the computing ahead to the server that does it.
progress = Table(
    "progress",
    metadata,
    _study_uid(primary_key=True),
    Column("observations", BigInteger, nullable=False),
    Column("newest_sequence", BigInteger, nullable=False),
    _zero("compacted"),
    _zero("compacted_transaction"),
    _zero("compacted_sequence"),
    _zero("flight_end"),
)

# While a trial is queued: how many observations are behind it, or a constant of
# ``base`` above all of them, which is the order in which it is handed out; and
# the revision of the study that it is good for, 0 for every one.
trials = Table(
    "trials",
    metadata,
    _study_uid(primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("context", JSON, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    Column("expire_time", BigInteger, nullable=False),
    _zero("known"),
    _zero("study_revision"),
)

# The log: rows are added, and never changed. ``number`` is set in trial
# studies; ``decision`` to ``context`` and ``issue_time`` (milliseconds) to
# ``replaces_default`` in bandit studies. transaction_id, which the database fills
# in, is 0 where transactions commit in the order in which they number their
# rows; elsewhere it puts the rows in an order in which none appears late: see
# ``sql_log``.
observations = Table(
    "observations",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    _study_uid(),
    Column("transaction_id", BigInteger, nullable=False, server_default=TransactionId()),
    Column("number", BigInteger),
    Column("decision", Key),
    Column("arm", Sequence),
    Column("propensity", Double),
    Column("context", JSON),
    Column("observation", JSON, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    _zero("issue_time"),
    _zero("step"),
    Column("tag", Integer, nullable=False, server_default=text("0")),
    _no("is_default"),
    _no("replaces_default"),
    sqlite_autoincrement=True,
)
Index("observations_log_ix", observations.c.study_uid, observations.c.transaction_id, observations.c.sequence)
# Where transaction_id is always 0, the index above is in this order already.
Index("observations_sequence_ix", observations.c.study_uid, observations.c.sequence).ddl_if(dialect="postgresql")

PARTIAL_INDEXES = (
    # What servers count now and then: only trials that haven't ended are in it.
    "CREATE INDEX trials_pending_ix ON trials (expire_time) WHERE state = 'pending'",
    # What waits to be handed out, in that order, and what a study has pending.
    "CREATE INDEX trials_queued_ix ON trials (study_uid, known DESC, number) WHERE state = 'queued'",
    "CREATE INDEX trials_leased_ix ON trials (study_uid, expire_time) WHERE state = 'pending'",
    "CREATE UNIQUE INDEX observations_trial_uq ON observations (study_uid, number) WHERE number IS NOT NULL",
    # One first row of a decision, what was observed or the default reward, whoever
    # else writes; and one that takes a default reward's place.
    "CREATE UNIQUE INDEX observations_decision_uq ON observations (study_uid, decision, replaces_default) "
    "WHERE decision IS NOT NULL",
)
"""In words that every engine knows. (As options of Index they would load the dialect of each.)"""

# Decisions that count as the default reward of their study from ``due`` on
# (milliseconds), unless they are observed; then, and then, their row goes.
expected = Table(
    "expected",
    metadata,
    _study_uid(primary_key=True),
    Column("decision", Key, primary_key=True),
    Column("due", BigInteger, nullable=False, index=True),
    Column("arm", BigInteger, nullable=False),
    Column("propensity", Double, nullable=False),
    Column("context", JSON, nullable=False),
    Column("issue_time", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("tag", Integer, nullable=False),
)

# What the log was folded into up to a place, so that nobody reads it from the start.
checkpoints = Table(
    "checkpoints",
    metadata,
    _study_uid(primary_key=True),
    Column("fingerprint", Key, primary_key=True),
    Column("transaction_id", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("observation_count", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("create_time", BigInteger, nullable=False),
)

# What was answered to writes that named themselves. Written in the transaction
# of its effect. scope: a study's uid, or namespaces/ID.
requests = Table(
    "requests",
    metadata,
    Column("scope", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("method", String, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("create_time", BigInteger, nullable=False, index=True),
)

# One row: the key that the deployment made for itself.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", Key, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)
