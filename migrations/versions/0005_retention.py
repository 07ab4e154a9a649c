"""Retention: how long ended runs are kept, which are kept for ever, and what was purged."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE run ADD COLUMN keep BOOLEAN DEFAULT false NOT NULL",
    # What retention may look at, oldest first: one orchestrator's ended runs that nobody pinned.
    """
    CREATE INDEX ix_run_ended ON run (orchestrator_id, finished_at, id) WHERE finished_at is not null and not keep
    """,
    """
    CREATE TABLE retention (
        orchestrator_id UUID NOT NULL,
        days INTEGER,
        runs INTEGER,
        updated_by TEXT NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_retention PRIMARY KEY (orchestrator_id),
        CONSTRAINT ck_retention_days CHECK (days > 0),
        CONSTRAINT ck_retention_runs CHECK (runs > 0),
        CONSTRAINT fk_retention_orchestrator_id FOREIGN KEY(orchestrator_id) REFERENCES orchestrator (id)
    )
    """,
    """
    CREATE TABLE purge (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        orchestrator_id UUID NOT NULL,
        runs INTEGER NOT NULL,
        archive TEXT,
        started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_purge PRIMARY KEY (id),
        CONSTRAINT fk_purge_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_purge_orchestrator_id FOREIGN KEY(orchestrator_id) REFERENCES orchestrator (id)
    )
    """,
    "CREATE INDEX ix_purge_workspace_id_id ON purge (workspace_id, id DESC)",
    # One row a duty: whoever has its lock does it, and it says when it is due again and how far it came.
    """
    CREATE TABLE duty (
        name TEXT NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        place JSONB,
        CONSTRAINT pk_duty PRIMARY KEY (name)
    )
    """,
    "INSERT INTO duty (name) VALUES ('purge')",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
