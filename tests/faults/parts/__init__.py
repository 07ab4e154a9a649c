"""The bench, one part a guarantee. Every change runs the small sizes, `make faults` the large ones; a part raises Red, or says
in one line what it has shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.parts import (
    acks,
    callbacks,
    cancels,
    keys,
    matrix,
    network,
    overload,
    several,
    timers,
    workers,
)


@dataclass(frozen=True)
class Part:
    """`change` and `nightly` are the sizes of its two tiers."""

    run: Callable[..., Awaitable[str]]
    change: Mapping[str, Any]
    nightly: Mapping[str, Any]


PARTS: Mapping[str, Part] = {
    "G1": Part(acks.nothing_is_lost, {"acks": 2000, "kills": 5}, {"acks": 50_000, "kills": 50}),
    "G2": Part(workers.dies_after_each_commit, {"commits": 16}, {"commits": 60}),
    "G2 matrix": Part(matrix.dies_everywhere, {"cells": 16}, {"cells": 470}),
    "G3": Part(workers.one_key, {"runs": 40, "kills": 3}, {"runs": 1000, "kills": 40}),
    "G5": Part(callbacks.early, {"runs": 300, "kills": 2}, {"runs": 5000, "kills": 20}),
    "G6": Part(callbacks.repeated, {"waits": 120}, {"waits": 1000}),
    "G8": Part(cancels.nothing_starts, {"interleavings": 150}, {"interleavings": 10_000}),
    "G8 cancelled by the dead": Part(matrix.cancelled_by_the_dead, {"rounds": 1}, {"rounds": 20}),
    "G10": Part(timers.on_time, {"timers": 100}, {"timers": 1000}),
    "G10 clock": Part(timers.wrong_clock, {"timers": 40}, {"timers": 400}),
    "G11": Part(callbacks.deadlines, {"waits": 200}, {"waits": 2000}),
    "G12": Part(workers.taken_over, {"runs": 10}, {"runs": 200}),
    "G13": Part(workers.stalled, {"jobs": 40, "stalls": 2}, {"jobs": 400, "stalls": 20}),
    "G14": Part(
        acks.restarts,
        {"runs": 120, "kills": 3, "up": (0.5, 2.0), "down": (0.0, 1.0)},
        {"runs": 5000, "kills": 15, "up": (5.0, 20.0), "down": (0.0, 5.0)},
    ),
    "G15 remote": Part(network.remote, {"rounds": 1}, {"rounds": 20}),
    "G15 database": Part(network.database, {"runs": 5}, {"runs": 60}),
    "G17": Part(acks.one_run_a_key, {"keys": 40, "at_once": 10}, {"keys": 500, "at_once": 50}),
    "G19": Part(workers.rolling, {"restarts": 6, "every": 0.7}, {"restarts": 30, "every": 20.0}),
    "G21": Part(overload.refused_in_time, {"seconds": 2.0}, {"seconds": 300.0}),
    "Several": Part(
        several.killed_at_random,
        {"seconds": 6.0, "every": 1.5, "rate": 15.0},
        {"seconds": 120.0, "every": 10.0, "rate": 40.0},
    ),
    "G22 keys": Part(
        keys.rotated,
        {"secrets": 300, "kills": 6, "batch": 20},
        {"secrets": 10_000, "kills": 40, "batch": 100},
    ),
    "G23": Part(workers.poison, {"healthy": 20}, {"healthy": 200}),
}
