"""What of an orchestrator is published: the revision that triggers run, and who published what, when."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.errors import GraphError
from runner.model import Problem, Scope
from runner.store.audit import record
from runner.store.definitions import Definitions
from runner.store.orchestrators import get_within, known_within, mine, missing, publication_of
from runner.tables import orchestrator, publication
from runner.wire import Orchestrator, Publication


class Publications:
    """Those that publish at the same time come one after the other: the last one counts, and all are recorded."""

    def __init__(self, database: Database, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions

    async def publish(
        self, scope: Scope, orchestrator_id: UUID, revision: int, message: str = ""
    ) -> Orchestrator:
        """From now on triggers run this revision, whatever is saved after it. Raises NotFound, and GraphError for a drawing with
        errors: what is published can run."""
        async with self._database.begin(scope) as connection:
            await _lock(connection, scope, orchestrator_id)
            definition = await self._definitions.get(connection, orchestrator_id, revision)
            if definition.errors:
                raise refused(revision, definition.errors)
            await _keep(connection, scope, orchestrator_id, revision, message)
            found = await get_within(connection, scope, orchestrator_id)
            why = f"revision {revision}"
            word = "orchestrator.published"
            await record(connection, scope, word, "orchestrator", orchestrator_id, found.name, reason=why)
            return found

    async def unpublish(self, scope: Scope, orchestrator_id: UUID) -> Orchestrator:
        """From now on triggers run the newest revision, as before the first publication. Idempotent. Raises NotFound."""
        async with self._database.begin(scope) as connection:
            published = await _lock(connection, scope, orchestrator_id)
            if published is not None:
                await _keep(connection, scope, orchestrator_id, None, "")
            found = await get_within(connection, scope, orchestrator_id)
            if published is not None:
                word, why = "orchestrator.unpublished", f"it was revision {published}"
                await record(connection, scope, word, "orchestrator", orchestrator_id, found.name, reason=why)
            return found

    async def page(
        self, scope: Scope, orchestrator_id: UUID, *, limit: int, before: int | None = None
    ) -> tuple[Publication, ...]:
        """Newest first; those of a deleted orchestrator, too. Raises NotFound."""
        query = select(publication).where(publication.c.orchestrator_id == orchestrator_id)
        if before is not None:
            query = query.where(publication.c.id < before)
        async with self._database.begin(scope) as connection:
            await known_within(connection, scope, orchestrator_id)
            rows = await connection.execute(query.order_by(publication.c.id.desc()).limit(limit))
            return tuple(publication_of(row) for row in rows)


def refused(revision: int, problems: Sequence[Problem]) -> GraphError:
    """Why that revision is not published; the first problem is an error."""
    return GraphError(f"revision {revision} cannot be published: {problems[0].detail}", problems)


async def _lock(connection: AsyncConnection, scope: Scope, orchestrator_id: UUID) -> int | None:
    """The revision that is published, which nobody changes before this transaction has ended. Raises NotFound."""
    found = (
        await connection.execute(
            select(orchestrator.c.published_revision)
            .where(*mine(scope), orchestrator.c.id == orchestrator_id)
            .with_for_update()
        )
    ).first()
    if found is None:
        raise missing()
    return found.published_revision


async def _keep(
    connection: AsyncConnection, scope: Scope, orchestrator_id: UUID, revision: int | None, message: str
) -> None:
    await connection.execute(
        insert(publication).values(
            orchestrator_id=orchestrator_id, revision=revision, message=message, by=scope.subject
        )
    )
    await connection.execute(
        update(orchestrator).where(orchestrator.c.id == orchestrator_id).values(published_revision=revision)
    )
