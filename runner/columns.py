"""What every table is made with: the one MetaData and the columns that recur."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, Uuid, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NOW = text("clock_timestamp()")
EMPTY = text("'{}'::jsonb")


def id_() -> Column[Any]:
    return Column("id", Uuid, primary_key=True, server_default=text("uuidv7()"))


def workspace_of() -> Column[Any]:
    return Column("workspace_id", Uuid, ForeignKey("workspace.id"), nullable=False)


def at(name: str, *, now: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=not now, server_default=NOW if now else None)
