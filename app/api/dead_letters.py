"""Dead letters: what could not be finished; fixed, replayed or dropped, one by one or all that match."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.masked import refuse_masked
from app.operation import Reply, operation
from app.run_filters import Moment
from app.state import State
from providers import Frozen
from runner.errors import Conflict, GraphError, InputsInvalid
from runner.model import Role, Scope
from runner.store.bulk import Bulk
from runner.store.letters import DeadLetter, DeadLetterDetail, LetterFilter, LetterKind, LetterState

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Why = Annotated[Reason, Field(min_length=1)]


class LettersFilter(Frozen):
    """Every condition given must hold."""

    kind: LetterKind | None = Field(
        default=None, description="node: one that ended its run; or a late callback."
    )
    orchestrator_id: UUID | None = None
    run_id: UUID | None = None
    node_id: str | None = Field(default=None, min_length=1, max_length=200)
    provider: str | None = Field(default=None, min_length=1, max_length=100)
    connection_id: UUID | None = None
    code: str | None = Field(default=None, min_length=1, max_length=100)
    q: str = Field(default="", max_length=200, description="In the message or the node's name.")
    since: Moment | None = Field(default=None, description="Kept at or after this time.")
    until: Moment | None = Field(default=None, description="Kept before this time.")


class LettersQuery(LettersFilter, ListQuery):
    state: LetterState | None = None


class Replay(Frozen):
    """`payload`, if given, is the node's input in the place of what it had; null is one, too. `acknowledge`: calls that change
    something may be made again. `runId`: of a callback, the run that shall have its body."""

    payload: JsonValue = None
    revision: Literal["same", "latest"] = "same"
    acknowledge: bool = False
    run_id: UUID | None = None
    reason: Reason = ""


class Drop(Frozen):
    reason: Why


class ReplayMatching(Frozen):
    """`dryRun`: only count."""

    filter: LettersFilter = LettersFilter()
    revision: Literal["same", "latest"] = "same"
    acknowledge: bool = False
    reason: Reason = ""
    dry_run: bool = False


class DropMatching(Frozen):
    """`dryRun`: only count."""

    filter: LettersFilter = LettersFilter()
    reason: Why
    dry_run: bool = False


class Asked(Frozen):
    """`matching` open letters are meant. `bulk` is the act, which goes on in the background; null where it was only counted."""

    matching: int
    bulk: Bulk | None


@operation(permission=Role.VIEWER)
async def list_dead_letters(
    request: Request[State], scope: Scope, query: LettersQuery
) -> Listing[DeadLetter]:
    """What could not be finished, newest first."""
    found = await request.state["store"].letters.page(
        scope,
        filter_of(query, query.state),
        limit=query.limit + 1,
        before=after_id(query.cursor),
    )
    return listing(found, query.limit, lambda letter: letter.id)


@operation(permission=Role.VIEWER)
async def get_dead_letter(request: Request[State], scope: Scope, letter_id: UUID) -> DeadLetterDetail:
    """One, with its payload and cause."""
    return await request.state["store"].letters.one(scope, letter_id)


@operation(permission=Role.OPERATOR, status=202, raises=(Conflict, GraphError, InputsInvalid))
async def replay_dead_letter(
    request: Request[State], scope: Scope, letter_id: UUID, body: Replay
) -> Reply[DeadLetterDetail]:
    """Take it up again: a new run from its node, in which what came before is reused. `Location` is that run.

    The letter is resolved when the run completes, superseded by a letter of that run when it fails, and open again when it is
    cancelled. A late callback goes to a run that waits for it.
    """
    await refuse_masked(request, scope, "payload", body.payload)
    letters = request.state["store"].letters
    run_id = await letters.replay(
        scope,
        letter_id,
        payload=(body.payload,) if "payload" in body.model_fields_set else None,
        latest=body.revision == "latest",
        acknowledged=body.acknowledge,
        target=body.run_id,
        reason=body.reason,
    )
    location = {"Location": f"/api/v1/orchestrator/runs/{run_id}"}
    return Reply(await letters.one(scope, letter_id), headers=location)


@operation(permission=Role.OPERATOR, raises=(Conflict,))
async def drop_dead_letter(
    request: Request[State], scope: Scope, letter_id: UUID, body: Drop
) -> DeadLetterDetail:
    """Be done with it. Its run's history says who dropped it and why."""
    letters = request.state["store"].letters
    await letters.drop(scope, letter_id, reason=body.reason)
    return await letters.one(scope, letter_id)


@operation(permission=Role.OPERATOR, status=202)
async def replay_dead_letters(request: Request[State], scope: Scope, body: ReplayMatching) -> Asked:
    """Replay all open letters that match now. It goes on in the background, whatever stops; none is replayed twice."""
    bulks, wanted = request.state["store"].bulks, filter_of(body.filter)
    if body.dry_run:
        return Asked(matching=await bulks.matching(scope, wanted), bulk=None)
    made = await bulks.ask(
        scope,
        "replay",
        wanted,
        latest=body.revision == "latest",
        acknowledged=body.acknowledge,
        reason=body.reason,
    )
    return Asked(matching=made.matching, bulk=made)


@operation(permission=Role.OPERATOR, status=202)
async def drop_dead_letters(request: Request[State], scope: Scope, body: DropMatching) -> Asked:
    """Drop all open letters that match now. It goes on in the background."""
    bulks, wanted = request.state["store"].bulks, filter_of(body.filter)
    if body.dry_run:
        return Asked(matching=await bulks.matching(scope, wanted), bulk=None)
    made = await bulks.ask(scope, "drop", wanted, reason=body.reason)
    return Asked(matching=made.matching, bulk=made)


@operation(permission=Role.VIEWER)
async def get_bulk(request: Request[State], scope: Scope, bulk_id: UUID) -> Bulk:
    """How far an act on many letters has come, and which it had to leave open."""
    return await request.state["store"].bulks.one(scope, bulk_id)


def filter_of(query: LettersFilter, state: LetterState | None = None) -> LetterFilter:
    names = LettersFilter.model_fields
    return LetterFilter(state=state, **{name: getattr(query, name) for name in names})


fixed = [
    Route("/orchestrator/dead-letters", list_dead_letters, methods=["GET"]),
    Route("/orchestrator/dead-letters/replay", replay_dead_letters, methods=["POST"]),
    Route("/orchestrator/dead-letters/drop", drop_dead_letters, methods=["POST"]),
    Route("/orchestrator/dead-letters/bulk/{bulkId}", get_bulk, methods=["GET"]),
    Route("/orchestrator/dead-letters/{letterId}", get_dead_letter, methods=["GET"]),
    Route("/orchestrator/dead-letters/{letterId}/replay", replay_dead_letter, methods=["POST"]),
    Route("/orchestrator/dead-letters/{letterId}/drop", drop_dead_letter, methods=["POST"]),
]
"""Before the routes of orchestrators: a word in the place of an id."""
