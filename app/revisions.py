"""What several resources say of an orchestrator's revisions in the same way."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request

from app.operation import Reply
from app.state import State
from runner.check import check
from runner.model import Graph, Problem, Scope
from runner.store import Store
from runner.wire import Orchestrator, OrchestratorDetail

MAX_NUMBER = 2**31 - 1
Number = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
StartRevision = Annotated[
    Literal["published", "latest"] | Number | None,
    Field(
        description="The revision to run. Left out: with a token the published one, or the newest where none is published; "
        "from a screen, whose credential is the cookie of a session, the newest.",
    ),
]


def by_hand(request: Request[State]) -> bool:
    """Somebody at a screen asks, and no program."""
    return "authorization" not in request.headers


def usual(request: Request[State]) -> Literal["latest"] | None:
    """What a start runs that names no revision: who draws means what was just drawn, a program what was published."""
    return "latest" if by_hand(request) else None


async def problems_of(store: Store, scope: Scope, graph: Graph) -> tuple[Problem, ...]:
    """What the drawing itself says, and what is missing of what it names here."""
    return (
        *check(graph),
        *await store.signing_secrets.problems(scope, graph),
        *await store.orchestrators.refused(scope, graph),
    )


async def tagged(
    request: Request[State], scope: Scope, found: Orchestrator, headers: dict[str, str] | None = None
) -> Reply[OrchestratorDetail]:
    """With its problems, and the ETag to save it by."""
    problems = await problems_of(request.state["store"], scope, Graph.model_validate(found.definition))
    fields: dict[str, Any] = dict(found)
    detail = OrchestratorDetail(**fields, problems=problems)
    return Reply(detail, headers={"ETag": etag(found.revision), **(headers or {})})


def etag(revision: int) -> str:
    return f'"{revision}"'
