"""What a client is told when something goes wrong: RFC 9457 problem+json, and the one table from error to HTTP status.

AppError
    Unauthenticated     nobody, or nobody we know
    Forbidden           known, but may not
    BadRequest          the request cannot be read
        TooLarge        the body is over its limit
        TooSlow         the body did not arrive in time
        Unsupported     the body's media type is not one we read
        Invalid         readable, but not what the operation takes; `errors` says where
    Gone                it was there, and is over
    TooMany             too many tries in too short a time
    Overloaded          more at once than this process takes (`app.admission`)

An error that is not in the table is ours: 500, a request id, and nothing else leaves the house.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from pydantic import ConfigDict, Field, JsonValue, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from providers import (
    Frozen,
    NotSupported,
    ProviderError,
    RateLimited,
    RemoteNotFound,
    Unavailable,
)
from runner.errors import (
    Conflict,
    GraphError,
    InputsInvalid,
    NotFound,
    NotYours,
    OutputsMissing,
    RunnerError,
    Stale,
    Unreachable,
)
from runner.model import Problem
from runner.paths import PathError
from runner.redaction import BadRule

MEDIA = "application/problem+json"
REQUEST_ID = "baton.request_id"
"""Where the scope of a request keeps its id."""

log = logging.getLogger(__name__)


class AppError(Exception):
    """Root of this layer. `code` is a stable word, `hint` says what to do next."""

    code = "bad-request"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint


class Unauthenticated(AppError):
    code = "unauthenticated"
    headers = MappingProxyType({"WWW-Authenticate": 'Bearer realm="baton"'})

    def __init__(self, message: str = "Sign in, or send an API token.") -> None:
        super().__init__(
            message, hint="Make a token with `baton token create` and send it as a Bearer token."
        )


class Forbidden(AppError):
    code = "forbidden"


class BadRequest(AppError):
    code = "malformed-request"


class TooLarge(BadRequest):
    """`cut`: the rest of the body is not read, so the connection cannot be used again."""

    code = "too-large"

    def __init__(self, limit: int, *, cut: bool = False) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")
        if cut:
            self.headers = {"Connection": "close"}


class TooSlow(BadRequest):
    code = "too-slow"
    headers = MappingProxyType({"Connection": "close"})


class Unsupported(BadRequest):
    code = "unsupported-media-type"


class Invalid(BadRequest):
    """`errors` are pairs of a JSON Pointer into the request and a sentence."""

    code = "invalid-request"

    def __init__(self, errors: Sequence[tuple[str, str]], message: str = "The request is not valid.") -> None:
        super().__init__(message, hint="Mend the listed fields and send it again.")
        self.errors = tuple(errors)

    @classmethod
    def of(cls, error: ValidationError) -> Invalid:
        """What pydantic found, without the input it found it in."""
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        return cls([(pointer(fault["loc"]), fault["msg"]) for fault in faults])


class Gone(AppError):
    code = "gone"


class TooMany(AppError):
    """`seconds` is the wait until the next try counts."""

    code = "too-many-tries"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many tries. Wait {seconds} seconds.")
        self.headers = {"Retry-After": str(seconds)}


class Overloaded(AppError):
    """`most` is how many the process takes at once."""

    code = "overloaded"
    headers = MappingProxyType({"Retry-After": "1"})

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} runs are just being started here, and no more at once.",
            hint="Nothing was stored. Send it again after the seconds in Retry-After.",
        )


STATUS: Mapping[type[Exception], int] = {
    BadRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotYours: 403,
    NotFound: 404,
    TooSlow: 408,
    Conflict: 409,
    GraphError: 409,
    Gone: 410,
    Stale: 412,
    TooLarge: 413,
    Unsupported: 415,
    Invalid: 422,
    InputsInvalid: 422,
    BadRule: 422,
    PathError: 422,
    TooMany: 429,
    Unreachable: 503,
    Overloaded: 503,
    # A platform's refusal is never passed on as our own 401 or 403: the caller's credentials for us are fine.
    NotSupported: 422,
    RemoteNotFound: 404,
    RateLimited: 503,
    Unavailable: 502,
    ProviderError: 502,
}
_ROUTER = {
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not take this method."),
}


class FieldError(Frozen):
    pointer: str
    detail: str


class ProblemDetails(Frozen):
    """RFC 9457. `code` is the stable word to decide by; `hint` says what to do next; `requestId` finds it in the log."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    code: str
    hint: str | None = None
    request_id: str | None = None
    errors: tuple[FieldError, ...] = Field(default=(), description="Where, for 422.")
    problems: tuple[Problem, ...] = Field(
        default=(), description="What keeps the definition, or a test of it, from running."
    )


def pointer(path: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def status_of(error: Exception | type[Exception]) -> int:
    """The nearest ancestor in the table decides; 500 for everything else."""
    kind = error if isinstance(error, type) else type(error)
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)


def request_id(connection: HTTPConnection[Any]) -> str:
    return connection.scope.setdefault(REQUEST_ID, str(uuid.uuid4()))


def details(connection: HTTPConnection[Any], error: Exception) -> ProblemDetails:
    """The problem that `error` is to a client. Logs what is ours."""
    if isinstance(error, HTTPException):
        code, text = _ROUTER.get(error.status_code, ("bad-request", error.detail))
        return make(connection, error.status_code, code, text)
    status = status_of(error)
    if status == 500 or not isinstance(error, AppError | RunnerError | ProviderError):
        log.error("request failed", {"request": request_id(connection)}, exc_info=error)
        return make(connection, 500, "internal", None, hint="Look for the request id in the server's log.")
    found: dict[str, Any] = {}
    if isinstance(error, Invalid | InputsInvalid):
        found["errors"] = tuple(FieldError(pointer=at, detail=text) for at, text in error.errors)
    if isinstance(error, GraphError | OutputsMissing):
        found["problems"] = error.problems
    return make(connection, status, error.code, error.message, hint=error.hint, **found)


def make(
    connection: HTTPConnection[Any], status: int, code: str, detail: str | None, **more: Any
) -> ProblemDetails:
    return ProblemDetails(
        type=f"urn:baton:problem:{code}",
        title=code.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        instance=quote(connection.scope["path"]),
        code=code,
        request_id=request_id(connection),
        **more,
    )


def headers_of(error: Exception) -> dict[str, str]:
    """The headers that belong to an error: how to sign in, when to come back, what is allowed."""
    if isinstance(error, AppError):
        return dict(error.headers)
    if isinstance(error, RateLimited):
        return {"Retry-After": str(max(1, round(error.retry_after)))}
    if isinstance(error, Unreachable):
        return {"Retry-After": "1"}
    if isinstance(error, HTTPException):
        return dict(error.headers or {})
    return {}


def answer(problem: ProblemDetails, headers: Mapping[str, str] | None = None) -> Response:
    """Empty members are left out; `errors` and `problems` appear only where there are some."""
    body: dict[str, JsonValue] = problem.model_dump(mode="json", by_alias=True)
    kept = {name: value for name, value in body.items() if value not in ([], None) or name == "requestId"}
    return Response(json.dumps(kept, ensure_ascii=False), problem.status, headers=headers, media_type=MEDIA)
