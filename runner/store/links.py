"""Which execution on a platform a node of a run stands for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from runner.database import Database
from runner.errors import NotFound
from runner.model import NodeState, RemoteLink, Scope
from runner.tables import node_run, run


@dataclass(frozen=True)
class Linked:
    """`remote` None: the node has called no platform, so far."""

    state: NodeState
    remote: RemoteLink | None


class Links:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, scope: Scope, run_id: UUID, node_id: str) -> Linked:
        """Raises NotFound."""
        query = (
            select(node_run.c.state, node_run.c.remote)
            .join(run, run.c.id == node_run.c.run_id)
            .where(
                run.c.id == run_id, run.c.workspace_id == scope.workspace_id, node_run.c.node_id == node_id
            )
        )
        async with self._database.begin(scope) as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFound("There is no such step in this run.")
        remote = None if row.remote is None else RemoteLink.model_validate(row.remote)
        return Linked(NodeState(row.state), remote)
