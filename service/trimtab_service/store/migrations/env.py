"""What Alembic runs before a migration: it works on the connection that it is given."""

from __future__ import annotations

from alembic import context

from trimtab_service.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
