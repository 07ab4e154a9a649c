"""The workspaces of a person. Nothing of one is seen from another."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from providers import Frozen
from runner.database import Database
from runner.errors import Conflict, NotFound, NotYours
from runner.model import Role, Scope
from runner.store.audit import record
from runner.tables import account, membership, workspace


class WorkspaceItem(Frozen):
    """A workspace the person is in, and as what. `current`: the session is in it."""

    id: UUID
    name: str
    role: Role
    current: bool


class Workspaces:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def mine(self, scope: Scope) -> tuple[WorkspaceItem, ...]:
        """Those of the person who asks, by name; of a program, the one it is of."""
        query = (
            select(workspace.c.id, workspace.c.name, membership.c.role)
            .join(membership, membership.c.workspace_id == workspace.c.id)
            .where(membership.c.account_id == scope.account_id)
            .order_by(workspace.c.name)
        )
        if scope.session_id is None:
            only = select(workspace.c.id, workspace.c.name, text("'' AS role"))
            query = only.where(workspace.c.id == scope.workspace_id)
        async with self._database.begin() as connection:  # of a person, in whichever workspace
            rows = (await connection.execute(query)).all()
        return tuple(
            WorkspaceItem(
                id=row.id,
                name=row.name,
                role=Role(row.role or scope.role),
                current=row.id == scope.workspace_id,
            )
            for row in rows
        )

    async def create(self, scope: Scope, name: str) -> WorkspaceItem:
        """A new, empty one, whose admin the asker is. Raises NotYours unless they own the installation; Conflict for a name
        there is."""
        async with self._database.begin() as connection:  # of a person, in whichever workspace
            owner = select(account.c.id).where(
                account.c.id == scope.account_id, account.c.owner, account.c.disabled_at.is_(None)
            )
            if await connection.scalar(owner) is None:
                raise NotYours("Only an owner of this installation makes workspaces.")
            made = await connection.scalar(
                upsert(workspace).values(name=name).on_conflict_do_nothing().returning(workspace.c.id)
            )
            if made is None:
                raise Conflict(f"There is a workspace {name!r}.", code="name-taken")
            await connection.execute(
                insert(membership).values(workspace_id=made, account_id=scope.account_id, role=Role.ADMIN)
            )
            await record(connection, scope, "workspace.created", "workspace", made, name)
        return WorkspaceItem(id=made, name=name, role=Role.ADMIN, current=False)

    async def rename(self, scope: Scope, workspace_id: UUID, name: str) -> None:
        """The asker's own. Raises NotFound for any other; Conflict for a name there is."""
        if workspace_id != scope.workspace_id:
            raise NotFound("There is no such workspace.")
        try:
            async with self._database.begin(scope) as connection:
                await connection.execute(
                    update(workspace).where(workspace.c.id == workspace_id).values(name=name)
                )
                await record(connection, scope, "workspace.renamed", "workspace", workspace_id, name)
        except IntegrityError as error:
            raise Conflict(f"There is a workspace {name!r}.", code="name-taken") from error
