"""How a run begins: its row, its nodes, its armed waits and its first lines, in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid

from providers import JsonObject
from runner.decision import NO_WIRE, Decision, Stands
from runner.graph import Wiring, advance, run_state
from runner.model import NodeFacts, NodeSpec, NodeState, RunState, Scope, TriggerInfo
from runner.store.arming import armed, seed_of
from runner.store.audit import audited
from runner.store.batch import Query
from runner.store.claims import Claim, Seen, deadline_of, fed
from runner.store.definitions import Definition
from runner.store.events import Entry, RunChange, line_rows
from runner.store.succession import Step, following, outcomes_of, planned, started
from runner.vault import Vault

_WORK = {NodeState.QUEUED: "ready", NodeState.RUNNING: "leased", NodeState.SKIPPED: "ended"}
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
            retry_of, parent_node_run_id, depth, sealed_seed, key_id, providers, node_inputs, output, event_seq, started_at,
            finished_at)
        VALUES (:id, :workspace_id, :orchestrator_id, :revision, :state, :inputs, :trigger_kind, :trigger_by, :labels,
            :retry_of, :parent_node_run_id, :depth, :sealed_seed, :key_id, :providers, :node_inputs, :output, :count,
            CASE WHEN :state <> 'PENDING' THEN clock_timestamp() END,
            CASE WHEN :state = 'COMPLETED' THEN clock_timestamp() END)
        RETURNING id, number
    ), drawn AS (
        SELECT *
        FROM jsonb_to_recordset(:nodes) AS n(id uuid, node_id text, type text, label text, limit_seconds double precision,
            state text, work text, attempt int, reused boolean, input jsonb, output jsonb, port text, remote jsonb,
            signal jsonb, finished_at timestamptz)
    ), nodes AS (
        INSERT INTO node_run (id, run_id, node_id, type, label, limit_seconds, state, work, epoch, attempt, fresh, reused,
            lease_until, started_at, deadline_at, input, output, port, remote, signal, finished_at)
        SELECT n.id, :id, n.node_id, n.type, n.label, n.limit_seconds, n.state, n.work, n.attempt, n.attempt, n.attempt = 0,
            n.reused,
            CASE n.work WHEN 'ready' THEN clock_timestamp()
                WHEN 'leased' THEN clock_timestamp() + make_interval(secs => CAST(:lease AS double precision)) END,
            CASE WHEN n.attempt > 0 THEN clock_timestamp() END,
            CASE WHEN n.attempt > 0 THEN clock_timestamp() + make_interval(secs => n.limit_seconds) END,
            n.input, n.output, n.port, n.remote, n.signal,
            coalesce(n.finished_at, CASE WHEN n.work = 'ended' THEN clock_timestamp() END)
        FROM drawn n
    ), attempts AS (
        INSERT INTO node_attempt (node_run_id, attempt, finished_at, outcome)
        SELECT n.id, n.attempt, CASE WHEN n.work = 'ended' THEN clock_timestamp() END,
            CASE WHEN n.work = 'ended' THEN lower(n.state) END
        FROM drawn n WHERE n.attempt > 0
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
    SELECT clock_timestamp() AS began
    """,
    *(
        bindparam(name, type_=PgUuid())
        for name in ("id", "workspace_id", "orchestrator_id", "retry_of", "parent_node_run_id")
    ),
    *(
        bindparam(name, type_=JSONB())
        for name in ("inputs", "labels", "providers", "node_inputs", "nodes", "waits", "lines", "audited")
    ),
    bindparam("output", type_=JSONB(none_as_null=True)),
    bindparam("sealed_seed", type_=BYTEA()),
)


