"""The bench tested: each planted mistake must turn it red, and for the right reason; otherwise it shows nothing."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from app.postgres import refuse_unsafe
from app.settings import StartRefused
from tests.faults.cluster import Cluster
from tests.faults.defects import DEFECTS
from tests.faults.field import Red, field
from tests.faults.nursery import Nursery
from tests.faults.parts import PARTS

TURNS: dict[str, tuple[str, dict[str, Any], str]] = {
    "M1": ("G1", {"acks": 400, "kills": 2, "victims": ("postgres",)}, "acknowledged and lost"),
    "M2": ("G5", {"runs": 40, "kills": 0, "seconds": 5.0}, "accepted|stranded"),
    "M3": ("G6", {"waits": 8}, "answers"),
    "M4": ("G13", {"jobs": 40, "stalls": 2}, "written without the lease"),
    "M5": ("G3", {"runs": 8, "kills": 0}, "several keys for one node"),
    "M6": ("G10", {"timers": 50}, "early by"),
    "M7": ("G10", {"timers": 100}, "fired twice|may still be worked on|nothing will move"),
    "M8": ("G1", {"acks": 400, "kills": 2, "victims": ("web",)}, "acknowledged and lost"),
    "M9": ("G12", {"runs": 4, "seconds": 8.0}, "stranded"),
    "M10": ("G2", {"commits": 44}, "without job, lease, timer or wait|nothing will move|stranded"),
}
"""By the mistake: the part that must find it, at which size, and what it must say."""


def test_every_planted_mistake_has_a_part_that_finds_it() -> None:
    assert set(TURNS) == set(DEFECTS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("defect", TURNS)
async def test_the_bench_goes_red(bench_nursery: Nursery, bench_cluster: Cluster, defect: str) -> None:
    name, size, why = TURNS[defect]
    with pytest.raises((Red, ExceptionGroup)) as caught:
        async with field(bench_nursery, bench_cluster, seed=7, defect=defect) as found:
            await PARTS[name].run(found, **size)
    said = [str(red) for red in reds(caught.value)]
    assert any(re.search(why, text) for text in said), said


def reds(error: BaseException) -> list[BaseException]:
    """What is red in it, in a group too."""
    if isinstance(error, ExceptionGroup):
        group = cast("ExceptionGroup[Exception]", error)
        return [red for inner in group.exceptions for red in reds(inner)]
    return [error] if isinstance(error, Red) else []


async def test_a_start_is_refused_where_commits_are_forgotten(
    bench_nursery: Nursery, bench_cluster: Cluster
) -> None:
    """M1 never gets as far as the bench: the product does not start on such a database."""
    async with field(bench_nursery, bench_cluster, seed=7, defect="M1") as found:
        engine = create_async_engine(found.url)
        async with engine.connect() as connection:
            with pytest.raises(StartRefused, match="synchronous_commit=off"):
                await refuse_unsafe(connection)
        await engine.dispose()
