"""Sample data while one draws: what a node would be given, and templates and mappings tried on it. Nothing is stored."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue
from starlette.requests import Request
from starlette.routing import Route

from app.operation import operation
from app.state import State
from providers import Frozen, JsonObject
from runner.errors import NotFound
from runner.graph import Wiring
from runner.model import Graph, Role, Scope
from runner.nodes.data_mapper import Mapping
from runner.preview import Mapped, Rendered, mapped, rendered
from runner.sample import Sample, Wanted, routed, sample


class SampleRequest(Frozen):
    """Without `definition`, the newest revision. `example`: the name of the one that `source` `example` means, else the first."""

    node_id: str = Field(min_length=1, max_length=200)
    definition: Graph | None = None
    source: Wanted = "auto"
    example: str | None = Field(default=None, max_length=100)


class RenderRequest(Frozen):
    """`value` is any JSON with templates in its strings; `context` what they read, as a sample gives it."""

    value: JsonValue
    context: JsonObject


class MapRequest(Frozen):
    mappings: tuple[Mapping, ...] = Field(max_length=1000)
    context: JsonObject


@operation(permission=Role.VIEWER, raises=(NotFound,))
async def take_sample(request: Request[State], scope: Scope, id: UUID, body: SampleRequest) -> Sample:
    """What a node would be given: pins first, then the newest outputs of the nodes before it, or what `source` says.

    Stores and starts nothing.
    """
    store = request.state["store"]
    stored = await store.orchestrators.get(scope, id)
    graph = body.definition or Graph.model_validate(stored.definition)
    wiring = Wiring(graph)
    if body.node_id not in wiring.nodes:
        raise NotFound(f"there is no node {body.node_id!r} in this drawing")
    recent = await store.samples.recent(
        scope, id, body.node_id, wiring.upstream(body.node_id), routed(wiring, body.node_id)
    )
    return sample(graph, wiring, body.node_id, recent, id, source=body.source, example=body.example)


@operation(permission=Role.VIEWER)
async def render_preview(request: Request[State], body: RenderRequest) -> Rendered:
    """What templates give on sample data, each problem with its place and line. Stores nothing."""
    return await rendered(request.state["previews"], body.value, body.context)


@operation(permission=Role.VIEWER)
async def map_preview(request: Request[State], body: MapRequest) -> Mapped:
    """What mappings of a DataMapper give on sample data, with the value of each. Stores nothing."""
    return mapped(body.mappings, body.context)


fixed = [
    Route("/orchestrator/render", render_preview, methods=["POST"]),
    Route("/orchestrator/map", map_preview, methods=["POST"]),
]

routes = [Route("/orchestrator/{id}/sample", take_sample, methods=["POST"])]
