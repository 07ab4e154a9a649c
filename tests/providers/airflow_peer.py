"""A sandbox Airflow with providers on it, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import JsonValue

from providers import EgressGuard, Execution, Http
from providers.airflow import Airflow, AirflowConnection
from providers.sandbox.airflow import AirflowSandbox
from tests.providers.contract import finished
from tests.serving import served

SCALE = 0.02


class Peer:
    """A sandbox, its address, and providers on it, closed together."""

    def __init__(self, server: AirflowSandbox, url: str) -> None:
        self.server = server
        self.url = url
        self._made: list[Airflow] = []
        self.provider = self.another()

    def another(self, **credentials: JsonValue) -> Airflow:
        given = {"baseUrl": self.url, **credentials} if credentials else AirflowSandbox.connection(self.url)
        connection = AirflowConnection.model_validate(given)
        http = Http(EgressGuard(["127.0.0.0/8"]), in_flight=8, secrets=connection.secrets())
        self._made.append(Airflow(connection, http))
        return self._made[-1]

    async def aclose(self) -> None:
        for provider in self._made:
            await provider.http.aclose()
        await self.server.aclose()

    async def end(self, ref: str, conf: JsonValue = None, key: str = "k") -> Execution:
        return await finished(self.provider, await self.provider.execute(ref, conf, key=key))


@asynccontextmanager
async def airflow(**options: Any) -> AsyncGenerator[Peer]:
    server = AirflowSandbox(time_scale=SCALE, **options)
    async with served(server) as url:
        peer = Peer(server, url)
        try:
            yield peer
        finally:
            await peer.aclose()


async def until(provider: Airflow, execution: Execution, ready: Callable[[Execution], bool]) -> Execution:
    deadline = time.monotonic() + 10
    while not ready(execution):
        assert time.monotonic() < deadline, execution
        await asyncio.sleep(0.01)
        execution = await provider.poll(execution)
    return execution
