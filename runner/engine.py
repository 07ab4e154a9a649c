"""The engine: claim -> run -> settle. The rows are the queue.

Delivery is at least once: after a crash between a remote call and its settle, the node runs again with the same key and
sees `ctx.interrupted`. Outcomes are recorded exactly once. Any number of engines may run on one Postgres.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import JsonValue, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from providers import Cancels, Exchange, Execution, ProviderError, recording
from runner import tokens
from runner.database import persistent
from runner.dispatcher import Dispatcher
from runner.effects import NodeEffects, plain_http, scope_of
from runner.errors import LostClaim, NodeError, RunnerError, Unreachable
from runner.faults import node_error
from runner.model import NodeState, RemoteLink, Role, Scope
from runner.node import AnyNode, Done, NodeConfig, NodeContext, Suspend, catalogue
from runner.platforms import Platforms
from runner.store import Store
from runner.store.claims import Claim
from runner.store.due import Stopping
from runner.store.events import Entry
from runner.store.outcome import Again, Ended, Story
from runner.template import TemplateError, Templates

log = logging.getLogger(__name__)

TAKEOVERS = 3
"""A node that has cost this many workers their life fails (G23)."""
OUTPUT_LIMIT = 5 * 1024 * 1024
RECORD_FOR = 60.0
"""Seconds for which a worker tries to write an outcome while the database is away."""
T = TypeVar("T")


@dataclass(frozen=True)
class EngineOptions:
    """How an engine works. `lease` and `grace` are in seconds: how long a silent worker keeps a node, and how long a stop
    waits for work in hand. `allow` are networks that plain webhooks may call besides public ones."""

    public_url: str
    concurrency: int = 64
    lease: float = 10.0
    grace: float = 10.0
    allow: tuple[Any, ...] = ()


class Engine:
    """One worker. `run` serves until stopped and survives the database's restarts; `run_until_idle` is how tests drive it."""

    def __init__(
        self, store: Store, platforms: Platforms, templates: Templates, options: EngineOptions
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._templates = templates
        self._options = options
        self._http = plain_http(options.allow)
        self._held: dict[UUID, Claim] = {}
        self._calls: dict[UUID, asyncio.Task[Done | Suspend]] = {}
        self._lost: set[UUID] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._soon = asyncio.Event()
        self._stopping = False

    @property
    def busy(self) -> int:
        """Node runs in this worker's hands now."""
        return len(self._held)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then finish or hand back what is in hand within the grace time."""
        self._stopping = False
        beats = asyncio.create_task(self._forever(self._beat, self._options.lease / 3))
        sweeps = [
            asyncio.create_task(self._forever(self._sweep, 1.0)),
            asyncio.create_task(self._forever(self._suspects, 1.0)),
            asyncio.create_task(self._forever(self._tidy, 30.0)),
        ]
        options = self._options
        dispatcher = Dispatcher(
            self._store, self.work, self._held, concurrency=options.concurrency, lease=options.lease
        )
        try:
            await dispatcher.run(stop, grace=self._options.grace, stopping=self._begin_stop)
        finally:
            self._stopping = True
            for task in [*sweeps, *self._tasks]:
                task.cancel()
            await asyncio.gather(*sweeps, *self._tasks, return_exceptions=True)
            beats.cancel()
            await asyncio.gather(beats, return_exceptions=True)

    async def run_until_idle(self) -> int:
        """Work whatever is ready or due now, and what follows from it, until nothing is. Returns the number of claims."""
        count = 0
        while True:
            await _recorded(self._store.due.fire)
            for stopping in await self._store.due.stopping():
                await self._stop_remote(stopping)
            taken = await self._store.claims.take(100, lease=self._options.lease)
            if not taken.claims and not taken.more:
                taken = await self._store.claims.take(1, lease=self._options.lease, suspects=True)
            if not taken.claims and not taken.more:
                return count
            count += sum(await asyncio.gather(*(self.work(claim) for claim in taken.claims)))

    async def work(self, claim: Claim) -> int:
        """Run this node, and walk on while exactly one follows. Returns how many nodes that were."""
        count, walked = 0, claim
        while walked is not None:
            count, walked = count + 1, await self._held_step(walked)
        return count

    async def _held_step(self, claim: Claim) -> Claim | None:
        self._held[claim.node_run_id] = claim
        try:
            return await self._step(claim)
        except LostClaim as lost:
            log.info("node %s of run %s: %s; its result is thrown away", claim.spec.id, claim.run_id, lost)
            await self._discarded(claim)
            return None
        finally:
            self._held.pop(claim.node_run_id, None)

    async def _step(self, claim: Claim) -> Claim | None:
        kind = catalogue()[claim.spec.type]
        seed = None
        if claim.sealed_seed is not None:
            seed = self._store.waits.seed(claim.workspace_id, claim.run_id, claim.sealed_seed)
        hidden = tuple(
            tokens.callback_token(seed, n)
            for n, spec in claim.definition.wiring.nodes.items()
            if seed is not None and spec.type == "WaitForCallback"
        )
        effects = NodeEffects(self._store, self._platforms, self._http, claim, hidden)
        scope = scope_of(claim, seed, self._options.public_url)
        config: NodeConfig | None = None
        exchanges: list[Exchange] = []
        try:
            with recording() as exchanges:  # filled while the node runs
                try:
                    config = claim.definition.config(claim.spec.id)
                    result = await self._abortable(claim, self._call(kind, claim, config, scope, effects))
                    result = _checked(result, effects)
                finally:
                    await effects.aclose()
        except asyncio.CancelledError:
            await asyncio.shield(
                self._hand_back(claim, kind, effects.story(exchanges, None), bool(exchanges))
            )
            raise
        except NodeError as error:
            fault = error
        except ProviderError as error:
            fault = node_error(error, repeatable=False, doing="calling the platform")
        except TemplateError as error:
            fault = NodeError(error.message, code="template", hint=error.hint)
        except ValidationError as error:
            fault = NodeError(f"its settings do not fit: {error.errors()[0]['msg']}", code="config")
        except (LostClaim, Unreachable, SQLAlchemyError):
            raise
        except Exception as error:
            log.exception("node %s of run %s", claim.spec.id, claim.run_id)
            fault = NodeError(f"an unexpected fault in Baton: {type(error).__name__}", code="internal")
        else:
            story = effects.story(exchanges, scope["data"] if claim.fresh else None)
            if isinstance(result, Suspend):
                await _recorded(lambda: self._store.settling.park(claim, result, story))
                self._soon.set()
                return None
            return await self._end(
                claim, Ended(NodeState.COMPLETED, output=result.output, port=result.port), story
            )
        story = effects.story(exchanges, scope["data"] if claim.fresh else None)
        return await self._failed(claim, kind, config, fault, story, effects)

    async def _call(
        self,
        kind: AnyNode,
        claim: Claim,
        config: NodeConfig,
        scope: dict[str, JsonValue],
        effects: NodeEffects,
    ) -> Done | Suspend:
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

        async def render(value: JsonValue, extra: Any = None) -> JsonValue:
            return await self._templates.render_all(value, scope if extra is None else {**scope, **extra})

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
        try:
            async with asyncio.timeout(None if config.deadline is None else config.deadline / 1000):
                return await kind.run(context)
        except TimeoutError:
            raise NodeError("its overall limit has passed", code="deadline", timed_out=True) from None

    async def _failed(
        self,
        claim: Claim,
        kind: AnyNode,
        config: NodeConfig | None,
        fault: NodeError,
        story: Story,
        effects: NodeEffects,
    ) -> Claim | None:
        failure = fault.failure(claim.spec.id)
        failure = failure.model_copy(
            update={"message": effects.redact(failure.message), "cause": effects.redacted(failure.cause)}
        )
        if config is not None and _may_retry(claim, config, fault):
            again = Again(failure, _delay(claim, config, fault))
            await _recorded(lambda: self._store.settling.again(claim, again, story))
            self._soon.set()
            return None
        state = NodeState.TIMED_OUT if fault.timed_out else NodeState.FAILED
        choice = config.on_error if config is not None else "fail"
        output: JsonValue = {"error": failure.model_dump(mode="json", by_alias=True)}
        if choice == "route":
            ended = Ended(state, output=output, port="error", failure=failure)
        elif choice == "continue":
            port = "out" if "out" in kind.ports else kind.ports[-1]
            ended = Ended(state, output=output, port=port, failure=failure)
        else:
            ended = Ended(state, port=None, failure=failure, fatal=True)
        return await self._end(claim, ended, story)

    async def _end(self, claim: Claim, ended: Ended, story: Story) -> Claim | None:
        return await _recorded(
            lambda: self._store.settling.end(
                claim, ended, story, lease=self._options.lease, follow=not self._stopping
            )
        )

    async def _abortable(self, claim: Claim, work: Coroutine[Any, Any, Done | Suspend]) -> Done | Suspend:
        """The node's work, cut off when the node is no longer ours: its run was cancelled, or another worker has it. A request
        in flight is closed. Raises LostClaim."""
        call = self._calls[claim.node_run_id] = asyncio.create_task(work)
        try:
            return await call
        except asyncio.CancelledError:
            if claim.node_run_id in self._lost:
                raise LostClaim("the run has ended, or another worker took this node over") from None
            raise
        finally:
            self._calls.pop(claim.node_run_id, None)
            self._lost.discard(claim.node_run_id)

    async def _hand_back(self, claim: Claim, kind: AnyNode, story: Story, called_out: bool) -> None:
        """At a stop: what touched nothing outside goes back at once; the rest keeps its lease, so that whoever takes it over
        knows that it was interrupted. So does what was interrupted before: handing it back would hide that."""
        if (called_out or claim.interrupted) and not kind.pure:
            return
        with contextlib.suppress(RunnerError, SQLAlchemyError):
            await self._store.settling.release(claim, story)

    async def _discarded(self, claim: Claim) -> None:
        line = Entry(
            "node.discarded", f"{claim.spec.label}: a late result was thrown away", claim.spec.id, "warning"
        )
        with contextlib.suppress(RunnerError, SQLAlchemyError):
            await self._store.settling.tell(claim.run_id, [line])

    def _begin_stop(self) -> None:
        self._stopping = True

    async def _beat(self) -> None:
        held = list(self._held.values())
        kept = await self._store.claims.extend(held, lease=self._options.lease)
        lost = await self._store.claims.lost([c for c in held if c.node_run_id not in kept])
        for claim in held:
            call = self._calls.get(claim.node_run_id)
            if claim.node_run_id in lost and self._held.get(claim.node_run_id) is claim and call is not None:
                log.info("node %s of run %s is ours no longer: cut off", claim.spec.id, claim.run_id)
                self._lost.add(claim.node_run_id)
                call.cancel()

    async def _sweep(self) -> None:
        while await self._store.due.fire() >= 500:
            pass
        for stopping in await self._store.due.stopping():
            task = asyncio.create_task(self._stop_remote(stopping))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        upcoming = await self._store.due.next_due()
        self._soon.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._soon.wait(), 1.0 if upcoming is None else min(1.0, max(0.005, upcoming))
            )

    async def _suspects(self) -> None:
        """A node that was in the hands of two dead workers is worked on with no other such node beside it: so a node that
        kills its workers is told from those that only were in its company (G23)."""
        while not self._stopping:
            taken = await self._store.claims.take(
                1, lease=self._options.lease, suspects=True, held=self._held
            )
            if not taken.claims:
                return
            await self.work(taken.claims[0])

    async def _tidy(self) -> None:
        await self._store.due.orphans()

    async def _forever(self, work: Any, every: float) -> None:
        """`work` again and again; whatever goes wrong only delays it. `_sweep` paces itself."""
        while True:
            try:
                await work()
            except (RunnerError, SQLAlchemyError, OSError) as error:
                log.warning("%s: %s", work.__name__.strip("_"), error)
                await asyncio.sleep(0.5)
            except Exception:  # a sweep that ends strands every run
                log.exception("%s", work.__name__.strip("_"))
                await asyncio.sleep(0.5)
            if work != self._sweep:
                await asyncio.sleep(every * random.uniform(0.9, 1.1))

    async def _stop_remote(self, stopping: Stopping) -> None:
        """Ask the platform to stop what a cancelled node had started; the run's history says how that went."""
        link: RemoteLink = stopping.link
        memo = stopping.memo
        if not isinstance(memo, dict) or "execution" not in memo or link.connection_id is None:
            return
        scope = Scope(stopping.workspace_id, "baton", Role.OPERATOR)
        try:
            provider, _ = await self._platforms.open(scope, link.provider, link.connection_id)
            if not isinstance(provider, Cancels):
                text, level = f"{provider.title} cannot stop one execution: it may go on there", "warning"
            else:
                text, level = await provider.cancel(Execution.model_validate(memo["execution"])), "info"
        except (ProviderError, RunnerError, ValidationError) as error:
            text, level = f"the remote execution could not be stopped: {error}", "warning"
        line = Entry(
            "log", text, stopping.node_id, "warning" if level == "warning" else "info", link.provider
        )
        with contextlib.suppress(RunnerError, SQLAlchemyError):
            await self._store.settling.tell(stopping.run_id, [line])


async def _recorded(write: Callable[[], Awaitable[T]]) -> T:
    """What was done outside, or handed to us, must not be forgotten with a database connection: written again until the
    database answers.

    Safe at any time: the epoch refuses it once another worker has the node. Raises LostClaim, Unreachable after a minute."""
    return await persistent(write, RECORD_FOR)


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


def _may_retry(claim: Claim, config: NodeConfig, fault: NodeError) -> bool:
    wanted = not config.retry_on or fault.code in config.retry_on
    return fault.retry and wanted and claim.attempt <= config.retry_attempts and not claim.overdue


def _delay(claim: Claim, config: NodeConfig, fault: NodeError) -> float:
    """Seconds until the next attempt: doubled each time up to an hour, with jitter, never less than the platform asks."""
    base = config.retry_delay / 1000
    if config.retry_backoff == "exponential":
        base = min(base * 2 ** (claim.attempt - 1), 3600.0) * random.uniform(0.8, 1.2)
    return max(base, fault.after)


__all__ = ["Engine", "EngineOptions"]
