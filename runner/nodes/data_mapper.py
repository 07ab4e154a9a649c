"""DataMapper: build an object from paths into the node's context. Touches nothing outside."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from providers import Frozen, JsonObject
from runner import paths
from runner.errors import NodeError
from runner.node import Done, Node, NodeConfig, NodeContext, widget

Kind = Literal["string", "number", "integer", "boolean", "object", "array", "json", "date"]


class Mapping(Frozen):
    """`from` is a path into `input`, `data`, `nodes`, `run`; `to` a path into the output, with or without `output.`."""

    from_: str = Field(alias="from", title="From", max_length=1000)
    to: str = Field(title="To", max_length=1000)
    default: JsonValue = Field(default=None, title="Default", description="Used where the source is missing.")
    type: Kind | None = Field(default=None, title="Type", description="Convert to this type.")

    @property
    def target(self) -> str:
        return self.to.removeprefix("output.")


class DataMapperConfig(NodeConfig):
    mappings: tuple[Mapping, ...] = Field(
        default=(), title="Mappings", max_length=1000, json_schema_extra=widget("mapping")
    )


class DataMapper(Node[DataMapperConfig]):
    type: ClassVar[str] = "DataMapper"
    title: ClassVar[str] = "Map data"
    description: ClassVar[str] = "Maps source fields to target fields: nested paths, arrays, defaults, types."
    group: ClassVar[str] = "Data"
    pure: ClassVar[bool] = True

    def check(self, config: DataMapperConfig) -> tuple[tuple[str, str, str], ...]:
        found: list[tuple[str, str, str]] = []
        for number, mapping in enumerate(config.mappings):
            for name, path in (("from", mapping.from_), ("to", mapping.target)):
                try:
                    paths.parse(path)
                except paths.PathError as error:
                    found.append((f"mappings.{number}.{name}", "path", error.message))
        return tuple(found)

    async def run(self, ctx: NodeContext[DataMapperConfig]) -> Done:
        output: JsonObject = {}
        for mapping in ctx.config.mappings:
            try:
                value = paths.read(ctx.scope, mapping.from_)
                if value is paths.MISSING:
                    value = mapping.default
                    if "default" not in mapping.model_fields_set:
                        await ctx.effects.log(
                            f"{mapping.from_} is missing: {mapping.target} is null", level="warning"
                        )
                if mapping.type is not None and value is not None:
                    value = paths.convert(value, mapping.type)
                paths.write(output, mapping.target, value)
            except (paths.PathError, paths.ConvertError) as error:
                raise NodeError(
                    f"{mapping.from_} → {mapping.target}: {error.message}", code="mapping"
                ) from error
        return Done(output)
