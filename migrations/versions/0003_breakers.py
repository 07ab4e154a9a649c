"""One breaker, its incidents and the places for calls of each connection; steps that are held for one.

Additive in this release.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE connection ADD COLUMN max_in_flight INTEGER",
    "ALTER TABLE connection ADD COLUMN max_per_minute INTEGER",
    "ALTER TABLE node_run ADD COLUMN held_for UUID",
    "ALTER TABLE node_run ADD COLUMN interrupted BOOLEAN DEFAULT false NOT NULL",
    """
    CREATE INDEX ix_node_run_held ON node_run (held_for, state, waiting_since)
        WHERE held_for IS NOT NULL AND work = 'parked'
    """,
    """
    CREATE TABLE breaker (
        connection_id UUID NOT NULL,
        state TEXT DEFAULT 'closed' NOT NULL,
        failures INTEGER DEFAULT 0 NOT NULL,
        window_at TIMESTAMP WITH TIME ZONE,
        calls INTEGER DEFAULT 0 NOT NULL,
        faults INTEGER DEFAULT 0 NOT NULL,
        opened_at TIMESTAMP WITH TIME ZONE,
        closed_at TIMESTAMP WITH TIME ZONE,
        probe_at TIMESTAMP WITH TIME ZONE,
        probes INTEGER DEFAULT 0 NOT NULL,
        prober UUID,
        probe_until TIMESTAMP WITH TIME ZONE,
        pause_until TIMESTAMP WITH TIME ZONE,
        paced_at TIMESTAMP WITH TIME ZONE,
        rated_at TIMESTAMP WITH TIME ZONE,
        cause TEXT,
        CONSTRAINT pk_breaker PRIMARY KEY (connection_id),
        CONSTRAINT ck_breaker_state CHECK (state in ('closed','open','half_open')),
        CONSTRAINT fk_breaker_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE connection_slot (
        connection_id UUID NOT NULL,
        number INTEGER NOT NULL,
        node_run_id UUID,
        epoch INTEGER,
        taken_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_connection_slot PRIMARY KEY (connection_id, number),
        CONSTRAINT fk_connection_slot_connection_id FOREIGN KEY(connection_id)
            REFERENCES connection (id) ON DELETE CASCADE
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE incident (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        connection_id UUID,
        provider TEXT NOT NULL,
        name TEXT NOT NULL,
        cause TEXT,
        opened_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        resolved_at TIMESTAMP WITH TIME ZONE,
        resolved_by TEXT,
        CONSTRAINT pk_incident PRIMARY KEY (id),
        CONSTRAINT fk_incident_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_incident_connection_id FOREIGN KEY(connection_id)
            REFERENCES connection (id) ON DELETE SET NULL
    )
    """,
    "CREATE UNIQUE INDEX ix_incident_open ON incident (connection_id) WHERE resolved_at IS NULL",
    "CREATE INDEX ix_incident_workspace_id_id ON incident (workspace_id, id DESC)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
