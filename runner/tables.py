"""Every table, on one MetaData. `migrations/` creates them; a test compares the two.

Rules that hold everywhere: ids are time-ordered UUIDs made by Postgres (`uuidv7()`); every time comes from Postgres's
clock; every row that a user can name carries its workspace; history tables are append-only, which a trigger enforces.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from runner.audit_tables import audit as audit
from runner.audit_tables import redaction as redaction
from runner.audit_tables import redaction_rule as redaction_rule
from runner.columns import EMPTY as _EMPTY
from runner.columns import at as _at
from runner.columns import id_ as _id
from runner.columns import metadata as metadata
from runner.columns import workspace_of as _workspace
from runner.comment_tables import comment as comment
from runner.comment_tables import discussion as discussion
from runner.comment_tables import presence as presence
from runner.identity_tables import identity as identity
from runner.identity_tables import oidc_flow as oidc_flow
from runner.people_tables import account as account
from runner.people_tables import api_token as api_token
from runner.people_tables import invitation as invitation
from runner.people_tables import membership as membership
from runner.people_tables import password_reset as password_reset
from runner.people_tables import session as session
from runner.people_tables import sign_in_attempt as sign_in_attempt
from runner.people_tables import sign_in_code as sign_in_code
from runner.signing_tables import signed_message as signed_message
from runner.signing_tables import signing_secret as signing_secret
from runner.signing_tables import signing_secret_version as signing_secret_version
from runner.signing_tables import wait_refusals as wait_refusals
from runner.upkeep_tables import dead_letter as dead_letter
from runner.upkeep_tables import dead_letter_bulk as dead_letter_bulk
from runner.upkeep_tables import duty as duty
from runner.upkeep_tables import purge as purge
from runner.upkeep_tables import retention as retention

workspace = Table(
    "workspace",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _at("created_at", now=True),
)

# The first answer to an Idempotency-Key; kept for 24 hours.
idempotency = Table(
    "idempotency",
    metadata,
    Column("workspace_id", Uuid, ForeignKey("workspace.id"), nullable=False),
    Column("operation", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_sha256", LargeBinary, nullable=False),
    Column("result_id", Uuid, nullable=False),
    _at("created_at", now=True),
    PrimaryKeyConstraint("workspace_id", "operation", "key"),
)
Index(None, idempotency.c.created_at)

# --- connections -----------------------------------------------------------------------------------------------------

connection = Table(
    "connection",
    metadata,
    _id(),
    _workspace(),
    Column("provider", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="ACTIVE"),
    Column("base_url", Text, nullable=False),
    Column(
        "public", JSONB, nullable=False, server_default=_EMPTY
    ),  # the fields that are not secret, for the form
    Column("sealed", LargeBinary),  # the secret fields; None after the origin changed
    Column("key_id", Text),  # the master key that wraps this record's key
    Column("allow_private_network", Boolean, nullable=False, server_default=text("false")),
    Column("account", Text),
    Column("workflow_count", Integer),
    _at("last_sync_at"),
    _at("last_checked_at"),
    Column("last_error", JSONB),
    Column(
        "left_out", JSONB, nullable=False, server_default=text("'[]'::jsonb")
    ),  # parts of the account that the list of last_sync_at does not hold, and why
    _at("secrets_at"),  # when its secrets were entered last; tokens renewed by themselves do not count
    _at("secrets_expire_at"),
    Column("max_in_flight", Integer),  # over all workers; None: what the provider's kind says
    Column("max_per_minute", Integer),
    Column(
        "draw_role", Text, nullable=False, server_default="editor"
    ),  # from which role on it is put into drawings
    Column(
        "start_role", Text, nullable=False, server_default="operator"
    ),  # … and runs are started that use it
    _at("created_at", now=True),
    _at("updated_at", now=True),
    UniqueConstraint("workspace_id", "provider", "name"),
    CheckConstraint("status in ('ACTIVE','INACTIVE','FAILING')", name="status"),
    CheckConstraint("draw_role in ('editor','admin')", name="draw_role"),
    CheckConstraint("start_role in ('operator','editor','admin')", name="start_role"),
)

# A copy of each platform's list, so that the browser opens at once and says how old it is.
remote_workflow = Table(
    "remote_workflow",
    metadata,
    Column("connection_id", Uuid, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("data", JSONB, nullable=False),
    PrimaryKeyConstraint("connection_id", "remote_id"),
)

remote_preview = Table(
    "remote_preview",
    metadata,
    Column("connection_id", Uuid, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column(
        "fingerprint", Text, Computed("data ->> 'fingerprint'", persisted=True)
    ),  # beside the data, so that many are compared without reading graphs
    _at("fetched_at", now=True),
    PrimaryKeyConstraint("connection_id", "remote_id"),
)

# What is known of a platform that does not answer, for all workers: see `runner.breaker`. No row: closed, and no trouble.
breaker = Table(
    "breaker",
    metadata,
    Column("connection_id", Uuid, ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False, server_default="closed"),
    Column("failures", Integer, nullable=False, server_default="0"),
    _at("window_at"),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("faults", Integer, nullable=False, server_default="0"),
    _at("opened_at"),
    _at("closed_at"),
    _at("probe_at"),
    Column("probes", Integer, nullable=False, server_default="0"),
    Column("prober", Uuid),
    _at("probe_until"),
    _at("pause_until"),  # the platform asked to be left alone until then
    _at("paced_at"),  # when the next held step may go, by the pace
    _at("rated_at"),  # when the next request may go, by the limit per minute
    Column("cause", Text),
    CheckConstraint("state in ('closed','open','half_open')", name="state"),
)

# A place for one step that calls the connection. It is taken as long as that node run is leased under that epoch, so a dead
# worker's place comes free with its lease, and nothing has to be given back.
connection_slot = Table(
    "connection_slot",
    metadata,
    Column("connection_id", Uuid, ForeignKey("connection.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("node_run_id", Uuid),
    Column("epoch", Integer),
    _at("taken_at"),
    PrimaryKeyConstraint("connection_id", "number"),
)

# One outage of one connection, from the breaker's opening to its closing; or one burst of refused callbacks, `about` a wait or
# an address and last seen then.
incident = Table(
    "incident",
    metadata,
    _id(),
    _workspace(),
    Column("connection_id", Uuid, ForeignKey("connection.id", ondelete="SET NULL")),
    Column("provider", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("cause", Text),
    _at("opened_at", now=True),
    _at("resolved_at"),
    Column("resolved_by", Text),  # a person who closed it by hand; None: the platform answered again
    Column("kind", Text, nullable=False, server_default="outage"),
    Column("about", Text),
    _at("seen_at"),
    CheckConstraint("kind in ('outage','callbacks')", name="kind"),
)
Index("ix_incident_open", incident.c.connection_id, unique=True, postgresql_where=text("resolved_at is null"))
Index(
    "ix_incident_about",
    incident.c.workspace_id,
    incident.c.about,
    unique=True,
    postgresql_where=text("resolved_at is null and about is not null"),
)
Index(None, incident.c.workspace_id, incident.c.id.desc())

# --- orchestrators ---------------------------------------------------------------------------------------------------

orchestrator = Table(
    "orchestrator",
    metadata,
    _id(),
    _workspace(),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("revision", Integer, nullable=False),
    Column("published_revision", Integer),  # what triggers run; None: the newest
    Column("created_by", Text, nullable=False),
    _at("created_at", now=True),
    _at("updated_at", now=True),
    _at("deleted_at"),
)
Index(None, orchestrator.c.workspace_id, orchestrator.c.id)

# Every save, whole. A run names the revision it runs.
orchestrator_revision = Table(
    "orchestrator_revision",
    metadata,
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    _at("created_at", now=True),
    PrimaryKeyConstraint("orchestrator_id", "revision"),
)

# Every publication; without a revision: nothing was published from then on. The newest says what is.
publication = Table(
    "publication",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("orchestrator_id", Uuid, ForeignKey("orchestrator.id"), nullable=False),
    Column("revision", Integer),
    Column("message", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False),
    _at("at", now=True),
    ForeignKeyConstraint(
        ["orchestrator_id", "revision"],
        ["orchestrator_revision.orchestrator_id", "orchestrator_revision.revision"],
    ),
)
Index(None, publication.c.orchestrator_id, publication.c.id)

# --- runs ------------------------------------------------------------------------------------------------------------

# The run row is the lock of its graph.
run = Table(
    "run",
    metadata,
    _id(),
    _workspace(),
    Column("orchestrator_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("number", BigInteger, Identity(), nullable=False),  # for people; grows, may skip
    Column("state", Text, nullable=False),
    Column("inputs", JSONB, nullable=False),
    Column("output", JSONB(none_as_null=True)),
    Column("error", JSONB(none_as_null=True)),
    Column("trigger_kind", Text, nullable=False),
    Column("trigger_by", Text, nullable=False),
    Column("labels", JSONB, nullable=False, server_default=_EMPTY),
    Column("retry_of", Uuid),
    Column("parent_node_run_id", Uuid),  # the LocalFlow node that waits for this run
    Column("depth", Integer, nullable=False, server_default="0"),  # of nesting in parent runs
    Column("sealed_seed", LargeBinary),  # what callback tokens derive from; sealed by the vault
    Column("key_id", Text),
    Column("event_seq", BigInteger, nullable=False, server_default="0"),
    Column("providers", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    # By node: the input that a person gave it, in the place of what its wires bring.
    Column("node_inputs", JSONB, nullable=False, server_default=_EMPTY),
    Column("keep", Boolean, nullable=False, server_default=text("false")),  # pinned: never purged
    _at("created_at", now=True),
    _at("updated_at", now=True),
    _at("started_at"),
    _at("finished_at"),
    _at("archived_at"),  # put away by a person: out of the lists, and nothing else
    ForeignKeyConstraint(
        ["orchestrator_id", "revision"],
        ["orchestrator_revision.orchestrator_id", "orchestrator_revision.revision"],
    ),
    CheckConstraint("archived_at is null or finished_at is not null", name="archived"),
)
# What is listed stands together in each index, in its order: however much is archived, a page is read from one end.
Index(None, run.c.workspace_id, run.c.archived_at, run.c.id.desc())
Index(None, run.c.workspace_id, run.c.state, run.c.archived_at, run.c.id.desc())
Index(None, run.c.workspace_id, run.c.trigger_by, run.c.archived_at, run.c.id.desc())
Index(
    "ix_run_archived",
    run.c.workspace_id,
    run.c.id.desc(),
    postgresql_where=text("archived_at is not null"),
)
Index(None, run.c.orchestrator_id, run.c.id.desc())
Index("ix_run_labels", run.c.labels, postgresql_using="gin")
Index("ix_run_parent_node_run_id", run.c.parent_node_run_id, unique=True)
Index(
    "ix_run_ended",
    run.c.orchestrator_id,
    run.c.finished_at,
    run.c.id,
    postgresql_where=text("finished_at is not null and not keep"),
)

# One row per node of a run. `state` is what people see; `work` is what the engine does with it:
#   idle -> ready (nobody's) -> leased (a worker has it until lease_until) -> parked (due_at or a callback) -> ready …
#   and ended; "stopping" is ended with a remote execution still to be cancelled.
# `epoch` grows with every claim and fences late writers; `attempt` grows only when the work starts anew.
node_run = Table(
    "node_run",
    metadata,
    _id(),
    Column("run_id", Uuid, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("node_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("limit_seconds", Double),  # the node's overall limit over all attempts
    Column("state", Text, nullable=False, server_default="PENDING"),
    Column("work", Text, nullable=False, server_default="idle"),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("takeovers", Integer, nullable=False, server_default="0"),
    Column(
        "reused", Boolean, nullable=False, server_default=text("false")
    ),  # its outcome was copied by a retry
    Column(
        "fresh", Boolean, nullable=False, server_default=text("true")
    ),  # the next claim starts a new attempt
    Column("memo", JSONB(none_as_null=True)),  # what the last Suspend left
    Column(
        "signal", JSONB(none_as_null=True)
    ),  # {"kind": "callback" | "child" | "timeout", "body": ...}: what woke it
    _at("due_at"),
    _at("lease_until"),
    _at("deadline_at"),  # of the whole node, over all attempts
    Column("input", JSONB(none_as_null=True)),
    Column("output", JSONB(none_as_null=True)),
    Column("port", Text),
    Column("error", JSONB(none_as_null=True)),
    Column("remote", JSONB(none_as_null=True)),
    Column("held_for", Uuid),  # the connection it was parked for last: open breaker, or no place free
    Column("interrupted", Boolean, nullable=False, server_default=text("false")),  # a hold must not forget it
    Column("waiting", JSONB(none_as_null=True)),  # {"kind", "until"}: what it waits for, in words of the API
    _at("waiting_since"),
    _at("started_at"),
    _at("finished_at"),
    UniqueConstraint("run_id", "node_id"),
    CheckConstraint("work in ('idle','ready','leased','parked','stopping','ended')", name="work"),
)
Index("ix_node_run_due", node_run.c.due_at, postgresql_where=text("due_at is not null"))
Index(
    "ix_node_run_held",
    node_run.c.held_for,
    node_run.c.state,
    node_run.c.waiting_since,
    postgresql_where=text("held_for is not null and work = 'parked'"),
)
Index("ix_node_run_leased", node_run.c.lease_until, postgresql_where=text("work in ('leased','ready')"))

node_attempt = Table(
    "node_attempt",
    metadata,
    Column("node_run_id", Uuid, ForeignKey("node_run.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    _at("started_at", now=True),
    _at("finished_at"),
    Column("outcome", Text),
    Column("error", JSONB(none_as_null=True)),
    Column(
        "exchanges", JSONB, nullable=False, server_default=text("'[]'::jsonb")
    ),  # requests as sent and answers
    PrimaryKeyConstraint("node_run_id", "attempt"),
)

# --- callbacks -------------------------------------------------------------------------------------------------------

# Armed in the transaction that creates the run, long before any request leaves, so no callback can be too early.
wait = Table(
    "wait",
    metadata,
    Column("node_run_id", Uuid, ForeignKey("node_run.id", ondelete="CASCADE"), primary_key=True),
    _workspace(),
    Column("run_id", Uuid, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False, server_default="armed"),
    Column("schema", JSONB(none_as_null=True)),
    Column("auth", JSONB(none_as_null=True)),  # how the sender proves who it is; None: the token alone
    _at("deadline_at"),  # None until the node parks
    CheckConstraint("state in ('armed','parked','resumed','expired','cancelled')", name="state"),
)
Index(None, wait.c.run_id)

# The first accepted body of a wait: the primary key decides who was first.
callback = Table(
    "callback",
    metadata,
    Column("node_run_id", Uuid, ForeignKey("wait.node_run_id", ondelete="CASCADE"), primary_key=True),
    Column("body", JSONB, nullable=False),
    _at("received_at", now=True),
)

# Every callback of a known run, with what was answered. The run never reads it. `node_run_id` is None where the token was
# unknown ("unknown"; only the newest few are kept). `sender` is an address; `by` and `reason` a person who did it by hand.
# `early`: it was accepted before the run came to wait. `refusal`: why one was "refused"; bodies of such are not kept.
callback_audit = Table(
    "callback_audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("node_run_id", Uuid, ForeignKey("wait.node_run_id", ondelete="CASCADE")),
    Column("verdict", Text, nullable=False),
    Column("body", JSONB(none_as_null=True)),
    _at("received_at", now=True),
    Column("run_id", Uuid, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("sender", Text),
    Column("by", Text),
    Column("reason", Text),
    Column("early", Boolean, nullable=False, server_default=text("false")),
    Column("refusal", Text),
)
Index(None, callback_audit.c.node_run_id)
Index(
    "ix_callback_audit_refused",
    callback_audit.c.node_run_id,
    callback_audit.c.id,
    postgresql_where=text("verdict = 'refused'"),
)
Index(None, callback_audit.c.run_id, callback_audit.c.id)
Index(
    "ix_callback_audit_unknown",
    callback_audit.c.run_id,
    callback_audit.c.id,
    postgresql_where=text("verdict = 'unknown'"),
)

# --- history ---------------------------------------------------------------------------------------------------------

# Append-only, gap-free per run: what the event stream replays and what history shows.
run_event = Table(
    "run_event",
    metadata,
    Column("run_id", Uuid, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    _at("at", now=True),
    Column("kind", Text, nullable=False),
    Column("level", Text, nullable=False, server_default="info"),
    Column("node_id", Text),
    Column("source", Text, nullable=False, server_default="baton"),
    Column("message", Text, nullable=False),
    Column("data", JSONB(none_as_null=True)),
    PrimaryKeyConstraint("run_id", "seq"),
)

# What the vault knows of its keys: a fingerprint each, so that a wrong key is told at the start.
vault_key = Table(
    "vault_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    _at("created_at", now=True),
)
