"""Condition: choose one of two ways, by rules or by an expression; the history says which rule decided."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from runner.errors import NodeError
from runner.node import Done, Node, NodeConfig, NodeContext, widget
from runner.rules import Rule, RuleError, evaluate


class ConditionConfig(NodeConfig):
    rules: tuple[Rule, ...] = Field(
        default=(), title="Rules", max_length=50, json_schema_extra=widget("rules")
    )
    match: Literal["all", "any"] = Field(
        default="all", title="Match", description="all: every rule holds. any: one is enough."
    )
    expression: str | None = Field(
        default=None,
        title="Expression",
        description="A template instead of rules, such as {{ data.total > 100 }}.",
        json_schema_extra=widget("expression"),
    )


class Condition(Node[ConditionConfig]):
    type: ClassVar[str] = "Condition"
    title: ClassVar[str] = "Condition"
    description: ClassVar[str] = "Goes on by `true` or by `false`; the other way is skipped."
    ports: ClassVar[tuple[str, ...]] = ("true", "false")
    pure: ClassVar[bool] = True
    outside: ClassVar[bool] = False

    def check(self, config: ConditionConfig) -> tuple[tuple[str, str, str], ...]:
        if bool(config.rules) == bool(config.expression):
            return (("rules", "missing", "give either rules or an expression"),)
        return ()

    async def run(self, ctx: NodeContext[ConditionConfig]) -> Done:
        config = ctx.config
        if config.expression:
            value = await ctx.render(config.expression)
            holds = _truth(value)
            words = f"{config.expression.strip()[:200]} gave {str(value)[:100]}"
        else:
            try:
                holds, words = await evaluate(config.rules, config.match, ctx.scope, ctx.render)
            except RuleError as error:
                raise NodeError(error.message, code=error.code, hint=error.hint) from error
        port = "true" if holds else "false"
        await ctx.effects.log(f"{port}: {words}")
        return Done(ctx.data, port)


def _truth(value: object) -> bool:
    """Text that says false is false: a template of more than one expression always gives text."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "0", "no", "none", "null")
    return bool(value)
