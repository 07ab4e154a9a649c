"""Who may come in without a password: API tokens, one-time sign-in codes, and commands on this machine. Only SHA-256 of each
is kept (threats T19, T20, T30)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, literal, select, text, update

from runner.model import Role, Scope
from runner.store.api_tokens import ApiTokens, workspace_called
from runner.store.minted import CODE, hashed, mint, unspent, well_formed
from runner.store.sessions import Client, open_session
from runner.tables import account, sign_in_code, workspace

CODE_LIFE = timedelta(minutes=30)
LOCAL = "owner"
"""Who a fresh installation belongs to: whoever can read what its start prints."""
_NOW = func.clock_timestamp()
# Who has no e-mail address is known by name. The machine's word counts: the code brings the role with it.
_NAMELESS = text(
    """
    INSERT INTO account (name, owner) VALUES (:name, :owner)
    ON CONFLICT (name) WHERE email IS NULL DO UPDATE SET owner = account.owner OR excluded.owner RETURNING id
    """
).columns(account.c.id)
_JOIN = text(
    """
    INSERT INTO membership (workspace_id, account_id, role) VALUES (:workspace_id, :account_id, :role)
    ON CONFLICT (workspace_id, account_id) DO UPDATE SET role = excluded.role
    """
)


class Access(ApiTokens):
    async def ping(self) -> None:
        """Raises Unreachable when the database does not answer."""
        async with self._database.begin() as connection:
            await connection.execute(select(literal(1)))

    async def scope(
        self, subject: str, role: Role = Role.ADMIN, *, workspace_name: str | None = None
    ) -> Scope:
        """The scope of a command on this machine, which needs no credential, in the first workspace unless one is named.
        Raises NotFound."""
        async with self._database.begin() as connection:
            workspace_id = await workspace_called(connection, workspace_name)
        return Scope(workspace_id, subject, role, address="cli")

    async def workspace_name(self, scope: Scope) -> str:
        """Of the workspace that `scope` is in."""
        async with self._database.begin(scope) as connection:
            return (
                await connection.scalar(select(workspace.c.name).where(workspace.c.id == scope.workspace_id))
                or ""
            )

    async def create_code(
        self, *, role: Role = Role.ADMIN, subject: str = LOCAL, workspace_name: str | None = None
    ) -> str:
        """A sign-in code: works once, for 30 minutes. It signs in as `subject`, an account without e-mail address and password,
        which is made if there is none and has `role` in the workspace from now on. Old codes are swept out on the way."""
        code = mint(CODE)
        async with self._database.begin() as connection:
            workspace_id = await workspace_called(connection, workspace_name)
            await connection.execute(delete(sign_in_code).where(sign_in_code.c.expires_at < _NOW))
            account_id = await connection.scalar(_NAMELESS, {"name": subject, "owner": subject == LOCAL})
            member = {"workspace_id": workspace_id, "account_id": account_id, "role": role}
            await connection.execute(_JOIN, member)
            await connection.execute(
                insert(sign_in_code).values(
                    sha256=hashed(code),
                    workspace_id=workspace_id,
                    account_id=account_id,
                    expires_at=_NOW + CODE_LIFE,
                )
            )
        return code

    async def redeem(self, code: str, client: Client = Client()) -> str | None:  # noqa: B008  (frozen)
        """A new session for an unused code, else None. Of several at once, one gets it."""
        if not well_formed(code, CODE):
            return None
        async with self._database.begin() as connection:
            row = (
                await connection.execute(
                    update(sign_in_code)
                    .where(unspent(sign_in_code, code))
                    .values(used_at=_NOW)
                    .returning(sign_in_code.c.workspace_id, sign_in_code.c.account_id)
                )
            ).first()
            if row is None:
                return None
            workspace_id: UUID = row.workspace_id
            return await open_session(connection, row.account_id, client, workspace_id=workspace_id)
