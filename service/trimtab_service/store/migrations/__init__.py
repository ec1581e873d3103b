"""The history of the tables, for Alembic.

``versions`` has one file a step, named for its number. Whoever changes
``tables`` adds one, and says so here; tests compare.
"""

HEAD = "0003"
"""The newest version."""

OLDER: tuple[str, ...] = ("0001", "0002")
"""Those that a server of this version can bring up to date."""
