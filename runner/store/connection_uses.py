"""Who may use a connection: from which role on it is put into drawings, and from which on runs are started that call with it.

Nearly every workspace has no connection with a floor of its own, and then one look says so and nothing else is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import NotYours
from runner.model import Graph, NodeSpec, Problem, Role, Scope
from runner.tables import connection, orchestrator, orchestrator_revision

Act = Literal["draw", "start"]
DRAW, START = Role.EDITOR, Role.OPERATOR
"""The floors of a connection that nobody restricted."""
RESTRICTED: ColumnElement[bool] = or_(connection.c.draw_role != DRAW, connection.c.start_role != START)
_WORDS = {"draw": "be put into a drawing", "start": "be used by a run that you start"}


@dataclass(frozen=True)
class _Floor:
    id: UUID
    provider: str
    name: str
    role: Role
    only: bool


def sees(scope: Scope, draw: Role, start: Role) -> bool:
    """Whether lists, previews and tests by this connection are for the asker: everybody's where nothing is restricted, else
    theirs who may use it for something."""
    unrestricted = (draw, start) == (DRAW, START)
    return unrestricted or scope.role.includes(draw) or scope.role.includes(start)


def seen_by(scope: Scope) -> ColumnElement[bool]:
    """`sees` of a connection's row."""
    roles = [role for role in Role if scope.role.includes(role)]
    return or_(~RESTRICTED, connection.c.draw_role.in_(roles), connection.c.start_role.in_(roles))


async def refuse_drawn(transaction: AsyncConnection, scope: Scope, graph: Graph) -> None:
    """Raises NotYours where the drawing names a connection that the asker may not put there."""
    if found := await drawn(transaction, scope, graph):
        raise NotYours(
            found[0].detail,
            code="connection-not-permitted",
            hint="Take it out of the drawing, or ask an admin.",
        )


async def drawn(transaction: AsyncConnection, scope: Scope, graph: Graph) -> tuple[Problem, ...]:
    """The same as problems, one for each node."""
    floors = await _floors(transaction, scope, "draw")
    return tuple(
        Problem(
            node_id=node.id,
            field="connectionId",
            code="connection-not-permitted",
            detail=f"{node.label}: the connection {floor.name} may {_WORDS['draw']} from the role {floor.role} on",
        )
        for node, floor in _named(graph, floors)
    )


async def refuse_started(transaction: AsyncConnection, scope: Scope, graph: Graph) -> None:
    """Raises NotYours where the run, or one of the runs that it starts in turn, calls with a connection that the asker may not
    start runs with."""
    floors = await _floors(transaction, scope, "start")
    if not floors:
        return
    waiting, met = [graph], set[UUID]()
    while waiting:
        here = waiting.pop()
        for _, floor in _named(here, floors):
            raise NotYours(
                f"the connection {floor.name} may {_WORDS['start']} from the role {floor.role} on",
                code="connection-not-permitted",
                hint="Ask somebody with that role to start it.",
            )
        flows = set(_flows(here)) - met
        met |= flows
        waiting += await _definitions(transaction, scope, flows)


async def _floors(transaction: AsyncConnection, scope: Scope, act: Act) -> tuple[_Floor, ...]:
    """The connections that the asker may not do this with."""
    if scope.role is Role.ADMIN:
        return ()
    floor = connection.c.draw_role if act == "draw" else connection.c.start_role
    alone = func.count().over(partition_by=connection.c.provider) == 1
    every = (
        select(
            connection.c.id,
            connection.c.provider,
            connection.c.name,
            floor.label("role"),
            alone.label("only"),
        )
        .where(connection.c.workspace_id == scope.workspace_id)
        .subquery()
    )
    above = [role for role in Role if not scope.role.includes(role)]
    rows = await transaction.execute(select(every).where(every.c.role.in_(above)))
    return tuple(_Floor(row.id, row.provider, row.name, Role(row.role), row.only) for row in rows)


def _named(graph: Graph, floors: Iterable[_Floor]) -> Iterator[tuple[NodeSpec, _Floor]]:
    """A node uses the connection that it names, or, where it leaves the choice, the only one of its provider."""
    by_id = {str(floor.id): floor for floor in floors}
    only = {floor.provider: floor for floor in floors if floor.only}
    for node in graph.nodes:
        config: dict[str, Any] = node.data.config
        given = [config.get(name) for name in ("connectionId", "apiKeyConnectionId")]
        named = [str(each).lower() for each in given if each]
        provider = config.get("provider")
        found = [by_id[each] for each in named if each in by_id]
        if not named and isinstance(provider, str) and provider in only:
            found = [only[provider]]
        yield from ((node, floor) for floor in found)


def _flows(graph: Graph) -> Iterator[UUID]:
    for node in graph.nodes:
        if node.type == "LocalFlow":
            try:
                yield UUID(str(node.data.config.get("flowId")))
            except ValueError:  # a flow of Flowise has any id
                continue


async def _definitions(transaction: AsyncConnection, scope: Scope, flows: set[UUID]) -> list[Graph]:
    """What a run of each would run: its published revision, or the newest."""
    if not flows:
        return []
    current = func.coalesce(orchestrator.c.published_revision, orchestrator.c.revision)
    found = await transaction.execute(
        select(orchestrator_revision.c.definition)
        .join(orchestrator, orchestrator.c.id == orchestrator_revision.c.orchestrator_id)
        .where(
            orchestrator.c.workspace_id == scope.workspace_id,
            orchestrator.c.id.in_(flows),
            orchestrator_revision.c.revision == current,
        )
    )
    return [Graph.model_validate(definition) for definition in found.scalars()]
