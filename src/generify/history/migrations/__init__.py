"""The Alembic scripts that make the tables of the history, oldest first; see `upgrading`."""
