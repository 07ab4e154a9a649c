"""What came in: every callback of a known run and what it was told; and what a person does when one is missing.

Bodies are for operators, tokens stay inside but for the address of a wait that is open."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_number, listing
from app.masked import refuse_masked
from app.operation import operation
from app.problems import Invalid
from app.state import State
from providers import Frozen
from runner.errors import Conflict
from runner.model import Role, Scope
from runner.store.inbound import Received, ReceivedDetail, RunCallbacks, Told
from runner.store.waits import Verdict

MAX_SECONDS = 31_536_000  # a year
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class CallbackQuery(ListQuery):
    verdict: Told | None = Field(default=None, description="Only those that were told this.")
    q: str = Field(
        default="",
        max_length=200,
        description="Part of an orchestrator's or node's name or of a sender; #12: of run 12.",
    )


class Resume(Frozen):
    """`body` is what the wait gets, as if it had been posted; `reason` stands in the run's history."""

    body: JsonValue = None
    reason: Annotated[Reason, Field(min_length=1)]


class Replay(Frozen):
    """`runId`: another run of the same orchestrator; left out, the callback's own."""

    run_id: UUID | None = None
    reason: Reason = ""


class Extend(Frozen):
    seconds: int = Field(ge=1, le=MAX_SECONDS, description="By how much the deadline moves.")


@operation(permission=Role.OPERATOR)
async def list_callbacks(request: Request[State], scope: Scope, query: CallbackQuery) -> Listing[Received]:
    """Callbacks as they were received, newest first. One whose run is unknown belongs to nobody and is not here."""
    found = await request.state["store"].inbound.page(
        scope,
        verdict=query.verdict,
        q=query.q.strip(),
        limit=query.limit + 1,
        before=after_number(query.cursor),
    )
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.OPERATOR)
async def get_callback(request: Request[State], scope: Scope, callback_id: Number) -> ReceivedDetail:
    """One callback with its body."""
    return await request.state["store"].inbound.one(scope, callback_id)


@operation(permission=Role.VIEWER)
async def list_callbacks_of(request: Request[State], scope: Scope, run_id: UUID) -> RunCallbacks:
    """The waits of a run, with every attempt to resume them, and attempts with a wrong token."""
    base = request.state["settings"].callback_url if scope.role != Role.VIEWER else None
    return await request.state["store"].inbound.of_run(scope, run_id, callback_base=base)


@operation(permission=Role.OPERATOR, raises=(Conflict, Invalid))
async def resume_by_hand(
    request: Request[State], scope: Scope, run_id: UUID, node_id: str, body: Resume
) -> RunCallbacks:
    """Give a wait its body by hand. It counts as the callback: a later one is a duplicate."""
    store = request.state["store"]
    await refuse_masked(request, scope, "body", body.body)
    _settle(await store.waits.resume(scope, run_id, node_id, body.body, reason=body.reason))
    return await _shown(request, scope, run_id)


@operation(permission=Role.OPERATOR, raises=(Conflict, Invalid))
async def test_wait(
    request: Request[State], scope: Scope, run_id: UUID, node_id: str, body: Resume
) -> RunCallbacks:
    """Send a wait a body as its sender would, signed where the wait asks for that. It counts as the callback."""
    store = request.state["store"]
    _settle(await store.waits.test(scope, run_id, node_id, body.body, reason=body.reason))
    return await _shown(request, scope, run_id)


@operation(permission=Role.OPERATOR, raises=(Conflict, Invalid))
async def replay_callback(
    request: Request[State], scope: Scope, callback_id: Number, body: Replay
) -> RunCallbacks:
    """Give a received body once more to the wait it was for, or to that of another run of the same orchestrator."""
    waits = request.state["store"].waits
    run_id, verdict = await waits.replay(scope, callback_id, target=body.run_id, reason=body.reason)
    _settle(verdict)
    return await _shown(request, scope, run_id)


@operation(permission=Role.OPERATOR, raises=(Conflict,))
async def extend_wait(
    request: Request[State], scope: Scope, run_id: UUID, node_id: str, body: Extend
) -> RunCallbacks:
    """Move the deadline of a wait that is going on."""
    await request.state["store"].waits.extend(scope, run_id, node_id, body.seconds)
    return await _shown(request, scope, run_id)


def _settle(verdict: Verdict) -> None:
    match verdict.kind:
        case "accepted":
            return
        case "invalid":
            raise Invalid(
                [(f"/body{problem.pointer}", problem.detail) for problem in verdict.problems],
                "The body does not match what the node expects; the wait stays open.",
            )
        case "duplicate":
            raise Conflict(
                "This wait was resumed already; the first body counts.",
                code="wait-over",
                hint="To send it to another run, name that run.",
            )
        case "refused":
            raise Conflict(
                f"The test was refused: {verdict.refusal}.",
                code="sender-not-proven",
                hint="Is the signing secret that the step names still there, and does it suit the mode?",
            )
        case _:
            raise Conflict(
                "Nothing waits for this any more.",
                code="wait-over",
                hint="The wait expired, or the run was cancelled or has ended.",
            )


async def _shown(request: Request[State], scope: Scope, run_id: UUID) -> RunCallbacks:
    base = request.state["settings"].callback_url
    return await request.state["store"].inbound.of_run(scope, run_id, callback_base=base)


fixed = [
    Route("/orchestrator/callbacks", list_callbacks, methods=["GET"]),
    Route("/orchestrator/callbacks/{callbackId}", get_callback, methods=["GET"]),
    Route("/orchestrator/callbacks/{callbackId}/replay", replay_callback, methods=["POST"]),
    Route("/orchestrator/runs/{runId}/callbacks", list_callbacks_of, methods=["GET"]),
    Route("/orchestrator/runs/{runId}/callbacks/{nodeId}", resume_by_hand, methods=["POST"]),
    Route("/orchestrator/runs/{runId}/callbacks/{nodeId}/test", test_wait, methods=["POST"]),
    Route("/orchestrator/runs/{runId}/callbacks/{nodeId}/extend", extend_wait, methods=["POST"]),
]
"""Before the routes of orchestrators: a word in the place of an id."""
