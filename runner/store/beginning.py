"""How a run begins: its row, its nodes, its armed waits and its first lines, in one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid

from providers import JsonObject
from runner import tokens
from runner.decision import NO_WIRE, Decision, Recorded, Stands
from runner.graph import Wiring, advance, run_state
from runner.model import NodeFacts, NodeSpec, NodeState, RunState, Scope, TriggerInfo
from runner.store.audit import audited
from runner.store.batch import Query
from runner.store.claims import deadline_of
from runner.store.definitions import Definition
from runner.store.events import Entry, line_rows
from runner.vault import Vault
from runner.webhook_auth import demand

WAIT_KIND = "WaitForCallback"
_ACTIONS = {
    "api": "run.started",
    "manual": "run.started",
    "cli": "run.started",
    "retry": "run.retried",
    "recorded": "run.retried",
    "test": "run.tested",
}
"""What of people is written to the audit log, by what started the run; what starts by itself, its history tells."""

BEGIN = Query(
    """
    WITH begun AS (
        INSERT INTO run (id, workspace_id, orchestrator_id, revision, state, inputs, trigger_kind, trigger_by, labels,
            retry_of, parent_node_run_id, depth, sealed_seed, key_id, providers, node_inputs, event_seq, started_at,
            finished_at)
        VALUES (:id, :workspace_id, :orchestrator_id, :revision, :state, :inputs, :trigger_kind, :trigger_by, :labels,
            :retry_of, :parent_node_run_id, :depth, :sealed_seed, :key_id, :providers, :node_inputs, :count,
            CASE WHEN :state = 'COMPLETED' THEN clock_timestamp() END,
            CASE WHEN :state = 'COMPLETED' THEN clock_timestamp() END)
        RETURNING id, number
    ), drawn AS (
        SELECT uuidv7() AS id, n.*
        FROM jsonb_to_recordset(:nodes) AS n(node_id text, type text, label text, limit_seconds double precision, state text,
            work text, reused boolean, input jsonb, output jsonb, port text, remote jsonb, signal jsonb,
            finished_at timestamptz)
    ), nodes AS (
        INSERT INTO node_run (id, run_id, node_id, type, label, limit_seconds, state, work, reused, lease_until,
            input, output, port, remote, signal, finished_at)
        SELECT n.id, :id, n.node_id, n.type, n.label, n.limit_seconds, n.state, n.work, n.reused,
            CASE WHEN n.work = 'ready' THEN clock_timestamp() END,
            n.input, n.output, n.port, n.remote, n.signal,
            coalesce(n.finished_at, CASE WHEN n.work = 'ended' THEN clock_timestamp() END)
        FROM drawn n
    ), waits AS (
        INSERT INTO wait (node_run_id, workspace_id, run_id, token_sha256, schema, auth, state)
        SELECT drawn.id, :workspace_id, :id, decode(w.sha256, 'hex'), w.schema, w.auth, w.state
        FROM jsonb_to_recordset(:waits) AS w(node_id text, sha256 text, schema jsonb, auth jsonb, state text)
        JOIN drawn USING (node_id)
    ), lines AS (
        INSERT INTO run_event (run_id, seq, kind, level, node_id, source, message, data)
        SELECT :id, l.n, l.kind, l.level, l.node_id, l.source, l.message, l.data
        FROM jsonb_to_recordset(:lines) AS
            l(n int, kind text, level text, node_id text, source text, message text, data jsonb)
    ), audited AS (
        INSERT INTO audit (workspace_id, by, action, object_kind, object_id, object_name, address, request_id)
        SELECT :workspace_id, a.by, a.action, 'run', begun.id, '#' || begun.number, a.address, a.request_id
        FROM begun, jsonb_to_recordset(:audited) AS a(by text, action text, address text, request_id text)
    )
    SELECT count(*) FROM drawn
    """,
    *(
        bindparam(name, type_=PgUuid())
        for name in ("id", "workspace_id", "orchestrator_id", "retry_of", "parent_node_run_id")
    ),
    *(
        bindparam(name, type_=JSONB())
        for name in ("inputs", "labels", "providers", "node_inputs", "nodes", "waits", "lines", "audited")
    ),
    bindparam("sealed_seed", type_=BYTEA()),
)


def beginning(
    vault: Vault,
    scope: Scope,
    definition: Definition,
    run_id: UUID,
    inputs: JsonObject,
    labels: Mapping[str, str],
    trigger: TriggerInfo,
    *,
    retry_of: UUID | None = None,
    parent_node_run_id: UUID | None = None,
    depth: int = 0,
    node_inputs: Mapping[str, JsonValue] | None = None,
    decision: Decision | None = None,
    about: JsonObject | None = None,
) -> dict[str, Any]:
    """What `BEGIN` takes to write the run, its first nodes ready. What `decision` says stands, stands; what it skips, ends at once;
    without one every node runs. `about` is told with the run's first line."""
    wiring = definition.wiring
    decision = decision or Decision(())
    kept, taken = decision.stands, decision.recorded or {}
    facts = {n: NodeFacts(NodeState.COMPLETED, stands.port) for n, stands in kept.items()}
    facts |= {n: NodeFacts(NodeState.SKIPPED) for n in decision.skipped}
    step = advance(wiring, facts)
    facts |= {n: NodeFacts(NodeState.QUEUED) for n in step.ready}
    facts |= {n: NodeFacts(NodeState.SKIPPED) for n in step.skipped}
    entries = [
        Entry(
            "run.created",
            f"started by {trigger.by} ({trigger.kind})",
            data={"revision": definition.revision, **(about or {})},
        ),
        *(_reused(wiring, n, stands) for n, stands in kept.items()),
        *(
            Entry("node.skipped", f"{wiring.nodes[n].label} skipped: {why}", n)
            for n, why in {**decision.skipped, **dict.fromkeys(step.skipped, NO_WIRE)}.items()
        ),
    ]
    state = RunState.PENDING
    if not step.ready and run_state(facts.values()) is RunState.COMPLETED:
        state = RunState.COMPLETED
        entries.append(Entry("run.completed", "completed: nothing was left to do"))
    sealed, key_id, waits = _armed(vault, scope, wiring, run_id, {*kept, *taken}, facts)
    return {
        "id": run_id,
        "workspace_id": scope.workspace_id,
        "orchestrator_id": definition.orchestrator_id,
        "revision": definition.revision,
        "state": state,
        "inputs": inputs,
        "trigger_kind": trigger.kind,
        "trigger_by": trigger.by,
        "labels": dict(labels),
        "retry_of": retry_of,
        "parent_node_run_id": parent_node_run_id,
        "depth": depth,
        "sealed_seed": sealed,
        "key_id": key_id,
        "providers": _providers(wiring),
        "node_inputs": dict(node_inputs or {}),
        "count": len(entries),
        "nodes": [_node(s, kept.get(s.id), facts.get(s.id), taken.get(s.id)) for s in wiring.nodes.values()],
        "waits": waits,
        "lines": line_rows(entries),
        "audited": [audited(scope, _ACTIONS[trigger.kind], "run")] if trigger.kind in _ACTIONS else [],
    }


