"""The second wall between workspaces: to any role but its owner, Postgres shows a row to its own workspace only.

The workspace of a connection is its setting `baton.workspace`. Without one no row is shown; a table without a policy shows none
at all. The owner, who migrates and works, sees everything. Each statement is a transaction of its own and may be repeated:
a table is locked for a moment, and none while another is, so that a rolling update does not stand still.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# In parentheses, so that it is worked out once for each statement and can be looked up in an index.
WORKSPACE = "(SELECT nullif(current_setting('baton.workspace', true), '')::uuid)"

# What a table's rows have to fulfil to be seen, changed and written.
BY_COLUMN = (
    *(
        "idempotency",
        "connection",
        "incident",
        "orchestrator",
        "run",
        "wait",
        "dead_letter",
        "dead_letter_bulk",
        "purge",
    ),
    *(
        "audit",
        "redaction",
        "redaction_rule",
        "comment",
        "presence",
        "signing_secret",
        "signing_secret_version",
    ),
    *("membership", "api_token", "sign_in_code", "session", "invitation"),
)
BY_PARENT = {
    "remote_workflow": ("connection", "connection_id"),
    "remote_preview": ("connection", "connection_id"),
    "breaker": ("connection", "connection_id"),
    "connection_slot": ("connection", "connection_id"),
    "orchestrator_revision": ("orchestrator", "orchestrator_id"),
    "publication": ("orchestrator", "orchestrator_id"),
    "discussion": ("orchestrator", "orchestrator_id"),
    "retention": ("orchestrator", "orchestrator_id"),
    "signed_message": ("signing_secret", "secret_id"),
}
# Parents of which there are many are looked up one by one: asked by EXISTS, the planner would hash all runs of the workspace to
# show a thousand lines of one.
BY_MANY = {
    "node_attempt": ("node_run", "id", "node_run_id"),
    "callback_audit": ("run", "id", "run_id"),
    "callback": ("wait", "node_run_id", "node_run_id"),
    "wait_refusals": ("wait", "node_run_id", "node_run_id"),
}
BY_RUN = ("node_run", "run_event")
NOBODY = (
    "vault_key",
    "duty",
    "identity",
    "oidc_flow",
    "password_reset",
    "sign_in_attempt",
    "alembic_version",
)

# A run begins in one statement, in which its parts cannot see its row yet (nor be returned by it): they may be written unless the
# run is another's. That it is there, the foreign key says.
ELSEWHERE = f"""
    CREATE OR REPLACE FUNCTION baton_run_elsewhere(uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
        SELECT EXISTS (SELECT FROM run WHERE id = $1 AND workspace_id IS DISTINCT FROM {WORKSPACE});
    END
"""


# Below a policy an index serves only operators that Postgres knows to tell nothing, which is not so of those of jsonb. So the
# owner looks up the runs with these labels, of this workspace; null where there are more than `most`.
LABELLED = f"""
    CREATE OR REPLACE FUNCTION baton_runs_labelled(wanted jsonb, most integer) RETURNS uuid[]
    LANGUAGE sql STABLE SECURITY DEFINER
    BEGIN ATOMIC
        SELECT CASE WHEN count(*) <= most THEN coalesce(array_agg(id), '{{}}') END FROM (
            SELECT id FROM run WHERE labels @> wanted AND workspace_id = {WORKSPACE} LIMIT most + 1
        ) found;
    END
"""


def _policy(table: str, rule: str) -> tuple[str, str, str]:
    return (
        f"DROP POLICY IF EXISTS workspace ON {table}",
        f"CREATE POLICY workspace ON {table} {rule}",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    )


def _seen(parent: str, key: str, table: str, column: str) -> str:
    """The parent's own policy says whose it is."""
    return f"EXISTS (SELECT FROM {parent} WHERE {parent}.{key} = {table}.{column})"


def _found(parent: str, key: str, table: str, column: str) -> str:
    return f"(SELECT true FROM {parent} WHERE {parent}.{key} = {table}.{column})"


def upgrade() -> None:
    statements = [ELSEWHERE, LABELLED]
    statements += _policy("workspace", f"USING (id = {WORKSPACE})")
    for table in BY_COLUMN:
        statements += _policy(table, f"USING (workspace_id = {WORKSPACE})")
    for table, (parent, column) in BY_PARENT.items():
        statements += _policy(table, f"USING ({_seen(parent, 'id', table, column)})")
    for table, (parent, key, column) in BY_MANY.items():
        statements += _policy(table, f"USING ({_found(parent, key, table, column)})")
    for table in BY_RUN:
        seen = _found("run", "id", table, "run_id")
        written = f"{WORKSPACE} IS NOT NULL AND NOT baton_run_elsewhere(run_id)"
        statements += _policy(table, f"USING ({seen}) WITH CHECK ({written})")
    # A person may be in several: seen from where they are a member or made a token, and changed from nowhere.
    member, maker = (_seen(table, "account_id", "account", "id") for table in ("membership", "api_token"))
    statements += _policy("account", f"FOR SELECT USING ({member} OR {maker})")
    statements += [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in NOBODY]
    with op.get_context().autocommit_block():
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Restore a backup: going back loses what the newer schema holds.")
