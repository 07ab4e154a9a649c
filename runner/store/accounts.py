"""Accounts: who a person is, and how they prove it (threats T19, T20, T31, T32).

Passwords come here hashed and leave hashed; `app.passwords` hashes and compares. Whatever changes a password ends sessions.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Exists, Select, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import Role, Scope
from runner.store.attempts import admit, give_back
from runner.store.audit import record, record_refusal
from runner.store.minted import CODE, SESSION, hashed, mint, unspent, well_formed
from runner.store.sessions import Client, end_sessions, open_session, scope_of
from runner.tables import account, identity, membership, password_reset, session, sign_in_code

_NOW = func.clock_timestamp()


class Known(NamedTuple):
    """An account that may sign in. `password_hash` None: not by a password."""

    id: UUID
    password_hash: str | None


class Profile(Frozen):
    """The person who asks. `owner`: of the installation; may make workspaces."""

    id: UUID
    email: str | None
    name: str
    owner: bool
    has_password: bool


class Person(NamedTuple):
    """An account with its memberships, for a command on this machine."""

    email: str | None
    name: str
    owner: bool
    disabled: bool
    has_password: bool
    workspaces: tuple[str, ...]


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- signing in

    async def admit(self, email: str, address: str | None) -> float | None:
        """Whether a password may be checked now. None: yes, and it is counted. Else the seconds to wait. Counts alike for
        people there are and people there are not."""
        async with self._database.begin() as connection:
            return await admit(connection, email, address)

    async def by_email(self, email: str) -> Known | None:
        """Who has that address and is not disabled. Nobody has proved to us that the address is theirs."""
        async with self._database.begin() as connection:
            row = (
                await connection.execute(
                    select(account.c.id, account.c.password_hash).where(
                        account.c.email == email, account.c.disabled_at.is_(None)
                    )
                )
            ).first()
        return None if row is None else Known(row.id, row.password_hash)

    async def sign_in(self, known: Known, email: str, client: Client) -> str | None:
        """A new session for somebody whose password was found right; its tries are given back. None: in the meantime it was
        changed or the account disabled, or they are in no workspace."""
        async with self._database.begin() as connection:
            same = await connection.scalar(
                select(account.c.id)
                .where(account.c.id == known.id, account.c.password_hash == known.password_hash)
                .with_for_update(read=True)
            )
            if same is None:
                return None
            secret = await open_session(connection, known.id, client)
            if secret is not None:
                await give_back(connection, email, client.address)
        return secret

    async def refused(self, known: Known | None, email: str, client: Client) -> None:
        """Note a wrong password in the audit log. What was typed for nobody's address is not kept."""
        async with self._database.begin() as connection:
            name = None if known is None else email
            await record_refusal(
                connection, name, "wrong e-mail or password", client.address, client.request_id
            )

    # --- the first owner

    async def to_be_set_up(self) -> bool:
        """Whether no owner has a password yet, so that the code of the log is the only way in."""
        async with self._database.begin() as connection:
            return await connection.scalar(select(~_owned())) or False

    async def any_password(self) -> bool:
        """Whether somebody can sign in by a password."""
        query = select(
            select(account.c.id)
            .where(account.c.password_hash.is_not(None), account.c.disabled_at.is_(None))
            .exists()
        )
        async with self._database.begin() as connection:
            return await connection.scalar(query) or False

    async def set_up(
        self, code: str, email: str, name: str, password_hash: str, client: Client
    ) -> str | None:
        """The owner whom the code belongs to has an address and a password from now on, and is signed in. None: the code is wrong,
        used, too old or not an owner's, or somebody has done it. Of several at once, one succeeds. Raises Conflict, code
        email-taken."""
        if not well_formed(code, CODE):
            return None
        async with self._database.begin() as connection:
            spent = (
                await connection.execute(
                    update(sign_in_code)
                    .where(
                        unspent(sign_in_code, code),
                        sign_in_code.c.account_id.in_(
                            select(account.c.id).where(account.c.owner, account.c.password_hash.is_(None))
                        ),
                        ~_owned(),
                    )
                    .values(used_at=_NOW)
                    .returning(sign_in_code.c.workspace_id, sign_in_code.c.account_id)
                )
            ).first()
            if spent is None:
                return None
            await _free(connection, email)
            await connection.execute(
                update(account)
                .where(account.c.id == spent.account_id)
                .values(email=email, name=name, password_hash=password_hash)
            )
            await end_sessions(connection, spent.account_id)
            secret = await open_session(connection, spent.account_id, client, workspace_id=spent.workspace_id)
            scope = await scope_of(connection, spent.account_id, spent.workspace_id, client)
            await record(
                connection, scope, "account.set_up", "account", spent.account_id, email, fields=["email"]
            )
        return secret

    async def create(
        self,
        *,
        email: str | None,
        name: str,
        workspace_id: UUID,
        role: Role,
        client: Client = Client(),  # noqa: B008  (frozen)
        password_hash: str | None = None,
    ) -> UUID:
        """A new person and their first membership. Raises Conflict, code email-taken; also for a name that another person
        without an address has."""
        async with self._database.begin() as connection:
            return await create_account(
                connection,
                email=email,
                name=name,
                workspace_id=workspace_id,
                role=role,
                client=client,
                password_hash=password_hash,
            )

    # --- one's own

    async def profile(self, scope: Scope) -> Profile | None:
        """None: a program asks."""
        async with self._database.begin() as connection:  # an account is in no one workspace
            row = (await connection.execute(select(account).where(account.c.id == scope.account_id))).first()
        if row is None:
            return None
        return Profile(
            id=row.id,
            email=row.email,
            name=row.name,
            owner=row.owner,
            has_password=row.password_hash is not None,
        )

    async def rename(self, scope: Scope, name: str) -> None:
        """Of the asker. Raises Conflict for a name that another person without an address has, and code name-not-yours for who
        came by an issuer without one: a name is then all that tells them from others."""
        assert scope.account_id is not None
        async with self._database.begin() as connection:  # an account is in no one workspace
            if await connection.scalar(_came_by_an_issuer(scope.account_id)):
                raise Conflict(
                    "Your name is for the issuer to say at which you sign in.", code="name-not-yours"
                )
            other = select(account.c.id).where(
                account.c.email.is_(None), account.c.name == name, account.c.id != scope.account_id
            )
            if await connection.scalar(other) is not None:
                raise Conflict("Somebody else is called that.")
            await connection.execute(
                update(account).where(account.c.id == scope.account_id).values(name=name)
            )
            await record(connection, scope, "account.changed", "account", scope.account_id, fields=["name"])

    async def password_hash(self, scope: Scope) -> str | None:
        """Of the asker's own, for comparing."""
        async with self._database.begin() as connection:  # an account is in no one workspace
            return await connection.scalar(
                select(account.c.password_hash).where(account.c.id == scope.account_id)
            )

    async def change_password(
        self, scope: Scope, old_hash: str | None, new_hash: str, email: str | None
    ) -> str | None:
        """The asker's password is another: their other sessions and open resets end, and the session that asks goes on under a new
        text, which is returned. `email`: for who had none. None: it was changed in the meantime. Raises Conflict, code
        email-taken, and code email-not-yours for who came by an issuer that does not vouch for an address: invitations and
        links by e-mail address would otherwise reach whoever claims one."""
        assert scope.account_id is not None
        secret = mint(SESSION)
        values = {"password_hash": new_hash} | ({} if email is None else {"email": email})
        async with self._database.begin() as connection:  # an account is in no one workspace
            if email is not None:
                await _free(connection, email)
                if await connection.scalar(_came_by_an_issuer(scope.account_id)):
                    raise Conflict(
                        "Your e-mail address is for the issuer to say at which you sign in.",
                        code="email-not-yours",
                        hint="Sign in there as before, or ask an admin to invite that address.",
                    )
            done = await connection.execute(
                update(account)
                .where(
                    account.c.id == scope.account_id,
                    account.c.password_hash.is_not_distinct_from(old_hash),
                    account.c.email.is_(None) if email is not None else account.c.email.is_not(None),
                )
                .values(**values)
            )
            if not done.rowcount:
                return None
            await connection.execute(
                delete(password_reset).where(password_reset.c.account_id == scope.account_id)
            )
            await end_sessions(connection, scope.account_id, keep=scope.session_id)
            await connection.execute(
                update(session).where(session.c.id == scope.session_id).values(sha256=hashed(secret))
            )
            await record(
                connection, scope, "account.password_changed", "account", scope.account_id, scope.subject
            )
        return secret

    # --- by a command on this machine

    async def everybody(self) -> tuple[Person, ...]:
        """All accounts with their memberships, oldest first."""
        query = text(
            """
            SELECT a.email, a.name, a.owner, a.disabled_at, a.password_hash IS NOT NULL AS has_password,
                coalesce(array_agg(w.name || ' (' || m.role || ')' ORDER BY w.name) FILTER (WHERE w.id IS NOT NULL), '{}') AS
                    workspaces
            FROM account a LEFT JOIN membership m ON m.account_id = a.id LEFT JOIN workspace w ON w.id = m.workspace_id
            GROUP BY a.id ORDER BY a.id
            """
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            Person(
                row.email,
                row.name,
                row.owner,
                row.disabled_at is not None,
                row.has_password,
                tuple(row.workspaces),
            )
            for row in rows
        )

    async def disable(self, scope: Scope, email: str, *, again: bool = False) -> None:
        """The person cannot sign in, their sessions end and their tokens are refused, at once; `again`: they may again. Raises
        NotFound."""
        async with self._database.begin() as connection:  # an account is in no one workspace
            found = await connection.scalar(
                update(account)
                .where(account.c.email == email)
                .values(disabled_at=None if again else _NOW)
                .returning(account.c.id)
            )
            if found is None:
                raise NotFound(f"Nobody has the address {email}.")
            await end_sessions(connection, found)
            action = "account.enabled" if again else "account.disabled"
            await record(connection, scope, action, "account", found, email)


