"""Providers at work: one instance per connection and process, so that keep-alive and in-flight limits are shared."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from providers import Connection, EgressGuard, Http, Provider, ProviderError, Registry, Verb
from runner.credentials import references
from runner.errors import Conflict, NotFound, RunnerError
from runner.model import Failure, Scope
from runner.secret_stores import SecretMissing, SecretStoreDown, SecretStores
from runner.store.connections import ConnectionRow, Connections

AnyProvider = Provider[Any]
_RETIRED_FOR = 900.0
"""Seconds after which nobody can still be using a provider that was replaced: longer than any request may take."""


@dataclass
class _Open:
    updated_at: datetime
    values: dict[str, str]
    provider: AnyProvider


class Platforms:
    """Opens connections for whoever calls a platform: nodes, the browser of remote workflows, tests of connections.

    Every opening reads the connection's row, so a pause, new credentials or a deletion count from the next call on. What stands
    in a secret store is read again after a minute, and after a refusal. `secrets` is the caller's to close.
    """

    def __init__(
        self,
        connections: Connections,
        registry: Registry,
        *,
        egress_allow: Iterable[str | IPv4Network | IPv6Network] = (),
        secrets: SecretStores | None = None,
    ) -> None:
        self.secrets = secrets or SecretStores()
        self._connections = connections
        self._registry = registry
        self._guard = EgressGuard(egress_allow)
        self._open: dict[UUID, _Open] = {}
        self._retired: list[tuple[float, AnyProvider]] = []

    async def open(
        self, scope: Scope, provider_name: str, connection_id: UUID | None = None
    ) -> tuple[AnyProvider, UUID]:
        """The provider on that connection, or on the only one there is, and the connection's id. The instance is shared and
        not the caller's to close.

        Raises NotFound (provider-unknown, connection-missing), Conflict (connection-ambiguous, connection-inactive,
        credentials-missing, secret-missing, secret-store-unreachable) and VaultError, all before any request leaves.
        """
        self.kind(provider_name)
        row = await self._connections.resolve(scope, provider_name, connection_id)
        return await self.of(scope, row), row.id

    async def of(self, scope: Scope, row: ConnectionRow) -> AnyProvider:
        """The provider on the connection of this row. Raises as `open`."""
        if row.status == "INACTIVE":
            raise Conflict(
                f"the connection {row.name} is switched off",
                code="connection-inactive",
                hint="Switch it on again: PATCH it with status ACTIVE.",
            )
        used = references(row.credentials)
        try:
            values = await self.secrets.values(used)
        except (SecretMissing, SecretStoreDown) as error:
            await self._connections.report(scope, row.id, problem=failure_of(error))
            raise
        found = self._open.get(row.id)
        if found is not None and (found.updated_at, found.values) == (row.updated_at, values):
            return found.provider
        made = self._made(
            row.provider,
            self._connections.opened(row, values),
            row.allow_private_network,
            row.max_in_flight,
            used,
        )
        self._open[row.id] = _Open(row.updated_at, values, made)
        if found is not None:
            self._retired.append((time.monotonic(), found.provider))
        await self._sweep()
        return made

    async def opened(self, row: ConnectionRow) -> Connection:
        """Its address and credentials, complete. Raises as `open`."""
        return self._connections.opened(row, await self.secrets.values(references(row.credentials)))

    def kind(self, name: str) -> type[AnyProvider]:
        """Raises NotFound."""
        if (found := self._registry.get(name)) is None:
            raise NotFound(
                f"there is no provider {name}",
                code="provider-unknown",
                hint=f"There are: {', '.join(self._registry.names)}.",
            )
        return found

    def lists(self, name: str) -> bool:
        """Whether workflows can be listed there; False for a provider that is not installed."""
        return (kind := self._registry.get(name)) is not None and Verb.LIST in kind.verbs

    @asynccontextmanager
    async def trial(
        self, provider_name: str, connection: Connection, *, private: bool
    ) -> AsyncGenerator[AnyProvider]:
        """A provider on credentials that are not stored, for one test of them."""
        made = self._made(provider_name, connection, private)
        try:
            yield made
        finally:
            await made.http.aclose()

    async def aclose(self) -> None:
        providers = [entry.provider for entry in self._open.values()] + [p for _, p in self._retired]
        self._open.clear()
        self._retired.clear()
        await asyncio.gather(*(provider.http.aclose() for provider in providers))

    def _made(
        self,
        name: str,
        connection: Connection,
        private: bool,
        in_flight: int | None = None,
        used: Iterable[str] = (),
    ) -> AnyProvider:
        kind = self.kind(name)
        guard = self._guard.with_private_networks() if private else self._guard
        http = Http(
            guard,
            in_flight=in_flight or kind.in_flight,
            secrets=connection.secrets(),
            refused=lambda: self.secrets.forget(used),
        )
        return kind(connection, http)

    async def _sweep(self) -> None:
        until = time.monotonic() - _RETIRED_FOR
        while self._retired and self._retired[0][0] < until:
            _, provider = self._retired.pop(0)
            await provider.http.aclose()


def failure_of(error: ProviderError | RunnerError) -> Failure:
    """What is shown and kept of a call that failed."""
    return Failure(code=error.code, message=error.message, hint=error.hint)


async def exposed(addresses: Iterable[str]) -> str | None:
    """The first address that would carry credentials in the clear over the public internet: http:// to a public host. A name
    that does not resolve is not called, so it is not exposed."""
    for address in addresses:
        try:
            parts = urlsplit(address.strip())
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            continue
        if parts.scheme.lower() != "http" or not host:
            continue
        try:
            async with asyncio.timeout(5):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            continue
        if any(ip_address(str(info[4][0]).partition("%")[0]).is_global for info in found):
            return address
    return None
