"""The audit log, and what is left out of payloads."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE audit (
        workspace_id UUID NOT NULL,
        id UUID DEFAULT uuidv7() NOT NULL,
        at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        by TEXT NOT NULL,
        action TEXT NOT NULL,
        object_kind TEXT NOT NULL,
        object_id TEXT,
        object_name TEXT,
        fields JSONB DEFAULT '[]'::jsonb NOT NULL,
        reason TEXT,
        address TEXT,
        request_id TEXT,
        CONSTRAINT pk_audit PRIMARY KEY (workspace_id, id)
    )
    """,
    "CREATE INDEX ix_audit_object ON audit (workspace_id, object_id, id)",
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION baton_append_only()",
    "CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION baton_append_only()",
    """
    CREATE TABLE redaction (
        workspace_id UUID NOT NULL,
        version INTEGER DEFAULT '0' NOT NULL,
        reveal_role TEXT DEFAULT 'admin' NOT NULL,
        CONSTRAINT pk_redaction PRIMARY KEY (workspace_id),
        CONSTRAINT fk_redaction_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT ck_redaction_reveal_role CHECK (reveal_role in ('operator','editor','admin'))
    )
    """,
    """
    CREATE TABLE redaction_rule (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        orchestrator_id UUID,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        store BOOLEAN DEFAULT true NOT NULL,
        created_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_redaction_rule PRIMARY KEY (id),
        CONSTRAINT fk_redaction_rule_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_redaction_rule_orchestrator_id FOREIGN KEY(orchestrator_id) REFERENCES orchestrator (id),
        CONSTRAINT ck_redaction_rule_kind CHECK (kind in ('path','preset','pattern'))
    )
    """,
    "CREATE INDEX ix_redaction_rule_workspace_id_id ON redaction_rule (workspace_id, id)",
    "INSERT INTO duty (name) VALUES ('audit')",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
