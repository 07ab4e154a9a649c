"""What the bench's tests share: one Postgres that may be killed, and one warm process that forks what may be killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.conftest import ROOM
from tests.faults.cluster import Cluster, cluster
from tests.faults.nursery import Nursery


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bench_cluster() -> AsyncIterator[Cluster]:
    async with cluster(ROOM) as made:
        yield made


@pytest.fixture(scope="session")
def bench_nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made
