"""Publishing with everything that speaks against it: the drawing's own problems, and what has changed on the platforms."""

from __future__ import annotations

from uuid import UUID

from app.revisions import problems_of
from providers import Preview
from runner.drift import NO_CONNECTION, Place, drift_problem, place_of
from runner.importing import imports
from runner.library import PATIENCE, Library
from runner.model import Failure, Graph, Problem, Scope
from runner.store import Store
from runner.store.publications import refused
from runner.wire import Orchestrator


async def places(store: Store, scope: Scope, graph: Graph) -> dict[str, Place | None]:
    """By imported node: the connection and workflow it means; None where it means none that is there."""
    of_provider: dict[str, list[UUID]] = {}
    for row in await store.connections.all(scope):
        of_provider.setdefault(row.provider, []).append(row.id)
    return {node.id: place_of(node.data.config, of_provider) for node, _ in imports(graph)}


async def problems(store: Store, library: Library, scope: Scope, graph: Graph) -> tuple[Problem, ...]:
    """What speaks against publishing this drawing, warnings included. The platforms are asked, and waited for two seconds; what
    has not answered by then is compared by its copy."""
    found = await problems_of(store, scope, graph)
    steps = [(node, kept) for node, kept in imports(graph) if not node.data.disabled]
    if not steps:
        return found
    where = await places(store, scope, graph)
    wanted = {place for node, _ in steps if (place := where[node.id]) is not None}
    known = await library.seen(scope, wanted, refresh=True, patience=PATIENCE)
    drifts: list[Problem] = []
    for node, kept in steps:
        place = where[node.id]
        now: Preview | Failure = NO_CONNECTION if place is None else known.get(place, NO_CONNECTION)
        if (problem := drift_problem(node, kept, now)) is not None:
            drifts.append(problem)
    return (*found, *drifts)


async def publish(
    store: Store, library: Library, scope: Scope, orchestrator_id: UUID, revision: int | None, message: str
) -> Orchestrator:
    """From now on triggers run that revision, or the newest of now. Raises NotFound, and GraphError with every problem when one
    of them is an error."""
    if revision is None:
        revision = (await store.orchestrators.get(scope, orchestrator_id)).revision
    _, definition = await store.orchestrators.revision(scope, orchestrator_id, revision)
    found = await problems(store, library, scope, Graph.model_validate(definition))
    if errors := [each for each in found if each.severity == "error"]:
        raise refused(revision, [*errors, *(each for each in found if each.severity != "error")])
    return await store.publications.publish(scope, orchestrator_id, revision, message)
