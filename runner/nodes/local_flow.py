"""LocalFlow: run another orchestrator of ours and wait for its end, or ask a Flowise flow."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field, JsonValue

from providers import ProviderError, Registry, StartOptions
from providers.flowise import Flowise, FlowiseConnection
from runner.errors import NodeError
from runner.faults import node_error
from runner.model import RemoteLink
from runner.node import RETRY, Done, Node, NodeConfig, NodeContext, Reach, Suspend, widget


class LocalFlowConfig(NodeConfig):
    flow_id: str = Field(
        default="",
        title="Flow",
        description="One of our orchestrators; with a base URL, the id of a Flowise flow there.",
        json_schema_extra=widget("orchestrator"),
    )
    base_url: str | None = Field(
        default=None, alias="baseURL", title="Flowise address", description="Empty: the flow is one of ours."
    )
    api_key_connection_id: UUID | None = Field(
        default=None,
        title="API key from",
        description="A connection to that address; its API key is sent nowhere else.",
        json_schema_extra=widget("connection"),
    )
    input_template: str = Field(
        default="{{ data }}",
        title="Input",
        description="The inputs of the flow. For Flowise: the question, or the whole body if it is an object with `question`.",
        json_schema_extra=widget("expression"),
    )
    timeout: int = Field(
        default=120_000,
        ge=1,
        le=600_000,
        title="Call limit",
        description="Milliseconds for Flowise's answer.",
        json_schema_extra=widget("duration") | RETRY,
    )


class LocalFlow(Node[LocalFlowConfig]):
    type: ClassVar[str] = "LocalFlow"
    title: ClassVar[str] = "Flow"
    description: ClassVar[str] = "Runs another orchestrator, or a Flowise flow, and gives back its output."

    def check(self, config: LocalFlowConfig) -> tuple[tuple[str, str, str], ...]:
        if not config.flow_id:
            return (("flowId", "missing", "choose a flow"),)
        if config.base_url is None:
            try:
                UUID(config.flow_id)
            except ValueError:
                return (
                    ("flowId", "not-an-id", "without a base URL this is the id of one of our orchestrators"),
                )
        return ()

    def reach(self, config: LocalFlowConfig, providers: Registry) -> Reach:
        if config.base_url is not None:
            return Reach("unsafe", "Flowise", "flowise")
        return Reach("unsafe", "another orchestrator", "baton")

    async def run(self, ctx: NodeContext[LocalFlowConfig]) -> Done | Suspend:
        if ctx.config.base_url is not None:
            return await _ask_flowise(ctx, ctx.config.base_url.rstrip("/"))
        if ctx.signal is not None and ctx.signal.kind == "child":
            return _child_ended(ctx.signal.body)
        inputs = await ctx.render(ctx.config.input_template)
        child = await ctx.effects.start_run(
            UUID(ctx.config.flow_id), inputs if isinstance(inputs, dict) else {"value": inputs}
        )
        await ctx.effects.link(
            RemoteLink(
                provider="baton", workflow_id=ctx.config.flow_id, execution_id=str(child), match="exact"
            )
        )
        return Suspend({"runId": str(child)}, waiting="flow")


def _child_ended(body: JsonValue) -> Done:
    assert isinstance(body, dict)
    if body.get("state") == "COMPLETED":
        return Done(body.get("output"))
    error = body.get("error")
    reason = error.get("message") if isinstance(error, dict) else None
    raise NodeError(
        f"the flow's run {str(body.get('state')).lower()}" + (f": {reason}" if reason else ""),
        code="flow-failed",
        cause={"runId": body.get("runId"), "error": error},
    )


async def _ask_flowise(ctx: NodeContext[LocalFlowConfig], base: str) -> Done:
    config = ctx.config
    given = await ctx.render(config.input_template)
    if ctx.interrupted:
        raise NodeError(
            "a worker died while Flowise was being asked: it may have answered",
            code="interrupted",
            hint="Retry from this node if asking twice does no harm.",
            timed_out=True,
        )
    if config.api_key_connection_id is not None:
        flowise, _ = await ctx.effects.provider("flowise", config.api_key_connection_id)
        if _origin(flowise.connection.base_url) != _origin(base):
            raise NodeError(
                "the connection's address is not the flow's: its key is not sent there",
                code="foreign-origin",
                hint="Choose a connection to the same scheme, host and port.",
            )
    else:
        flowise = Flowise(FlowiseConnection(base_url=base), ctx.effects.http())
    try:
        options = StartOptions(timeout=config.timeout / 1000)
        execution = await flowise.execute(config.flow_id, given, key=ctx.key, options=options)
    except ProviderError as error:
        raise node_error(error, repeatable=False, doing="asking Flowise") from error
    await ctx.effects.link(
        RemoteLink(
            provider="flowise",
            connection_id=config.api_key_connection_id,
            workflow_id=config.flow_id,
            execution_id=execution.id,
            match=execution.match,
        )
    )
    return Done(execution.output)


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80)
