"""What the answer of a production webhook means: refused, started, failed, or the workflow's own result.

Texts and statuses observed on n8n 2.41 (its page, 5a). A refusal leaves no execution behind; whatever else came may have
started one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pydantic import JsonValue

from providers import (
    Answer,
    BadJson,
    JsonObject,
    ProviderError,
    Rejected,
    RemoteNotFound,
    Unauthorized,
    Unavailable,
    error_from,
    read_json,
)
from providers._n8n_api import message_of
from providers._n8n_start import Start
from providers._shape import obj, text

_AUTH_TEXTS = frozenset(
    {
        "Authorization is required!",
        "Authorization data is wrong!",
        "Authentication data is wrong!",
        "No token provided",
        "invalid token",
    }
)
_BROKEN = "There was a problem executing the workflow"
_LARGE = 15 * 1024 * 1024
_ID = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Reading:
    """A webhook call that started something. `result`: the value is what the workflow came to, not a receipt."""

    value: JsonValue
    result: bool
    execution_id: str | None = None
    problem: str | None = None
    """n8n's or the workflow's own words for a failure; None when the answer is a success."""
    status: int = 200
    owner: str = "workflow"
    """Who spoke: "n8n" (its fixed error texts) or the "workflow" itself."""


def read_answer(answer: Answer, start: Start, *, responds_last: bool) -> Reading:
    """Raises a ProviderError when the call was refused (`sent=False`) or a gateway answered in n8n's place."""
    value = _value(answer)
    if error := _refusal(answer, start, value):
        raise error
    words = text(obj(value).get("message"))
    if answer.status == 500 and words == "Error in workflow":
        return Reading(
            None, False, problem="the workflow failed; its webhook gives no reason", status=500, owner="n8n"
        )
    if answer.status == 500 and words == "No item to return was found":
        return Reading(None, True)
    own = start.hook.mode == "responseNode" and "json" in answer.headers.get("content-type", "")
    if not answer.ok and not own:
        error = error_from(answer, f"the webhook answered {answer.status}: {message_of(answer)}")
        if 300 <= answer.status < 400:
            error = Rejected(
                f"the webhook's address redirects to {answer.headers.get('location', 'another one')}",
                hint="Enter the final address as the webhook address of this connection.",
                status=answer.status,
                sent=False,
            )
        raise error
    given = answer.headers.get("x-n8n-execution-id", "").strip() or text(obj(value).get("executionId")) or ""
    result = {"onReceived": False, "responseNode": responds_last and answer.status != 202}.get(
        start.hook.mode, True
    )
    problem = None if answer.ok else _own_words(answer.status, obj(value))
    return Reading(value, result, given if _ID.fullmatch(given) else None, problem, answer.status)


def _refusal(answer: Answer, start: Start, value: JsonValue) -> ProviderError | None:
    body = obj(value)
    words = text(body.get("message")) or ""
    if answer.status == 404 and "not registered" in words:
        # We have just read that it is published: activation answers before the webhook is live (0.14 to 15 s).
        return Unavailable(
            f"n8n has not registered the webhook {start.method} {start.hook.path} yet",
            hint="It goes live some seconds after publishing. If it stays so, check the webhook address of this connection.",
            status=404,
            sent=False,
        )
    if answer.status == 404 and start.hook.mode != "responseNode":
        return RemoteNotFound(
            f"nothing answers at the webhook's address: {message_of(answer)}",
            hint="Check the webhook address of this connection.",
            status=404,
            sent=False,
        )
    if answer.status in (401, 403) and (
        start.hook.mode != "responseNode" or answer.text.strip() in _AUTH_TEXTS
    ):
        return Unauthorized(
            f"the webhook refuses the call: {message_of(answer)}",
            code="unauthorized" if answer.status == 401 else "forbidden",
            hint="Check the webhook credentials of this connection, and the Webhook node's IP whitelist.",
            status=answer.status,
            sent=False,
        )
    if answer.status == 422 and words == "Failed to parse request body":
        return Rejected(f"n8n cannot read the payload: {words}", status=422, sent=False)
    too_large = answer.status == 500 and words == _BROKEN and len(json.dumps(start.body)) > _LARGE
    if answer.status == 413 or too_large:
        return Rejected(
            "the payload is too large for n8n",
            hint="n8n takes 16 MiB, unless N8N_PAYLOAD_SIZE_MAX or a server in front of it says otherwise.",
            status=answer.status,
            sent=False,
        )
    return None


def _own_words(status: int, body: JsonObject) -> str:
    for name in ("error", "message", "detail"):
        found = text(body.get(name)) or text(obj(body.get(name)).get("message"))
        if found:
            return found[:500]
    return f"the workflow answered {status}"


def _value(answer: Answer) -> JsonValue:
    """The body as JSON whatever its content type says (n8n serves some as text/html), else as text."""
    if not answer.body.strip():
        return None
    try:
        return read_json(answer.body)
    except BadJson:
        return answer.text
