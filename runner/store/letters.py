"""Dead letters: what could not be finished, and what a person does with each: fix and replay it, or drop it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Registry, Timestamp
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import Failure, RunState, Scope, TriggerInfo
from runner.redaction import Redactor, masked_exchange
from runner.store.asking import new_run
from runner.store.audit import record
from runner.store.bell import Bell
from runner.store.definitions import Definitions
from runner.store.events import Entry, append
from runner.store.history import failure_of
from runner.store.redaction import Redactions
from runner.store.repeating import Repeats
from runner.store.waits import send_again
from runner.tables import dead_letter, node_attempt, node_run, orchestrator, run
from runner.vault import Vault
from runner.wire import Sent

LetterState = Literal["open", "replaying", "resolved", "superseded", "dropped"]
LetterKind = Literal["node", "callback"]
_replay = run.alias("replay")


class LetterFilter(Frozen):
    """Which letters; every condition given must hold. `q` is looked for in the message and the node's name."""

    state: LetterState | None = None
    kind: LetterKind | None = None
    orchestrator_id: UUID | None = None
    run_id: UUID | None = None
    node_id: str | None = None
    provider: str | None = None
    connection_id: UUID | None = None
    code: str | None = None
    q: str = ""
    since: datetime | None = None
    until: datetime | None = None


class DeadLetter(Frozen):
    """`kind` node: the node that ended its run. callback: a body that came too late; it stands at `callbackId`.
    `replayRunId`: the run that took it over. `by`, `reason` and `actedAt` are of whoever replayed or dropped it."""

    id: UUID
    kind: LetterKind
    state: LetterState
    orchestrator_id: UUID
    orchestrator_name: str
    revision: int
    run_id: UUID
    run_number: int
    node_id: str
    node_label: str
    provider: str | None
    connection_id: UUID | None
    code: str
    message: str
    callback_id: int | None
    replay_run_id: UUID | None
    replay_run_number: int | None
    by: str | None
    reason: str | None
    acted_at: Timestamp | None
    created_date: Timestamp


class DeadLetterDetail(DeadLetter):
    """`payload`: what the node had as its input. `request`: the last call it made to start its work, secrets masked; null where
    it made none. Of a callback both are null: its body is for operators, at its own address."""

    payload: JsonValue
    error: Failure | None
    attempts: int
    request: Sent | None


