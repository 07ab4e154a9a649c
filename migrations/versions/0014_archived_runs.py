"""Runs that people put away, and an index for the runs that one person started."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE run
        ADD COLUMN archived_at TIMESTAMP WITH TIME ZONE,
        ADD CONSTRAINT ck_run_archived CHECK (archived_at is null or finished_at is not null)
    """,
    # What is listed stands together in each index, in its order: however much is archived, a page is read from one end.
    "DROP INDEX ix_run_workspace_id_id",
    "DROP INDEX ix_run_workspace_id_state_id",
    "CREATE INDEX ix_run_workspace_id_archived_at_id ON run (workspace_id, archived_at, id DESC)",
    "CREATE INDEX ix_run_workspace_id_state_archived_at_id ON run (workspace_id, state, archived_at, id DESC)",
    "CREATE INDEX ix_run_workspace_id_trigger_by_archived_at_id ON run (workspace_id, trigger_by, archived_at, id DESC)",
    "CREATE INDEX ix_run_archived ON run (workspace_id, id DESC) WHERE archived_at is not null",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
