"""Callbacks say who sent them: address, person and reason; those with an unknown token are kept for their run.

Additive in this release; what it replaces is removed one release later.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE callback_audit ADD COLUMN run_id UUID",
    "ALTER TABLE callback_audit ADD COLUMN sender TEXT",
    "ALTER TABLE callback_audit ADD COLUMN by TEXT",
    "ALTER TABLE callback_audit ADD COLUMN reason TEXT",
    "ALTER TABLE callback_audit ADD COLUMN early BOOLEAN DEFAULT false NOT NULL",
    "ALTER TABLE callback_audit ALTER COLUMN node_run_id DROP NOT NULL",
    # History is append-only; what it means is not changed here.
    "ALTER TABLE callback_audit DISABLE TRIGGER append_only",
    "UPDATE callback_audit a SET run_id = w.run_id FROM wait w WHERE w.node_run_id = a.node_run_id",
    "ALTER TABLE callback_audit ENABLE TRIGGER append_only",
    "ALTER TABLE callback_audit ALTER COLUMN run_id SET NOT NULL",
    """
    ALTER TABLE callback_audit ADD CONSTRAINT fk_callback_audit_run_id
        FOREIGN KEY (run_id) REFERENCES run (id) ON DELETE CASCADE
    """,
    "CREATE INDEX ix_callback_audit_run_id_id ON callback_audit (run_id, id)",
    "CREATE INDEX ix_callback_audit_unknown ON callback_audit (run_id, id) WHERE verdict = 'unknown'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