class Letters:
    """Every method finds letters of the asker's workspace only, and raises NotFound for any other. Payloads come masked as the
    workspace's rules say."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        definitions: Definitions,
        bell: Bell,
        registry: Registry,
        redactions: Redactions,
    ) -> None:
        self._database = database
        self._redactions = redactions
        self._repeats = Repeats(vault, definitions)
        self._bell = bell
        self._registry = registry

    async def page(
        self, scope: Scope, wanted: LetterFilter, *, limit: int, before: UUID | None = None
    ) -> tuple[DeadLetter, ...]:
        """Newest first, those older than `before`."""
        query = _letters().where(*conditions(scope, wanted)).order_by(dead_letter.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(dead_letter.c.id < before)
        async with self._database.begin(scope) as connection:
            rows = (await connection.execute(query)).mappings().all()
        rules = await self._redactions.rules(scope.workspace_id)
        return tuple(
            DeadLetter.model_validate(_fields(row, rules.of(row["orchestrator_id"]))) for row in rows
        )

    async def one(self, scope: Scope, letter_id: UUID) -> DeadLetterDetail:
        """With its payload and cause."""
        query = (
            _letters()
            .add_columns(node_run.c.input, node_run.c.error, node_run.c.attempt, node_attempt.c.exchanges)
            .join(node_run, node_run.c.id == dead_letter.c.node_run_id)
            .outerjoin(
                node_attempt,
                (node_attempt.c.node_run_id == node_run.c.id)
                & (node_attempt.c.attempt == node_run.c.attempt),
            )
            .where(dead_letter.c.id == letter_id, dead_letter.c.workspace_id == scope.workspace_id)
        )
        async with self._database.begin(scope) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound("There is no such dead letter.")
        redactor = (await self._redactions.rules(scope.workspace_id)).of(row["orchestrator_id"])
        own = row["callback_id"] is None
        calls = row["exchanges"] or ()
        if redactor is not None:
            calls = [masked_exchange(each, redactor) for each in calls]
        payload = row["input"] if own else None
        return DeadLetterDetail(
            **_fields(row, redactor),
            payload=payload if redactor is None else redactor.value(payload),
            error=failure_of(row["error"], redactor) if own else None,
            attempts=row["attempt"] if own else 0,
            request=_request(calls) if own else None,
        )

    async def counts(self, scope: Scope) -> Mapping[str, int]:
        """How many are open, and how many are being replayed now."""
        mine = (
            dead_letter.c.workspace_id == scope.workspace_id,
            dead_letter.c.state.in_(("open", "replaying")),
        )
        query = select(dead_letter.c.state, func.count()).where(*mine).group_by(dead_letter.c.state)
        async with self._database.begin(scope) as connection:
            found = {state: count for state, count in await connection.execute(query)}
        return {"open": found.get("open", 0), "replaying": found.get("replaying", 0)}

    async def replay(
        self,
        scope: Scope,
        letter_id: UUID,
        *,
        payload: tuple[JsonValue] | None = None,
        latest: bool = False,
        acknowledged: bool = False,
        target: UUID | None = None,
        reason: str = "",
    ) -> UUID:
        """Take an open letter up again; the run that has it now. Exactly one asker succeeds.

        Of a node: a new run from that node, of the same revision or the `latest`, with `payload` as its input if given. Calls
        that change something and would be made again need to be `acknowledged`. Of a callback: its body goes to `target`, or to the newest run
        that repeats its own. Raises NotFound, Conflict, GraphError, InputsInvalid.
        """
        async with self._database.begin(scope) as connection:
            letter = await open_letter(connection, scope, letter_id)
            if letter.callback_id is not None:
                run_id = await self.give(connection, scope, letter, target, reason)
            else:
                run_id = await self.begin(
                    connection,
                    scope,
                    letter,
                    payload=payload,
                    latest=latest,
                    acknowledged=acknowledged,
                    reason=reason,
                )
        self._bell.ring(letter.run_id)
        self._bell.ring(run_id, work=True)
        return run_id

    async def drop(self, scope: Scope, letter_id: UUID, *, reason: str) -> None:
        """An open letter is done with, and its run's history says who said so and why."""
        async with self._database.begin(scope) as connection:
            letter = await open_letter(connection, scope, letter_id)
            await self.discard(connection, scope, letter, reason)
        self._bell.ring(letter.run_id)

    async def begin(
        self,
        connection: AsyncConnection,
        scope: Scope,
        letter: Any,
        *,
        payload: tuple[JsonValue] | None = None,
        latest: bool,
        acknowledged: bool,
        reason: str,
    ) -> UUID:
        """Within a transaction that holds the letter: the new run. What it raises, it raises before it writes."""
        new_id: UUID = (await new_run(connection, scope, None)).id
        await self._repeats.begin(
            connection,
            scope,
            letter.run_id,
            new_id,
            start=letter.node_id,
            latest=latest,
            trigger=TriggerInfo(kind="retry", by=scope.subject),
            node_inputs=None if payload is None else {letter.node_id: payload[0]},
            careful=None if acknowledged else self._registry,
            reason=reason or None,
        )
        await _audit(connection, scope, "replayed", letter, reason)
        return new_id

    async def give(
        self, connection: AsyncConnection, scope: Scope, letter: Any, target: UUID | None, reason: str
    ) -> UUID:
        """Within a transaction that holds the letter of a callback: the run that took its body."""
        if target is None:
            target = await connection.scalar(
                select(run.c.id)
                .where(
                    run.c.retry_of == letter.run_id,
                    run.c.orchestrator_id == letter.orchestrator_id,
                    run.c.state.in_([state for state in RunState if not state.final]),
                )
                .order_by(run.c.id.desc())
                .limit(1)
            )
        if target is None:
            raise Conflict(
                "No run waits for this callback.",
                code="run-needed",
                hint="Replay the run first, or name the run that shall have it.",
            )
        run_id, verdict, _ = await send_again(connection, scope, letter.callback_id, target, reason)
        if verdict.kind != "accepted":
            raise Conflict(
                "That run does not take this callback: "
                + ("its body does not fit." if verdict.kind == "invalid" else "nothing waits for it there."),
                code="wait-over",
                hint="Name another run of the same orchestrator that waits.",
            )
        await _audit(connection, scope, "replayed", letter, reason)
        return run_id

    async def discard(self, connection: AsyncConnection, scope: Scope, letter: Any, reason: str) -> None:
        """Within a transaction that holds the letter."""
        await connection.execute(
            update(dead_letter)
            .where(dead_letter.c.id == letter.id, dead_letter.c.state == "open")
            .values(state="dropped", by=scope.subject, reason=reason, acted_at=func.clock_timestamp())
        )
        data: JsonValue = {"by": scope.subject, "reason": reason, "deadLetterId": str(letter.id)}
        words = f"{letter.node_label}: dead letter dropped by {scope.subject} ({reason})"
        await append(
            connection, letter.run_id, [Entry("run.dead_letter_dropped", words, letter.node_id, data=data)]
        )
        await _audit(connection, scope, "dropped", letter, reason)


