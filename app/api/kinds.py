"""The catalogue of node kinds: all that a palette and a form need to know."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from app.forms import form_schema
from app.operation import operation
from app.state import State
from providers import Frozen, JsonObject
from runner.model import Role
from runner.node import catalogue


class Kind(Frozen):
    """`form` is the JSON Schema of the node's `data.config`; `ports` are the outlets a wire may leave by."""

    type: str
    title: str
    description: str
    group: str
    ports: tuple[str, ...]
    form: JsonObject


class Kinds(Frozen):
    items: tuple[Kind, ...]


@operation(permission=Role.VIEWER)
async def list_kinds(request: Request[State]) -> Kinds:
    """Every kind of node there is."""
    return Kinds(
        items=tuple(
            Kind(
                type=node.type,
                title=node.title,
                description=node.description,
                group=node.group,
                ports=node.ports,
                form=form_schema(node.config_model),
            )
            for node in catalogue().values()
        )
    )


fixed = [Route("/orchestrator/kinds", list_kinds, methods=["GET"])]
