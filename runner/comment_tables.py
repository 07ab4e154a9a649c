"""The tables of people who draw together: comments, and who has a drawing open. Part of `runner.tables`, which is what to import."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from runner.columns import at, id_, metadata, workspace_of

# What people say about a drawing; no part of its definition. A thread is the comment that began it (`thread_id` null), which
# alone says where it is and whether it is resolved, and the answers to it. `node_id` may name a node that is gone.
comment = Table(
    "comment",
    metadata,
    id_(),
    workspace_of(),
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id", ondelete="CASCADE"), nullable=False),
    Column("thread_id", Uuid, ForeignKey("comment.id", ondelete="CASCADE")),
    Column("node_id", Text),
    Column("x", Double),
    Column("y", Double),
    Column("text", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("account_id", Uuid),  # whose it is: a name may pass to another; None: a program's, or of a command
    at("created_at", now=True),
    at("edited_at"),
    Column("resolved_by", Text),
    at("resolved_at"),
    CheckConstraint("(x is null) = (y is null) and (node_id is null or x is null)", name="place"),
    CheckConstraint(
        "thread_id is null or (node_id is null and x is null and resolved_at is null)", name="answer"
    ),
)
Index(None, comment.c.orchestrator_id, comment.c.id)
Index(None, comment.c.thread_id, comment.c.id)

# One row for each orchestrator that was ever commented on: the lock of its comments, and how often they changed.
discussion = Table(
    "discussion",
    metadata,
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id", ondelete="CASCADE"), primary_key=True),
    Column("changes", BigInteger, nullable=False, server_default="1"),
)

# A drawing open in one tab, for as long as the tab says so: see `runner.store.presence`. Not worth a log for recovery.
presence = Table(
    "presence",
    metadata,
    id_(),
    workspace_of(),
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id", ondelete="CASCADE"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("selected", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("until", DateTime(timezone=True), nullable=False),
    prefixes=["UNLOGGED"],
)
Index(None, presence.c.orchestrator_id)