def _armed(
    vault: Vault,
    scope: Scope,
    wiring: Wiring,
    run_id: UUID,
    settled: Collection[str],
    facts: Mapping[str, NodeFacts],
) -> tuple[bytes | None, str | None, list[JsonObject]]:
    """The sealed seed of the run's callback tokens, its key's id, and the waits: armed before anything of the run happens.
    Those of `settled` nodes wait for nobody."""
    nodes = [n for n, spec in wiring.nodes.items() if spec.type == WAIT_KIND]
    if not nodes:
        return None, None, []
    seed = tokens.new_seed()
    box = vault.seal(seed, f"run:{scope.workspace_id}:{run_id}")
    skipped = {n for n, known in facts.items() if known.state is NodeState.SKIPPED}
    waits: list[JsonObject] = [
        {
            "node_id": n,
            "sha256": tokens.digest(tokens.callback_token(seed, n)).hex(),
            "schema": wiring.nodes[n].data.config.get("schema"),
            "auth": demand(wiring.nodes[n].data.config.get("auth")),
            "state": "cancelled" if n in skipped else "armed",
        }
        for n in nodes
        if n not in settled
    ]
    return box.blob, box.key_id, waits


def _providers(wiring: Wiring) -> list[str]:
    named = (spec.data.config.get("provider") for spec in wiring.nodes.values())
    return sorted({name for name in named if isinstance(name, str) and name})


def _reused(wiring: Wiring, node: str, stands: Stands) -> Entry:
    source: JsonObject | None = stands.source and {
        "runId": str(stands.source.run_id),
        "number": stands.source.number,
    }
    message = f"{wiring.nodes[node].label}: {stands.told}"
    return Entry("node.reused", message, node, data={"from": source, "port": stands.port})


def _node(
    spec: NodeSpec, kept: Stands | None, facts: NodeFacts | None, taken: Recorded | None
) -> dict[str, Any]:
    state = facts.state if facts else NodeState.PENDING
    row: dict[str, Any] = {
        "node_id": spec.id,
        "type": spec.type,
        "label": spec.label,
        "limit_seconds": deadline_of(spec),
        "state": state,
        "work": {NodeState.QUEUED: "ready", NodeState.SKIPPED: "ended"}.get(state, "idle"),
        "reused": False,
    }
    if taken is not None:
        body = taken.model_dump(mode="json")
        row |= {"signal": {"kind": "recorded", "body": body}, "reused": taken.source is not None}
    if kept is not None:
        copied = {name: getattr(kept, name) for name in ("input", "output", "port", "remote")}
        finished = kept.source.at.isoformat() if kept.source else None
        row |= copied | {"work": "ended", "reused": True, "finished_at": finished}
    return row