class Beginning:
    """A run that is decided and not yet stored. What `decision` says stands, stands; what it skips, ends at once; without one every
    node runs. `about` is told with the run's first line.

    It may go some way before it is stored: see `first` and `go`."""

    def __init__(
        self,
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
    ) -> None:
        self.run_id = run_id
        self._scope, self._definition, self._trigger = scope, definition, trigger
        self._inputs, self._labels, self._depth = inputs, dict(labels), depth
        self._retry_of, self._parent = retry_of, parent_node_run_id
        self._node_inputs = dict(node_inputs or {})
        self._whole = decision is None
        self._wiring = wiring = definition.wiring
        # Each one more than the one before, in drawing order (RFC 9562, 6.2, method 2).
        self._ids = {node: UUID(int=run_id.int + n) for n, node in enumerate(wiring.nodes, start=1)}
        decision = decision or Decision(())
        self._kept, self._taken = decision.stands, decision.recorded or {}
        facts = {n: NodeFacts(NodeState.COMPLETED, stands.port) for n, stands in self._kept.items()}
        facts |= {n: NodeFacts(NodeState.SKIPPED) for n in decision.skipped}
        step = advance(wiring, facts)
        facts |= {n: NodeFacts(NodeState.QUEUED) for n in step.ready}
        facts |= {n: NodeFacts(NodeState.SKIPPED) for n in step.skipped}
        self._ready, self._facts = step.ready, facts
        self._lines = [
            Entry(
                "run.created",
                f"started by {trigger.by} ({trigger.kind})",
                data={"revision": definition.revision, **(about or {})},
            ),
            *(_reused(wiring, n, stands) for n, stands in self._kept.items()),
            *(
                Entry("node.skipped", f"{wiring.nodes[n].label} skipped: {why}", n)
                for n, why in {**decision.skipped, **dict.fromkeys(step.skipped, NO_WIRE)}.items()
            ),
        ]
        self._change = RunChange(RunState.PENDING)
        if not step.ready and run_state(facts.values()) is RunState.COMPLETED:
            self._change = RunChange(RunState.COMPLETED)
            self._lines.append(Entry("run.completed", "completed: nothing was left to do"))
        self._seed, self._sealed = seed_of(vault, scope, wiring, run_id)
        self._worked: dict[str, Step] = {}

    @property
    def ended(self) -> bool:
        return self._change.state is RunState.COMPLETED

    @property
    def waits_for_workers(self) -> bool:
        """Whether nodes are ready for whoever comes."""
        return any(known.state is NodeState.QUEUED for known in self._facts.values())

    def first(self) -> Claim | None:
        """The claim of the one node it begins with; None where there is none, or several, or not every node runs."""
        if not self._whole or len(self._ready) != 1:
            return None
        (node,) = self._ready
        now, spec = datetime.now(UTC), self._wiring.nodes[node]
        facts = {**self._facts, node: NodeFacts(NodeState.RUNNING)}
        return Claim(
            node_run_id=self._ids[node],
            run_id=self.run_id,
            workspace_id=self._scope.workspace_id,
            definition=self._definition,
            spec=spec,
            epoch=1,
            attempt=1,
            takeovers=0,
            attempt_started_at=now,
            started_at=now,
            inputs=self._inputs,
            labels=self._labels,
            depth=self._depth,
            started_by=self._trigger.by,
            sealed_seed=None if self._sealed is None else self._sealed.blob,
            seconds_left=deadline_of(spec),
            child=self._parent is not None,
            seen=Seen(len(self._lines) + 1, facts, self._ids),
        )

    def go(self, first: Claim, steps: Sequence[Step], follow: bool) -> Claim | None:
        """Begin with these outcomes: of `first` and of nodes after it one by one. With `follow` the one node that is next is in
        the hands of who stores the run, which goes on with the claim that this returns. As many of `steps` count as can be
        recorded so."""
        plans = planned(steps, follow=True)
        if len(plans) < len(steps) or not follow:
            steps = steps[: len(plans)]
            plans = planned(steps, follow)
        if not plans and not follow:
            return None
        assert first.seen is not None
        self._lines += [started(first.spec), *(line for plan, _ in plans for line in plan.lines)]
        self._worked = {step.claim.spec.id: step for step in steps}
        if not plans:
            self._facts, self._change = first.seen.facts, RunChange(RunState.RUNNING)
            return first
        (plan, seen), last = plans[-1], steps[-1].claim
        self._facts, self._change = plan.facts, plan.change
        if plan.leading is None:
            return None
        return fed(following(last, plan, seen, last.started_at, None), outcomes_of(steps))

    def values(self, lease: float = 0.0) -> dict[str, Any]:
        """What `BEGIN` takes. `lease`: seconds for which the node that is in somebody's hands stays there."""
        settled = {*self._kept, *self._taken}
        return {
            "id": self.run_id,
            "workspace_id": self._scope.workspace_id,
            "orchestrator_id": self._definition.orchestrator_id,
            "revision": self._definition.revision,
            "state": self._change.state,
            "inputs": self._inputs,
            "trigger_kind": self._trigger.kind,
            "trigger_by": self._trigger.by,
            "labels": self._labels,
            "retry_of": self._retry_of,
            "parent_node_run_id": self._parent,
            "depth": self._depth,
            "sealed_seed": None if self._sealed is None else self._sealed.blob,
            "key_id": None if self._sealed is None else self._sealed.key_id,
            "providers": _providers(self._wiring),
            "node_inputs": self._node_inputs,
            "output": self._change.output,
            "lease": lease,
            "count": len(self._lines),
            "nodes": [self._node(spec) for spec in self._wiring.nodes.values()],
            "waits": [] if self._seed is None else armed(self._seed, self._wiring, settled, self._facts),
            "lines": line_rows(self._lines),
            "audited": [audited(self._scope, _ACTIONS[self._trigger.kind], "run")]
            if self._trigger.kind in _ACTIONS
            else [],
        }

    def _node(self, spec: NodeSpec) -> dict[str, Any]:
        facts = self._facts.get(spec.id, NodeFacts(NodeState.PENDING))
        row: dict[str, Any] = {
            "id": str(self._ids[spec.id]),
            "node_id": spec.id,
            "type": spec.type,
            "label": spec.label,
            "limit_seconds": deadline_of(spec),
            "state": facts.state,
            "work": _WORK.get(facts.state, "idle"),
            "attempt": 0,
            "reused": False,
        }
        if (taken := self._taken.get(spec.id)) is not None:
            body = taken.model_dump(mode="json")
            row |= {"signal": {"kind": "recorded", "body": body}, "reused": taken.source is not None}
        if (kept := self._kept.get(spec.id)) is not None:
            copied = {name: getattr(kept, name) for name in ("input", "output", "port", "remote")}
            finished = kept.source.at.isoformat() if kept.source else None
            row |= copied | {"work": "ended", "reused": True, "finished_at": finished}
        if facts.state is NodeState.RUNNING:
            row["attempt"] = 1
        if (worked := self._worked.get(spec.id)) is not None:
            given = {"input": worked.story.input, "output": worked.ended.output, "port": worked.ended.port}
            row |= given | {"work": "ended", "attempt": 1}
        return row


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
