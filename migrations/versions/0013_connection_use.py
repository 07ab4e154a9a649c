"""From which role on a connection is put into drawings, and runs are started that use it."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE connection
        ADD COLUMN draw_role TEXT DEFAULT 'editor' NOT NULL,
        ADD COLUMN start_role TEXT DEFAULT 'operator' NOT NULL,
        ADD CONSTRAINT ck_connection_draw_role CHECK (draw_role in ('editor','admin')),
        ADD CONSTRAINT ck_connection_start_role CHECK (start_role in ('operator','editor','admin'))
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
