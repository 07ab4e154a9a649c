"""The definitions runs are made of: one immutable revision each, parsed once and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.check import check
from runner.errors import NotFound
from runner.graph import Wiring
from runner.model import Graph, Problem
from runner.tables import orchestrator_revision

_KEEP = 512


@dataclass(frozen=True)
class Definition:
    """One revision, ready to run. `problems` are those of its kinds and wiring, warnings included."""

    orchestrator_id: UUID
    revision: int
    wiring: Wiring
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")


class Definitions:
    """A cache that can never be stale: a revision does not change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, int], Definition] = OrderedDict()

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