async def _audit(connection: AsyncConnection, scope: Scope, done: str, letter: Any, reason: str) -> None:
    action = f"dead_letter.{done}"
    await record(connection, scope, action, "dead_letter", letter.id, letter.node_label, reason=reason)


async def open_letter(connection: AsyncConnection, scope: Scope, letter_id: UUID) -> Any:
    """The letter, locked. Raises NotFound, and Conflict when it is not open any more."""
    mine = (dead_letter.c.id == letter_id, dead_letter.c.workspace_id == scope.workspace_id)
    letter = (await connection.execute(select(dead_letter).where(*mine).with_for_update())).first()
    if letter is None:
        raise NotFound("There is no such dead letter.")
    if letter.state != "open":
        raise Conflict(
            f"This dead letter is {letter.state} already.",
            code="letter-closed",
            hint="Load it again: it says who acted, and which run has it.",
        )
    return letter


def conditions(scope: Scope, wanted: LetterFilter) -> list[ColumnElement[bool]]:
    """All of them on the table of letters alone."""
    table = dead_letter.c
    found = [table.workspace_id == scope.workspace_id]
    names = ("state", "orchestrator_id", "run_id", "node_id", "provider", "connection_id", "code")
    given = ((name, getattr(wanted, name)) for name in names)
    found += [table[name] == value for name, value in given if value is not None]
    if wanted.kind is not None:
        found.append(
            table.callback_id.is_not(None) if wanted.kind == "callback" else table.callback_id.is_(None)
        )
    if wanted.since is not None:
        found.append(table.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(table.created_at < wanted.until)
    if wanted.q:
        found.append(
            or_(*(t.icontains(wanted.q, autoescape=True) for t in (table.message, table.node_label)))
        )
    return found


def _letters() -> Select[Any]:
    return (
        select(
            dead_letter,
            run.c.number.label("run_number"),
            orchestrator.c.name.label("orchestrator_name"),
            _replay.c.number.label("replay_run_number"),
        )
        .join(run, run.c.id == dead_letter.c.run_id)
        .join(orchestrator, orchestrator.c.id == dead_letter.c.orchestrator_id)
        .outerjoin(_replay, _replay.c.id == dead_letter.c.replay_run_id)
    )


def _fields(row: Any, redactor: Redactor | None) -> dict[str, Any]:
    kind = "node" if row["callback_id"] is None else "callback"
    message = row["message"] if redactor is None else redactor.text(row["message"])
    made = {"kind": kind, "created_date": row["created_at"], "message": message}
    return made | {name: row[name] for name in DeadLetter.model_fields if name not in made}


def _request(exchanges: Any) -> Sent | None:
    starts = [e["request"] for e in exchanges if e["request"]["method"] not in ("GET", "HEAD")]
    starts = starts or [e["request"] for e in exchanges[:1]]
    return Sent.model_validate(starts[-1]) if starts else None
