"""Showing one person what a rule masks, for a reason that is written down before they see it."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import BigInteger, func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from runner import paths
from runner.database import Database
from runner.errors import NotFound
from runner.model import Scope
from runner.store.audit import record
from runner.tables import callback, callback_audit, node_attempt, node_run, run, run_event

Part: TypeAlias = Literal["inputs", "output", "error", "input", "attempts", "line", "callback"]
"""Of a run: its inputs, output, error, a line of its history by number, a callback by number. Of a node of it: its input,
output, error, and its attempts in order."""


class Revealing:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def reveal(
        self,
        scope: Scope,
        run_id: UUID,
        part: Part,
        *,
        node_id: str | None = None,
        number: int | None = None,
        path: str = "",
        reason: str,
    ) -> JsonValue:
        """That part as it is stored, or what is at `path` of it. The audit log has who asked, for what and why, in the same
        transaction. Raises NotFound, PathError."""
        async with self._database.begin(scope) as connection:
            mine = (run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
            found = (await connection.execute(select(run).where(*mine))).first()
            if found is None:
                raise NotFound("There is no such run.")
            whole = await _part(connection, found, part, node_id, number)
            value = paths.read(whole, path)
            if value is paths.MISSING:
                raise NotFound("There is nothing at this place of the run.")
            what = [part, *([node_id] if node_id else []), *([str(number)] if number is not None else [])]
            place = " ".join([*what, path]).strip()
            await record(
                connection,
                scope,
                "payload.revealed",
                "run",
                run_id,
                f"#{found.number}",
                fields=[place],
                reason=reason,
            )
        return value


async def _part(
    connection: AsyncConnection, of: Any, part: Part, node_id: str | None, number: int | None
) -> JsonValue:
    if part == "line":
        mine = (run_event.c.run_id == of.id, run_event.c.seq == number)
        line = (await connection.execute(select(run_event.c.message, run_event.c.data).where(*mine))).first()
        return {"message": line.message, "data": line.data} if line is not None else _nothing()
    if part == "callback":
        body = type_coerce(func.coalesce(callback_audit.c.body, callback.c.body), JSONB)
        of_wait = (callback.c.node_run_id == callback_audit.c.node_run_id) & (
            callback_audit.c.verdict == "accepted"
        )
        query = select(callback_audit.c.id, body.label("body")).outerjoin_from(
            callback_audit, callback, of_wait
        )
        taken = (
            await connection.execute(
                query.where(
                    callback_audit.c.run_id == of.id,
                    callback_audit.c.id == type_coerce(number, BigInteger),
                )
            )
        ).first()
        return taken.body if taken is not None else _nothing()
    if node_id is None:
        return getattr(of, part) if part in ("inputs", "output", "error") else _nothing()
    node = (
        await connection.execute(
            select(node_run).where(node_run.c.run_id == of.id, node_run.c.node_id == node_id)
        )
    ).first()
    if node is None or part == "inputs":
        return _nothing()
    if part != "attempts":
        return getattr(node, part)
    tried = select(node_attempt).where(node_attempt.c.node_run_id == node.id).order_by(node_attempt.c.attempt)
    return [
        {"error": row.error, "exchanges": row.exchanges} for row in (await connection.execute(tried)).all()
    ]


def _nothing() -> JsonValue:
    raise NotFound(
        "A run has no such part.", hint="Of a node: name it with nodeId. Of a line or a callback: its number."
    )
