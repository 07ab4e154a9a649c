"""Making what tests need in one line: drawings, an app on a socket, and a client of it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from app.main import create_app
from app.settings import SecretKey, Settings
from providers import discover
from runner.database import Database
from runner.model import Graph, Role, Scope, TriggerInfo
from runner.store import Store
from runner.vault import Vault
from tests.serving import served

PUBLIC_URL = "https://baton.example.org"
KEY = SecretKey("test", SecretStr("p3vPqYk0c8mJ1zXr5uT9wQ2bN7dH6gLfS4eA0iVoRyE="))


def make_graph(
    wires: str, *, type: str = "DataMapper", kinds: dict[str, str] | None = None, **configs: dict[str, Any]
) -> Graph:
    """`make_graph("A>B, A>C, B>D")`; a lone name is a lone node. Configurations by node id, and kinds where not `type`.

    `A:true>B` leaves A by its port "true".
    """
    nodes: dict[str, None] = {}
    edges: list[dict[str, Any]] = []
    for part in filter(None, (piece.strip() for piece in wires.split(","))):
        ends = [end.strip() for end in part.split(">")]
        for left, right in itertools.pairwise(ends):
            source, _, port = left.partition(":")
            edge = {"id": f"e{len(edges)}", "source": source, "target": right.partition(":")[0]}
            edges.append({**edge, "sourceHandle": port} if port else edge)
        nodes |= dict.fromkeys(end.partition(":")[0] for end in ends)
    default: dict[str, Any] = {"mappings": []} if type == "DataMapper" else {}
    return Graph.model_validate(
        {
            "version": 1,
            "nodes": [
                {
                    "id": name,
                    "type": (kinds or {}).get(name, type),
                    "position": {"x": 0, "y": 0},
                    "data": {
                        "label": name,
                        "config": configs.get(name, {} if name in (kinds or {}) else default),
                    },
                }
                for name in nodes
            ],
            "edges": edges,
        }
    )


def waiting_graph(**config: Any) -> Graph:
    """One node that waits for a callback, and one after it."""
    return make_graph("wait>after", kinds={"wait": "WaitForCallback"}, wait=config)


def settings_for(database_url: str, folder: Path, **changes: Any) -> Settings:
    """Nothing of the environment. The public URL is https, so cookies carry the `__Host-` name."""
    return Settings(
        database_url=SecretStr(database_url),
        data_dir=folder,
        public_url=PUBLIC_URL,
        secret_keys=(KEY,),
    ).model_copy(update=changes)


@asynccontextmanager
async def open_store(database_url: str) -> AsyncGenerator[Store]:
    """A second store on the test's database, with the same key as the app's."""
    database = Database(database_url, size=3, reserve=1)
    try:
        yield Store(database, Vault([(KEY.id, KEY.raw())]), discover())
    finally:
        await database.aclose()


async def make_workspace(store: Store, name: str) -> None:
    async with store.database.begin() as connection:
        await connection.execute(text("INSERT INTO workspace (name) VALUES (:name)"), {"name": name})


async def make_run(store: Store, graph: Graph | None = None, *, scope: Scope | None = None) -> UUID:
    """A run, created and not yet worked on."""
    scope = scope or await store.access.scope("test")
    made = await store.orchestrators.create(scope, "made", "", graph or make_graph("A>B"))
    return await store.runs.create(scope, made.id, {}, trigger=TriggerInfo(by=scope.subject))


@dataclass(frozen=True)
class Site:
    """The app on a socket. `client` has an admin's token; `anonymous` has none."""

    url: str
    store: Store
    client: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    tokens: dict[Role, str]

    def bearer(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    async def cookie(self, role: Role = Role.ADMIN, subject: str = "ann") -> dict[str, str]:
        """The headers of a browser in which somebody without a password is signed in."""
        code = await self.store.access.create_code(role=role, subject=subject)
        return browser(await self.anonymous.post("/sign-in", data={"code": code}))


def browser(answer: httpx.Response) -> dict[str, str]:
    """The headers with which a browser goes on from our own pages after a sign-in that succeeded."""
    assert answer.status_code == 303, answer.text
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def site_on(
    database_url: str, folder: Path, *, engine: bool = False, **changes: Any
) -> AsyncGenerator[Site]:
    settings = settings_for(database_url, folder, **changes)
    async with open_store(database_url) as store, served(create_app(settings, engine=engine)) as url:
        tokens = {role: await store.access.create_token(role, role) for role in Role}
        headers = {"Authorization": f"Bearer {tokens[Role.ADMIN]}"}
        async with (
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20) as client,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as anonymous,
        ):
            yield Site(url, store, client, anonymous, tokens)
