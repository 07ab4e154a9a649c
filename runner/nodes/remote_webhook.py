"""RemoteWebhook: start a workflow on a platform, or call a plain webhook, and follow it to its real end."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from providers import (
    Answer,
    BadJson,
    Cancels,
    Execution,
    ExecutionState,
    Finds,
    JsonObject,
    Provider,
    ProviderError,
    RateLimited,
    ReadsLogs,
    Registry,
    StartOptions,
    Unauthorized,
    Unavailable,
    Verb,
    error_from,
    now,
    read_json,
)
from runner.errors import NodeError
from runner.faults import node_error, unheard
from runner.model import NodeState, RemoteLink
from runner.node import RETRY, Done, Node, NodeConfig, NodeContext, Reach, Suspend, widget

_LOG_LINES = 2000
_LOOKUPS = 60


class RemoteWebhookConfig(NodeConfig):
    provider: str | None = Field(default=None, title="Provider", json_schema_extra=widget("provider"))
    connection_id: UUID | None = Field(
        default=None,
        title="Connection",
        description="May be left out where the provider has exactly one connection.",
        json_schema_extra=widget("connection", parent="provider"),
    )
    workflow_id: str | None = Field(
        default=None, title="Workflow", json_schema_extra=widget("workflow", parent="connectionId")
    )
    url: str | None = Field(
        default=None,
        title="URL",
        description="Without a workflow: any webhook. May hold templates.",
        json_schema_extra=widget("expression"),
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(default="POST", title="Method")
    headers: dict[str, str] = Field(
        default={},
        title="Headers",
        description="Values may hold templates.",
        json_schema_extra=widget("headers"),
    )
    body_template: str = Field(
        default="{{ data | tojson }}",
        title="Body",
        description="What is sent; JSON where it reads as JSON.",
        json_schema_extra=widget("expression", language="json"),
    )
    timeout: int = Field(
        default=30_000,
        ge=1,
        le=600_000,
        title="Call limit",
        description="Milliseconds for the starting call, its answer included.",
        json_schema_extra=widget("duration") | RETRY,
    )
    enable_polling: bool = Field(
        default=True,
        title="Follow to the end",
        description="Off: fire and forget; the node ends when the call was taken.",
    )
    polling_interval: int = Field(
        default=2000, ge=50, le=3_600_000, title="Poll every", json_schema_extra=widget("duration")
    )
    max_polling_attempts: int = Field(
        default=30,
        ge=1,
        le=100_000,
        title="Polls at most",
        description="After these the node is timed out: not confirmed.",
    )
    idempotent: bool = Field(
        default=False,
        title="Safe to repeat",
        description="The receiver ignores a second call with the same Idempotency-Key, so an unanswered call may be repeated.",
        json_schema_extra=RETRY,
    )
    queue_timeout: int | None = Field(
        default=None,
        ge=0,
        title="Queue limit",
        description="Milliseconds the execution may stay queued on the platform; empty: as long as the polls last.",
        json_schema_extra=widget("duration") | RETRY,
    )
    when_queued: Literal["wait", "skip", "cancel"] = Field(
        default="wait",
        title="When the queue limit passes",
        description="wait: time out. skip: cancel it there and go on. cancel: cancel it there and fail.",
        json_schema_extra=RETRY,
    )
    retry_attempts: int = Field(default=3, ge=0, le=100, title="Retries", json_schema_extra=RETRY)


class RemoteWebhook(Node[RemoteWebhookConfig]):
    type: ClassVar[str] = "RemoteWebhook"
    title: ClassVar[str] = "Remote workflow"
    description: ClassVar[str] = (
        "Starts a workflow on n8n, Make, Zapier or Airflow, or any webhook, and waits for its result."
    )
    group: ClassVar[str] = "Remote"

    def check(self, config: RemoteWebhookConfig) -> tuple[tuple[str, str, str], ...]:
        if config.workflow_id and not config.provider:
            return (("provider", "missing", "a workflow needs its provider"),)
        if not config.workflow_id and not config.url:
            return (("workflowId", "missing", "choose a workflow, or give a URL"),)
        return ()

    def reach(self, config: RemoteWebhookConfig, providers: Registry) -> Reach:
        if config.workflow_id and config.provider:
            kind = providers.get(config.provider)
            safe = config.idempotent or (kind is not None and kind.idempotent)
            return Reach(
                "idempotent" if safe else "unsafe", kind.title if kind else config.provider, config.provider
            )
        if config.method == "GET":
            return Reach("read", "the webhook (GET)", "webhook")
        return Reach(
            "idempotent" if _repeatable(config) else "unsafe", f"the webhook ({config.method})", "webhook"
        )

    async def run(self, ctx: NodeContext[RemoteWebhookConfig]) -> Done | Suspend:
        if ctx.config.workflow_id and ctx.config.provider:
            provider, connection_id = await ctx.effects.provider(
                ctx.config.provider, ctx.config.connection_id
            )
            return await _Followed(ctx, provider, connection_id).go()
        return await _plain(ctx)


async def _request(ctx: NodeContext[RemoteWebhookConfig]) -> tuple[dict[str, str], JsonValue]:
    """The rendered headers and body. A body that is text and reads as JSON becomes that JSON."""
    headers = await ctx.render(dict(ctx.config.headers))
    body = await ctx.render(ctx.config.body_template)
    if isinstance(body, str):
        with contextlib.suppress(BadJson):
            body = read_json(body.encode("utf-8", "replace"))
    assert isinstance(headers, dict)
    return {k: v if isinstance(v, str) else str(v) for k, v in headers.items()}, body


def _repeatable(config: RemoteWebhookConfig) -> bool:
    """Whether a webhook may be called twice, by its method or by what the user says of it."""
    return config.idempotent or config.method in ("GET", "PUT", "DELETE")


async def _plain(ctx: NodeContext[RemoteWebhookConfig]) -> Done:
    config = ctx.config
    url = await ctx.render(config.url or "")
    headers, body = await _request(ctx)
    if ctx.interrupted and not _repeatable(config):
        raise NodeError(
            "a worker died while this webhook was being called: it may have been received",
            code="interrupted",
            hint="Look at the receiver, then retry from this node. Mark the node safe to repeat if the receiver ignores repeats.",
            timed_out=True,
        )
    sent = {"Idempotency-Key": ctx.key, "X-Baton-Key": ctx.key, **headers}
    await ctx.effects.link(RemoteLink(provider="webhook", match="none"))
    content: dict[str, Any] = (
        {}
        if config.method == "GET"
        else {"content": body.encode()}
        if isinstance(body, str)
        else {"json": body}
    )
    repeatable = _repeatable(config)
    try:
        answer = await ctx.effects.http().call(
            config.method, str(url), headers=sent, timeout=config.timeout / 1000, **content
        )
        if not answer.ok:
            raise error_from(answer, f"it answered {answer.status}: {answer.text[:300]}")
    except ProviderError as error:
        # A receiver that answers 5xx says itself that it did not do the work, and it was given the Idempotency-Key.
        raise node_error(
            error, repeatable=repeatable or not unheard(error), doing="calling the webhook"
        ) from error
    return Done(_body(answer))


def _body(answer: Answer) -> JsonValue:
    try:
        return read_json(answer.body) if answer.body else None
    except BadJson:
        return answer.text


class _Followed:
    """One execution on a platform: started, found again after a crash, followed, its logs pulled."""

    def __init__(
        self, ctx: NodeContext[RemoteWebhookConfig], provider: Provider[Any], connection_id: UUID
    ) -> None:
        self.ctx = ctx
        self.config = ctx.config
        self.provider = provider
        self.connection_id = connection_id
        memo: JsonObject = ctx.memo if isinstance(ctx.memo, dict) else {}
        self.polls = int(str(memo.get("polls", 0)))
        self.mark: JsonValue = memo.get("logs")
        self.queued_at = memo.get("queuedAt")
        self.lookups = int(str(memo.get("lookups", 0)))
        self.execution = Execution.model_validate(memo["execution"]) if "execution" in memo else None

    async def go(self) -> Done | Suspend:
        if self.execution is not None:
            return await self._next(await self._poll(self.execution))
        repeatable = self.provider.idempotent or self.config.idempotent
        if self.lookups or (self.ctx.interrupted and not repeatable):
            return await self._find_again()
        return await self._next(await self._start(repeatable))

    async def _start(self, repeatable: bool) -> Execution:
        ctx, workflow = self.ctx, self.config.workflow_id or ""
        headers, body = await _request(ctx)
        options = StartOptions(method=self.config.method, headers=headers, timeout=self.config.timeout / 1000)
        try:
            return await self.provider.execute(workflow, body, key=ctx.key, options=options)
        except ProviderError as error:
            raise node_error(
                error, repeatable=repeatable, doing=f"starting {workflow} on {self.provider.title}"
            ) from error

    async def _find_again(self) -> Done | Suspend:
        """A worker died while it was starting the workflow: look for what it may have started, and never start it twice."""
        workflow, reason = self.config.workflow_id or "", ""
        if isinstance(self.provider, Finds):
            since = self.ctx.attempt_started_at - timedelta(seconds=5)
            try:
                found = await self.provider.find(workflow, key=self.ctx.key, since=since)
            except Unavailable as error:
                if self.lookups < _LOOKUPS:
                    wait = timedelta(
                        seconds=max(2.0, error.retry_after if isinstance(error, RateLimited) else 0)
                    )
                    return Suspend({"lookups": self.lookups + 1}, wake_after=wait, state=NodeState.RUNNING)
                reason = f" ({error.message})"
            except ProviderError as error:
                reason = f" ({error.message})"
            else:
                if found is None:
                    await self.ctx.effects.log("nothing was started before the worker died: starting now")
                    return await self._next(await self._start(repeatable=False))
                await self.ctx.effects.log("found the execution that a dead worker had started")
                return await self._next(found)
        raise NodeError(
            f"a worker died while it was starting {workflow} on {self.provider.title}: it may or may not run{reason}",
            code="interrupted",
            hint="Look on the platform, then retry from this node. It was not started twice.",
            timed_out=True,
        )

    async def _poll(self, execution: Execution) -> Execution:
        self.polls += 1
        try:
            return await self.provider.poll(execution)
        except Unauthorized as error:
            raise NodeError(
                f"it was started, but {self.provider.title} refuses to tell how it goes: {error.message}",
                code="not-confirmed",
                hint="Renew the connection's credentials, then look on the platform.",
                timed_out=True,
            ) from error
        except RateLimited as error:
            return execution.model_copy(update={"poll_after": error.retry_after})
        except ProviderError as error:
            await self.ctx.effects.log(f"poll {self.polls}: {error.message}", level="warning")
            return execution

    async def _next(self, execution: Execution) -> Done | Suspend:
        await self.ctx.effects.link(
            RemoteLink(
                provider=self.provider.name,
                connection_id=self.connection_id,
                workflow_id=execution.workflow_id,
                execution_id=execution.id,
                url=execution.url,
                match=execution.match,
            )
        )
        await self._pull_logs(execution)
        if execution.state.final:
            return await self._ended(execution)
        if not self.config.enable_polling or Verb.POLL not in self.provider.offers():
            await self.ctx.effects.log("started, and not followed: " + (execution.note or "polling is off"))
            return Done(
                {"executionId": execution.id, "workflowId": execution.workflow_id, "state": execution.state}
            )
        if execution.state is ExecutionState.QUEUED:
            if (left := await self._queue_left(execution)) is not None:
                return left
        else:
            self.queued_at = None
        if self.polls >= self.config.max_polling_attempts:
            raise NodeError(
                f"not confirmed: after {self.polls} polls {self.provider.title} still says {execution.state.lower()}",
                code="not-confirmed",
                hint="It may still end well there. Raise the number of polls, or let it call back.",
                timed_out=True,
            )
        seconds = max(self.config.polling_interval / 1000, execution.poll_after or 0)
        return Suspend(
            {
                "execution": execution.model_dump(mode="json", by_alias=True),
                "polls": self.polls,
                "logs": self.mark,
                "queuedAt": self.queued_at,
            },
            wake_after=timedelta(seconds=seconds),
            state={ExecutionState.QUEUED: NodeState.QUEUED, ExecutionState.WAITING: NodeState.WAITING}.get(
                execution.state, NodeState.RUNNING
            ),  # pyright: ignore[reportArgumentType] -- a literal of three members, as the dict's values are
            waiting={ExecutionState.QUEUED: "remote-queue", ExecutionState.WAITING: "remote"}.get(
                execution.state
            ),
        )

    async def _queue_left(self, execution: Execution) -> Done | None:
        """None while it may stay queued; else what the user chose. The queue has a limit of its own."""
        news = self.execution is None or self.execution.note != execution.note
        if self.queued_at is None or (news and execution.note):
            # The answer to the start seldom says why; the first poll does, and its place in the queue changes.
            self.queued_at = self.queued_at or now().isoformat()
            await self.ctx.effects.log(
                f"queued on {self.provider.title}" + (f": {execution.note}" if execution.note else "")
            )
        limit = self.config.queue_timeout
        waited = (now() - datetime.fromisoformat(str(self.queued_at))).total_seconds() * 1000
        if limit is None or waited < limit:
            return None
        if self.config.when_queued == "wait":
            raise NodeError(
                f"still queued on {self.provider.title} after {limit} ms"
                + (f": {execution.note}" if execution.note else ""),
                code="queue-timeout",
                hint="It will run there when its turn comes. Choose skip or cancel to take it out of the queue.",
                timed_out=True,
            )
        if isinstance(self.provider, Cancels):
            await self.ctx.effects.log(await self.provider.cancel(execution))
        if self.config.when_queued == "skip":
            return Done({"skipped": True, "reason": "queue-timeout", "executionId": execution.id})
        raise NodeError(
            f"cancelled: it was queued on {self.provider.title} for more than {limit} ms",
            code="queue-timeout",
        )

    async def _ended(self, execution: Execution) -> Done:
        if execution.note and execution.state is not ExecutionState.CANCELLED:
            await self.ctx.effects.log(execution.note)
        if execution.warning:
            await self.ctx.effects.log(execution.warning, level="warning")
        if execution.state is ExecutionState.FAILED:
            error = execution.error
            where = f" in {error.where}" if error and error.where else ""
            raise NodeError(
                f"{self.provider.title} says it failed{where}: {error.message if error else 'no reason given'}",
                code=error.code if error else "remote-failed",
                hint=error.hint if error else None,
                cause=error.model_dump(mode="json", by_alias=True) if error else None,
            )
        if execution.state is ExecutionState.CANCELLED:
            reason = f": {execution.note}" if execution.note else ""
            raise NodeError(f"{self.provider.title} stopped it{reason}", code="remote-cancelled")
        return Done(execution.output)

    async def _pull_logs(self, execution: Execution) -> None:
        if not isinstance(self.provider, ReadsLogs) or execution.id is None:
            return
        try:
            lines, self.mark = await self.provider.logs(execution, since=self.mark)
        except ProviderError as error:
            await self.ctx.effects.log(f"its logs could not be read: {error.message}", level="warning")
            return
        for line in lines[:_LOG_LINES]:
            data = {"task": line.task, "attempt": line.attempt, **(line.data or {})}
            await self.ctx.effects.log(
                line.message,
                level=line.level,
                data={k: v for k, v in data.items() if v is not None},
                source=self.provider.name,
                at=line.at,
            )
        if len(lines) > _LOG_LINES:
            await self.ctx.effects.log(
                f"{len(lines) - _LOG_LINES} more lines are on the platform", level="warning"
            )


__all__ = ["RemoteWebhook", "RemoteWebhookConfig"]
