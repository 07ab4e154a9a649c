"""WaitForCallback: park the run until somebody posts to its own URL, or its time is up."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from providers import JsonObject
from runner import schema as schemas
from runner.errors import NodeError
from runner.node import Done, Node, NodeConfig, NodeContext, Suspend, widget
from runner.webhook_auth import WebhookAuth, needs_secret, secret_of


class WaitForCallbackConfig(NodeConfig):
    auth: WebhookAuth | None = Field(
        default=None,
        title="Sender proves itself by",
        description="Besides the token in the address; left out, the token alone.",
        json_schema_extra=widget("webhook-auth"),
    )
    timeout: int = Field(
        default=86_400_000,
        ge=1,
        le=31_536_000_000,
        title="Wait at most",
        description="Milliseconds from the moment the run comes to wait.",
        json_schema_extra=widget("duration"),
    )
    on_timeout: Literal["fail", "continue"] = Field(
        default="fail", title="When nobody calls", description="continue: go on with an empty output."
    )
    schema_: JsonObject | None = Field(
        default=None,
        alias="schema",
        title="Schema",
        description="JSON Schema of the body; a body that does not match is refused and the wait stays open.",
        json_schema_extra=widget("schema"),
    )


class WaitForCallback(Node[WaitForCallbackConfig]):
    type: ClassVar[str] = "WaitForCallback"
    title: ClassVar[str] = "Wait for callback"
    description: ClassVar[str] = (
        "Waits until the run's callback URL is called; its output is the posted body."
    )

    def check(self, config: WaitForCallbackConfig) -> tuple[tuple[str, str, str], ...]:
        if config.schema_ is not None:
            try:
                schemas.compile(config.schema_)
            except schemas.SchemaError as error:
                return (("schema", error.code, error.message),)
        if config.auth is not None and needs_secret(config.auth) and secret_of(config.auth) is None:
            detail = "it names no signing secret yet, so every call would be refused; make one, or choose one"
            return (("auth.secretId", "auth-secret-missing", detail),)
        return ()

    async def run(self, ctx: NodeContext[WaitForCallbackConfig]) -> Done | Suspend:
        if ctx.signal is None:
            return Suspend({}, waiting="callback", give_up_after=timedelta(milliseconds=ctx.config.timeout))
        if ctx.signal.kind == "callback":
            return Done(ctx.signal.body)
        if ctx.config.on_timeout == "continue":
            return Done(None)
        raise NodeError(
            f"no callback came within {ctx.config.timeout} ms",
            code="callback-timeout",
            hint="Check that the other side was given callback.url, and that it can reach this server.",
            timed_out=True,
        )
