"""Every part of the bench at the size that each change runs; `make faults` runs the large sizes."""

from __future__ import annotations

import pytest

from tests.faults.cluster import Cluster
from tests.faults.field import field
from tests.faults.nursery import Nursery
from tests.faults.parts import PARTS
from tests.faults.parts.timers import Missing

SEED = 20_260


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PARTS)
async def test_the_guarantee_holds(bench_nursery: Nursery, bench_cluster: Cluster, name: str) -> None:
    part = PARTS[name]
    try:
        async with field(bench_nursery, bench_cluster, seed=SEED) as found:
            print(name, await part.run(found, **part.change))
    except Missing as missing:
        pytest.skip(str(missing))
