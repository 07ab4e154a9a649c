"""One call of a node: what it may read and do, its limits, and what may come back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import JsonValue

from providers import Http
from runner import tokens
from runner.decision import Recorded
from runner.effects import NodeEffects, scope_of
from runner.errors import NodeError
from runner.model import NodeState
from runner.node import Done, NodeConfig, NodeContext, Suspend, catalogue
from runner.outages import Outages
from runner.platforms import Platforms
from runner.store import Store
from runner.store.claims import Claim, deadline_of
from runner.store.outcome import Ended
from runner.store.succession import Step
from runner.template import Templates

TAKEOVERS = 3
"""A node that has cost this many workers their life fails (G23)."""
OUTPUT_LIMIT = 5 * 1024 * 1024


class Caller:
    """Calls nodes for an engine. `http` is the client of plain webhooks; `public_url` begins the addresses of callbacks."""

    def __init__(
        self,
        store: Store,
        platforms: Platforms,
        templates: Templates,
        outages: Outages,
        http: Http,
        public_url: str,
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._templates = templates
        self._outages = outages
        self._http = http
        self._public_url = public_url

    async def surroundings(self, claim: Claim) -> tuple[NodeEffects, dict[str, JsonValue]]:
        """What the node may do, and what it may read."""
        seed = None
        if claim.sealed_seed is not None:
            seed = self._store.waits.seed(claim.workspace_id, claim.run_id, claim.sealed_seed)
        hidden = tuple(
            tokens.callback_token(seed, n)
            for n, spec in claim.definition.wiring.nodes.items()
            if seed is not None and spec.type == "WaitForCallback"
        )
        rules = await self._store.redactions.rules(claim.workspace_id)
        unstored = rules.unstored(claim.definition.orchestrator_id)
        effects = NodeEffects(
            self._store, self._platforms, self._outages, self._http, claim, hidden, unstored
        )
        return effects, scope_of(claim, seed, self._public_url)

    async def call(
        self,
        claim: Claim,
        config: NodeConfig,
        scope: dict[str, JsonValue],
        effects: NodeEffects,
        *,
        at_once: bool = False,
    ) -> Done | Suspend:
        """Work on the node, within its overall limit; what comes back can be stored. `at_once`: it waits for no renderer. Raises
        NodeError, and what nodes raise."""
        kind = catalogue()[claim.spec.type]
        if claim.takeovers >= TAKEOVERS:
            raise NodeError(
                f"{claim.takeovers} workers died while they worked on it",
                code="worker-killer",
                hint="Look at the workers' logs: it may need more memory than there is.",
            )
        answered = claim.signal is not None and claim.signal.kind != "timeout"
        if (
            claim.overdue and not answered
        ):  # what was accepted in time counts, however late a worker comes to it
            raise NodeError("its overall limit has passed", code="deadline", timed_out=True)
        if claim.spec.data.disabled:
            return Done(scope["data"], kind.ports[0])  # a disabled node lets its data through
        if claim.recorded and kind.outside:
            return _checked(await _taken(claim, effects), effects)

        async def render(value: JsonValue, extra: Any = None) -> JsonValue:
            names = scope if extra is None else {**scope, **extra}
            return await self._templates.render_all(value, names, at_once=at_once)

        context = NodeContext(
            run_id=claim.run_id,
            node_id=claim.spec.id,
            workspace_id=claim.workspace_id,
            config=config,
            key=f"{claim.run_id}/{claim.spec.id}/0",
            attempt=claim.attempt,
            attempt_started_at=claim.attempt_started_at,
            data=scope["data"],
            scope=scope,
            effects=effects,
            render=render,
            memo=claim.memo,
            signal=claim.signal,
            interrupted=claim.interrupted,
        )
        # What is left of the limit, over all attempts. Who takes in what was accepted in time may come after its end.
        limit = deadline_of(claim.spec) if answered else claim.seconds_left
        try:
            async with asyncio.timeout(limit):
                return _checked(await kind.run(context), effects)
        except TimeoutError:
            raise NodeError("its overall limit has passed", code="deadline", timed_out=True) from None

    async def pure(self, claim: Claim, *, at_once: bool = False) -> Step | None:
        """The outcome of a node that touches nothing outside; None for any other, and for one that does not complete: `at_once`, or
        at all."""
        kind = catalogue()[claim.spec.type]
        if not kind.pure:
            return None
        effects, scope = await self.surroundings(claim)
        try:
            config = claim.definition.config(claim.spec.id)
            result = await self.call(claim, config, scope, effects, at_once=at_once)
        except Exception:
            return None
        finally:
            await effects.aclose()
        if isinstance(result, Suspend):
            return None
        ended = Ended(NodeState.COMPLETED, output=result.output, port=result.port)
        return Step(claim, ended, effects.story([], scope["data"]))


async def _taken(claim: Claim, effects: NodeEffects) -> Done:
    """What a recorded run takes in the place of calling. Raises NodeError: the failure that is recorded, or that nothing is."""
    left = claim.signal is not None and claim.signal.kind == "recorded"
    known = Recorded.model_validate(claim.signal.body) if left and claim.signal else None
    if known is None or known.source is None:
        where = "the run it repeats" if known is None else f"run {known.number}"
        raise NodeError(
            f"{where} recorded nothing of this step, and a recorded run calls nobody",
            code="not-recorded",
            hint="Re-run it without recorded mode, or begin with a run that came to this step.",
        )
    if (failure := known.failure) is not None:
        await effects.log(f"took the failure that run {known.number} recorded; nobody was called")
        raise NodeError(
            failure.message,
            code=failure.code,
            hint=failure.hint,
            cause=failure.cause,
            timed_out=known.timed_out,
        )
    await effects.log(f"took the output that run {known.number} recorded; nobody was called")
    return Done(known.output, known.port or "out")


def _checked(result: Done | Suspend, effects: NodeEffects) -> Done | Suspend:
    """A result that Postgres can hold, callback tokens masked. Raises NodeError."""
    value = result.output if isinstance(result, Done) else result.memo
    try:
        dumped = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise NodeError(f"its output is not JSON: {error}", code="output-invalid") from error
    if len(dumped) > OUTPUT_LIMIT:
        raise NodeError(
            f"its output has {len(dumped)} bytes; {OUTPUT_LIMIT} are the limit",
            code="output-too-large",
            hint="Map it down to what the next nodes need.",
        )
    if "\\u0000" in dumped:
        raise NodeError("its output holds a NUL character", code="output-invalid")
    return Done(effects.redacted(result.output), result.port) if isinstance(result, Done) else result
