"""The steps inside the executions our nodes stand for, asked of the platform when somebody looks at them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from providers import Execution, ExecutionState, ProviderError, ReadsTasks, RemoteTask, Unavailable, now
from runner.errors import RunnerError
from runner.model import Failure, NodeState, RemoteLink, Scope
from runner.platforms import Platforms, failure_of
from runner.store.connections import ConnectionRow, Connections
from runner.store.links import Linked

MOST = 1000
"""Tries told of one execution."""
_ENDED_FOR = 300.0
_OPEN_FOR = 1.0
"""Seconds an answer serves others: of an execution that has ended, and of one under way."""
_PATIENCE = 15.0
_KEPT = 200


@dataclass(frozen=True)
class Tasks:
    """`reason`: why there are none, or not all. `problem`: what the platform, or the connection, said instead."""

    items: tuple[RemoteTask, ...] = ()
    fetched_at: datetime = field(default_factory=now)
    reason: str | None = None
    problem: Failure | None = None


@dataclass
class _Kept:
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    tasks: Tasks | None = None
    final: bool = False
    until: float = 0.0


class RemoteTasks:
    """Answers are kept in this process for a short while, and one question at a time is asked of one execution."""

    def __init__(self, platforms: Platforms, connections: Connections) -> None:
        self._platforms = platforms
        self._connections = connections
        self._kept: OrderedDict[tuple[UUID, str, UUID | None, str | None, str], _Kept] = OrderedDict()

    async def of(self, scope: Scope, node: Linked) -> Tasks:
        """Never raises for a platform or a connection: what they say is the problem."""
        link = node.remote
        if link is None:
            over = node.state.final
            return Tasks(
                reason="This step called no platform." if over else "This step has called no platform yet."
            )
        if link.provider == "webhook" or link.workflow_id is None:
            return Tasks(reason="A plain webhook tells nothing of what happens behind it.")
        if link.execution_id is None:
            return Tasks(reason="The platform did not say which execution this call started.")
        try:  # before what is kept: that may be of somebody who may look
            row = await self._connections.usable(scope, link.provider, link.connection_id)
        except RunnerError as error:
            return Tasks(problem=failure_of(error))
        key = (scope.workspace_id, link.provider, link.connection_id, link.workflow_id, link.execution_id)
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        async with kept.asking:
            over = node.state.final
            if kept.tasks is None or kept.final != over or time.monotonic() >= kept.until:
                kept.tasks = await self._ask(scope, node.state, link, row)
                settled = over and kept.tasks.problem is None
                kept.final, kept.until = over, time.monotonic() + (_ENDED_FOR if settled else _OPEN_FOR)
            return kept.tasks

    async def _ask(self, scope: Scope, state: NodeState, link: RemoteLink, row: ConnectionRow) -> Tasks:
        try:
            provider = await self._platforms.of(scope, row)
            if not isinstance(provider, ReadsTasks):
                return Tasks(reason=f"{provider.title} does not tell the steps of an execution.")
            execution = Execution(
                id=link.execution_id,
                workflow_id=link.workflow_id or "",
                state=ExecutionState.RUNNING,
                match=link.match,
                url=link.url,
            )
            try:
                async with asyncio.timeout(_PATIENCE):
                    found = await provider.tasks(execution)
            except TimeoutError:
                raise Unavailable(
                    f"{provider.title} did not answer within {_PATIENCE:.0f} s", code="timeout"
                ) from None
            finally:
                await self._connections.keep_renewed(scope, row.id, provider)
        except (ProviderError, RunnerError) as error:
            return Tasks(problem=failure_of(error))
        reason = None
        if not found:
            reason = f"{provider.title} tells no steps of this execution" + ("." if state.final else " yet.")
        elif len(found) > MOST:
            reason = f"The first {MOST} of {len(found)}; the others are on the platform."
        return Tasks(items=found[:MOST], reason=reason)
