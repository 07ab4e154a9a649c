"""The tables of the audit log and of the rules that mask payloads. Part of `runner.tables`, which is what to import."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from runner.columns import at, id_, metadata, workspace_of

# Append-only, by a trigger. No foreign keys: what a line is about may be gone, and the line stays. Read by workspace in the
# order of ids, which is that of time, so one index serves the list and its retention. `fields` are names, never values.
audit = Table(
    "audit",
    metadata,
    Column("workspace_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False, server_default=text("uuidv7()")),
    at("at", now=True),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text),
    Column("object_name", Text),
    Column("fields", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("reason", Text),
    Column(
        "address", Text
    ),  # "cli": a command on the server's machine; None: Baton itself, later, on somebody's behalf
    Column("request_id", Text),
    PrimaryKeyConstraint("workspace_id", "id"),
)
Index("ix_audit_object", audit.c.workspace_id, audit.c.object_id, audit.c.id)

# One row for a workspace that ever had a rule. `version` grows with every change, so that what was compiled is known to be old.
redaction = Table(
    "redaction",
    metadata,
    Column("workspace_id", Uuid, ForeignKey("workspace.id"), primary_key=True),
    Column("version", Integer, nullable=False, server_default="0"),
    Column("reveal_role", Text, nullable=False, server_default="admin"),
    CheckConstraint("reveal_role in ('operator','editor','admin')", name="reveal_role"),
)

# `value`: a path, the name of a preset, or a pattern of RE2. Without an orchestrator it holds for all of the workspace.
redaction_rule = Table(
    "redaction_rule",
    metadata,
    id_(),
    workspace_of(),
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id")),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("store", Boolean, nullable=False, server_default=text("true")),
    Column("created_by", Text, nullable=False),
    at("created_at", now=True),
    CheckConstraint("kind in ('path','preset','pattern')", name="kind"),
)
Index(None, redaction_rule.c.workspace_id, redaction_rule.c.id)
