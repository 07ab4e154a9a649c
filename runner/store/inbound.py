"""Reading what callbacks were received and what they were told. Nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import BigInteger, Select, Text, case, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from providers import Frozen, JsonObject, Timestamp
from runner import tokens
from runner.database import Database
from runner.errors import NotFound
from runner.model import Scope
from runner.store.redaction import Redactions
from runner.store.refusals import KEPT
from runner.tables import (
    callback,
    callback_audit,
    node_run,
    orchestrator,
    run,
    signing_secret,
    wait,
    wait_refusals,
)
from runner.vault import Vault
from runner.webhook_proof import Refusal

Told = Literal["accepted", "duplicate", "gone", "invalid", "unknown", "refused"]
"""What the sender was told. "unknown": the token was wrong; "refused": it was right, but the sender did not prove who it is. The
newest of both are kept, without a body."""
WaitState = Literal["armed", "parked", "resumed", "expired", "cancelled"]
MOST = 200
"""Attempts of one run that are listed."""

_body = func.coalesce(callback_audit.c.body, callback.c.body, type_=JSONB)


class Attempted(Frozen):
    """One attempt to resume a wait. `sender` is the address it came from; `by` and `reason` are of a person who did it by hand.
    `early`: it was accepted before the run came to wait, and kept. `size` of the body in bytes; null: there is none. `refusal`: why it was "refused".
    """

    id: int
    verdict: Told
    early: bool
    received_at: Timestamp
    sender: str | None
    by: str | None
    reason: str | None
    refusal: Refusal | None
    size: int | None


class Received(Attempted):
    """One attempt, with its run. `id` counts up over all of them; `nodeId` waited for it, null for a wrong token."""

    run_id: UUID
    run_number: int
    node_id: str | None
    node_label: str | None
    orchestrator_id: UUID
    orchestrator_name: str


class ReceivedDetail(Received):
    body: JsonValue


class AuthShown(Frozen):
    """A mode, with the signing secret's id and name; `secretName` null: it is gone, or there is none."""

    mode: str
    secret_id: UUID | None
    secret_name: str | None


class WaitDetail(Frozen):
    """A node that waits for a callback. `auth`: how a sender has to prove who it is, besides the token. `refused`: calls that did
    not, those that are not listed included. `state`: armed (the run has not come to it), parked (it waits), resumed, expired,
    cancelled. `callbackUrl` is for operators, while a callback is still taken."""

    node_id: str
    label: str
    state: WaitState
    until: Timestamp | None
    callback_url: str | None
    body_schema: JsonObject | None
    auth: AuthShown | None
    refused: int
    received: tuple[Attempted, ...]


class Stranger(Frozen):
    """An attempt with a token that the run does not have."""

    id: int
    received_at: Timestamp
    sender: str | None


class RunCallbacks(Frozen):
    """The waits of a run in drawing order, with every attempt in order. `leftOut`: how many older duplicates are not listed."""

    items: tuple[WaitDetail, ...]
    unknown: tuple[Stranger, ...]
    left_out: int


