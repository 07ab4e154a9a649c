"""The tables of senders that prove who they are. Part of `runner.tables`, which is what to import."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from runner.columns import at, id_, metadata, workspace_of

signing_secret = Table(
    "signing_secret",
    metadata,
    id_(),
    workspace_of(),
    Column("name", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    at("created_at", now=True),
    at("rotated_at"),
    UniqueConstraint("workspace_id", "name"),
)

# Its values: the newest, and the one before it as long as both count.
signing_secret_version = Table(
    "signing_secret_version",
    metadata,
    id_(),
    workspace_of(),
    Column("secret_id", Uuid, ForeignKey("signing_secret.id", ondelete="CASCADE"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("standard", Boolean, nullable=False),  # it suits Standard Webhooks
    at("created_at", now=True),
    at("expires_at"),
)
Index(None, signing_secret_version.c.secret_id)

# Signed messages that were taken, by what tells them apart, and by which wait; remembered for a day.
signed_message = Table(
    "signed_message",
    metadata,
    Column("secret_id", Uuid, ForeignKey("signing_secret.id", ondelete="CASCADE"), nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("node_run_id", Uuid, nullable=False),
    at("seen_at", now=True),
    PrimaryKeyConstraint("secret_id", "sha256"),
)
Index(None, signed_message.c.seen_at)

# How many calls for a wait were refused, those that were not written down included.
wait_refusals = Table(
    "wait_refusals",
    metadata,
    Column("node_run_id", Uuid, ForeignKey("wait.node_run_id", ondelete="CASCADE"), primary_key=True),
    Column("total", BigInteger, nullable=False),
)
