"""Repeating an ended run as a new one: within the transaction of whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import JsonObject, Registry
from runner.decision import Decision
from runner.errors import Conflict
from runner.model import Scope, TriggerInfo
from runner.plan import describe
from runner.store.asking import ended_run
from runner.store.beginning import BEGIN, Beginning
from runner.store.connection_uses import refuse_started
from runner.store.definitions import Definition, Definitions, runnable
from runner.store.events import Entry, append
from runner.tables import dead_letter, node_run
from runner.vault import Vault


@dataclass(frozen=True)
class Repeats:
    vault: Vault
    definitions: Definitions

    async def begin(
        self,
        connection: AsyncConnection,
        scope: Scope,
        run_id: UUID,
        new_id: UUID,
        *,
        start: str,
        latest: bool,
        trigger: TriggerInfo,
        inputs: JsonObject | None = None,
        node_inputs: Mapping[str, JsonValue] | None = None,
        careful: Registry | None = None,
        reason: str | None = None,
        recorded: bool = False,
    ) -> None:
        """`new_id` repeats the ended `run_id`, and takes over its dead letter if that is open. `node_inputs` are given to
        nodes in the place of what their wires bring; what was given so in the old run stays, except from the start. One that is
        `recorded` calls nobody, and leaves the letter as it is.

        With `careful`, raises Conflict "unsafe-calls" where a call that changes something would be made again. Also
        raises NotFound, Conflict, GraphError, InputsInvalid, NotYours; then nothing was written."""
        old, definition, decision = await ended_run(
            connection, self.definitions, scope, run_id, start=start, latest=latest, recorded=recorded
        )
        given: JsonObject = old.inputs if inputs is None else inputs
        runnable(definition, given)
        if not recorded:
            await refuse_started(connection, scope, definition.wiring.graph)
        if careful is not None and (
            again := await _unsafe(connection, run_id, definition, decision, careful)
        ):
            raise Conflict(
                f"replaying calls once more: {', '.join(again)}",
                code="unsafe-calls",
                hint="Look whether the first call arrived. If it may happen twice, acknowledge it.",
            )
        kept = {} if start == "start" else {n: v for n, v in old.node_inputs.items() if n in decision.runs}
        begun = Beginning(
            self.vault,
            scope,
            definition,
            new_id,
            given,
            old.labels,
            trigger,
            retry_of=run_id,
            node_inputs={**kept, **(node_inputs or {})},
            decision=decision,
        )
        await connection.execute(BEGIN.clause, begun.values())
        if recorded:  # what failed is still to be done
            return
        await _take_over(connection, scope, run_id, new_id, reason, ended=begun.ended)


async def _take_over(
    connection: AsyncConnection, scope: Scope, run_id: UUID, new_id: UUID, reason: str | None, *, ended: bool
) -> None:
    taken = await connection.scalar(
        update(dead_letter)
        .where(
            dead_letter.c.run_id == run_id,
            dead_letter.c.state == "open",
            dead_letter.c.callback_id.is_(None),
        )
        .values(
            state="resolved" if ended else "replaying",
            replay_run_id=new_id,
            by=scope.subject,
            reason=reason,
            acted_at=func.clock_timestamp(),
        )
        .returning(dead_letter.c.id)
    )
    if taken is not None:
        why = f" ({reason})" if reason else ""
        data: JsonValue = {"by": scope.subject, "runId": str(new_id), "deadLetterId": str(taken)}
        line = Entry("run.replayed", f"taken up again by {scope.subject} in a new run{why}", data=data)
        await append(connection, run_id, [line])


async def _unsafe(
    connection: AsyncConnection, run_id: UUID, definition: Definition, decision: Decision, registry: Registry
) -> list[str]:
    """What was begun in that run, would be called again, and changes something there: asked twice, it may happen twice, for the
    key that receivers know a repetition by is of the run."""
    begun: Any = await connection.scalars(
        select(node_run.c.node_id).where(
            node_run.c.run_id == run_id, node_run.c.attempt > 0, node_run.c.node_id.in_(decision.runs)
        )
    )
    again = set(begun)
    steps = describe(definition.wiring, decision, definition.problems, registry).steps
    return [
        f"{s.label} ({s.provider})"
        for s in steps
        if s.node_id in again and s.action == "call" and s.effect not in ("none", "read")
    ]
