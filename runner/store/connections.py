"""Connections: addresses in the clear, credentials sealed, and who uses them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID
from weakref import WeakKeyDictionary

from pydantic import JsonValue
from sqlalchemy import RowMapping, Select, case, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Account, Connection, JsonObject, LeftOut, Provider, Registry
from runner.breaker import Breaker
from runner.credentials import (
    BadCredentials,
    Merged,
    filled,
    merge,
    parse,
    public,
    references,
    reveal,
    split,
)
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.model import Failure, NodeState, Role, Scope
from runner.store.audit import record
from runner.store.connection_uses import sees
from runner.store.usages import usages
from runner.tables import breaker, incident, node_run
from runner.tables import connection as table
from runner.vault import Vault

Status = Literal["ACTIVE", "INACTIVE", "FAILING"]


@dataclass(frozen=True)
class ConnectionRow:
    """What is known of a connection without opening it. `credentials` by wire name, `***` in the place of each secret.

    `left_out` is what its list does not hold, as of `last_sync_at`. `secrets_at`: when a person entered its secrets last, None
    where that was before anybody kept it; `secrets_expire_at`: when they stop working by themselves, None where nobody knows.

    `max_in_flight` and `max_per_minute` bound the calls of all workers together, None as the provider's kind says. `breaker` and
    the `cause` of its last fault are of the moment of reading; so is `held`, the steps that wait for it.

    `updated_at` changes whenever a person changes it, or its tokens are renewed, and never otherwise.
    """

    id: UUID
    workspace_id: UUID
    provider: str
    name: str
    status: Status
    base_url: str
    credentials: JsonObject
    sealed: bytes | None
    allow_private_network: bool
    account: str | None
    workflow_count: int | None
    last_sync_at: datetime | None
    last_checked_at: datetime | None
    last_error: JsonObject | None
    left_out: tuple[LeftOut, ...]
    secrets_at: datetime | None
    secrets_expire_at: datetime | None
    max_in_flight: int | None
    max_per_minute: int | None
    draw_role: Role
    start_role: Role
    created_at: datetime
    updated_at: datetime
    breaker: Breaker = field(default_factory=Breaker)
    cause: str | None = None
    held: int = 0


class InUse(Conflict):
    """Orchestrators name it; `users` are their ids and names."""

    code = "connection-in-use"

    def __init__(self, name: str, users: tuple[tuple[UUID, str], ...]) -> None:
        names = ", ".join(f"“{user}”" for _, user in users[:10])
        more = f" and {len(users) - 10} more" if len(users) > 10 else ""
        super().__init__(
            f"{name} is used by {names}{more}",
            hint="Point them at another connection, or delete it with force.",
        )
        self.users = users


class Connections:
    """Every method finds rows of the asker's workspace only, and raises NotFound for any other."""

    def __init__(self, database: Database, vault: Vault, registry: Registry) -> None:
        self._database = database
        self._vault = vault
        self._registry = registry
        self._kept: WeakKeyDictionary[Provider[Any], tuple[dict[str, str], Connection]] = WeakKeyDictionary()

    async def create(
        self,
        scope: Scope,
        provider: str,
        name: str,
        connection: Connection,
        *,
        referring: Mapping[str, JsonValue] = MappingProxyType({}),
        allow_private_network: bool = False,
        account: Account | None = None,
        problem: Failure | None = None,
    ) -> ConnectionRow:
        """Keep it, its secrets sealed; the references among `referring` are kept in the place of what they refer to. `account` or
        `problem` is what its test found; a problem makes it FAILING.

        Raises Conflict when the provider has a connection of that name, and BadCredentials as `split`.
        """
        shown, secret = split(connection, referring)
        async with self._unique(scope, provider, name) as transaction:
            connection_id: UUID = (await transaction.execute(text("SELECT uuidv7()"))).scalar_one()
            made = await transaction.execute(
                insert(table)
                .values(
                    id=connection_id,
                    workspace_id=scope.workspace_id,
                    provider=provider,
                    name=name,
                    base_url=connection.base_url,
                    public=shown,
                    allow_private_network=allow_private_network,
                    secrets_at=func.clock_timestamp() if secret else None,
                    secrets_expire_at=connection.expires(),
                    **self._seal(scope.workspace_id, connection_id, secret),
                    **_outcome(account, problem),
                )
                .returning(table)
            )
            row = _row(made.mappings().one())
            given = {*shown, *secret, "name"}
            await record(
                transaction, scope, "connection.created", "connection", connection_id, name, fields=given
            )
            return row

    async def page(
        self, scope: Scope, *, provider: str | None = None, limit: int = 50, after: UUID | None = None
    ) -> tuple[ConnectionRow, ...]:
        """Oldest first, those made after `after`."""
        query = _mine(scope).order_by(table.c.id).limit(limit)
        if provider is not None:
            query = query.where(table.c.provider == provider)
        if after is not None:
            query = query.where(table.c.id > after)
        async with self._database.begin(scope) as transaction:
            return tuple(_row(found) for found in (await transaction.execute(query)).mappings())

    async def all(self, scope: Scope) -> tuple[ConnectionRow, ...]:
        """Every connection of the workspace, oldest first."""
        async with self._database.begin(scope) as transaction:
            found = await transaction.execute(_mine(scope).order_by(table.c.id))
            return tuple(_row(each) for each in found.mappings())

    async def get(self, scope: Scope, connection_id: UUID) -> ConnectionRow:
        async with self._database.begin(scope) as transaction:
            return await _find(transaction, scope, connection_id)

    async def resolve(self, scope: Scope, provider: str, connection_id: UUID | None) -> ConnectionRow:
        """That connection, or the only one of the provider. Raises Conflict where there are several to choose from."""
        async with self._database.begin(scope) as transaction:
            if connection_id is not None:
                row = await _find(transaction, scope, connection_id, counted=False)
                if row.provider != provider:
                    raise NotFound(f"connection {connection_id} is not one of {provider}")
                return row
            of_provider = (
                _mine(scope, counted=False).where(table.c.provider == provider).order_by(table.c.id).limit(2)
            )
            found = (await transaction.execute(of_provider)).mappings().all()
        if not found:
            raise NotFound(
                f"there is no connection to {provider}",
                code="connection-missing",
                hint=f"Make one first: POST /api/v1/orchestrator/providers/{provider}/connect.",
            )
        if len(found) > 1:
            raise Conflict(
                f"there are several connections to {provider}",
                code="connection-ambiguous",
                hint="Say which one is meant with connectionId.",
            )
        return _row(found[0])

    async def usable(self, scope: Scope, provider: str, connection_id: UUID | None) -> ConnectionRow:
        """`resolve` for a person who looks through it: one that is not for the asker is not found either."""
        row = await self.resolve(scope, provider, connection_id)
        if not sees(scope, row.draw_role, row.start_role):
            raise NotFound(f"there is no connection {connection_id or provider}")
        return row

    def opened(self, row: ConnectionRow, values: Mapping[str, str] = MappingProxyType({})) -> Connection:
        """Its address and credentials, with the `values` of its references. Raises VaultError, or Conflict when they have to be
        entered again."""
        try:
            return parse(self._model(row.provider), filled(self._kept_of(row), values))
        except BadCredentials as error:
            raise Conflict(
                f"the credentials of {row.name} have to be entered again: {error.message}",
                code="credentials-missing",
                hint="A changed address clears them. PATCH the connection with its credentials.",
            ) from None

    async def open(self, scope: Scope, connection_id: UUID) -> Connection:
        """`opened` of that row."""
        return self.opened(await self.get(scope, connection_id))

    def merged(
        self,
        row: ConnectionRow,
        changes: Mapping[str, JsonValue],
        values: Mapping[str, str] = MappingProxyType({}),
    ) -> Merged:
        """What `row` would hold with these changes; nothing is written. `values` are those of all references in both. Raises
        BadCredentials."""
        return merge(self._model(row.provider), row.credentials, self._secret(row), changes, values)

    async def update(
        self,
        scope: Scope,
        connection_id: UUID,
        *,
        name: str | None = None,
        status: Literal["ACTIVE", "INACTIVE"] | None = None,
        allow_private_network: bool | None = None,
        limits: Mapping[str, int | None] | None = None,
        roles: Mapping[str, Role] | None = None,
        credentials: Merged | None = None,
        seen: datetime | None = None,
        account: Account | None = None,
        problem: Failure | None = None,
    ) -> ConnectionRow:
        """Change what is given; `limits` and `roles` by column, None for the kind's own limit. `credentials` were merged into the row as it was at `seen` (its `updated_at`): Conflict when
        somebody changed it since. `account` or `problem` is what their test found."""
        async with self._unique(scope, "this provider", name) as transaction:
            row = await _find(transaction, scope, connection_id, lock=True)
            if seen is not None and row.updated_at != seen:
                raise Conflict(
                    f"{row.name} was changed meanwhile", hint="Load it again and repeat the change."
                )
            values: dict[str, Any] = {"updated_at": func.clock_timestamp()}
            if name is not None:
                values["name"] = name
            if allow_private_network is not None:
                values["allow_private_network"] = allow_private_network
            values |= {**(limits or {}), **(roles or {})}
            if credentials is not None:
                if credentials.cleared:
                    problem = _CLEARED
                values |= {"public": credentials.shown, "base_url": credentials.base_url}
                values |= self._seal(scope.workspace_id, connection_id, credentials.secret)
                if credentials.secret != self._secret(row):
                    values["secrets_at"] = func.clock_timestamp() if credentials.secret else None
                kept = credentials.connection
                values["secrets_expire_at"] = None if kept is None else kept.expires()
            if account is not None or problem is not None:
                values |= _outcome(account, problem)
                if row.status == "INACTIVE":
                    values["status"] = "INACTIVE"
            if status == "INACTIVE" or (status == "ACTIVE" and row.status == "INACTIVE" and problem is None):
                values["status"] = status
            await transaction.execute(update(table).where(table.c.id == connection_id).values(values))
            after = await _find(transaction, scope, connection_id)
            changed = _changed(row, after, () if credentials is None else self._differs(row, credentials))
            if changed:
                await record(
                    transaction,
                    scope,
                    "connection.changed",
                    "connection",
                    connection_id,
                    after.name,
                    fields=changed,
                )
            return after

    async def delete(self, scope: Scope, connection_id: UUID, *, force: bool = False) -> None:
        """Raises InUse when a current definition needs it, unless `force`."""
        async with self._database.begin(scope) as transaction:
            row = await _find(transaction, scope, connection_id, lock=True)
            if not force and (users := await _users(transaction, scope, row)):
                raise InUse(row.name, users)
            # What waits for it goes on, and says that it is missing.
            held = (node_run.c.held_for == connection_id, node_run.c.work == "parked")
            await transaction.execute(update(node_run).where(*held).values(due_at=func.clock_timestamp()))
            over = {"resolved_at": func.clock_timestamp(), "resolved_by": scope.subject}
            unsolved = (incident.c.connection_id == connection_id, incident.c.resolved_at.is_(None))
            await transaction.execute(update(incident).where(*unsolved).values(over))
            await transaction.execute(delete(table).where(table.c.id == connection_id))
            await record(transaction, scope, "connection.deleted", "connection", connection_id, row.name)

    async def used_by(self, scope: Scope, connection_id: UUID) -> tuple[tuple[UUID, str], ...]:
        """Orchestrators (id, name) whose current definition names it, or leaves the choice and has only it to choose."""
        async with self._database.begin(scope) as transaction:
            return await _users(transaction, scope, await _find(transaction, scope, connection_id))

    async def report(
        self,
        scope: Scope,
        connection_id: UUID,
        *,
        account: Account | None = None,
        problem: Failure | None = None,
    ) -> None:
        """What a call to the platform said of this connection: working again, or failing and why. A paused one stays paused;
        being told to slow down is no failure. A connection deleted meanwhile is no error."""
        async with self._database.begin(scope) as transaction:
            values = _outcome(account, problem)
            if problem is not None and problem.code == "rate-limited":
                values.pop("status")
            else:
                values["status"] = case((table.c.status == "INACTIVE", "INACTIVE"), else_=values["status"])
            mine = (table.c.id == connection_id, table.c.workspace_id == scope.workspace_id)
            await transaction.execute(update(table).where(*mine).values(values))

    async def keep_renewed(self, scope: Scope, connection_id: UUID, provider: Provider[Any]) -> None:
        """Store the tokens that the platform replaced while `provider` was in use; nothing otherwise. A connection that
        somebody changed since `provider` was opened, or deleted, is left as it is."""
        fields = provider.renewed()
        kept = self._kept.get(provider)
        if fields is None or (kept is not None and kept[0] == fields):
            return
        expected: Connection = provider.connection if kept is None else kept[1]
        async with self._database.begin(scope) as transaction:
            try:
                row = await _find(transaction, scope, connection_id, lock=True)
                # What stands elsewhere is not asked for again: it is what the provider was opened with.
                referring = {name: v for name, v in self._kept_of(row).items() if references(v)}
                used = reveal(expected)
                known = {name: used.get(name) for name in referring}
                stored = parse(type(expected), {**self._kept_of(row), **known})
            except (NotFound, BadCredentials):
                return
            if stored == expected:
                fresh = parse(type(stored), {**reveal(stored), **fields})
                shown, secret = split(fresh, referring)
                await transaction.execute(
                    update(table)
                    .where(table.c.id == connection_id)
                    .values(
                        public=shown, updated_at=func.clock_timestamp(), secrets_expire_at=fresh.expires()
                    )
                    .values(self._seal(scope.workspace_id, connection_id, secret))
                )
                self._kept[provider] = dict(fields), fresh

    def _model(self, provider: str) -> type[Connection]:
        if (found := self._registry.get(provider)) is None:
            raise NotFound(f"there is no provider {provider}", code="provider-unknown")
        return found.connection_model

    def _kept_of(self, row: ConnectionRow) -> JsonObject:
        """Its fields as they are kept: secrets in the clear, references as such."""
        return {**public(row.credentials), **self._secret(row)}

    def _secret(self, row: ConnectionRow) -> JsonObject:
        if row.sealed is None:
            return {}
        return json.loads(self._vault.open(row.sealed, context_of(row.workspace_id, row.id)))

    def _differs(self, row: ConnectionRow, merged: Merged) -> set[str]:
        """The names of the fields that these credentials change, secret ones too."""
        old = self._kept_of(row)
        new = {**public(merged.shown), **merged.secret}
        return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}

    def _seal(self, workspace_id: UUID, connection_id: UUID, secret: JsonObject) -> dict[str, Any]:
        if not secret:
            return {"sealed": None, "key_id": None}
        sealed = self._vault.seal(json.dumps(secret).encode(), context_of(workspace_id, connection_id))
        return {"sealed": sealed.blob, "key_id": sealed.key_id}

    @asynccontextmanager
    async def _unique(self, scope: Scope, provider: str, name: str | None) -> AsyncGenerator[AsyncConnection]:
        try:
            async with self._database.begin(scope) as transaction:
                yield transaction
        except IntegrityError:
            raise Conflict(
                f"{provider} has a connection named “{name}” already",
                code="name-taken",
                hint="Choose another name, or change that connection.",
            ) from None


