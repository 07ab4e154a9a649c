"""Callbacks: how a platform tells us that it is done. No login: the token is the credential."""

from __future__ import annotations

from uuid import UUID

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import problems
from app.body import MAX_CALLBACK, media_type, parse_form, parse_json, read_body
from app.operation import Reply, operation
from app.problems import BadRequest, Gone, Invalid, ProblemDetails, TooLarge, TooSlow
from app.state import State
from providers import Frozen
from runner.errors import NotFound

FIELD = "correlationToken"
_JSON: dict[str, dict[str, str]] = {"schema": {}}
_UNKNOWN = ProblemDetails(
    type="urn:baton:problem:not-found",
    title="Not found",
    status=404,
    detail="There is no such callback.",
    instance="/api/v1/orchestrator/callback",
    code="not-found",
    hint="Use the address exactly as the run gave it, its token included.",
)
"""The same bytes for an unknown run and for an unknown or wrong token: the answer tells nothing. Its id is in the header."""


class Receipt(Frozen):
    accepted: bool
    duplicate: bool


@operation(
    permission=None,
    status=202,
    also=(200,),
    raises=(NotFound, Gone, BadRequest, TooLarge, TooSlow, Invalid),
    accepts={
        "application/json": _JSON,
        "application/x-www-form-urlencoded": _JSON,
        "multipart/form-data": _JSON,
    },
)
async def receive_callback(request: Request[State], run_id: str) -> Reply[Receipt] | Response:
    """Resume the run that waits for this token. The first callback of a wait counts; later ones are kept for audit.

    The token goes in `X-Correlation-Token`, as a Bearer token, as `?token=`, or in the body's field `correlationToken`,
    which is then taken out. Any JSON up to 256 KiB; a form becomes an object; no body at all counts as null.
    """
    token, body = _token(request, await _body(request))
    try:
        known = UUID(run_id)
    except ValueError:
        known = None
    verdicts = request.state["metrics"].callbacks
    sender = request.client.host if request.client else None
    if known is None or token is None:
        verdicts.labels("unknown").inc()
        if known is not None:
            request.state["store"].strangers.note(known, sender)
        return problems.answer(_UNKNOWN)
    verdict = await request.state["store"].waits.signal(known, token, body, sender)
    verdicts.labels(verdict.kind).inc()
    match verdict.kind:
        case "accepted":
            return Reply(Receipt(accepted=True, duplicate=False))
        case "duplicate":
            return Reply(Receipt(accepted=True, duplicate=True), 200)
        case "unknown":
            request.state["store"].strangers.note(known, sender)
            return problems.answer(_UNKNOWN)
        case "gone":
            raise Gone(
                "Nothing waits for this callback any more.",
                code="callback-gone",
                hint="The wait expired, or the run was cancelled or has ended. Do not send it again.",
            )
        case "invalid":
            raise Invalid(
                [(problem.pointer, problem.detail) for problem in verdict.problems],
                "The body does not match what the node expects; the wait stays open.",
            )


async def _body(request: Request[State]) -> JsonValue:
    raw = await read_body(request, MAX_CALLBACK)
    if not raw:
        return None
    if media_type(request) in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return parse_form(raw, request.headers["content-type"])
    return parse_json(raw)


def _token(request: Request[State], body: JsonValue) -> tuple[str | None, JsonValue]:
    """The token, and the body without it. The first place that names one decides."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = (
        request.headers.get("x-correlation-token")
        or (bearer.strip() if scheme.lower() == "bearer" else None)
        or request.query_params.get("token")
    )
    if isinstance(body, dict):
        named = body.get(FIELD)
        if isinstance(named, str) and named and token in (None, "", named):
            return named, {name: value for name, value in body.items() if name != FIELD}
    return token or None, body


fixed = [Route("/orchestrator/callback/{runId}", receive_callback, methods=["POST"])]
