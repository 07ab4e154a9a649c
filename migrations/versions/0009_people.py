"""Accounts, memberships, their sessions, invitations and resets.

Who had a session or an unused code keeps it: each subject becomes an account without a password, a member of its workspace
with the highest role it had there. Tokens stay as they are, of their workspace.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ROLE = "CHECK (role in ('viewer','operator','editor','admin'))"
_TIME = "TIMESTAMP WITH TIME ZONE"
_CREATED = f"created_at {_TIME} DEFAULT clock_timestamp() NOT NULL"
_OLD = "(SELECT workspace_id, subject, role FROM session UNION ALL SELECT workspace_id, subject, role FROM sign_in_code) old"

STATEMENTS: tuple[str, ...] = (
    f"""
    CREATE TABLE account (
        id UUID DEFAULT uuidv7() NOT NULL,
        email TEXT,
        name TEXT NOT NULL,
        password_hash TEXT,
        owner BOOLEAN DEFAULT false NOT NULL,
        {_CREATED},
        disabled_at {_TIME},
        CONSTRAINT pk_account PRIMARY KEY (id),
        CONSTRAINT uq_account_email UNIQUE (email),
        CONSTRAINT ck_account_email CHECK (email = lower(email) and email <> '')
    )
    """,
    "CREATE UNIQUE INDEX ix_account_nameless ON account (name) WHERE email is null",
    f"""
    CREATE TABLE membership (
        workspace_id UUID NOT NULL,
        account_id UUID NOT NULL,
        role TEXT NOT NULL,
        {_CREATED},
        CONSTRAINT pk_membership PRIMARY KEY (workspace_id, account_id),
        CONSTRAINT ck_membership_role {_ROLE},
        CONSTRAINT fk_membership_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id),
        CONSTRAINT fk_membership_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_membership_account_id ON membership (account_id)",
    f"INSERT INTO account (name, owner) SELECT DISTINCT subject, subject = 'owner' FROM {_OLD}",
    f"""
    INSERT INTO membership (workspace_id, account_id, role)
    SELECT DISTINCT ON (old.workspace_id, a.id) old.workspace_id, a.id, old.role
    FROM {_OLD} JOIN account a ON a.name = old.subject
    ORDER BY old.workspace_id, a.id, array_position(ARRAY['admin', 'editor', 'operator', 'viewer'], old.role)
    """,
    """
    ALTER TABLE api_token ADD COLUMN account_id UUID, ADD COLUMN created_by TEXT,
        ADD CONSTRAINT fk_api_token_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
    """,
    "CREATE INDEX ix_api_token_account_id ON api_token (account_id) WHERE account_id is not null",
    "ALTER TABLE sign_in_code ADD COLUMN account_id UUID",
    "UPDATE sign_in_code s SET account_id = a.id FROM account a WHERE a.name = s.subject",
    """
    ALTER TABLE sign_in_code ALTER account_id SET NOT NULL, DROP COLUMN role, DROP COLUMN subject,
        ADD CONSTRAINT fk_sign_in_code_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
    """,
    "CREATE INDEX ix_sign_in_code_account_id ON sign_in_code (account_id)",
    """
    ALTER TABLE session ADD COLUMN id UUID DEFAULT uuidv7() NOT NULL, ADD COLUMN account_id UUID,
        ADD COLUMN address TEXT, ADD COLUMN user_agent TEXT
    """,
    "UPDATE session s SET account_id = a.id FROM account a WHERE a.name = s.subject",
    """
    ALTER TABLE session ALTER account_id SET NOT NULL, DROP COLUMN role, DROP COLUMN subject,
        DROP CONSTRAINT pk_session, ADD CONSTRAINT pk_session PRIMARY KEY (id),
        ADD CONSTRAINT uq_session_sha256 UNIQUE (sha256),
        ADD CONSTRAINT fk_session_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
    """,
    "CREATE INDEX ix_session_account_id ON session (account_id)",
    f"""
    CREATE TABLE invitation (
        id UUID DEFAULT uuidv7() NOT NULL,
        sha256 BYTEA NOT NULL,
        workspace_id UUID NOT NULL,
        email TEXT NOT NULL,
        role TEXT NOT NULL,
        created_by TEXT NOT NULL,
        {_CREATED},
        expires_at {_TIME} NOT NULL,
        used_at {_TIME},
        CONSTRAINT pk_invitation PRIMARY KEY (id),
        CONSTRAINT uq_invitation_sha256 UNIQUE (sha256),
        CONSTRAINT ck_invitation_role {_ROLE},
        CONSTRAINT ck_invitation_email CHECK (email = lower(email) and email <> ''),
        CONSTRAINT fk_invitation_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspace (id)
    )
    """,
    "CREATE INDEX ix_invitation_workspace_id_id ON invitation (workspace_id, id)",
    f"""
    CREATE TABLE password_reset (
        sha256 BYTEA NOT NULL,
        account_id UUID NOT NULL,
        expires_at {_TIME} NOT NULL,
        used_at {_TIME},
        CONSTRAINT pk_password_reset PRIMARY KEY (sha256),
        CONSTRAINT fk_password_reset_account_id FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_password_reset_account_id ON password_reset (account_id)",
    f"""
    CREATE TABLE sign_in_attempt (
        key BYTEA NOT NULL,
        full_at {_TIME} NOT NULL,
        CONSTRAINT pk_sign_in_attempt PRIMARY KEY (key)
    )
    """,
    "CREATE INDEX ix_sign_in_attempt_full_at ON sign_in_attempt (full_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
