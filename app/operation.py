"""`@operation`: one declaration validates a request, checks the permission, answers, and documents all three.

A handler says what it takes by the names and types of its parameters, all but the first optional:
`request`, `scope` (who asks), `body`, `query`, `headers` (pydantic models), and each `{nodeId}` of its path as `node_id`.
It returns a value of its annotated type, a `Reply` to choose status and headers, or a Response.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from app.admission import Admission
from app.body import MAX_BODY
from app.problems import Forbidden, Overloaded, Unauthenticated, request_id
from app.reading import header_fields, json_body, path_value, query_fields
from runner.model import Role, Scope

ValueT = TypeVar("ValueT")
Handler = Callable[..., Awaitable[Any]]
_OURS = ("request", "scope", "body", "query", "headers", "return")


@dataclass(frozen=True)
class Reply(Generic[ValueT]):
    """An answer with its own headers, or with another status than the operation's usual one."""

    value: ValueT
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(eq=False)
class Operation:
    """One handler as an ASGI endpoint. `permission` None means public; there is no default, so nothing opens by omission."""

    handler: Handler
    permission: Role | None
    status: int
    also: tuple[int, ...]
    raises: tuple[type[Exception], ...]
    media: str
    also_media: tuple[str, ...]
    limit: int
    accepts: Mapping[str, Any] | None
    admitted: bool = False

    def __post_init__(self) -> None:
        hints = get_type_hints(self.handler, include_extras=True)
        self.__name__ = self.handler.__name__
        self.doc = inspect.cleandoc(self.handler.__doc__ or "")
        self.takes_scope = "scope" in hints
        self.body = TypeAdapter[Any](hints["body"]) if "body" in hints else None
        self.query, self.headers = hints.get("query"), hints.get("headers")
        self.path: dict[str, Any] = {name: kind for name, kind in hints.items() if name not in _OURS}
        self.answer = _answer(hints["return"])

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        response = await self.respond(Request(connection, receive, send))
        await response(connection, receive, send)

    async def respond(self, request: Request[Any]) -> Response:
        if not self.admitted:
            return await self._respond(request)
        admission: Admission = request.state["admission"]
        if (place := admission.enter(request)) is None:
            raise Overloaded(admission.most)
        with place:
            return await self._respond(request)

    async def _respond(self, request: Request[Any]) -> Response:
        given: dict[str, Any] = {}
        if self.permission is not None:
            scope = await request.state["authenticate"](request)
            if scope is None:
                raise Unauthenticated
            at_least(scope, self.permission)
            if self.takes_scope:
                given["scope"] = from_where(scope, request)
        for name, kind in self.path.items():
            given[name] = path_value(request.path_params[to_camel(name)], kind)
        if self.query is not None:
            given["query"] = query_fields(self.query, request)
        if self.headers is not None:
            given["headers"] = header_fields(self.headers, request)
        if self.body is not None:
            given["body"] = await json_body(self.body, request, self.limit)
        result = await self.handler(request, **given)
        if isinstance(result, Response):
            return result
        reply = cast(Reply[Any], result) if isinstance(result, Reply) else Reply(result)
        content = b"" if self.answer is None else self.answer.dump_json(reply.value, by_alias=True)
        return Response(content, reply.status or self.status, reply.headers, self.media if content else None)


def from_where(scope: Scope, request: Request[Any]) -> Scope:
    """`scope` with what the audit log tells of the request."""
    address = request.client.host if request.client else None
    return replace(scope, address=address, request_id=request_id(request))


def at_least(scope: Scope, role: Role) -> None:
    """Raises Forbidden for a lesser role."""
    if not scope.role.includes(role):
        raise Forbidden(f"This needs the role {role}; yours is {scope.role}.")


def operation(
    *,
    permission: Role | None,
    status: int = 200,
    also: tuple[int, ...] = (),
    raises: tuple[type[Exception], ...] = (),
    media: str = "application/json",
    also_media: tuple[str, ...] = (),
    limit: int = MAX_BODY,
    accepts: Mapping[str, Any] | None = None,
    admitted: bool = False,
) -> Callable[[Handler], Operation]:
    """Make a handler an endpoint. `also` and `also_media`: further statuses and media types it answers with; `limit`: bytes of its
    body; `accepts`: the media types of a body that the handler reads itself, as OpenAPI's `content`; `admitted`: it needs a place
    (`app.admission`)."""
    told = {"status": status, "also": also, "raises": raises, "media": media, "also_media": also_media}
    return partial(Operation, permission=permission, **told, limit=limit, accepts=accepts, admitted=admitted)


def _answer(hint: Any) -> TypeAdapter[Any] | None:
    """What of a return annotation is JSON: the value, bare or in a Reply; a Response answers for itself."""
    parts = [p for p in get_args(hint) if p is not Response] if Response in get_args(hint) else [hint]
    value = get_args(parts[0])[0] if get_origin(parts[0]) is Reply else parts[0]
    raw = value is type(None) or (inspect.isclass(value) and issubclass(value, Response))
    return None if raw else TypeAdapter[Any](value)
