"""Delay: wait for a while, or until a moment, holding a row and no worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import Field

from runner.errors import NodeError
from runner.node import Done, Node, NodeConfig, NodeContext, Suspend, widget


class DelayConfig(NodeConfig):
    duration: int | None = Field(
        default=None,
        ge=0,
        le=31_536_000_000,
        title="For",
        description="Milliseconds.",
        json_schema_extra=widget("duration"),
    )
    until: str | None = Field(
        default=None,
        title="Until",
        description="A moment (ISO 8601; UTC where it names no zone). May be a template.",
        json_schema_extra=widget("expression"),
    )


class Delay(Node[DelayConfig]):
    type: ClassVar[str] = "Delay"
    title: ClassVar[str] = "Delay"
    description: ClassVar[str] = "Goes on after a while, or at a moment, with the data it was given."
    outside: ClassVar[bool] = False

    def check(self, config: DelayConfig) -> tuple[tuple[str, str, str], ...]:
        if (config.duration is None) == (config.until is None):
            return (("duration", "missing", "give either a duration or a moment"),)
        return ()

    async def run(self, ctx: NodeContext[DelayConfig]) -> Done | Suspend:
        if ctx.memo is not None:
            return Done(ctx.data)
        if ctx.config.duration is not None:
            return Suspend({}, wake_after=timedelta(milliseconds=ctx.config.duration), waiting="delay")
        return Suspend({}, wake_at=_moment(await ctx.render(ctx.config.until)), waiting="delay")


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise NodeError(
            f"{str(value)[:80]!r} is not a moment",
            code="bad-moment",
            hint="Write it like 2026-01-31T09:00:00Z.",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
