"""Alembic's migrations, one file a schema level; revision ids are the levels."""
