"""Dead letters as runs make and close them, each within the transaction that ends the run. Runs that succeed pay nothing."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, func, text, update
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.store.claims import Claim
from runner.store.events import Entry, append
from runner.store.outcome import Ended
from runner.tables import dead_letter

# A test is watched by whoever started it, and so is a recorded run, which can be repeated as often as one likes. A run that a
# node of another waits for is that one's to handle: were both kept, the same work could be taken up twice.
_BURY = text(
    """
    WITH over AS (
        UPDATE dead_letter SET state = 'superseded' WHERE replay_run_id = :run_id AND state = 'replaying'
    )
    INSERT INTO dead_letter (workspace_id, orchestrator_id, run_id, revision, node_run_id, node_id, node_label,
        provider, connection_id, code, message)
    SELECT r.workspace_id, r.orchestrator_id, r.id, r.revision, n.id, n.node_id, :label, :provider, :connection_id,
        :code, :message
    FROM run r JOIN node_run n ON n.run_id = r.id
    WHERE r.id = :run_id AND n.id = :id AND r.trigger_kind NOT IN ('test', 'recorded') AND r.parent_node_run_id IS NULL
    ON CONFLICT DO NOTHING RETURNING id
    """
).bindparams(
    bindparam("run_id", type_=PgUuid()),
    bindparam("id", type_=PgUuid()),
    bindparam("connection_id", type_=PgUuid()),
)
_BURY_CALLBACK = text(
    """
    INSERT INTO dead_letter (workspace_id, orchestrator_id, run_id, revision, node_run_id, node_id, node_label,
        callback_id, code, message)
    SELECT r.workspace_id, r.orchestrator_id, r.id, r.revision, n.id, n.node_id, n.label,
        :callback_id, 'callback-gone', 'a callback came when nothing waited for it any more'
    FROM run r JOIN node_run n ON n.run_id = r.id WHERE r.id = :run_id AND n.id = :id
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("run_id", type_=PgUuid()), bindparam("id", type_=PgUuid()))


async def bury(connection: AsyncConnection, claim: Claim, ended: Ended) -> None:
    """The node ended its run: keep it as a dead letter, which takes the place of the one that this run was to resolve.
    Payload and cause stay in the node's own row."""
    config = claim.definition.wiring.nodes[claim.spec.id].data.config
    provider, failure = config.get("provider"), ended.failure
    made = await connection.scalar(
        _BURY,
        {
            "run_id": claim.run_id,
            "id": claim.node_run_id,
            "label": claim.spec.label,
            "provider": provider if isinstance(provider, str) and provider else None,
            "connection_id": _uuid(config.get("connectionId")),
            "code": failure.code if failure else "",
            "message": failure.message if failure else "",
        },
    )
    if made is not None:
        line = Entry(
            "run.dead_letter",
            f"{claim.spec.label}: kept as a dead letter, to be fixed, replayed or dropped",
            claim.spec.id,
            "warning",
            data={"deadLetterId": str(made)},
        )
        await append(connection, claim.run_id, [line])


async def bury_callback(
    connection: AsyncConnection, run_id: UUID, node_run_id: UUID, callback_id: int
) -> None:
    """A body that came too late. It is kept once, with the callback."""
    given = {"run_id": run_id, "id": node_run_id, "callback_id": callback_id}
    await connection.execute(_BURY_CALLBACK, given)


async def close_callback(
    connection: AsyncConnection, callback_id: int, run_id: UUID, by: str, reason: str
) -> None:
    """The body was taken by `run_id`, through the list of callbacks or that of dead letters."""
    mine = (dead_letter.c.callback_id == callback_id, dead_letter.c.state == "open")
    await connection.execute(
        update(dead_letter)
        .where(*mine)
        .values(
            state="resolved",
            replay_run_id=run_id,
            by=by,
            reason=reason or None,
            acted_at=func.clock_timestamp(),
        )
    )


async def resolve(connection: AsyncConnection, run_id: UUID) -> None:
    """The run that replays a letter has completed."""
    await _close(connection, run_id, "resolved")


async def reopen(connection: AsyncConnection, run_id: UUID) -> None:
    """The run that replays a letter was cancelled: the letter is open again."""
    await _close(connection, run_id, "open")


async def _close(connection: AsyncConnection, run_id: UUID, state: str) -> None:
    replayed = (dead_letter.c.replay_run_id == run_id, dead_letter.c.state == "replaying")
    await connection.execute(update(dead_letter).where(*replayed).values(state=state))


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
