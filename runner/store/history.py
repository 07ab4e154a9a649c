"""Reading what happened: runs, their nodes and attempts, their lines. Nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from runner import tokens
from runner.database import Database
from runner.errors import NotFound
from runner.model import Failure, NodeState, RemoteLink, RunState, Scope, TriggerInfo
from runner.redaction import Redactor, masked_exchange
from runner.store.batch import Query
from runner.store.labels import few_labelled
from runner.store.redaction import Redactions
from runner.store.run_filter import RunFilter, conditions
from runner.store.steps import steps_of
from runner.tables import (
    node_run,
    orchestrator,
    run,
    run_event,
)
from runner.vault import Vault
from runner.wire import Attempt, Exchange, LogLine, NodeRun, RunDetail, RunItem, Totals, Waiting

_parent = node_run.alias("parent")
_LIVE = tuple(state for state in RunState if not state.final)
_ALL = RunFilter()
_SORTING = text(
    "SELECT set_config('enable_sort', :may, true), set_config('enable_incremental_sort', :may, true)"
)
_STATE = Query("SELECT state, event_seq FROM run WHERE id = :run_id AND workspace_id = :workspace_id")
_RUN = Query(
    """
    SELECT r.*, o.name AS orchestrator_name, p.run_id AS parent_run_id
    FROM run r JOIN orchestrator o ON o.id = r.orchestrator_id LEFT JOIN node_run p ON p.id = r.parent_node_run_id
    WHERE r.id = :run_id AND r.workspace_id = :workspace_id
    """
)
_NODES = Query(
    """
    SELECT n.*, (
        SELECT jsonb_agg(to_jsonb(a) ORDER BY a.attempt) FROM node_attempt a WHERE a.node_run_id = n.id
    ) AS attempts
    FROM node_run n JOIN run r ON r.id = n.run_id
        LEFT JOIN orchestrator_revision v ON v.orchestrator_id = r.orchestrator_id AND v.revision = r.revision
        LEFT JOIN LATERAL jsonb_array_elements(v.definition->'nodes') WITH ORDINALITY AS drawn(node, place)
            ON drawn.node->>'id' = n.node_id
    WHERE n.run_id = :run_id ORDER BY drawn.place
    """
)


class History:
    """Every method finds rows of the asker's workspace only, and raises NotFound for any other. Payloads come masked as the
    workspace's rules say."""

    def __init__(self, database: Database, vault: Vault, redactions: Redactions) -> None:
        self._database = database
        self._vault = vault
        self._redactions = redactions

    async def page(
        self, scope: Scope, wanted: RunFilter = _ALL, *, limit: int, before: UUID | None = None
    ) -> tuple[RunItem, ...]:
        """Newest first, those older than `before`."""
        # Of what is listed `archived_at` is null: as a part of the order it says nothing, but for the index to take. By id alone
        # the planner would take the primary key, and go through all that is archived. One orchestrator has its own index.
        listed = not wanted.archived and wanted.orchestrator_id is None
        order = (run.c.archived_at, run.c.id.desc()) if listed else (run.c.id.desc(),)
        query = _runs(scope).where(*conditions(scope, wanted)).order_by(*order).limit(limit)
        if before is not None:
            query = query.where(run.c.id < before)
        async with self._database.begin(scope) as connection:
            few = await few_labelled(connection, wanted.labels)
            if few is not None:
                query = query.where(run.c.id.in_(few))
            async with _in_order(connection, few is None and wanted.met_on_the_way):
                rows = (await connection.execute(query)).all()
            ids = [row.id for row in rows]
            parked = await _parked(connection, ids)
            steps = await steps_of(connection, ids)
        rules = await self._redactions.rules(scope.workspace_id)
        return tuple(
            RunItem(
                **_run(row, rules.of(row.orchestrator_id)),
                waiting=tuple(_waiting(n) for n in parked.get(row.id, ())),
                steps=tuple(steps.get(row.id, ())),
            )
            for row in rows
        )

    async def run(self, scope: Scope, run_id: UUID, *, callback_base: str | None = None) -> RunDetail:
        """The run, its nodes in drawing order, their attempts. With `callback_base`, an address up to `/callback`, parked
        waits carry the address that resumes them: a secret, for those who may operate runs."""
        async with self._database.fast(scope) as connection:
            found = await _RUN.on(connection, run_id=run_id, workspace_id=scope.workspace_id)
            nodes = await _NODES.on(connection, run_id=run_id) if found else []
        if not found:
            raise NotFound("There is no such run.")
        row = found[0]
        links: dict[str, str] = {}
        if callback_base is not None and row.sealed_seed is not None:
            seed = self._vault.open(row.sealed_seed, f"run:{scope.workspace_id}:{run_id}")
            links = {
                n.node_id: f"{callback_base}/{run_id}?token={tokens.callback_token(seed, n.node_id)}"
                for n in nodes
                if n.waiting and n.waiting.get("kind") == "callback"
            }
        redactor = (await self._redactions.rules(scope.workspace_id)).of(row.orchestrator_id)
        return RunDetail(
            **_run(row, redactor),
            waiting=tuple(_waiting(n, links.get(n.node_id)) for n in nodes if _is_waiting(n)),
            nodes=tuple(_node(n, redactor) for n in nodes),
        )

    async def state(self, scope: Scope, run_id: UUID) -> tuple[RunState, int]:
        """The run's status, and the number of its newest line."""
        found = await _STATE.rows(self._database, scope, run_id=run_id, workspace_id=scope.workspace_id)
        if not found:
            raise NotFound("There is no such run.")
        return RunState(found[0].state), found[0].event_seq

    async def lines(
        self,
        scope: Scope,
        run_id: UUID,
        *,
        after: int = 0,
        limit: int,
        node_id: str | None = None,
        levels: Sequence[str] = (),
    ) -> tuple[LogLine, ...]:
        """The run's lines in order, those after number `after`."""
        query = (
            select(run_event, run.c.orchestrator_id)
            .join(run, run.c.id == run_event.c.run_id)
            .where(run_event.c.run_id == run_id, run.c.workspace_id == scope.workspace_id)
            .where(run_event.c.seq > after)
            .order_by(run_event.c.seq)
            .limit(limit)
        )
        if node_id is not None:
            query = query.where(run_event.c.node_id == node_id)
        if levels:
            query = query.where(run_event.c.level.in_(levels))
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            return ()
        redactor = (await self._redactions.rules(scope.workspace_id)).of(rows[0].orchestrator_id)
        return tuple(
            LogLine(
                seq=r.seq,
                at=r.at,
                kind=r.kind,
                level=r.level,
                node_id=r.node_id,
                source=r.source,
                message=r.message if redactor is None else redactor.text(r.message),
                data=r.data if redactor is None else redactor.value(r.data),
            )
            for r in rows
        )

    async def totals(self, scope: Scope) -> Totals:
        """Counts for the metrics, by the database's clock."""
        mine = run.c.workspace_id == scope.workspace_id
        live = and_(mine, run.c.state.in_(_LIVE))
        waiting_since = func.clock_timestamp() - func.min(node_run.c.lease_until)
        async with self._database.begin(scope) as connection:
            runs = await connection.execute(
                select(run.c.state, func.count()).where(mine).group_by(run.c.state)
            )
            by_run: dict[str, int] = {state: count for state, count in runs}
            nodes = await connection.execute(
                select(node_run.c.state, func.count()).join(run).where(live).group_by(node_run.c.state)
            )
            by_node: dict[str, int] = {state: count for state, count in nodes}
            ready = (
                await connection.execute(
                    select(func.count(), func.extract("epoch", waiting_since).label("age"))
                    .select_from(node_run.join(run))
                    .where(live, node_run.c.work == "ready")
                )
            ).one()
        return Totals(
            runs={state: by_run.get(state, 0) for state in RunState},
            nodes={state: by_node.get(state, 0) for state in NodeState},
            ready=ready[0],
            oldest_seconds=max(0.0, float(ready.age or 0)),
        )


