"""Connections say what their list leaves out and how old their secrets are; copies of previews can be compared by a column.

Additive. Of connections made before, the age of the secrets is not known.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE connection ADD COLUMN left_out JSONB DEFAULT '[]'::jsonb NOT NULL",
    "ALTER TABLE connection ADD COLUMN secrets_at TIMESTAMP WITH TIME ZONE",
    "ALTER TABLE connection ADD COLUMN secrets_expire_at TIMESTAMP WITH TIME ZONE",
    """
    ALTER TABLE remote_preview
        ADD COLUMN fingerprint TEXT GENERATED ALWAYS AS (data ->> 'fingerprint') STORED
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
