"""Which steps of which orchestrators use which connection and remote workflow, and which of them has changed since it was
imported. One query says it for everybody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, case, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen
from runner.database import Database
from runner.importing import TYPE
from runner.model import Scope
from runner.tables import connection, orchestrator, orchestrator_revision, remote_preview


class Usage(Frozen):
    """One node. `connectionId` null: it names a connection that is gone, or leaves a choice that is not clear. `changed`: whether
    the remote workflow, as it was read last, is another than the one imported; null: not imported, or never read since.
    `revision`: the newest that says so; `newest` false: that is the published one, and the newest says otherwise."""

    orchestrator_id: UUID
    orchestrator_name: str
    revision: int
    newest: bool
    node_id: str
    node_label: str
    provider: str | None
    connection_id: UUID | None
    workflow_id: str | None
    changed: bool | None = None


class Usages:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self,
        scope: Scope,
        *,
        connection_id: UUID | None = None,
        provider: str | None = None,
        workflow_id: str | None = None,
        changed: bool | None = None,
        limit: int = 1000,
    ) -> tuple[Usage, ...]:
        """Nodes of current definitions, newest and published, by orchestrator name; what is the same in both, once."""
        async with self._database.begin(scope) as transaction:
            return await usages(transaction, scope, connection_id, provider, workflow_id, changed, limit)


async def usages(
    transaction: AsyncConnection,
    scope: Scope,
    connection_id: UUID | None = None,
    provider: str | None = None,
    workflow_id: str | None = None,
    changed: bool | None = None,
    limit: int | None = None,
) -> tuple[Usage, ...]:
    """`Usages.find` within a transaction."""
    every = usage(scope).subquery()
    same = (
        every.c.orchestrator_id,
        every.c.node_id,
        every.c.connection_id,
        every.c.provider,
        every.c.workflow_id,
        every.c.changed,
    )
    used = select(every).ext(distinct_on(*same)).order_by(*same, every.c.revision.desc()).subquery()
    query = select(used).order_by(used.c.orchestrator_name, used.c.orchestrator_id, used.c.place).limit(limit)
    if connection_id is not None:
        query = query.where(used.c.connection_id == connection_id)
    if provider is not None:
        query = query.where(used.c.provider == provider)
    if workflow_id is not None:
        query = query.where(used.c.workflow_id == workflow_id)
    if changed is not None:
        query = query.where(used.c.changed.is_(changed))
    found = (await transaction.execute(query)).mappings()
    return tuple(
        Usage(**{name: value for name, value in row.items() if name in Usage.model_fields}) for row in found
    )


def usage(scope: Scope) -> Select[*tuple[Any, ...]]:
    """Every node of a current definition, the newest and the published one, that calls a platform.

    A node uses the connection that it names, or, where it leaves the choice, the only one of its provider.
    """
    revision = orchestrator_revision
    nodes = (
        func.jsonb_array_elements(revision.c.definition["nodes"])
        .table_valued(column("value", JSONB), with_ordinality="place", name="node")
        .render_derived()
    )
    node = nodes.c.value
    config = node["data"]["config"]
    provider = func.nullif(config["provider"].astext, "")
    mine = connection.alias("mine")
    only = (
        select(mine.c.provider, func.min(cast(mine.c.id, Text)).label("id"))
        .where(mine.c.workspace_id == scope.workspace_id)
        .group_by(mine.c.provider)
        .having(func.count() == 1)
        .subquery("only")
    )
    named = func.coalesce(
        func.nullif(config["connectionId"].astext, ""), func.nullif(config["apiKeyConnectionId"].astext, "")
    )
    chosen = func.lower(func.coalesce(named, only.c.id))
    workflow = func.nullif(config["workflowId"].astext, "")
    fingerprint = case((node["type"].astext == TYPE, node["data"]["imported"]["fingerprint"].astext))
    return (
        select(
            orchestrator.c.id.label("orchestrator_id"),
            orchestrator.c.name.label("orchestrator_name"),
            revision.c.revision,
            (revision.c.revision == orchestrator.c.revision).label("newest"),
            node["id"].astext.label("node_id"),
            func.coalesce(func.nullif(node["data"]["label"].astext, ""), node["id"].astext).label(
                "node_label"
            ),
            func.coalesce(provider, connection.c.provider).label("provider"),
            connection.c.id.label("connection_id"),
            workflow.label("workflow_id"),
            fingerprint.label("fingerprint"),
            (fingerprint != remote_preview.c.fingerprint).label("changed"),
            nodes.c.place,
        )
        .select_from(orchestrator)
        .join(
            revision,
            (revision.c.orchestrator_id == orchestrator.c.id)
            & revision.c.revision.in_((orchestrator.c.revision, orchestrator.c.published_revision)),
        )
        .join(nodes, true())
        .outerjoin(only, only.c.provider == provider)
        .outerjoin(
            connection,
            (cast(connection.c.id, Text) == chosen) & (connection.c.workspace_id == scope.workspace_id),
        )
        .outerjoin(
            remote_preview,
            (remote_preview.c.connection_id == connection.c.id) & (remote_preview.c.remote_id == workflow),
        )
        .where(
            orchestrator.c.workspace_id == scope.workspace_id,
            orchestrator.c.deleted_at.is_(None),
            func.coalesce(provider, named).is_not(None),
        )
    )
