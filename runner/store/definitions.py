"""The definitions runs are made of: one immutable revision each, parsed once and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject
from runner.check import check, check_inputs, config_of
from runner.database import Database
from runner.errors import GraphError, NotFound
from runner.graph import Wiring
from runner.model import Graph, Problem
from runner.node import NodeConfig, catalogue
from runner.store.secret_uses import names_secrets
from runner.tables import orchestrator_revision

_KEEP = 512


@dataclass(frozen=True)
class Definition:
    """One revision, ready to run. `problems` are those of its kinds and wiring, warnings included."""

    orchestrator_id: UUID
    revision: int
    wiring: Wiring
    problems: tuple[Problem, ...]

    def config(self, node_id: str) -> NodeConfig:
        """A node's configuration, validated once. Raises pydantic's ValidationError."""
        if node_id not in self._configs:
            spec = self.wiring.nodes[node_id]
            self._configs[node_id] = config_of(spec, catalogue()[spec.type])
        return self._configs[node_id]

    def names_nodes(self, node_id: str) -> bool:
        """Whether a template of this node may read outputs of nodes that do not lead to it."""
        return node_id in self._naming

    @cached_property
    def names_secrets(self) -> bool:
        """Whether a node names a signing secret, which has to be there when it runs."""
        return names_secrets(self.wiring.graph)

    @cached_property
    def _configs(self) -> dict[str, NodeConfig]:
        return {}

    @cached_property
    def _naming(self) -> frozenset[str]:
        return frozenset(n for n, spec in self.wiring.nodes.items() if "nodes" in repr(spec.data.config))

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")


class Definitions:
    """A cache that can never be stale: a revision does not change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, int], Definition] = OrderedDict()

    async def load(self, database: Database, orchestrator_id: UUID, revision: int) -> Definition:
        """Like `get`, for those who have no connection in hand and mostly need none."""
        if found := self._kept.get((orchestrator_id, revision)):
            return found
        async with database.begin() as connection:
            return await self.get(connection, orchestrator_id, revision)

    async def get(self, connection: AsyncConnection, orchestrator_id: UUID, revision: int) -> Definition:
        """Raises NotFound. The caller has made sure that the asker may see it."""
        key = (orchestrator_id, revision)
        if found := self._kept.get(key):
            self._kept.move_to_end(key)
            return found
        stored = await connection.scalar(
            select(orchestrator_revision.c.definition).where(
                orchestrator_revision.c.orchestrator_id == orchestrator_id,
                orchestrator_revision.c.revision == revision,
            )
        )
        if stored is None:
            raise NotFound(f"there is no revision {revision} of this orchestrator")
        graph = Graph.model_validate(stored)
        made = Definition(orchestrator_id, revision, Wiring(graph), check(graph))
        self._kept[key] = made
        if len(self._kept) > _KEEP:
            self._kept.popitem(last=False)
        return made


def runnable(definition: Definition, inputs: JsonObject) -> None:
    """Raises GraphError for a drawing with errors, InputsInvalid for inputs it does not take."""
    if definition.errors:
        raise GraphError(f"this orchestrator cannot run: {definition.errors[0].detail}", definition.errors)
    check_inputs(definition.wiring.graph, inputs)