class Inbound:
    def __init__(self, database: Database, vault: Vault, redactions: Redactions) -> None:
        self._database = database
        self._vault = vault
        self._redactions = redactions

    async def page(
        self,
        scope: Scope,
        *,
        verdict: Told | None = None,
        q: str = "",
        limit: int,
        before: int | None = None,
    ) -> tuple[Received, ...]:
        """Of the asker's workspace, newest first, those with a smaller number than `before`. `q`: in the names of the
        orchestrator and the node or in the sender; "#12": of run 12."""
        query = _received(scope).order_by(callback_audit.c.id.desc()).limit(limit)
        if verdict is not None:
            query = query.where(callback_audit.c.verdict == verdict)
        if before is not None:
            query = query.where(callback_audit.c.id < before)
        if q:
            number = q.removeprefix("#")
            if number != q and number.isascii() and number.isdigit() and len(number) < 19:
                query = query.where(run.c.number == cast(int(number), BigInteger))
            else:
                texts = (orchestrator.c.name, node_run.c.label, callback_audit.c.sender, callback_audit.c.by)
                query = query.where(or_(*(column.icontains(q, autoescape=True) for column in texts)))
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return tuple(Received.model_validate(dict(row)) for row in rows)

    async def one(self, scope: Scope, callback_id: int) -> ReceivedDetail:
        """With its body, masked as the workspace's rules say. Raises NotFound."""
        query = _received(scope).add_columns(_body.label("body")).where(callback_audit.c.id == callback_id)
        async with self._database.begin(scope) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound("There is no such callback.")
        redactor = (await self._redactions.rules(scope.workspace_id)).of(row["orchestrator_id"])
        shown = {} if redactor is None else {"body": redactor.value(row["body"])}
        return ReceivedDetail.model_validate({**row, **shown})

    async def of_run(self, scope: Scope, run_id: UUID, *, callback_base: str | None = None) -> RunCallbacks:
        """The run's waits and all that was tried. With `callback_base`, an address up to `/callback`, open waits carry the
        address that resumes them: a secret, for those who may operate runs. Raises NotFound."""
        mine = (run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
        first = case((callback_audit.c.verdict == "accepted", 0), else_=1)
        tried = (
            _attempts(callback_audit.c.node_run_id, func.count().over().label("total"))
            .where(callback_audit.c.run_id == run_id, callback_audit.c.verdict != "unknown")
            .order_by(first, callback_audit.c.id.desc())
            .limit(MOST)
        )
        unknown = (
            select(callback_audit.c.id, callback_audit.c.received_at, callback_audit.c.sender)
            .where(callback_audit.c.run_id == run_id, callback_audit.c.verdict == "unknown")
            .order_by(callback_audit.c.id.desc())
            .limit(KEPT)
        )
        waits = (
            select(
                wait,
                node_run.c.node_id,
                node_run.c.label,
                func.coalesce(wait_refusals.c.total, 0).label("refused"),
                signing_secret.c.name.label("secret_name"),
            )
            .join(node_run, node_run.c.id == wait.c.node_run_id)
            .outerjoin(wait_refusals, wait_refusals.c.node_run_id == wait.c.node_run_id)
            .outerjoin(
                signing_secret,
                (cast(signing_secret.c.id, Text) == func.lower(wait.c.auth["secretId"].astext))
                & (signing_secret.c.workspace_id == scope.workspace_id),
            )
            .where(wait.c.run_id == run_id)
            .order_by(node_run.c.id)
        )
        async with self._database.begin(scope) as connection:
            found = (await connection.execute(select(run.c.sealed_seed).where(*mine))).first()
            if found is None:
                raise NotFound("There is no such run.")
            armed = (await connection.execute(waits)).all()
            attempts = (await connection.execute(tried)).mappings().all()
            strangers = (await connection.execute(unknown)).mappings().all()
        seed: bytes | None = None
        if callback_base is not None and found.sealed_seed is not None:
            seed = self._vault.open(found.sealed_seed, f"run:{scope.workspace_id}:{run_id}")
        received: dict[UUID, list[Attempted]] = defaultdict(list)
        for row in sorted(attempts, key=lambda row: row["id"]):
            received[row["node_run_id"]].append(Attempted.model_validate(_fields(row, Attempted)))
        return RunCallbacks(
            items=tuple(
                WaitDetail(
                    node_id=row.node_id,
                    label=row.label,
                    state=row.state,
                    until=row.deadline_at,
                    callback_url=None
                    if seed is None or row.state not in ("armed", "parked")
                    else f"{callback_base}/{run_id}?token={tokens.callback_token(seed, row.node_id)}",
                    body_schema=row.schema,
                    auth=row.auth
                    and AuthShown(
                        mode=row.auth["mode"],
                        secret_id=row.auth.get("secretId"),
                        secret_name=row.secret_name,
                    ),
                    refused=row.refused,
                    received=tuple(received[row.node_run_id]),
                )
                for row in armed
            ),
            unknown=tuple(Stranger.model_validate(dict(row)) for row in reversed(strangers)),
            left_out=(attempts[0]["total"] - len(attempts)) if attempts else 0,
        )


def _attempts(*more: Any) -> Select[Any]:
    table = callback_audit.c
    columns: list[Any] = [table.id, table.verdict, table.early, table.received_at]
    columns += [
        table.sender,
        table.by,
        table.reason,
        table.refusal,
        func.octet_length(cast(_body, Text)).label("size"),
        *more,
    ]
    query: Any = select(*columns)
    return query.outerjoin_from(
        callback_audit,
        callback,
        (callback.c.node_run_id == table.node_run_id) & (table.verdict == "accepted"),
    )


def _received(scope: Scope) -> Select[Any]:
    return (
        _attempts(
            run.c.id.label("run_id"),
            run.c.number.label("run_number"),
            run.c.orchestrator_id,
            node_run.c.node_id,
            node_run.c.label.label("node_label"),
            orchestrator.c.name.label("orchestrator_name"),
        )
        .join(run, run.c.id == callback_audit.c.run_id)
        .join(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
        .outerjoin(node_run, node_run.c.id == callback_audit.c.node_run_id)
        .where(run.c.workspace_id == scope.workspace_id)
    )


def _fields(row: Any, model: type[Frozen]) -> dict[str, Any]:
    return {name: row[name] for name in model.model_fields}
