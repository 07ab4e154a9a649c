"""The steps of many runs at once, each in a word: what a list shows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
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


async def steps_of(connection: AsyncConnection, run_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Step]]:
    """In drawing order, at most `MOST` of each run. The caller has seen to it that these runs may be read."""
    found: dict[UUID, list[Step]] = defaultdict(list)
    if not run_ids:
        return found
    drawn: dict[tuple[UUID, str], Any] = {
        (row.run_id, row.node_id): row for row in await connection.execute(_DRAWN, {"run_ids": run_ids})
    }
    rows: Sequence[Any] = (await connection.execute(_STEPS, {"run_ids": run_ids})).all()
    for row in rows:
        called = row if row.provider else drawn.get((row.run_id, row.node_id), row)
        found[row.run_id].append(
            Step(
                id=row.node_id,
                label=row.label or row.node_id,
                status=NodeState(row.state),
                provider=called.provider or None,
                workflow_id=called.workflow_id or None,
            )
        )
    return found