def _runs(scope: Scope) -> Select[Any]:
    return (
        select(
            run,
            orchestrator.c.name.label("orchestrator_name"),
            _parent.c.run_id.label("parent_run_id"),
        )
        .join(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
        .outerjoin(_parent, _parent.c.id == run.c.parent_node_run_id)
        .where(run.c.workspace_id == scope.workspace_id)
    )


@asynccontextmanager
async def _in_order(connection: AsyncConnection, wanted: bool) -> AsyncGenerator[None]:
    """Inside, if `wanted`, the list is read in its order until the page is full. Postgres cannot tell how many rows meet such a
    condition; it takes them for few, and else reads all that there are and sorts them."""
    if wanted:
        await connection.execute(_SORTING, {"may": "off"})
    yield
    if wanted:
        await connection.execute(_SORTING, {"may": "on"})


async def _parked(connection: AsyncConnection, run_ids: Sequence[UUID]) -> Mapping[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    if run_ids:
        rows = await connection.execute(
            select(node_run)
            .where(node_run.c.run_id.in_(run_ids), node_run.c.waiting.is_not(None))
            .order_by(node_run.c.id)
        )
        for row in rows:
            if _is_waiting(row):
                found[row.run_id].append(row)
    return found


def _is_waiting(node: Any) -> bool:
    return node.waiting is not None and node.state in (NodeState.WAITING, NodeState.HELD)


def _waiting(node: Any, callback_url: str | None = None) -> Waiting:
    until = node.waiting.get("until")
    return Waiting(
        node_id=node.node_id,
        kind=node.waiting.get("kind") or "wait",
        since=node.waiting_since,
        until=datetime.fromisoformat(until) if until else None,
        callback_url=callback_url,
    )


def _run(row: Any, redactor: Redactor | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": row.number,
        "orchestrator_id": row.orchestrator_id,
        "orchestrator_name": row.orchestrator_name,
        "revision": row.revision,
        "status": RunState(row.state),
        "inputs": row.inputs if redactor is None else redactor.fields(row.inputs),
        "output": row.output if redactor is None else redactor.value(row.output),
        "error": failure_of(row.error, redactor),
        "trigger": TriggerInfo(kind=row.trigger_kind, by=row.trigger_by),
        "labels": row.labels,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "created_date": row.created_at,
        "updated_date": row.updated_at,
        "retry_of": row.retry_of,
        "parent_run_id": row.parent_run_id,
        "keep": row.keep,
        "archived_date": row.archived_at,
    }


def _node(row: Any, redactor: Redactor | None) -> NodeRun:
    return NodeRun(
        id=row.node_id,
        type=row.type,
        label=row.label,
        status=NodeState(row.state),
        attempt=row.attempt,
        started_at=row.started_at,
        finished_at=row.finished_at,
        input=row.input if redactor is None else redactor.value(row.input),
        output=row.output if redactor is None else redactor.value(row.output),
        error=failure_of(row.error, redactor),
        port=row.port,
        remote=None if row.remote is None else RemoteLink.model_validate(row.remote),
        reused=row.reused,
        attempts=tuple(_attempt(tried, redactor) for tried in row.attempts or ()),
    )


def failure_of(stored: Any, redactor: Redactor | None) -> Failure | None:
    """A stored failure, masked: what a platform said may hold anything."""
    if stored is None:
        return None
    failure = Failure.model_validate(stored)
    if redactor is None:
        return failure
    hint = None if failure.hint is None else redactor.text(failure.hint)
    shown = {"message": redactor.text(failure.message), "hint": hint, "cause": redactor.value(failure.cause)}
    return failure.model_copy(update=shown)


def _attempt(kept: Any, redactor: Redactor | None) -> Attempt:
    # What started the work is the last call that was not a mere read: a log-in may come before it, polls come after.
    calls = (
        kept["exchanges"] if redactor is None else [masked_exchange(e, redactor) for e in kept["exchanges"]]
    )
    exchanges = tuple(Exchange.model_validate(each) for each in calls)
    starts = [e for e in exchanges if e.request.method not in ("GET", "HEAD")] or exchanges[:1]
    return Attempt(
        attempt=kept["attempt"],
        started_at=kept["started_at"],
        finished_at=kept["finished_at"],
        outcome=kept["outcome"],
        error=failure_of(kept["error"], redactor),
        request=starts[-1].request if starts else None,
        response=starts[-1].response if starts else None,
        exchanges=exchanges,
    )
