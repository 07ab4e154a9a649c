"""The tables of signing in at an issuer of OpenID Connect."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid

from runner.columns import at, id_, metadata

# Who an issuer's subject is here. Issuer and subject together are the identity; the e-mail is only what it last said.
identity = Table(
    "identity",
    metadata,
    id_(),
    Column("account_id", Uuid, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text),
    at("created_at", now=True),
    at("used_at", now=True),
    UniqueConstraint("issuer", "subject"),
)
Index(None, identity.c.account_id)

# A way to an issuer that a browser has begun. Taken by the first answer that fits, and never again.
# With an account: somebody who is signed in links what comes back to it.
oidc_flow = Table(
    "oidc_flow",
    metadata,
    Column("state_sha256", LargeBinary, primary_key=True),
    Column("browser_sha256", LargeBinary, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("account_id", Uuid, ForeignKey("account.id", ondelete="CASCADE")),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
Index(None, oidc_flow.c.expires_at)
