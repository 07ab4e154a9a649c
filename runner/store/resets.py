"""New passwords by a link: its token works once, for 30 minutes, and only its hash is kept (threats T19)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, insert, select, update

from runner.database import Database
from runner.store.minted import RESET, hashed, mint, unspent, well_formed
from runner.store.sessions import Client, end_sessions, open_session
from runner.tables import account, password_reset

RESET_LIFE = timedelta(minutes=30)
_NOW = func.clock_timestamp()


class Resets:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, email: str) -> str | None:
        """A token for a new password, good once and for 30 minutes, whose earlier ones are void. None: nobody has that
        address."""
        token = mint(RESET)
        async with self._database.begin() as connection:
            found = await connection.scalar(
                select(account.c.id).where(account.c.email == email, account.c.disabled_at.is_(None))
            )
            if found is None:
                return None
            await connection.execute(
                delete(password_reset).where(
                    (password_reset.c.account_id == found) | (password_reset.c.expires_at < _NOW)
                )
            )
            await connection.execute(
                insert(password_reset).values(
                    sha256=hashed(token), account_id=found, expires_at=_NOW + RESET_LIFE
                )
            )
        return token

    async def email_of(self, token: str) -> str | None:
        """Whose password the token would set; None for one that is wrong, used or too old. Spends nothing."""
        if not well_formed(token, RESET):
            return None
        async with self._database.begin() as connection:
            return await connection.scalar(
                select(account.c.email)
                .join(password_reset, password_reset.c.account_id == account.c.id)
                .where(unspent(password_reset, token), account.c.disabled_at.is_(None))
            )

    async def spend(self, token: str, password_hash: str, client: Client) -> str | None:
        """Spend the token: the password is another, every session of the person ends, and one new is opened, which is returned.
        None: the token is wrong, used or too old, or the person is disabled or in no workspace. Of several at once, one
        succeeds."""
        async with self._database.begin() as connection:
            able = select(account.c.id).where(account.c.disabled_at.is_(None))
            account_id = await connection.scalar(
                update(password_reset)
                .where(unspent(password_reset, token), password_reset.c.account_id.in_(able))
                .values(used_at=_NOW)
                .returning(password_reset.c.account_id)
            )
            if account_id is None:
                return None
            await connection.execute(
                update(account).where(account.c.id == account_id).values(password_hash=password_hash)
            )
            await end_sessions(connection, account_id)
            return await open_session(connection, account_id, client, reset=True)
