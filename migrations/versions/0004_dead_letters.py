"""Dead letters: what could not be finished, and acts on many of them that outlive the process that does them.

Additive: a run also keeps the inputs that a person gave to its nodes.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE run ADD COLUMN node_inputs JSONB DEFAULT '{}'::jsonb NOT NULL",
    """
    CREATE TABLE dead_letter (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        orchestrator_id UUID NOT NULL,
        run_id UUID NOT NULL,
        revision INTEGER NOT NULL,
        node_run_id UUID NOT NULL,
        node_id TEXT NOT NULL,
        node_label TEXT NOT NULL,
        callback_id BIGINT,
        provider TEXT,
        connection_id UUID,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        state TEXT DEFAULT 'open' NOT NULL,
        replay_run_id UUID,
        by TEXT,
        reason TEXT,
        acted_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_dead_letter PRIMARY KEY (id),
        CONSTRAINT uq_dead_letter_callback_id_node_run_id UNIQUE NULLS NOT DISTINCT (callback_id, node_run_id),
        CONSTRAINT ck_dead_letter_state CHECK (state in ('open','replaying','resolved','superseded','dropped')),
        CONSTRAINT fk_dead_letter_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_dead_letter_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_dead_letter_workspace_id_id ON dead_letter (workspace_id, id DESC)",
    "CREATE INDEX ix_dead_letter_open ON dead_letter (workspace_id, id) WHERE state in ('open','replaying')",
    "CREATE INDEX ix_dead_letter_run_id ON dead_letter (run_id)",
    "CREATE INDEX ix_dead_letter_replay_run_id ON dead_letter (replay_run_id) WHERE replay_run_id is not null",
    """
    CREATE TABLE dead_letter_bulk (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        act TEXT NOT NULL,
        filter JSONB NOT NULL,
        latest BOOLEAN NOT NULL,
        acknowledged BOOLEAN NOT NULL,
        by TEXT NOT NULL,
        reason TEXT NOT NULL,
        upto UUID NOT NULL,
        position UUID,
        matching INTEGER NOT NULL,
        done INTEGER DEFAULT '0' NOT NULL,
        left_open INTEGER DEFAULT '0' NOT NULL,
        problems JSONB DEFAULT '[]'::jsonb NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_dead_letter_bulk PRIMARY KEY (id),
        CONSTRAINT ck_dead_letter_bulk_act CHECK (act in ('replay','drop')),
        CONSTRAINT fk_dead_letter_bulk_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    "CREATE INDEX ix_dead_letter_bulk_open ON dead_letter_bulk (id) WHERE finished_at is null",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
