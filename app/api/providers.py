"""Providers: what can be connected, connecting it, and choosing among what it offers."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.connecting import (
    NAME_LIMIT,
    ConnectionAnswer,
    Force,
    TestAnswer,
    TestRefused,
    answer_of,
    attempt,
    exposed_refused,
    fits,
    may_open_private,
    may_refer,
    moved_refused,
    tested,
    told,
    values_of,
)
from app.forms import form_schema
from app.listing import ListQuery, decode, encode
from app.operation import Reply, operation
from app.problems import Forbidden, Invalid
from app.state import State
from providers import Frozen, JsonObject, Preview, ProviderError, RemoteWorkflow, Verb
from runner.credentials import Merged, filled, parse, references
from runner.errors import Conflict, NotFound
from runner.model import Failure, Role, Scope
from runner.store.connections import ConnectionRow, Status
from runner.wire import Timestamp


class ConnectionName(Frozen):
    id: UUID
    name: str
    status: Status


class ProviderAnswer(Frozen):
    """`connectionForm` is the JSON Schema of what `connect` takes as credentials."""

    name: str
    title: str
    verbs: tuple[Verb, ...]
    connection_form: JsonObject
    connections: tuple[ConnectionName, ...]


class SecretStoresAnswer(Frozen):
    """What may stand in the place of a secret: `{"ref": "KIND:NAME"}`. `kinds` are those set up on this server, `names` the ones
    that `env` takes. Only admins may use them."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]


class Providers(Frozen):
    items: tuple[ProviderAnswer, ...]
    secret_stores: SecretStoresAnswer


class Connect(Frozen):
    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    credentials: JsonObject
    allow_private_network: bool = Field(default=False, description="Admins only.")


class Test(Frozen):
    """New `credentials`, or those of a connection, or a connection's with changes to them."""

    credentials: JsonObject | None = None
    connection_id: UUID | None = None
    allow_private_network: bool | None = Field(default=None, description="Admins only.")


class WorkflowQuery(ListQuery):
    connection_id: UUID | None = Field(
        default=None, description="May be left out where the provider has exactly one connection."
    )
    q: str = Field(default="", max_length=200, description="Part of the name in any case, or the id.")
    active: bool | None = None
    refresh: bool = Field(default=False, description="Ask the platform now.")


class PreviewQuery(Frozen):
    connection_id: UUID | None = None
    refresh: bool = Field(default=False, description="Ask the platform now.")


class Workflows(Frozen):
    """`stale`: the copy is older than five minutes, or the platform did not answer; then `problem` says why."""

    items: tuple[RemoteWorkflow, ...]
    next_cursor: str | None
    connection_id: UUID
    synced_at: Timestamp
    stale: bool
    problem: Failure | None


class PreviewAnswer(Preview):
    fetched_at: Timestamp


@operation(permission=Role.VIEWER)
async def list_providers(request: Request[State], scope: Scope) -> Providers:
    """Every platform that can be connected, with what each can do and the connections there are."""
    found: dict[str, list[ConnectionRow]] = {}
    for row in await request.state["store"].connections.all(scope):
        found.setdefault(row.provider, []).append(row)
    secrets = request.state["platforms"].secrets
    return Providers(
        secret_stores=SecretStoresAnswer(
            kinds=secrets.kinds, names=secrets.names if scope.role is Role.ADMIN else ()
        ),
        items=tuple(
            ProviderAnswer(
                name=kind.name,
                title=kind.title,
                verbs=tuple(verb for verb in Verb if verb in kind.verbs),
                connection_form=form_schema(kind.connection_model),
                connections=tuple(
                    ConnectionName(id=row.id, name=row.name, status=row.status)
                    for row in found.get(kind.name, ())
                ),
            )
            for kind in request.state["registry"]
        ),
    )


@operation(permission=Role.EDITOR, status=201, raises=(NotFound, Conflict, Invalid, TestRefused, Forbidden))
async def connect(
    request: Request[State], scope: Scope, provider: str, query: Force, body: Connect
) -> Reply[ConnectionAnswer]:
    """Keep an address and credentials, after a test of them.

    A failed test is 422 with the reason, unless `?force=true`. Secrets are encrypted and never shown again.
    """
    kind = request.state["platforms"].kind(provider)
    may_open_private(scope, body.allow_private_network)
    may_refer(scope, body.credentials)
    values = await values_of(request, body.credentials)
    with fits():
        connection = parse(kind.connection_model, filled(body.credentials, values))
        Merged.of(connection, body.credentials)
    private = body.allow_private_network
    await exposed_refused(
        scope, connection.model_dump(mode="json", by_alias=True), private=private, force=query.force
    )
    found = await tested(request, provider, connection, private=private, force=query.force)
    made = await request.state["store"].connections.create(
        scope,
        provider,
        body.name,
        found.connection,
        referring=body.credentials,
        allow_private_network=private,
        account=found.account,
        problem=found.failure,
    )
    return Reply(answer_of(made), headers={"Location": f"/api/v1/orchestrator/connections/{made.id}"})


