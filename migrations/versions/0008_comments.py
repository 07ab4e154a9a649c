"""Comments on a drawing, and who has it open."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE comment (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        orchestrator_id UUID NOT NULL,
        thread_id UUID,
        node_id TEXT,
        x DOUBLE PRECISION,
        y DOUBLE PRECISION,
        text TEXT NOT NULL,
        created_by TEXT NOT NULL,
        account_id UUID,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        edited_at TIMESTAMP WITH TIME ZONE,
        resolved_by TEXT,
        resolved_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_comment PRIMARY KEY (id),
        CONSTRAINT fk_comment_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_comment_orchestrator_id FOREIGN KEY(orchestrator_id) REFERENCES orchestrator (id) ON DELETE CASCADE,
        CONSTRAINT fk_comment_thread_id FOREIGN KEY(thread_id) REFERENCES comment (id) ON DELETE CASCADE,
        CONSTRAINT ck_comment_place CHECK ((x is null) = (y is null) and (node_id is null or x is null)),
        CONSTRAINT ck_comment_answer CHECK (thread_id is null or (node_id is null and x is null and resolved_at is null))
    )
    """,
    "CREATE INDEX ix_comment_orchestrator_id_id ON comment (orchestrator_id, id)",
    "CREATE INDEX ix_comment_thread_id_id ON comment (thread_id, id)",
    # The lock of an orchestrator's comments, and how often they changed.
    """
    CREATE TABLE discussion (
        orchestrator_id UUID NOT NULL,
        changes BIGINT DEFAULT 1 NOT NULL,
        CONSTRAINT pk_discussion PRIMARY KEY (orchestrator_id),
        CONSTRAINT fk_discussion_orchestrator_id FOREIGN KEY(orchestrator_id) REFERENCES orchestrator (id)
            ON DELETE CASCADE
    )
    """,
    # Who is here now is not worth a log for recovery: a crash of the database ends every stream in any case.
    """
    CREATE UNLOGGED TABLE presence (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        orchestrator_id UUID NOT NULL,
        subject TEXT NOT NULL,
        selected JSONB DEFAULT '[]'::jsonb NOT NULL,
        until TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_presence PRIMARY KEY (id),
        CONSTRAINT fk_presence_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_presence_orchestrator_id FOREIGN KEY(orchestrator_id) REFERENCES orchestrator (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_presence_orchestrator_id ON presence (orchestrator_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
