"""The engine: claim -> run -> settle. The rows are the queue.

Delivery is at least once: after a crash between a remote call and its settle, the node runs again with the same key and
sees `ctx.interrupted`. Outcomes are recorded exactly once. Any number of engines may run on one Postgres.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from pydantic import JsonValue, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from providers import Cancels, Exchange, Execution, ProviderError, recording
from runner.ahead import Ahead
from runner.breaker import Policy
from runner.calling import Caller
from runner.database import persistent
from runner.dispatcher import Dispatcher
from runner.effects import NodeEffects, plain_http
from runner.errors import Held, LostClaim, NodeError, RunnerError, Unreachable
from runner.faults import node_error
from runner.model import NodeState, RemoteLink, Role, Scope
from runner.node import AnyNode, Done, NodeConfig, Suspend, catalogue
from runner.outages import Outages
from runner.platforms import Platforms
from runner.store import Store
from runner.store.claims import Claim
from runner.store.due import Stopping
from runner.store.events import Entry
from runner.store.outcome import Again, Ended, Story
from runner.store.runs import Worker
from runner.store.succession import Step
from runner.template import TemplateError, Templates

log = logging.getLogger(__name__)

RECORD_FOR = 60.0
"""Seconds for which a worker tries to write an outcome while the database is away."""
T = TypeVar("T")


@dataclass(frozen=True)
class EngineOptions:
    """How an engine works. `lease` and `grace` are in seconds: how long a silent worker keeps a node, and how long a stop
    waits for work in hand. `allow` are networks that plain webhooks may call besides public ones. `breaker` must be the same
    for every worker. `tidy`: about every so many seconds runs are looked for whose parent was cancelled by somebody who died
    over it."""

    public_url: str
    concurrency: int = 64
    lease: float = 10.0
    grace: float = 10.0
    allow: tuple[Any, ...] = ()
    breaker: Policy = field(default_factory=Policy)
    tidy: float = 30.0


class Engine:
    """One worker. `run` serves until stopped and survives the database's restarts; `run_until_idle` is how tests drive it."""

    def __init__(
        self, store: Store, platforms: Platforms, templates: Templates, options: EngineOptions
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._options = options
        self._outages = Outages(store, platforms, options.breaker)
        self._http = plain_http(options.allow)
        self._caller = Caller(store, platforms, templates, self._outages, self._http, options.public_url)
        self._ahead = Ahead(store, self._caller)
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
            asyncio.create_task(self._forever(self._tidy, self._options.tidy)),
            asyncio.create_task(self._forever(self._tend, 0.0)),
        ]
        options = self._options
        dispatcher = Dispatcher(
            self._store, self.work, self._held, concurrency=options.concurrency, lease=options.lease
        )
        try:
            self._store.runs.worker = Worker(options.lease, self._ahead.of_start, dispatcher.place)
            await dispatcher.run(stop, grace=self._options.grace, stopping=self._begin_stop)
        finally:
            self._store.runs.worker = None
            self._begin_stop()
            for task in [*sweeps, *self._tasks]:
                task.cancel()
            await asyncio.gather(*sweeps, *self._tasks, return_exceptions=True)
            await self._outages.aclose()
            beats.cancel()
            await asyncio.gather(beats, return_exceptions=True)

    async def run_until_idle(self) -> int:
        """Work whatever is ready or due now, and what follows from it, until nothing is. Returns the number of claims."""
        count = 0
        while True:
            await _recorded(self._store.due.fire)
            await self._outages.tend()
            for stopping in await self._store.due.stopping():
                await self._stop_remote(stopping)
            taken = await self._store.claims.take(100, lease=self._options.lease)
            if not taken.claims and not taken.more:
                taken = await self._store.claims.take(1, lease=self._options.lease, suspects=True)
            if not taken.claims and not taken.more:
                return count
            count += sum(await asyncio.gather(*(self.work(claim) for claim in taken.claims)))

    async def work(self, claim: Claim) -> int:
        """Run this node, and walk on while exactly one follows. Returns how many steps that took."""
        count, walked = 0, claim
        while walked is not None:
            count, walked = count + 1, await self._held_step(walked)
        return count

    async def _held_step(self, claim: Claim) -> Claim | None:
        self._held[claim.node_run_id] = claim
        try:
            return await self._step(claim)
        except LostClaim as lost:
            log.info("a result is thrown away", {**_which(claim), "why": lost})
            await self._discarded(claim)
            return None
        finally:
            self._held.pop(claim.node_run_id, None)

    async def _step(self, claim: Claim) -> Claim | None:
        kind = catalogue()[claim.spec.type]
        effects, scope = await self._caller.surroundings(claim)
        # What a worker that died was given, it did not write down.
        given = scope["data"] if claim.fresh or claim.interrupted else None
        config: NodeConfig | None = None
        exchanges: list[Exchange] = []
        try:
            with recording() as exchanges:  # filled while the node runs
                try:
                    config = claim.definition.config(claim.spec.id)
                    result = await self._abortable(claim, self._caller.call(claim, config, scope, effects))
                finally:
                    await effects.aclose()
        except asyncio.CancelledError:
            await asyncio.shield(
                self._hand_back(claim, kind, effects.story(exchanges, None), bool(exchanges))
            )
            raise
        except Held as error:
            held = error
            story = effects.story(exchanges, given)
            await _recorded(lambda: self._store.settling.hold(claim, held, claim.memo, story))
            return None
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
            log.exception("a step failed by a fault of ours", _which(claim))
            fault = NodeError(f"an unexpected fault in Baton: {type(error).__name__}", code="internal")
        else:
            story = effects.story(exchanges, given)
            await self._told(effects, exchanges)
            if isinstance(result, Suspend):
                await _recorded(lambda: self._store.settling.park(claim, result, story))
                self._soon.set()
                return None
            return await self._end(
                claim, Ended(NodeState.COMPLETED, output=result.output, port=result.port), story
            )
        story = effects.story(exchanges, given)
        out = await self._told(effects, exchanges)
        if (
            out is not None and fault.retry
        ):  # provably not sent, or safe to repeat: it waits instead of failing
            await _recorded(lambda: self._store.settling.hold(claim, out, claim.memo, story))
            return None
        return await self._failed(claim, kind, config, fault, story, effects)

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
        try:
            steps = await self._ahead.of(Step(claim, ended, story))
        except asyncio.CancelledError:
            await asyncio.shield(
                self._hand_back(claim, catalogue()[claim.spec.type], story, called_out=False)
            )
            raise
        return await _recorded(
            lambda: self._store.settling.end(steps, lease=self._options.lease, follow=not self._stopping)
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

    async def _told(self, effects: NodeEffects, exchanges: list[Exchange]) -> Held | None:
        """What the calls say of the platform goes to every worker. Not worth losing an outcome for."""
        try:
            return await effects.held(exchanges)
        except (RunnerError, SQLAlchemyError) as error:
            log.warning("what a call said of its platform was not recorded", {"why": error})
            return None

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
                log.info("a step is ours no longer: cut off", _which(claim))
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

    async def _tend(self) -> None:
        await asyncio.sleep(await self._outages.tend())

    async def _tidy(self) -> None:
        await self._store.due.orphans()

    async def _forever(self, work: Any, every: float) -> None:
        """`work` again and again; whatever goes wrong only delays it. `_sweep` paces itself."""
        while True:
            try:
                await work()
            except (RunnerError, SQLAlchemyError, OSError) as error:
                log.warning("a sweep was put off", {"sweep": work.__name__.strip("_"), "why": error})
                await asyncio.sleep(0.5)
            except Exception:  # a sweep that ends strands every run
                log.exception("a sweep failed", {"sweep": work.__name__.strip("_")})
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


def _may_retry(claim: Claim, config: NodeConfig, fault: NodeError) -> bool:
    wanted = not config.retry_on or fault.code in config.retry_on
    return fault.retry and wanted and claim.attempt <= config.retry_attempts and not claim.overdue


def _delay(claim: Claim, config: NodeConfig, fault: NodeError) -> float:
    """Seconds until the next attempt: doubled each time up to an hour, with jitter, never less than the platform asks."""
    base = config.retry_delay / 1000
    if config.retry_backoff == "exponential":
        base = min(base * 2 ** (claim.attempt - 1), 3600.0) * random.uniform(0.8, 1.2)
    return max(base, fault.after)


def _which(claim: Claim) -> dict[str, object]:
    """The step, as log lines name it."""
    return {"node": claim.spec.id, "run": claim.run_id}


__all__ = ["Engine", "EngineOptions"]
