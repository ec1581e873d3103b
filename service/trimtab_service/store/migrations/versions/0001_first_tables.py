"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _study_uid(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    name = f"{table}_study_uid_fk"
    return (
        sa.Column("study_uid", KEY, nullable=False),
        sa.ForeignKeyConstraint(["study_uid"], ["studies.uid"], name=name, ondelete="CASCADE"),
    )


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "studies",
        sa.Column("uid", KEY, nullable=False),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("study", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("algorithm", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="studies_pk"),
        sa.UniqueConstraint("namespace", "study", name="studies_namespace_study_uq"),
    )
    op.create_table(
        "progress",
        *_study_uid("progress"),
        sa.Column("observations", sa.BigInteger(), nullable=False),
        sa.Column("newest_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", name="progress_pk"),
    )
    op.create_table(
        "trials",
        *_study_uid("trials"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("expire_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "number", name="trials_pk"),
    )
    _make_log()
    op.create_table(
        "requests",
        sa.Column("scope", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="requests_pk"),
    )
    op.create_index("requests_create_time_ix", "requests", ["create_time"])
    op.create_table(
        "signing_keys",
        sa.Column("name", KEY, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="signing_keys_pk"),
    )


def _make_log() -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    transaction = sa.text("(pg_current_xact_id()::text::bigint)" if postgresql else "0")
    op.create_table(
        "observations",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        *_study_uid("observations"),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False, server_default=transaction),
        sa.Column("number", sa.BigInteger()),
        sa.Column("decision", KEY),
        sa.Column("arm", sa.Integer()),
        sa.Column("propensity", sa.Double()),
        sa.Column("context", sa.JSON()),
        sa.Column("observation", sa.JSON(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="observations_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index("observations_log_ix", "observations", ["study_uid", "transaction_id", "sequence"])
    if postgresql:
        op.create_index("observations_sequence_ix", "observations", ["study_uid", "sequence"])
    op.execute("CREATE INDEX trials_pending_ix ON trials (expire_time) WHERE state = 'pending'")
    for name, column in (("observations_trial_uq", "number"), ("observations_decision_uq", "decision")):
        op.execute(f"CREATE UNIQUE INDEX {name} ON observations (study_uid, {column}) WHERE {column} IS NOT NULL")
