"""The steps of many runs at once, each in a word: what a list shows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import String, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.model import NodeState
from runner.wire import Step

MOST = 100
"""Of one run; a list is no place for more."""

_STEPS = text(
    """
    SELECT asked.id AS run_id, step.node_id, step.label, step.state, step.remote ->> 'provider' AS provider,
        step.remote ->> 'workflowId' AS workflow_id
    FROM unnest(:run_ids) AS asked(id) CROSS JOIN LATERAL (
        SELECT id, node_id, label, state, remote FROM node_run WHERE run_id = asked.id ORDER BY id LIMIT :most
    ) AS step
    ORDER BY asked.id, step.id
    """
).bindparams(bindparam("run_ids", type_=ARRAY(PgUuid())), most=MOST)

# What a step that has not run yet will call stands in the drawing only.
_DRAWN = text(
    """
    SELECT asked.id AS run_id, node ->> 'id' AS node_id, node #>> '{data,config,provider}' AS provider,
        node #>> '{data,config,workflowId}' AS workflow_id
    FROM unnest(:run_ids) AS asked(id) JOIN run ON run.id = asked.id
    JOIN orchestrator_revision AS drawn ON drawn.orchestrator_id = run.orchestrator_id AND drawn.revision = run.revision
    CROSS JOIN LATERAL jsonb_array_elements(drawn.definition -> 'nodes') AS node
    WHERE run.providers <> '[]' AND jsonb_typeof(node #> '{data,config,provider}') = 'string'
    """
).bindparams(bindparam("run_ids", type_=ARRAY(PgUuid())))


# Where two connections have one id for different workflows, no name is better than a wrong one.
_NAMES = text(
    """
    SELECT connection.provider, workflow.remote_id, min(workflow.name) AS name
    FROM connection JOIN remote_workflow AS workflow ON workflow.connection_id = connection.id
    WHERE connection.workspace_id IN (SELECT workspace_id FROM run WHERE id = ANY(:run_ids))
        AND workflow.remote_id = ANY(:workflow_ids)
    GROUP BY connection.provider, workflow.remote_id HAVING count(DISTINCT workflow.name) = 1
    """
).bindparams(bindparam("run_ids", type_=ARRAY(PgUuid())), bindparam("workflow_ids", type_=ARRAY(String())))


async def steps_of(connection: AsyncConnection, run_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Step]]:
    """In drawing order, at most `MOST` of each run. The caller has seen to it that these runs may be read."""
    found: dict[UUID, list[Step]] = defaultdict(list)
    if not run_ids:
        return found
    drawn: dict[tuple[UUID, str], Any] = {
        (row.run_id, row.node_id): row for row in await connection.execute(_DRAWN, {"run_ids": run_ids})
    }
    rows: Sequence[Any] = (await connection.execute(_STEPS, {"run_ids": run_ids})).all()
    calls = {
        (row.run_id, row.node_id): row if row.provider else drawn.get((row.run_id, row.node_id), row)
        for row in rows
    }
    workflow_ids = sorted({called.workflow_id for called in calls.values() if called.workflow_id})
    names: dict[tuple[str, str], str] = {}
    if workflow_ids:
        named = {"run_ids": run_ids, "workflow_ids": workflow_ids}
        names = {(row.provider, row.remote_id): row.name for row in await connection.execute(_NAMES, named)}
    for row in rows:
        called = calls[row.run_id, row.node_id]
        found[row.run_id].append(
            Step(
                id=row.node_id,
                label=row.label or row.node_id,
                status=NodeState(row.state),
                provider=called.provider or None,
                workflow_id=called.workflow_id or None,
                workflow_name=names.get((called.provider, called.workflow_id)),
            )
        )
    return found
