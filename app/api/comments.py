"""Comments on a drawing. Everybody reads them; who may operate runs may write, for what goes wrong is talked about here too."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import Reply, operation
from app.state import State
from providers import Frozen
from runner.errors import Conflict, NotYours
from runner.model import Role, Scope
from runner.store.comments import TEXT_LIMIT, Spot, Thread

CommentText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_LIMIT)]


class CommentQuery(ListQuery):
    state: Literal["open", "resolved"] | None = Field(default=None, description="Threads that are so.")
    mine: bool = Field(default=False, description="Threads in which you wrote.")
    node_id: str | None = Field(default=None, max_length=200, description="Threads on that node.")


class NewComment(Frozen):
    """An answer in `threadId`; else a new thread, on a node, on a `spot` of the canvas, or on the whole drawing. The node need
    not be saved yet."""

    text: CommentText
    thread_id: UUID | None = None
    node_id: str | None = Field(default=None, min_length=1, max_length=200)
    spot: Spot | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(given is not None for given in (self.thread_id, self.node_id, self.spot)) > 1:
            raise ValueError("give one of threadId, nodeId and spot")
        return self


class CommentChange(Frozen):
    """What is left out stays. `resolved` is of the whole thread, whichever of its comments is named."""

    text: CommentText | None = None
    resolved: bool | None = None


@operation(permission=Role.VIEWER)
async def list_comments(
    request: Request[State], scope: Scope, id: UUID, query: CommentQuery
) -> Listing[Thread]:
    """Threads, newest first, each whole."""
    found = await request.state["store"].comments.page(
        scope,
        id,
        limit=query.limit + 1,
        before=after_id(query.cursor),
        state=query.state,
        mine=query.mine,
        node_id=query.node_id,
    )
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.OPERATOR, status=201, raises=(Conflict,))
async def create_comment(request: Request[State], scope: Scope, id: UUID, body: NewComment) -> Reply[Thread]:
    """Begin a thread, or answer in one. The whole thread comes back."""
    thread = await request.state["store"].comments.create(
        scope, id, body.text, thread_id=body.thread_id, node_id=body.node_id, spot=body.spot
    )
    made = thread.comments[-1]
    return Reply(thread, headers={"Location": f"/api/v1/orchestrator/{id}/comments/{made.id}"})


@operation(permission=Role.OPERATOR, raises=(NotYours,))
async def change_comment(
    request: Request[State], scope: Scope, id: UUID, comment_id: UUID, body: CommentChange
) -> Thread:
    """Mend the text of a comment of your own, or resolve its thread, or open it again."""
    return await request.state["store"].comments.change(
        scope, id, comment_id, text=body.text, resolved=body.resolved
    )


@operation(permission=Role.OPERATOR, status=204, raises=(NotYours, Conflict))
async def delete_comment(request: Request[State], scope: Scope, id: UUID, comment_id: UUID) -> None:
    """Delete a comment of your own, an admin any; with the first of a thread, the thread."""
    await request.state["store"].comments.delete(scope, id, comment_id)


routes = [
    Route("/orchestrator/{id}/comments", list_comments, methods=["GET"]),
    Route("/orchestrator/{id}/comments", create_comment, methods=["POST"]),
    Route("/orchestrator/{id}/comments/{commentId}", change_comment, methods=["PATCH"]),
    Route("/orchestrator/{id}/comments/{commentId}", delete_comment, methods=["DELETE"]),
]