def _changed(before: ConnectionRow, after: ConnectionRow, credentials: Iterable[str]) -> set[str]:
    """The names of what a person changed of a connection."""
    told = (
        "name",
        "status",
        "base_url",
        "allow_private_network",
        "max_in_flight",
        "max_per_minute",
        "draw_role",
        "start_role",
    )
    return {*credentials, *(name for name in told if getattr(before, name) != getattr(after, name))}


def context_of(workspace_id: UUID, connection_id: UUID) -> str:
    """What a connection's secrets are sealed to."""
    return f"connection:{workspace_id}:{connection_id}"


_CLEARED = Failure(
    code="credentials-missing",
    message="its address has changed, so its credentials were cleared",
    hint="Enter the credentials for the new address.",
)


async def _users(
    transaction: AsyncConnection, scope: Scope, row: ConnectionRow
) -> tuple[tuple[UUID, str], ...]:
    found = await usages(transaction, scope, connection_id=row.id)
    return tuple({each.orchestrator_id: each.orchestrator_name for each in found}.items())


_BREAKER = tuple(each.name for each in fields(Breaker))
_HELD = (
    select(func.count())
    .where(node_run.c.held_for == table.c.id, node_run.c.work == "parked", node_run.c.state == NodeState.HELD)
    .scalar_subquery()
)


