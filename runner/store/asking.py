"""What every request for a run begins with: its id and revision, its idempotency key, and a definition that can run."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.decision import Decision, decide_retry, with_recorded
from runner.errors import Conflict, NotFound
from runner.model import RunState, Scope
from runner.store.batch import Query
from runner.store.definitions import Definition, Definitions
from runner.tables import idempotency, node_run, run

Which = Literal["published", "latest"] | int
"""The revision that a start names."""

NEW = Query(
    """
    SELECT uuidv7() AS id, o.revision, o.published_revision, EXISTS (
        SELECT FROM connection c WHERE c.workspace_id = :workspace_id
            AND (c.draw_role <> 'editor' OR c.start_role <> 'operator')) AS restricted
    FROM (SELECT) AS one LEFT JOIN orchestrator o
        ON o.id = :orchestrator_id AND o.workspace_id = :workspace_id AND o.deleted_at IS NULL
    """,
    bindparam("orchestrator_id", type_=PgUuid()),
    bindparam("workspace_id", type_=PgUuid()),
)


def asked_for(scope: Scope, orchestrator_id: UUID | None) -> dict[str, Any]:
    """What `NEW` takes."""
    return {"orchestrator_id": orchestrator_id, "workspace_id": scope.workspace_id}


async def new_run(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID | None) -> Any:
    """A time-ordered `id`, and the orchestrator's newest `revision` and its `published_revision`, None if it has none;
    `restricted`: some connection here is not for everybody."""
    return (await connection.execute(NEW.clause, asked_for(scope, orchestrator_id))).one()


def known(revision: int | None) -> int:
    if revision is None:
        raise NotFound("there is no such orchestrator")
    return revision


def chosen(newest: int | None, published: int | None, which: Which | None = None) -> int:
    """The revision to run: the one that is named, else what triggers run, which is the published one or, where nothing is
    published, the newest. Raises NotFound, Conflict."""
    newest = known(newest)
    match which:
        case "latest":
            return newest
        case "published" if published is None:
            raise Conflict(
                "no revision of this orchestrator is published",
                code="not-published",
                hint="Publish one, or leave `revision` out: then the newest one runs.",
            )
        case int():
            return which
        case _:
            return newest if published is None else published


async def first_asked(
    connection: AsyncConnection, scope: Scope, operation: str, key: str, asked: object, result_id: UUID
) -> UUID:
    """`result_id` when this key is new here, else the id the first request got. A concurrent first request is waited for."""
    request = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
    mine = (
        idempotency.c.workspace_id == scope.workspace_id,
        idempotency.c.operation == operation,
        idempotency.c.key == key,
    )
    await connection.execute(
        delete(idempotency).where(
            *mine, idempotency.c.created_at < func.clock_timestamp() - text("interval '24 hours'")
        )
    )
    made = await connection.execute(
        upsert(idempotency)
        .values(
            workspace_id=scope.workspace_id,
            operation=operation,
            key=key,
            request_sha256=request,
            result_id=result_id,
        )
        .on_conflict_do_nothing()
    )
    if made.rowcount:
        return result_id
    first = (await connection.execute(select(idempotency).where(*mine))).one()
    if first.request_sha256 != request:
        raise Conflict(
            "this Idempotency-Key was used for another request",
            code="idempotency-key-reused",
            hint="Use a new key for a new request.",
        )
    return first.result_id


async def ended_run(
    connection: AsyncConnection,
    definitions: Definitions,
    scope: Scope,
    run_id: UUID,
    *,
    start: str,
    latest: bool,
    recorded: bool = False,
) -> tuple[Any, Definition, Decision]:
    """The row of a run that may be repeated, the definition to repeat it with, and what of it stands; `recorded`: also what is
    taken in the place of calls. Raises NotFound, Conflict."""
    old = (
        await connection.execute(
            select(run).where(run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
        )
    ).first()
    if old is None:
        raise NotFound("there is no such run")
    if not RunState(old.state).final:
        raise Conflict("the run has not ended", hint="Cancel it first, or wait for its end.")
    if old.trigger_kind == "test":
        raise Conflict(
            "this run was a test of a part of the drawing",
            code="test-run",
            hint="Test it again on the canvas, or start a run.",
        )
    revision = old.revision
    if latest:
        revision = known((await new_run(connection, scope, old.orchestrator_id)).revision)
    definition = await definitions.get(connection, old.orchestrator_id, revision)
    nodes = (await connection.execute(select(node_run).where(node_run.c.run_id == run_id))).all()
    decision = decide_retry(definition.wiring, nodes, old.number, start)
    if recorded:
        decision = with_recorded(definition.wiring, decision, nodes, old.number)
    return old, definition, decision
