"""Callbacks: how a platform tells us that it is done. No login: the token is the credential, with a signature where the wait asks
for one."""

from __future__ import annotations

from uuid import UUID

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import problems
from app.body import MAX_CALLBACK, media_type, parse_form, parse_json, read_body
from app.operation import Reply, operation
from app.problems import BadRequest, Gone, Invalid, ProblemDetails, TooLarge, TooSlow, Unauthenticated
from app.state import State
from providers import Frozen
from runner.errors import NotFound
from runner.store.waits import Verdict
from runner.tokens import PREFIX
from runner.webhook_proof import Call

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


_REFUSED = ProblemDetails(
    type="urn:baton:problem:sender-not-proven",
    title="Sender not proven",
    status=401,
    detail="The call does not prove who sends it, so nothing was taken.",
    instance="/api/v1/orchestrator/callback",
    code="sender-not-proven",
    hint="Sign it as the wait asks, with the current time and a message id of its own. The reason stands in Baton, under Inbound.",
)
"""The same bytes whatever is wrong: a forger learns nothing. The reason is for those who may look."""
_CHALLENGE = {"WWW-Authenticate": 'Signature realm="baton callback"'}


class Receipt(Frozen):
    accepted: bool
    duplicate: bool


@operation(
    permission=None,
    status=202,
    also=(200,),
    raises=(NotFound, Unauthenticated, Gone, BadRequest, TooLarge, TooSlow, Invalid),
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
    Where the wait asks for more than the token, what does not prove it is answered 401 and changes nothing.
    """
    raw = await read_body(request, MAX_CALLBACK)
    sender = request.client.host if request.client else None
    call = Call(raw, request.headers.raw, sender)
    try:
        known = UUID(run_id)
    except ValueError:
        known = None
    store = request.state["store"]
    try:
        token, body = _token(request, _parsed(request, raw))
    except BadRequest:
        token = _named(request)
        if known is not None and token and (refused := await store.waits.refuses(known, token, call)):
            return _refused(request, known, refused)
        raise
    verdicts = request.state["metrics"].callbacks
    if known is None or token is None:
        verdicts.labels("unknown").inc()
        if known is not None:
            store.refusals.note(known, sender)
        return problems.answer(_UNKNOWN)
    verdict = await store.waits.signal(known, token, body, sender, call=call)
    if verdict.kind == "refused":
        return _refused(request, known, verdict)
    verdicts.labels(verdict.kind).inc()
    match verdict.kind:
        case "accepted":
            return Reply(Receipt(accepted=True, duplicate=False))
        case "duplicate":
            return Reply(Receipt(accepted=True, duplicate=True), 200)
        case "unknown":
            store.refusals.note(known, sender)
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


def _refused(request: Request[State], run_id: UUID, verdict: Verdict) -> Response:
    metrics = request.state["metrics"]
    metrics.callbacks.labels("refused").inc()
    metrics.refusals.labels(verdict.refusal).inc()
    sender = request.client.host if request.client else None
    request.state["store"].refusals.note(run_id, sender, verdict.wait, verdict.refusal)
    return problems.answer(_REFUSED, _CHALLENGE)


def _parsed(request: Request[State], raw: bytes) -> JsonValue:
    if not raw:
        return None
    if media_type(request) in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return parse_form(raw, request.headers["content-type"])
    return parse_json(raw)


def _token(request: Request[State], body: JsonValue) -> tuple[str | None, JsonValue]:
    """The token, and the body without it. The first place that names one decides."""
    token = _named(request)
    if isinstance(body, dict):
        named = body.get(FIELD)
        if isinstance(named, str) and named and token in (None, "", named):
            return named, {name: value for name, value in body.items() if name != FIELD}
    return token or None, body


def _named(request: Request[State]) -> str | None:
    """The token that the headers or the address name. A Bearer token that is not one of ours may be what the wait asks for besides
    the token, so it counts last."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    bearer = text.strip() if scheme.lower() == "bearer" else ""
    return (
        request.headers.get("x-correlation-token")
        or (bearer if bearer.startswith(PREFIX) else "")
        or request.query_params.get("token")
        or bearer
    )


fixed = [Route("/orchestrator/callback/{runId}", receive_callback, methods=["POST"])]
