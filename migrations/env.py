"""How Alembic runs here: on the connection `app.migrate` hands over, or on `BATON_DATABASE_URL` for its own command line."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.settings import Settings, StartRefused
from runner.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_alone() -> None:
    url = Settings.from_env(os.environ).database_url
    if url is None:
        raise StartRefused("Alembic's own command line needs BATON_DATABASE_URL; `baton migrate` does not.")
    engine = create_async_engine(url.get_secret_value())
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_alone())