async def create_account(
    connection: AsyncConnection,
    *,
    email: str | None,
    name: str,
    workspace_id: UUID,
    role: Role,
    client: Client,
    password_hash: str | None,
) -> UUID:
    """See `Accounts.create`; in the caller's transaction."""
    if email is not None:
        await _free(connection, email)
    elif await connection.scalar(
        select(account.c.id).where(account.c.email.is_(None), account.c.name == name)
    ):
        raise Conflict("Somebody else is called that.")
    made: UUID = (
        await connection.execute(
            insert(account)
            .values(email=email, name=name, password_hash=password_hash)
            .returning(account.c.id)
        )
    ).scalar_one()
    await connection.execute(insert(membership).values(workspace_id=workspace_id, account_id=made, role=role))
    scope = await scope_of(connection, made, workspace_id, client)
    await record(connection, scope, "member.added", "member", made, email or name, fields=["role"])
    return made


async def _free(connection: AsyncConnection, email: str) -> None:
    """Raises Conflict where somebody has that address. Two at once: the second waits for the first to end."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(email, 0))))
    if await connection.scalar(select(account.c.id).where(account.c.email == email)) is not None:
        raise Conflict("Somebody has this e-mail address.", code="email-taken")


def _came_by_an_issuer(account_id: UUID) -> Select[tuple[UUID]]:
    return (
        select(identity.c.id)
        .join(account, account.c.id == identity.c.account_id)
        .where(account.c.id == account_id, account.c.email.is_(None), ~account.c.owner)
        .limit(1)
    )


def _owned() -> Exists:
    return (
        select(account.c.id)
        .where(account.c.owner, account.c.password_hash.is_not(None), account.c.disabled_at.is_(None))
        .exists()
    )
