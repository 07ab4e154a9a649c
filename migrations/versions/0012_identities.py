"""Who signs in at an issuer of OpenID Connect."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE identity (
        id UUID DEFAULT uuidv7() NOT NULL,
        account_id UUID NOT NULL,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        email TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_identity PRIMARY KEY (id),
        CONSTRAINT uq_identity_issuer_subject UNIQUE (issuer, subject),
        CONSTRAINT fk_identity_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_identity_account_id ON identity (account_id)",
    """
    CREATE TABLE oidc_flow (
        state_sha256 BYTEA NOT NULL,
        browser_sha256 BYTEA NOT NULL,
        issuer TEXT NOT NULL,
        place TEXT NOT NULL,
        account_id UUID,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_oidc_flow PRIMARY KEY (state_sha256),
        CONSTRAINT fk_oidc_flow_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_oidc_flow_expires_at ON oidc_flow (expires_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
