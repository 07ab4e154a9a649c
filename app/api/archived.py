"""Archiving ended runs, and taking them out again: these, or all that match, with a count beforehand."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.routing import Route

from app.operation import operation
from app.run_filters import RunsFilter, filter_of
from app.state import State
from providers import Frozen
from runner.model import Role, Scope
from runner.store.archived import Archiving, Which


class WhichRuns(Frozen):
    """`ids`, or all that match `filter`, whose `archived` says nothing here. `dryRun`: only count."""

    ids: tuple[UUID, ...] | None = Field(default=None, min_length=1, max_length=1000)
    filter: RunsFilter | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or a filter")
        return self


@operation(permission=Role.OPERATOR)
async def archive_runs(request: Request[State], scope: Scope, body: WhichRuns) -> Archiving:
    """Put ended runs away: lists and counts leave them out, and nothing else changes. At most 1,000 in one call; ask again
    while `left` is not 0."""
    return await _moved(request, scope, body, back=False)


@operation(permission=Role.OPERATOR)
async def unarchive_runs(request: Request[State], scope: Scope, body: WhichRuns) -> Archiving:
    """Take runs out of the archive: they are in the lists again. At most 1,000 in one call."""
    return await _moved(request, scope, body, back=True)


async def _moved(request: Request[State], scope: Scope, body: WhichRuns, *, back: bool) -> Archiving:
    archived = request.state["store"].archived
    which: Which = (
        (body.ids or ()) if body.filter is None else filter_of(body.filter, body.filter.orchestrator_id)
    )
    if body.dry_run:
        return await archived.preview(scope, which, back=back)
    return await archived.move(scope, which, back=back)


fixed = [
    Route("/orchestrator/runs/archive", archive_runs, methods=["POST"]),
    Route("/orchestrator/runs/unarchive", unarchive_runs, methods=["POST"]),
]
"""Before the routes with a run's id in the place of a word."""