def _mine(scope: Scope, *, counted: bool = True) -> Select[Any]:
    """With its breaker, and with how many steps it holds if `counted`: every step reads this, and needs no count."""
    known = [breaker.c[name].label(f"breaker_{name}") for name in _BREAKER]
    held = _HELD if counted else literal(0)
    return (
        select(table, *known, breaker.c.cause, held.label("held"))
        .outerjoin(breaker, breaker.c.connection_id == table.c.id)
        .where(table.c.workspace_id == scope.workspace_id)
    )


async def _find(
    transaction: AsyncConnection,
    scope: Scope,
    connection_id: UUID,
    *,
    lock: bool = False,
    counted: bool = True,
) -> ConnectionRow:
    query = _mine(scope, counted=counted).where(table.c.id == connection_id)
    query = query.with_for_update(of=table) if lock else query
    found = (await transaction.execute(query)).mappings().one_or_none()
    if found is None:
        raise NotFound(f"there is no connection {connection_id}")
    return _row(found)


def _row(found: RowMapping) -> ConnectionRow:
    left = ("public", "key_id", "left_out")
    values = {k: v for k, v in found.items() if k not in left and not k.startswith("breaker_")}
    values |= {name: Role(values[name]) for name in ("draw_role", "start_role")}
    left_out = tuple(LeftOut.model_validate(part) for part in found["left_out"])
    if found.get("breaker_state") is not None:
        values["breaker"] = Breaker(**{name: found[f"breaker_{name}"] for name in _BREAKER})
    return ConnectionRow(**values, credentials=found["public"], left_out=left_out)


def _outcome(account: Account | None, problem: Failure | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "status": "ACTIVE" if problem is None else "FAILING",
        "last_checked_at": func.clock_timestamp(),
        "last_error": None if problem is None else problem.model_dump(mode="json", exclude_none=True),
    }
    if account is not None:
        values["account"] = account.label
        if account.workflows is not None:
            values["workflow_count"] = account.workflows
    return values
