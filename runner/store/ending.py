"""What ends with a run: its open nodes, its waits, the runs it started."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, case, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.model import NodeState, RunState
from runner.store.events import Entry, RunChange, append
from runner.tables import node_run, run, wait

_LIVE = (NodeState.QUEUED, NodeState.RUNNING, NodeState.WAITING, NodeState.HELD)
_OPEN = (RunState.PENDING, RunState.RUNNING, RunState.WAITING)


async def end_nodes(
    connection: AsyncConnection, run_id: UUID, *, live: NodeState, pending: NodeState
) -> None:
    """Under the run's lock: live nodes become `live`, pending ones `pending`, waits close, remote executions are to stop."""
    await connection.execute(
        update(node_run)
        .where(node_run.c.run_id == run_id, node_run.c.state.in_((*_LIVE, NodeState.PENDING)))
        .values(
            state=case((node_run.c.state == NodeState.PENDING, pending), else_=live),
            work=case((node_run.c.remote.is_not(None), "stopping"), else_="ended"),
            due_at=case((node_run.c.remote.is_not(None), func.clock_timestamp())),
            lease_until=None,
            waiting=None,
            finished_at=func.clock_timestamp(),
        )
    )
    await connection.execute(
        update(wait)
        .where(wait.c.run_id == run_id, wait.c.state.in_(("armed", "parked")))
        .values(state="cancelled")
    )


async def end_children(database: Database, run_id: UUID) -> list[UUID]:
    """Cancel the open runs that ended nodes of `run_id` had started, and theirs. Each in a transaction of its own, so that
    a child that is just ending (and signals its parent) can never be waited for in a circle."""
    ended: list[UUID] = []
    queue = [run_id]
    while queue:
        parent = queue.pop()
        async with database.begin() as connection:
            children = (
                await connection.scalars(
                    select(run.c.id)
                    .join(node_run, run.c.parent_node_run_id == node_run.c.id)
                    .where(node_run.c.run_id == parent, run.c.state.in_(_OPEN))
                )
            ).all()
        for child in children:
            async with database.begin() as connection:
                state = await connection.scalar(
                    select(run.c.state).where(run.c.id == child).with_for_update()
                )
                if state not in _OPEN:
                    continue
                await end_nodes(connection, child, live=NodeState.CANCELLED, pending=NodeState.CANCELLED)
                line = Entry("run.cancelled", "cancelled with the run that started it", level="warning")
                await append(connection, child, [line], RunChange(RunState.CANCELLED))
            ended.append(child)
            queue.append(child)
    return ended


_SIGNAL_PARENT = text(
    """
    UPDATE node_run SET signal = :signal,
        work = CASE WHEN work = 'parked' THEN 'ready' ELSE work END,
        due_at = CASE WHEN work = 'parked' THEN NULL ELSE due_at END,
        lease_until = CASE WHEN work = 'parked' THEN clock_timestamp() ELSE lease_until END
    WHERE id = :id AND work IN ('parked', 'leased', 'ready') AND signal IS NULL
    """
).bindparams(bindparam("signal", type_=JSONB))


async def signal_parent(
    connection: AsyncConnection, parent: tuple[UUID, UUID], child: UUID, change: RunChange
) -> None:
    """In the child's last transaction: wake the node that waits for it. `parent` is (run id, node run id). Only the parent's
    node row is locked, never its run: a parent that cancels its children holds that."""
    body = {
        "runId": str(child),
        "state": None if change.state is None else change.state.value,
        "output": change.output,
        "error": change.error,
    }
    await connection.execute(_SIGNAL_PARENT, {"id": parent[1], "signal": {"kind": "child", "body": body}})
