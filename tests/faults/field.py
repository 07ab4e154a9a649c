"""What a part of the bench stands on: a database of its own, processes that it may kill, a receiver, clients, and a seed."""

from __future__ import annotations

import hashlib
import random
import socket
import tempfile
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import func, make_url, select

from app.postgres import administer
from providers import discover
from runner.database import Database, persistent
from runner.model import Role
from runner.store import Store
from runner.tables import run
from runner.vault import Vault
from tests.faults.bench import Bench, token_of, until
from tests.faults.cluster import Cluster
from tests.faults.invariants import violations
from tests.faults.nursery import Nursery, Worker
from tests.faults.site import Site
from tests.serving import served

KEY = hashlib.sha256(b"bench").digest()
_OPEN = ("PENDING", "RUNNING", "WAITING")


class Red(AssertionError):
    """A guarantee does not hold."""


def hold(condition: object, *found: object) -> None:
    """Raises Red with what was found."""
    if not condition:
        raise Red(*found)


@dataclass
class Field(Bench):
    """`defect` is planted in every process that is started here."""

    cluster: Cluster
    chance: random.Random
    defect: str | None
    token: str
    port: int
    folder: str

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def worker(self, point: str = "never", node: str | None = None, **more: Any) -> Worker:
        return super().worker(point, node, public_url=self.base, **self._planted(), **more)

    async def web(self, **more: Any) -> Worker:
        """A web process at `base`, up when this returns."""
        order = {"web": self.port, "url": self.url, "key": self.key.hex(), "folder": self.folder}
        made = self.nursery.start(order | self._planted() | more)
        async with self.client() as client:

            async def up() -> bool:
                hold(made.code is None, "the web process ended", made.code)
                try:
                    return (await client.get("/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(up)
        return made

    def client(self, *, at_once: int = 100, timeout: float = 10.0) -> httpx.AsyncClient:
        """With an admin's token; it waits for no Baton longer than `timeout` seconds."""
        return httpx.AsyncClient(
            base_url=self.base,
            headers={"Authorization": f"Bearer {self.token}"},
            # Shorter than the 5 s after which the server closes: a call on a closing connection is no fault of anybody's.
            limits=httpx.Limits(max_connections=at_once, keepalive_expiry=2.0),
            timeout=timeout,
            trust_env=False,
        )

    async def call_back(self, client: httpx.AsyncClient, run_id: UUID, token: str, body: Any) -> int:
        """The status. Raises httpx.TransportError."""
        path = f"/api/v1/orchestrator/callback/{run_id}"
        return (await client.post(path, json=body, headers={"X-Correlation-Token": token})).status_code

    async def tokens(self, ids: Iterable[UUID], node: str) -> dict[UUID, str]:
        return {run_id: await token_of(self.store, self.scope, run_id, node) for run_id in ids}

    async def states(self) -> dict[str, int]:
        """How many runs are in which state."""
        asked = select(run.c.state, func.count().label("runs")).group_by(run.c.state)
        return {row.state: row.runs for row in await self.rows(asked)}

    async def settled(self, seconds: float = 30.0) -> None:
        """Every run has ended, by itself, and every invariant holds. Raises Red."""

        async def over() -> bool:
            return not set(await self.states()) & set(_OPEN)

        try:
            await until(over, seconds)
        except TimeoutError:
            raise Red("stranded", await self.states(), await violations(self.store.database)) from None
        await self.sound()

    async def sound(self) -> None:
        """Every invariant holds now. Raises Red."""
        found = await persistent(lambda: violations(self.store.database, patience=30.0), 20)
        hold(found == {}, found)

    async def count(self, query: Any) -> int:
        return (await self.rows(query))[0][0] or 0

    async def rows(self, query: Any) -> list[Any]:
        """What a query finds; read again where a restart of Postgres has broken the connection."""

        async def read() -> list[Any]:
            async with self.store.database.begin() as connection:
                return list((await connection.execute(query)).all())

        return await persistent(read, 20)

    def _planted(self) -> dict[str, Any]:
        return {} if self.defect is None else {"defect": self.defect, "skew": -3600.0}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@asynccontextmanager
async def field(
    nursery: Nursery, cluster: Cluster, *, seed: int, defect: str | None = None
) -> AsyncGenerator[Field]:
    """A field; whoever was started on it is dead when the block ends. Postgres runs then, whatever was done to it."""
    async with cluster.database() as url:
        if defect == "M1":
            name = make_url(url).database
            host = str(make_url(url).query["host"])
            await administer(host, f"ALTER DATABASE {name} SET synchronous_commit = off")
        database = Database(url, size=8, reserve=8)
        store = Store(database, Vault([("test", KEY)]), discover())
        scope = await store.access.scope("bench", Role.ADMIN)
        token = await store.access.create_token("bench", Role.ADMIN)
        site = Site()
        try:
            with tempfile.TemporaryDirectory(prefix="baton-") as folder:
                async with served(site) as site.url:
                    with nursery.cleared():
                        yield Field(
                            nursery, url, KEY, store, scope, site, cluster, random.Random(seed), defect,
                            token, free_port(), folder,
                        )  # fmt: skip
                    site.released.set()
        finally:
            await database.aclose()
            await cluster.start()
