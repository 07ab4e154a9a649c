"""The tables of people: accounts, their membership of workspaces, and every credential. Part of `runner.tables`, which is what
to import.

Of every credential only a hash is kept, and each has an end. What a person may do stands in `membership` alone and is read
at each request.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from runner.columns import at, id_, metadata, workspace_of

_ROLE = "role in ('viewer','operator','editor','admin')"


def _account() -> Column[Any]:
    return Column("account_id", Uuid, ForeignKey("account.id", ondelete="CASCADE"), nullable=False)


def _expires() -> Column[Any]:
    return Column("expires_at", DateTime(timezone=True), nullable=False)


# A person. Without an e-mail address: the owner that a fresh installation begins with, or somebody who signs in elsewhere.
# `owner`: of the installation; may make workspaces.
account = Table(
    "account",
    metadata,
    id_(),
    Column("email", Text),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("owner", Boolean, nullable=False, server_default=text("false")),
    at("created_at", now=True),
    at("disabled_at"),
    UniqueConstraint("email"),
    CheckConstraint("email = lower(email) and email <> ''", name="email"),
)
Index("ix_account_nameless", account.c.name, unique=True, postgresql_where=text("email is null"))

membership = Table(
    "membership",
    metadata,
    workspace_of(),
    _account(),
    Column("role", Text, nullable=False),
    at("created_at", now=True),
    PrimaryKeyConstraint("workspace_id", "account_id"),
    CheckConstraint(_ROLE, name="role"),
)
Index(None, membership.c.account_id)

# With an account: personal, never more than that person has now. Without: of the workspace, for a program.
api_token = Table(
    "api_token",
    metadata,
    id_(),
    workspace_of(),
    Column("account_id", Uuid, ForeignKey("account.id", ondelete="CASCADE")),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("sha256", LargeBinary, unique=True),  # none once it is over
    Column("created_by", Text),
    at("created_at", now=True),
    at("last_used_at"),
    at("expires_at"),
    at("revoked_at"),
    CheckConstraint(_ROLE, name="role"),
)
Index("ix_api_token_account_id", api_token.c.account_id, postgresql_where=text("account_id is not null"))

# A sign-in code works once; the session it opens lives on the server, so signing out ends it.
sign_in_code = Table(
    "sign_in_code",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    workspace_of(),
    _account(),
    _expires(),
    at("used_at"),
)
Index(None, sign_in_code.c.account_id)

session = Table(
    "session",
    metadata,
    id_(),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    workspace_of(),
    _account(),
    Column("address", Text),
    Column("user_agent", Text),
    at("created_at", now=True),
    at("seen_at", now=True),
    _expires(),
)
Index(None, session.c.account_id)

# Who accepts it becomes a member. `used_at` is set in the same statement that finds it unused.
invitation = Table(
    "invitation",
    metadata,
    id_(),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    workspace_of(),
    Column("email", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    at("created_at", now=True),
    _expires(),
    at("used_at"),
    CheckConstraint(_ROLE, name="role"),
    CheckConstraint("email = lower(email) and email <> ''", name="email"),
)
Index(None, invitation.c.workspace_id, invitation.c.id)

password_reset = Table(
    "password_reset",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    _account(),
    _expires(),
    at("used_at"),
)
Index(None, password_reset.c.account_id)

# How often somebody tried to sign in, by a hash of the account's or the caller's name: nothing that was typed is kept.
# A try is allowed while `full_at`, to which each adds its share of a minute, is less than a minute's burst ahead.
sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("full_at", DateTime(timezone=True), nullable=False),
)
Index(None, sign_in_attempt.c.full_at)
