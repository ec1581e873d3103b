"""Suggestions that are computed ahead and wait in a queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds columns and indexes; no row is lost."""
    for table, name in (("progress", "flight_end"), ("trials", "known"), ("trials", "study_revision")):
        op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.execute("CREATE INDEX trials_queued_ix ON trials (study_uid, known DESC, number) WHERE state = 'queued'")
    op.execute("CREATE INDEX trials_leased_ix ON trials (study_uid, expire_time) WHERE state = 'pending'")
