"""The first schema: every table, and the guards of history and of final states."""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Postgres 18 has uuidv7(); older servers get one of the same layout (RFC 9562 §5.7).
UUIDV7 = """
DO $do$ BEGIN
    IF to_regprocedure('uuidv7()') IS NULL THEN
        CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $fn$
            SELECT encode(
                set_bit(set_bit(
                    overlay(uuid_send(gen_random_uuid()) PLACING
                        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
                    52, 1), 53, 1),
                'hex')::uuid
        $fn$;
    END IF;
END $do$
"""

TABLES = (
    """
    CREATE TABLE vault_key (
        key_id TEXT NOT NULL,
        fingerprint BYTEA NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_vault_key PRIMARY KEY (key_id)
    )
    """,
    """
    CREATE TABLE workspace (
        id UUID DEFAULT uuidv7() NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_workspace PRIMARY KEY (id),
        CONSTRAINT uq_workspace_name UNIQUE (name)
    )
    """,
    """
    CREATE TABLE api_token (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        sha256 BYTEA NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        last_used_at TIMESTAMP WITH TIME ZONE,
        expires_at TIMESTAMP WITH TIME ZONE,
        revoked_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_api_token PRIMARY KEY (id),
        CONSTRAINT ck_api_token_role CHECK (role in ('viewer','operator','editor','admin')),
        CONSTRAINT fk_api_token_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT uq_api_token_sha256 UNIQUE (sha256)
    )
    """,
    """
    CREATE TABLE connection (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        provider TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT DEFAULT 'ACTIVE' NOT NULL,
        base_url TEXT NOT NULL,
        public JSONB DEFAULT '{}'::jsonb NOT NULL,
        sealed BYTEA,
        key_id TEXT,
        allow_private_network BOOLEAN DEFAULT false NOT NULL,
        account TEXT,
        workflow_count INTEGER,
        last_sync_at TIMESTAMP WITH TIME ZONE,
        last_checked_at TIMESTAMP WITH TIME ZONE,
        last_error JSONB,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_connection PRIMARY KEY (id),
        CONSTRAINT uq_connection_workspace_id_provider_name UNIQUE (workspace_id, provider, name),
        CONSTRAINT ck_connection_status CHECK (status in ('ACTIVE','INACTIVE','FAILING')),
        CONSTRAINT fk_connection_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    """
    CREATE TABLE idempotency (
        workspace_id UUID NOT NULL,
        operation TEXT NOT NULL,
        key TEXT NOT NULL,
        request_sha256 BYTEA NOT NULL,
        result_id UUID NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_idempotency PRIMARY KEY (workspace_id, operation, key),
        CONSTRAINT fk_idempotency_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    """
    CREATE INDEX ix_idempotency_created_at ON idempotency (created_at)
    """,
    """
    CREATE TABLE orchestrator (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        name TEXT NOT NULL,
        description TEXT DEFAULT '' NOT NULL,
        revision INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        deleted_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_orchestrator PRIMARY KEY (id),
        CONSTRAINT fk_orchestrator_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    """
    CREATE INDEX ix_orchestrator_workspace_id_id ON orchestrator (workspace_id, id)
    """,
    """
    CREATE TABLE session (
        sha256 BYTEA NOT NULL,
        workspace_id UUID NOT NULL,
        role TEXT NOT NULL,
        subject TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_session PRIMARY KEY (sha256),
        CONSTRAINT fk_session_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    """
    CREATE TABLE sign_in_code (
        sha256 BYTEA NOT NULL,
        workspace_id UUID NOT NULL,
        role TEXT NOT NULL,
        subject TEXT NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_sign_in_code PRIMARY KEY (sha256),
        CONSTRAINT fk_sign_in_code_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    """
    CREATE TABLE orchestrator_revision (
        orchestrator_id UUID NOT NULL,
        revision INTEGER NOT NULL,
        definition JSONB NOT NULL,
        created_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_orchestrator_revision PRIMARY KEY (orchestrator_id, revision),
        CONSTRAINT fk_orchestrator_revision_orchestrator_id FOREIGN KEY(orchestrator_id) REFERENCES orchestrator (id)
    )
    """,
    """
    CREATE TABLE remote_preview (
        connection_id UUID NOT NULL,
        remote_id TEXT NOT NULL,
        data JSONB NOT NULL,
        fetched_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_remote_preview PRIMARY KEY (connection_id, remote_id),
        CONSTRAINT fk_remote_preview_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE remote_workflow (
        connection_id UUID NOT NULL,
        remote_id TEXT NOT NULL,
        name TEXT NOT NULL,
        active BOOLEAN NOT NULL,
        data JSONB NOT NULL,
        CONSTRAINT pk_remote_workflow PRIMARY KEY (connection_id, remote_id),
        CONSTRAINT fk_remote_workflow_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE run (
        id UUID DEFAULT uuidv7() NOT NULL,
        workspace_id UUID NOT NULL,
        orchestrator_id UUID NOT NULL,
        revision INTEGER NOT NULL,
        number BIGINT GENERATED BY DEFAULT AS IDENTITY,
        state TEXT NOT NULL,
        inputs JSONB NOT NULL,
        output JSONB,
        error JSONB,
        trigger_kind TEXT NOT NULL,
        trigger_by TEXT NOT NULL,
        labels JSONB DEFAULT '{}'::jsonb NOT NULL,
        retry_of UUID,
        parent_node_run_id UUID,
        depth INTEGER DEFAULT '0' NOT NULL,
        sealed_seed BYTEA,
        key_id TEXT,
        event_seq BIGINT DEFAULT '0' NOT NULL,
        providers JSONB DEFAULT '[]'::jsonb NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_run PRIMARY KEY (id),
        CONSTRAINT fk_run_orchestrator_id_revision FOREIGN KEY(orchestrator_id, revision) REFERENCES orchestrator_revision (orchestrator_id, revision),
        CONSTRAINT fk_run_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    """
    CREATE INDEX ix_run_labels ON run USING gin (labels)
    """,
    """
    CREATE INDEX ix_run_orchestrator_id_id ON run (orchestrator_id, id DESC)
    """,
    """
    CREATE UNIQUE INDEX ix_run_parent_node_run_id ON run (parent_node_run_id)
    """,
    """
    CREATE INDEX ix_run_workspace_id_id ON run (workspace_id, id DESC)
    """,
    """
    CREATE INDEX ix_run_workspace_id_state_id ON run (workspace_id, state, id DESC)
    """,
    """
    CREATE TABLE node_run (
        id UUID DEFAULT uuidv7() NOT NULL,
        run_id UUID NOT NULL,
        node_id TEXT NOT NULL,
        type TEXT NOT NULL,
        label TEXT NOT NULL,
        limit_seconds DOUBLE PRECISION,
        state TEXT DEFAULT 'PENDING' NOT NULL,
        work TEXT DEFAULT 'idle' NOT NULL,
        epoch INTEGER DEFAULT '0' NOT NULL,
        attempt INTEGER DEFAULT '0' NOT NULL,
        takeovers INTEGER DEFAULT '0' NOT NULL,
        reused BOOLEAN DEFAULT false NOT NULL,
        fresh BOOLEAN DEFAULT true NOT NULL,
        memo JSONB,
        signal JSONB,
        due_at TIMESTAMP WITH TIME ZONE,
        lease_until TIMESTAMP WITH TIME ZONE,
        deadline_at TIMESTAMP WITH TIME ZONE,
        input JSONB,
        output JSONB,
        port TEXT,
        error JSONB,
        remote JSONB,
        waiting JSONB,
        waiting_since TIMESTAMP WITH TIME ZONE,
        started_at TIMESTAMP WITH TIME ZONE,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_node_run PRIMARY KEY (id),
        CONSTRAINT uq_node_run_run_id_node_id UNIQUE (run_id, node_id),
        CONSTRAINT ck_node_run_work CHECK (work in ('idle','ready','leased','parked','stopping','ended')),
        CONSTRAINT fk_node_run_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE INDEX ix_node_run_due ON node_run (due_at) WHERE due_at is not null
    """,
    """
    CREATE INDEX ix_node_run_leased ON node_run (lease_until) WHERE work in ('leased','ready')
    """,
    """
    CREATE TABLE run_event (
        run_id UUID NOT NULL,
        seq BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        kind TEXT NOT NULL,
        level TEXT DEFAULT 'info' NOT NULL,
        node_id TEXT,
        source TEXT DEFAULT 'baton' NOT NULL,
        message TEXT NOT NULL,
        data JSONB,
        CONSTRAINT pk_run_event PRIMARY KEY (run_id, seq),
        CONSTRAINT fk_run_event_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE node_attempt (
        node_run_id UUID NOT NULL,
        attempt INTEGER NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        outcome TEXT,
        error JSONB,
        exchanges JSONB DEFAULT '[]'::jsonb NOT NULL,
        CONSTRAINT pk_node_attempt PRIMARY KEY (node_run_id, attempt),
        CONSTRAINT fk_node_attempt_node_run_id FOREIGN KEY(node_run_id) REFERENCES node_run (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE wait (
        node_run_id UUID NOT NULL,
        workspace_id UUID NOT NULL,
        run_id UUID NOT NULL,
        token_sha256 BYTEA NOT NULL,
        state TEXT DEFAULT 'armed' NOT NULL,
        schema JSONB,
        deadline_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_wait PRIMARY KEY (node_run_id),
        CONSTRAINT ck_wait_state CHECK (state in ('armed','parked','resumed','expired','cancelled')),
        CONSTRAINT fk_wait_node_run_id FOREIGN KEY(node_run_id) REFERENCES node_run (id) ON DELETE CASCADE,
        CONSTRAINT fk_wait_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_wait_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
        CONSTRAINT uq_wait_token_sha256 UNIQUE (token_sha256)
    )
    """,
    """
    CREATE INDEX ix_wait_run_id ON wait (run_id)
    """,
    """
    CREATE TABLE callback (
        node_run_id UUID NOT NULL,
        body JSONB NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_callback PRIMARY KEY (node_run_id),
        CONSTRAINT fk_callback_node_run_id FOREIGN KEY(node_run_id) REFERENCES wait (node_run_id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE callback_audit (
        id BIGSERIAL NOT NULL,
        node_run_id UUID NOT NULL,
        verdict TEXT NOT NULL,
        body JSONB,
        received_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_callback_audit PRIMARY KEY (id),
        CONSTRAINT fk_callback_audit_node_run_id FOREIGN KEY(node_run_id) REFERENCES wait (node_run_id) ON DELETE CASCADE
    )
    """,
    """
    CREATE INDEX ix_callback_audit_node_run_id ON callback_audit (node_run_id)
    """,
)

GUARDS = (
    # History is append-only (G16). Retention sets baton.purge for its own transaction.
    """
    CREATE FUNCTION baton_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' AND current_setting('baton.purge', true) = 'on' THEN RETURN OLD; END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON run_event FOR EACH ROW EXECUTE FUNCTION baton_append_only()",
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON callback FOR EACH ROW EXECUTE FUNCTION baton_append_only()",
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON callback_audit FOR EACH ROW EXECUTE FUNCTION baton_append_only()",
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON orchestrator_revision FOR EACH ROW EXECUTE FUNCTION baton_append_only()",
    """
    CREATE FUNCTION baton_attempt_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' AND current_setting('baton.purge', true) = 'on' THEN RETURN OLD; END IF;
        IF TG_OP = 'DELETE' OR OLD.finished_at IS NOT NULL THEN
            RAISE EXCEPTION 'a finished attempt is history' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER attempt_closed BEFORE UPDATE OR DELETE ON node_attempt FOR EACH ROW EXECUTE FUNCTION baton_attempt_closed()",
    # Final states are final (G9).
    """
    CREATE FUNCTION baton_final_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF OLD.state IN ('COMPLETED','FAILED','TIMED_OUT','CANCELLED','SKIPPED') AND NEW.state IS DISTINCT FROM OLD.state THEN
            RAISE EXCEPTION '% % is %: final', TG_TABLE_NAME, OLD.id, OLD.state USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER final_state BEFORE UPDATE OF state ON run FOR EACH ROW EXECUTE FUNCTION baton_final_state()",
    "CREATE TRIGGER final_state BEFORE UPDATE OF state ON node_run FOR EACH ROW EXECUTE FUNCTION baton_final_state()",
)


def upgrade() -> None:
    op.execute(text(UUIDV7.replace(":", r"\:")))
    for statement in (*TABLES, *GUARDS):
        op.execute(text(statement.replace(":", r"\:")))
    op.execute("INSERT INTO workspace (name) VALUES ('default')")


def downgrade() -> None:
    raise RuntimeError("the first schema has nothing before it: restore a backup instead")
