"""How Alembic is run: by the server, within a transaction of the server's own."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from sqlalchemy import Connection


def configuration(connection: Connection) -> Config:
    """What Alembic's commands need to work on this connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