@operation(permission=Role.OPERATOR, raises=(NotFound, Conflict, Invalid, Forbidden))
async def test_connection(request: Request[State], scope: Scope, provider: str, body: Test) -> TestAnswer:
    """Try credentials with harmless reads; nothing is started there and nothing kept here.

    Operators may test what is stored; testing other credentials or another address needs an editor.
    """
    kind = request.state["platforms"].kind(provider)
    may_open_private(scope, body.allow_private_network)
    connections = request.state["store"].connections
    if body.credentials is not None and scope.role not in (Role.EDITOR, Role.ADMIN):
        raise Forbidden("Testing new credentials needs the role editor.")
    if body.connection_id is None:
        if body.credentials is None:
            raise Invalid([("/credentials", "give credentials, or a connectionId")])
        may_refer(scope, body.credentials)
        values = await values_of(request, body.credentials)
        with fits():
            connection = parse(kind.connection_model, filled(body.credentials, values))
            Merged.of(connection, body.credentials)
        private = bool(body.allow_private_network)
        await exposed_refused(
            scope, connection.model_dump(mode="json", by_alias=True), private=private, force=False
        )
        return (await attempt(request, provider, connection, private=private)).answer
    row = await connections.usable(scope, provider, body.connection_id)
    if body.credentials is not None:
        return await _changes_tested(request, scope, row, body)
    try:
        request.state["platforms"].secrets.forget(references(row.credentials))
        stored = await request.state["platforms"].opened(row)
    except Conflict as error:
        problem = told(Failure(code=error.code, message=error.message, hint=error.hint))
        return TestAnswer(ok=False, latency_ms=0, problem=problem)
    private = row.allow_private_network
    found = await attempt(request, provider, stored, private=private, stored=(scope, row.id))
    await connections.report(scope, row.id, account=found.account, problem=found.failure)
    return found.answer


@operation(permission=Role.VIEWER, raises=(NotFound, Conflict, ProviderError))
async def list_workflows(
    request: Request[State], scope: Scope, provider: str, query: WorkflowQuery
) -> Workflows:
    """The workflows of a connection by name, from a copy that says how old it is.

    A copy older than five minutes is served at once and renewed behind its back; `?refresh=true` renews it first.
    """
    found = await request.state["library"].workflows(
        scope,
        provider,
        query.connection_id,
        refresh=query.refresh,
        q=query.q,
        active=query.active,
        limit=query.limit + 1,
        after=_after(query.cursor),
    )
    items = found.items[: query.limit]
    more = len(found.items) > query.limit
    return Workflows(
        items=items,
        next_cursor=encode(json.dumps([items[-1].name, items[-1].id])) if more else None,
        connection_id=found.connection_id,
        synced_at=found.synced_at,
        stale=found.stale,
        problem=found.problem,
    )


@operation(permission=Role.VIEWER, raises=(NotFound, Conflict, ProviderError))
async def preview_workflow(
    request: Request[State], scope: Scope, provider: str, workflow_id: str, query: PreviewQuery
) -> PreviewAnswer:
    """The steps of a workflow as the platform would run them now; `fetchedAt` says when that was read."""
    found = await request.state["library"].preview(
        scope, provider, query.connection_id, workflow_id, refresh=query.refresh
    )
    return PreviewAnswer(**dict(found))


async def _changes_tested(
    request: Request[State], scope: Scope, row: ConnectionRow, body: Test
) -> TestAnswer:
    private = row.allow_private_network
    if body.allow_private_network is not None:
        private = body.allow_private_network
    given = body.credentials or {}
    may_refer(scope, given, row)
    values = await values_of(request, row.credentials, given)
    with fits():
        merged = request.state["store"].connections.merged(row, given, values)
    if merged.connection is None:
        raise Invalid([("/credentials", "the address has changed: enter the secrets again")])
    moved_refused(scope, row, merged, private=private)
    await exposed_refused(scope, merged.shown, private=private, force=False)
    return (await attempt(request, row.provider, merged.connection, private=private)).answer


def _after(cursor: str | None) -> tuple[str, str] | None:
    mark = decode(cursor)
    if mark is None:
        return None
    try:
        found: Any = json.loads(mark)
        name, workflow_id = found
    except (ValueError, TypeError):
        name = workflow_id = None
    if not isinstance(name, str) or not isinstance(workflow_id, str) or "\x00" in name + workflow_id:
        raise Invalid([("/cursor", "is not a cursor of this list; leave it out to begin anew")])
    return name, workflow_id


fixed = [
    Route("/orchestrator/providers", list_providers, methods=["GET"]),
    Route("/orchestrator/providers/{provider}/connect", connect, methods=["POST"]),
    Route("/orchestrator/providers/{provider}/test", test_connection, methods=["POST"]),
    Route("/orchestrator/providers/{provider}/workflows", list_workflows, methods=["GET"]),
    Route(
        "/orchestrator/providers/{provider}/workflows/{workflowId:path}/preview",
        preview_workflow,
        methods=["GET"],
    ),
]
"""Before the routes of orchestrators: a word in the place of an id."""
