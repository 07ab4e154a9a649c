"""The running parts of one process, opened and closed in one place: for the web server, for a worker, for commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.migrate import pending
from app.settings import Settings, StartRefused
from app.state import EngineState
from providers import EgressGuard, Http, Registry, discover
from runner.database import Database
from runner.engine import Engine, EngineOptions
from runner.errors import VaultError
from runner.library import Library
from runner.platforms import Platforms
from runner.secret_stores import Environment, Files, SecretStore, SecretStores, Vault
from runner.store import Store
from runner.store.keys import Keys
from runner.tasks import RemoteTasks
from runner.template import Templates
from runner.upkeep import Upkeep
from runner.vault import load_keys


@dataclass(frozen=True)
class Parts:
    """`engine` None: it runs elsewhere. `work` is its task."""

    settings: Settings
    registry: Registry
    store: Store
    platforms: Platforms
    library: Library
    remote_tasks: RemoteTasks
    previews: Templates
    engine: Engine | None
    work: asyncio.Task[None] | None

    def engine_state(self) -> EngineState:
        return "elsewhere" if self.work is None else "stopped" if self.work.done() else "running"

    async def migrated(self) -> bool:
        return not await pending(database_url(self.settings))


@asynccontextmanager
async def open_parts(settings: Settings, *, engine: bool) -> AsyncGenerator[Parts]:
    """Everything on `settings.database_url`, whose schema must be current. The engine works until the block ends, then
    finishes or hands back what it holds. Raises StartRefused for a key that is wrong or missing."""
    async with AsyncExitStack() as stack:
        database = Database(database_url(settings))
        stack.push_async_callback(database.aclose)
        try:
            vault = load_keys([(key.id, key.raw()) for key in settings.secret_keys], settings.data_dir)
            await Keys(database, vault).check()
        except VaultError as error:
            raise StartRefused(" ".join(filter(None, (f"{error.message}.", error.hint)))) from error
        registry = discover()
        store = Store(database, vault, registry, burst=settings.refusals_per_minute)
        secrets = secret_stores(settings)
        stack.push_async_callback(secrets.aclose)
        platforms = Platforms(
            store.connections, registry, egress_allow=settings.egress_allow, secrets=secrets
        )
        stack.push_async_callback(platforms.aclose)
        library = Library(platforms, store.connections, store.catalog)
        stack.push_async_callback(library.aclose)
        await _background(stack, store.bell.run)
        await _background(stack, store.refusals.run)
        remote_tasks = RemoteTasks(platforms, store.connections)
        previews = await stack.enter_async_context(Templates())
        worker, work = None, None
        if engine:
            templates = await stack.enter_async_context(Templates())
            options = EngineOptions(
                public_url=settings.public_url,
                concurrency=settings.workers_concurrency,
                allow=settings.egress_allow,
                breaker=settings.breaker,
            )
            worker = Engine(store, platforms, templates, options)
            stack.push_async_callback(worker.aclose)
            work = await _background(stack, worker.run)
            await _background(
                stack,
                Upkeep(store, settings.retention, settings.archive_dir, settings.audit_days or None).run,
            )
        yield Parts(settings, registry, store, platforms, library, remote_tasks, previews, worker, work)


def secret_stores(settings: Settings) -> SecretStores:
    """What the operator set up. Vault may be called at a private address: it is the operator's own word."""
    stores: dict[str, SecretStore] = {}
    if settings.secret_env:
        stores["env"] = Environment(settings.secret_env)
    if settings.secret_files is not None:
        stores["file"] = Files(settings.secret_files)
    if settings.vault_addr:
        role, secret = settings.vault_role_id, settings.vault_secret_id
        stores["vault"] = Vault(
            settings.vault_addr,
            Http(EgressGuard(settings.egress_allow).with_private_networks()),
            token=None if settings.vault_token is None else settings.vault_token.get_secret_value(),
            role=None
            if role is None or secret is None
            else (role.get_secret_value(), secret.get_secret_value()),
            namespace=settings.vault_namespace or None,
        )
    return SecretStores(stores)


def database_url(settings: Settings) -> str:
    """Raises StartRefused where there is none: the embedded Postgres is started by the command line, which then sets it."""
    if settings.database_url is None:
        raise StartRefused("There is no database: set BATON_DATABASE_URL, or start with `baton serve`.")
    return settings.database_url.get_secret_value()


async def _background(
    stack: AsyncExitStack, run: Callable[[asyncio.Event], Awaitable[None]]
) -> asyncio.Task[None]:
    """`run(stop)` as a task; `stop` is set and the task awaited when the stack closes."""
    stop = asyncio.Event()

    async def work() -> None:
        await run(stop)

    task = asyncio.create_task(work())

    async def end() -> None:
        stop.set()
        await task

    stack.push_async_callback(end)
    return task
