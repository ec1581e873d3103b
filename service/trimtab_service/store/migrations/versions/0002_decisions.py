"""More is known of each decision; default rewards, checkpoints, and logs that are compacted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds columns and tables; no row is lost."""
    for name in ("compacted", "compacted_transaction", "compacted_sequence"):
        op.add_column("progress", _zero(name, sa.BigInteger()))
    _extend_log()
    op.create_table(
        "expected",
        sa.Column("study_uid", KEY, nullable=False),
        sa.Column("decision", KEY, nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("arm", sa.BigInteger(), nullable=False),
        sa.Column("propensity", sa.Double(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("issue_time", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.Integer(), nullable=False),
        _of_study("expected"),
        sa.PrimaryKeyConstraint("study_uid", "decision", name="expected_pk"),
    )
    op.create_index("expected_due_ix", "expected", ["due"])
    op.create_table(
        "checkpoints",
        sa.Column("study_uid", KEY, nullable=False),
        sa.Column("fingerprint", KEY, nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("observation_count", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        _of_study("checkpoints"),
        sa.PrimaryKeyConstraint("study_uid", "fingerprint", name="checkpoints_pk"),
    )


def _of_study(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["study_uid"], ["studies.uid"], name=f"{table}_study_uid_fk", ondelete="CASCADE")


def _zero(name: str, kind: sa.types.TypeEngine[int]) -> sa.Column[int]:
    return sa.Column(name, kind, nullable=False, server_default=sa.text("0"))


def _extend_log() -> None:
    if op.get_context().dialect.name == "postgresql":  # SQLite has integers of one length only
        op.alter_column("observations", "arm", type_=sa.BigInteger())
    for name in ("issue_time", "step"):
        op.add_column("observations", _zero(name, sa.BigInteger()))
    op.add_column("observations", _zero("tag", sa.Integer()))
    for name in ("is_default", "replaces_default"):
        op.add_column("observations", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.execute("DROP INDEX observations_decision_uq")
    op.execute(
        "CREATE UNIQUE INDEX observations_decision_uq ON observations (study_uid, decision, replaces_default) "
        "WHERE decision IS NOT NULL"
    )
