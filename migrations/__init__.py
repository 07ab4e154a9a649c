"""Alembic's environment and versions; a package so that it ships in the wheel."""
