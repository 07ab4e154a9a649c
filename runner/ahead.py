"""Pure nodes are worked on before what led to them is recorded (ADR 15), and before the run is stored that begins with them (ADR 19).
They touch nothing outside, so they share its commit; only for a moment, so that nobody waits to see it."""

from __future__ import annotations

import time

from runner.calling import Caller
from runner.node import catalogue
from runner.store import Store
from runner.store.claims import Claim
from runner.store.succession import Step

AHEAD = 0.02
"""Seconds for which pure nodes may be worked on before the outcome that led to them is recorded."""
MOST_AHEAD = 16


class Ahead:
    """For one worker. What goes wrong here is met again, and told, when the node is worked on by itself."""

    def __init__(self, store: Store, caller: Caller) -> None:
        self._store = store
        self._caller = caller

    async def of(self, first: Step) -> list[Step]:
        """`first`, and the outcomes of the pure nodes that follow it one by one. A node after one that may have cost a worker its
        life is worked on by itself."""
        if not catalogue()[first.claim.spec.type].pure or first.claim.takeovers:
            return [first]
        return await self._on([first], at_once=False)

    async def of_start(self, first: Claim) -> list[Step]:
        """The outcomes of this node and of those that follow it, of a run that is not stored yet. Nobody waits for a renderer before
        they are told that their run is: templates that need one are left."""
        done = await self._caller.pure(first, at_once=True)
        return [] if done is None else await self._on([done], at_once=True)

    async def _on(self, steps: list[Step], *, at_once: bool) -> list[Step]:
        until = time.monotonic() + AHEAD
        while len(steps) < MOST_AHEAD and time.monotonic() < until:
            claim = await self._store.settling.ahead(steps)
            done = None if claim is None else await self._caller.pure(claim, at_once=at_once)
            if done is None:
                break
            steps.append(done)
        return steps
