"""How a sender of a callback proves who it is.

Additive: waits made before take the token alone, incidents made before are outages.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE signing_secret (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        name TEXT NOT NULL,
        created_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        rotated_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_signing_secret PRIMARY KEY (id),
        CONSTRAINT fk_signing_secret_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT uq_signing_secret_workspace_id_name UNIQUE (workspace_id, name)
    )
    """,
    """
    CREATE TABLE signing_secret_version (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        secret_id UUID NOT NULL,
        sealed BYTEA NOT NULL,
        key_id TEXT NOT NULL,
        standard BOOLEAN NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_signing_secret_version PRIMARY KEY (id),
        CONSTRAINT fk_signing_secret_version_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_signing_secret_version_secret_id FOREIGN KEY(secret_id) REFERENCES signing_secret (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_signing_secret_version_secret_id ON signing_secret_version (secret_id)",
    """
    CREATE TABLE signed_message (
        secret_id UUID NOT NULL,
        sha256 BYTEA NOT NULL,
        node_run_id UUID NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_signed_message PRIMARY KEY (secret_id, sha256),
        CONSTRAINT fk_signed_message_secret_id FOREIGN KEY(secret_id) REFERENCES signing_secret (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_signed_message_seen_at ON signed_message (seen_at)",
    """
    CREATE TABLE wait_refusals (
        node_run_id UUID NOT NULL,
        total BIGINT NOT NULL,
        CONSTRAINT pk_wait_refusals PRIMARY KEY (node_run_id),
        CONSTRAINT fk_wait_refusals_node_run_id FOREIGN KEY(node_run_id) REFERENCES wait (node_run_id) ON DELETE CASCADE
    )
    """,
    "ALTER TABLE wait ADD COLUMN auth JSONB",
    "ALTER TABLE callback_audit ADD COLUMN refusal TEXT",
    "CREATE INDEX ix_callback_audit_refused ON callback_audit (node_run_id, id) WHERE verdict = 'refused'",
    "ALTER TABLE incident ADD COLUMN kind TEXT DEFAULT 'outage' NOT NULL",
    "ALTER TABLE incident ADD COLUMN about TEXT",
    "ALTER TABLE incident ADD COLUMN seen_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE incident ADD CONSTRAINT ck_incident_kind CHECK (kind in ('outage','callbacks'))",
    """
    CREATE UNIQUE INDEX ix_incident_about ON incident (workspace_id, about)
        WHERE resolved_at IS NULL AND about IS NOT NULL
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
