"""Whether the time of an answer tells a token that exists from one that does not (threats T30).

    .venv/bin/python -m benchmarks.token_timing [--samples 10000]

Pairs of tokens that are all answered alike, asked in turn and in random order of one app in this process, which calls itself without
a socket: what a network adds would only hide a difference. For each pair the medians, and a Mann-Whitney test over all samples with
what is beyond the 95th percentile of both left out. `effect` is the chance that a sample of the one is slower than one of the
other: 0.5 is no difference, and what an attacker needs is about 1/(2·effect - 1)² samples.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx

from app.main import create_app
from app.migrate import upgrade
from app.postgres import EmbeddedPostgres
from runner.model import Role
from runner.store.minted import TOKEN, mint
from tests.factories import make_run, open_store, settings_for, waiting_graph

CALLBACK = "/api/v1/orchestrator/callback"


@dataclass(frozen=True)
class Asked:
    """One request; `answer` is the status that it must have."""

    method: str
    path: str
    token: str
    answer: int


def typo(token: str) -> str:
    """Another token with the same beginning, as long, and with a checksum that is wrong."""
    return token[:-1] + ("0" if token[-1] != "0" else "1")


async def pairs(database: str) -> Mapping[str, tuple[Asked, Asked]]:
    """Left what is there, right what is not; the answers of both are the same."""
    async with open_store(database) as store:
        scope = await store.access.scope("timing")
        run_id = await make_run(store, waiting_graph())
        revoked = await store.access.create_token("revoked", Role.VIEWER)
        expired = await store.access.create_token("expired", Role.VIEWER, lifetime=timedelta(0))
        for each in await store.access.tokens(scope):
            if each.name == "revoked":
                await store.access.revoke_token(scope, each.id)
        await store.access.forget()  # as upkeep does
    listing, unknown = "/api/v1/orchestrator", mint(TOKEN)
    callback = [f"{CALLBACK}/{run_id}", f"{CALLBACK}/{uuid4()}"]
    return {
        "an API token that was revoked / never was": (
            Asked("GET", listing, revoked, 401),
            Asked("GET", listing, unknown, 401),
        ),
        "an API token that has expired / never was": (
            Asked("GET", listing, expired, 401),
            Asked("GET", listing, unknown, 401),
        ),
        "an API token that never was / another": (
            Asked("GET", listing, mint(TOKEN), 401),
            Asked("GET", listing, unknown, 401),
        ),
        "with a typing error: in a revoked token / in one that never was": (
            Asked("GET", listing, typo(revoked), 401),
            Asked("GET", listing, typo(unknown), 401),
        ),
        "a callback with a wrong token: of a run that is / is not": (
            Asked("POST", callback[0], unknown, 404),
            Asked("POST", callback[1], unknown, 404),
        ),
    }


async def timed(client: httpx.AsyncClient, asked: Asked) -> float:
    """Microseconds."""
    began = time.perf_counter_ns()
    answer = await client.request(
        asked.method, asked.path, headers={"Authorization": f"Bearer {asked.token}"}
    )
    took = time.perf_counter_ns() - began
    if answer.status_code != asked.answer:
        raise SystemExit(f"{asked.path}: {answer.status_code} {answer.text}")
    return took / 1000


def mann_whitney(left: list[float], right: list[float]) -> tuple[float, float]:
    """The effect, and the two-sided p by the normal approximation, with ties (Mann and Whitney, 1947)."""
    both = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    ranks, ties, at = 0.0, 0.0, 0
    while at < len(both):
        end = at
        while end < len(both) and both[end][0] == both[at][0]:
            end += 1
        of_left = sum(1 for _, side in both[at:end] if side == 0)
        ranks += of_left * (at + 1 + end) / 2
        ties += (end - at) ** 3 - (end - at)
        at = end
    n, m = len(left), len(right)
    above = ranks - n * (n + 1) / 2
    spread = math.sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
    z = (above - n * m / 2) / spread
    return above / (n * m), math.erfc(abs(z) / math.sqrt(2))


def trimmed(samples: list[float], limit: float) -> list[float]:
    return [each for each in samples if each <= limit]


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=10_000)
    samples: int = parser.parse_args().samples
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="baton-")))
        database = await stack.enter_async_context(EmbeddedPostgres(folder / "data"))
        await upgrade(database)
        app = create_app(settings_for(database, folder), engine=False)
        state = await stack.enter_async_context(app.router.lifespan_context(app))

        async def with_state(scope: dict[str, object], receive: object, send: object) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)  # pyright: ignore[reportArgumentType]

        transport = httpx.ASGITransport(app=with_state)  # pyright: ignore[reportArgumentType]
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://x"))
        print(f"{samples} samples of each, in turn; microseconds")
        print(f"{'':66}{'median':>8}{'median':>8}{'effect':>8}{'p':>10}")
        for label, asked in (await pairs(database)).items():
            found: tuple[list[float], list[float]] = ([], [])
            for turn in range(samples + 200):
                for side in random.sample((0, 1), 2):
                    took = await timed(client, asked[side])
                    if turn >= 200:  # the first are warmer and warmer
                        found[side].append(took)
            limit = statistics.quantiles(found[0] + found[1], n=20)[-1]
            left, right = (trimmed(each, limit) for each in found)
            effect, p = mann_whitney(left, right)
            print(
                f"{label:66}{statistics.median(left):8.0f}{statistics.median(right):8.0f}{effect:8.3f}{p:10.2g}",
                flush=True,
            )


if __name__ == "__main__":
    asyncio.run(main())
