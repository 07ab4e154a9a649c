"""The tables of upkeep: dead letters, retention, and who does such work. Part of `runner.tables`, which is what to import."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from runner.columns import at, id_, metadata, workspace_of

# --- what could not be finished --------------------------------------------------------------------------------------

# Refers to the failed node's row, or to a callback that nobody took: payload and cause stand there, once.
#   open -> replaying (a new run has it) -> resolved, or superseded by the letter of that run; open -> dropped.
dead_letter = Table(
    "dead_letter",
    metadata,
    id_(),
    workspace_of(),
    Column("orchestrator_id", Uuid, nullable=False),
    Column("run_id", Uuid, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("node_run_id", Uuid, nullable=False),
    Column("node_id", Text, nullable=False),
    Column("node_label", Text, nullable=False),
    Column("callback_id", BigInteger),  # None: it is of the node itself
    Column("provider", Text),
    Column("connection_id", Uuid),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("replay_run_id", Uuid),
    Column("by", Text),
    Column("reason", Text),
    at("acted_at"),
    at("created_at", now=True),
    UniqueConstraint("callback_id", "node_run_id", postgresql_nulls_not_distinct=True),
    CheckConstraint("state in ('open','replaying','resolved','superseded','dropped')", name="state"),
)
Index(None, dead_letter.c.workspace_id, dead_letter.c.id.desc())
Index(
    "ix_dead_letter_open",
    dead_letter.c.workspace_id,
    dead_letter.c.id,
    postgresql_where=text("state in ('open','replaying')"),
)
Index(None, dead_letter.c.run_id)
Index(
    "ix_dead_letter_replay_run_id",
    dead_letter.c.replay_run_id,
    postgresql_where=text("replay_run_id is not null"),
)

# One act on many letters: those up to `upto` that match, in order; `position` is the last one dealt with.
dead_letter_bulk = Table(
    "dead_letter_bulk",
    metadata,
    id_(),
    workspace_of(),
    Column("act", Text, nullable=False),
    Column("filter", JSONB, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("upto", Uuid, nullable=False),
    Column("position", Uuid),
    Column("matching", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("left_open", Integer, nullable=False, server_default="0"),
    Column("problems", JSONB, nullable=False, server_default=text("'[]'::jsonb")),  # the first few, with why
    at("created_at", now=True),
    at("finished_at"),
    CheckConstraint("act in ('replay','drop')", name="act"),
)
Index("ix_dead_letter_bulk_open", dead_letter_bulk.c.id, postgresql_where=text("finished_at is null"))

# --- retention -------------------------------------------------------------------------------------------------------

# An orchestrator without a row has the server's default; null is for ever.
retention = Table(
    "retention",
    metadata,
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id"), primary_key=True),
    Column("days", Integer),
    Column("runs", Integer),
    Column("updated_by", Text, nullable=False),
    at("updated_at", now=True),
    CheckConstraint("days > 0", name="days"),
    CheckConstraint("runs > 0", name="runs"),
)

# What was purged, one row for each time that retention came to an orchestrator and found something.
purge = Table(
    "purge",
    metadata,
    id_(),
    workspace_of(),
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id"), nullable=False),
    Column("runs", Integer, nullable=False),
    Column("archive", Text),  # the folder, None where none was set
    at("started_at", now=True),
    at("updated_at", now=True),
)
Index(None, purge.c.workspace_id, purge.c.id.desc())

# Work that one process at a time does: whoever has the row's lock. `place` says how far it came.
duty = Table(
    "duty",
    metadata,
    Column("name", Text, primary_key=True),
    at("due_at", now=True),
    Column("place", JSONB(none_as_null=True)),
)
