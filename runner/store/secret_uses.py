"""Where signing secrets are used, and what is wrong with their use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Select, and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import GraphError
from runner.model import Graph, Problem, Scope
from runner.tables import orchestrator, orchestrator_revision, run, signing_secret_version, wait
from runner.webhook_auth import StandardWebhooksAuth, WebhookAuth, read_auth, secret_of

_FREE = (run.c.id == wait.c.run_id, wait.c.state.in_(("armed", "parked")))


def names_secrets(graph: Graph) -> bool:
    return any(secret_of(auth) for auth in _modes(graph).values())


async def problems_within(connection: AsyncConnection, scope: Scope, graph: Graph) -> tuple[Problem, ...]:
    """Of every node that names a secret: it is gone, or does not suit the mode."""
    asked = _modes(graph)
    known = await _standards(
        connection, scope, {each for auth in asked.values() if (each := secret_of(auth))}
    )
    labels = {node.id: node.label for node in graph.nodes}
    found = (_problem(node_id, labels[node_id], auth, known) for node_id, auth in asked.items())
    return tuple(problem for problem in found if problem is not None)


async def require(connection: AsyncConnection, scope: Scope, graph: Graph) -> None:
    """Raises GraphError where a secret is gone: such a run would wait for calls that are all refused."""
    if problems := await problems_within(connection, scope, graph):
        raise GraphError(f"this orchestrator cannot run: {problems[0].detail}", problems)


def named(scope: Scope) -> Select[Any, Any, Any]:
    """Every secret that a newest or a published revision names, with its orchestrator."""
    nodes = func.jsonb_path_query(
        orchestrator_revision.c.definition, text("'$.nodes[*].data.config.auth.secretId'::jsonpath")
    )
    joined = orchestrator.join(
        orchestrator_revision,
        and_(
            orchestrator_revision.c.orchestrator_id == orchestrator.c.id,
            orchestrator_revision.c.revision.in_(
                [orchestrator.c.revision, orchestrator.c.published_revision]
            ),
        ),
    )
    return (
        select(
            orchestrator.c.id, orchestrator.c.name, func.lower(nodes.op("#>>")(text("'{}'"))).label("secret")
        )
        .select_from(joined)
        .where(orchestrator.c.workspace_id == scope.workspace_id, orchestrator.c.deleted_at.is_(None))
    )


def users_of(scope: Scope, secret_id: UUID) -> Select[Any]:
    """The names of the orchestrators that use it: by a revision that may run, or by an open wait of a run under way."""
    current = named(scope).subquery()
    waiting = (
        select(run.c.orchestrator_id)
        .join(wait, and_(*_FREE))
        .where(
            wait.c.workspace_id == scope.workspace_id,
            func.lower(wait.c.auth["secretId"].astext) == str(secret_id),
        )
    )
    return (
        select(orchestrator.c.name)
        .where(
            or_(
                orchestrator.c.id.in_(select(current.c.id).where(current.c.secret == str(secret_id))),
                orchestrator.c.id.in_(waiting),
            )
        )
        .order_by(orchestrator.c.name)
    )


async def _standards(connection: AsyncConnection, scope: Scope, secret_ids: set[UUID]) -> Mapping[UUID, bool]:
    """Those of these secrets that there are, each with whether its newest value suits Standard Webhooks."""
    version = signing_secret_version
    rows = await connection.execute(
        select(version.c.secret_id, version.c.standard)
        .where(version.c.workspace_id == scope.workspace_id, version.c.secret_id.in_(secret_ids))
        .order_by(version.c.id)
    )
    return {secret_id: standard for secret_id, standard in rows}


def _modes(graph: Graph) -> dict[str, WebhookAuth]:
    """By node; what cannot be read is told by the check of the configuration."""
    found: dict[str, WebhookAuth] = {}
    for node in graph.nodes:
        if (value := node.data.config.get("auth")) is not None:
            try:
                found[node.id] = read_auth(value)
            except ValidationError:
                continue
    return found


def _problem(node_id: str, label: str, auth: WebhookAuth, known: Mapping[UUID, bool]) -> Problem | None:
    secret_id = secret_of(auth)
    if secret_id is None:
        return None
    if secret_id not in known:
        detail = (
            f"{label}: the signing secret it names is gone, so every call would be refused; choose another"
        )
        return Problem(node_id=node_id, field="auth.secretId", code="auth-secret-missing", detail=detail)
    if isinstance(auth, StandardWebhooksAuth) and not known[secret_id]:
        detail = f"{label}: its signing secret is not one of Standard Webhooks: whsec_ and base64 of at least 24 bytes"
        return Problem(node_id=node_id, field="auth.secretId", code="auth-secret-unfit", detail=detail)
    return None
