"""What recent runs left behind, for looking at while one draws."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PgUuid

from runner.database import Database
from runner.model import NodeState, Scope
from runner.redaction import Redactor
from runner.sample import Left, Recent, SampleRun
from runner.store.redaction import Redactions
from runner.tables import run

_RUNS = 100
"""How many of the newest runs are looked through."""
_BYTES = 1_000_000
"""An output larger than this stays where it is."""

_LEFT = (
    text(
        """
        WITH recent AS MATERIALIZED (
            SELECT id, number, created_at FROM run
            WHERE workspace_id = :workspace AND orchestrator_id = :orchestrator ORDER BY id DESC LIMIT :runs
        ), found AS (
            SELECT DISTINCT ON (n.node_id) n.node_id, n.state, n.port, n.error, n.output, n.finished_at,
                r.id AS run_id, r.number, r.created_at
            FROM recent r JOIN node_run n ON n.run_id = r.id
            WHERE n.work = 'ended' AND NOT n.reused AND (
                (n.node_id = :node AND n.state IN ('COMPLETED', 'FAILED', 'TIMED_OUT'))
                OR (n.node_id = ANY(:routed) AND n.port = 'error')
                OR (n.node_id = ANY(:nodes) AND n.state = 'COMPLETED' AND n.port IS NOT NULL)
            )
            ORDER BY n.node_id, r.id DESC
        ), weighed AS MATERIALIZED (
            SELECT *, coalesce(octet_length(output::text), 0) > :bytes AS too_large FROM found
        )
        SELECT node_id, state, port, error, too_large, CASE WHEN NOT too_large THEN output END AS output,
            run_id, number, coalesce(finished_at, created_at) AS at
        FROM weighed
        """
    )
    .bindparams(
        bindparam("workspace", type_=PgUuid()),
        bindparam("orchestrator", type_=PgUuid()),
        bindparam("nodes", type_=ARRAY(TEXT)),
        bindparam("routed", type_=ARRAY(TEXT)),
    )
    .columns(output=JSONB(none_as_null=True), error=JSONB(none_as_null=True))
)


class Samples:
    def __init__(self, database: Database, redactions: Redactions) -> None:
        self._database = database
        self._redactions = redactions

    async def recent(
        self,
        scope: Scope,
        orchestrator_id: UUID,
        node: str,
        upstream: Collection[str],
        routed: Collection[str],
    ) -> Recent:
        """The newest outputs of `upstream` (how they failed, for those in `routed`), the newest end of `node`, and the inputs
        of the newest run, all masked as the workspace's rules say. Two queries, however many nodes."""
        newest = (
            select(run.c.id, run.c.number, run.c.created_at, run.c.inputs, run.c.labels)
            .where(run.c.workspace_id == scope.workspace_id, run.c.orchestrator_id == orchestrator_id)
            .order_by(run.c.id.desc())
            .limit(1)
        )
        asked: dict[str, Any] = {
            "workspace": scope.workspace_id,
            "orchestrator": orchestrator_id,
            "runs": _RUNS,
            "bytes": _BYTES,
            "node": node,
            "nodes": [name for name in upstream if name not in routed],
            "routed": list(routed),
        }
        async with self._database.begin(scope) as connection:
            last = (await connection.execute(newest)).first()
            if last is None:
                return Recent(None, {}, {}, {}, None)
            rows = (await connection.execute(_LEFT, asked)).all()
        redactor = (await self._redactions.rules(scope.workspace_id)).of(orchestrator_id)
        found = {row.node_id: _left(row, redactor) for row in rows}
        return Recent(
            newest=SampleRun(run_id=last.id, number=last.number, at=last.created_at),
            inputs=last.inputs if redactor is None else redactor.fields(last.inputs),
            labels=last.labels,
            nodes={name: left for name, left in found.items() if name != node},
            own=found.get(node),
        )


def _left(row: Any, redactor: Redactor | None) -> Left:
    return Left(
        run=SampleRun(run_id=row.run_id, number=row.number, at=row.at),
        state=NodeState(row.state),
        output=row.output if redactor is None else redactor.value(row.output),
        port=row.port,
        error=row.error if redactor is None else redactor.value(row.error),
        too_large=row.too_large,
    )
