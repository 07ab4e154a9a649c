"""Writing a run's labels, and finding runs by them. One method, one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import NotFound
from runner.model import Scope
from runner.store.audit import record
from runner.store.bell import Bell
from runner.store.events import Entry, append
from runner.tables import run

_FEW = 1000
_LABELLED = text("SELECT baton_runs_labelled(:wanted, :most)").bindparams(
    bindparam("wanted", type_=JSONB), most=_FEW
)


class Labels:
    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def replace(self, scope: Scope, run_id: UUID, labels: Mapping[str, str]) -> None:
        """The run has these labels and no others, and its history says who did that. Raises NotFound."""
        async with self._database.begin(scope) as connection:
            mine = (run.c.id == run_id, run.c.workspace_id == scope.workspace_id)
            before = (
                await connection.execute(select(run.c.labels, run.c.number).where(*mine).with_for_update())
            ).first()
            if before is None:
                raise NotFound("There is no such run.")
            if before.labels == labels:
                return
            await connection.execute(update(run).where(*mine).values(labels=dict(labels)))
            shown = ", ".join(f"{key}:{value}" for key, value in sorted(labels.items())) or "none"
            line = Entry(
                "run.labelled", f"labels set by {scope.subject}: {shown}", data={"labels": dict(labels)}
            )
            await append(connection, run_id, [line])
            changed = {key for key, _ in set(labels.items()) ^ set(before.labels.items())}
            await record(
                connection, scope, "run.labelled", "run", run_id, f"#{before.number}", fields=changed
            )
        self._bell.ring(run_id)


async def few_labelled(
    connection: AsyncConnection, wanted: Sequence[tuple[str, str]]
) -> Sequence[UUID] | None:
    """The runs of this workspace that have all of these labels, by the index on labels; None where none are asked for, and where
    they are so many that going through the list soon finds some. Under row security no other way leads to that index."""
    return await connection.scalar(_LABELLED, {"wanted": dict(wanted)}) if wanted else None
