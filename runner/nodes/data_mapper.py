"""DataMapper: build an object from paths into the node's context. Touches nothing outside."""

from __future__ import annotations

from collections.abc import Mapping as Scope
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
    outside: ClassVar[bool] = False

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
        room = paths.Room()
        for mapping in ctx.config.mappings:
            try:
                found = apply(mapping, ctx.scope, output, room)
            except (paths.PathError, paths.ConvertError) as error:
                raise NodeError(
                    f"{mapping.from_} → {mapping.target}: {error.message}", code="mapping"
                ) from error
            if found is paths.MISSING and "default" not in mapping.model_fields_set:
                await ctx.effects.log(lacking(mapping), level="warning")
        return Done(output)


def apply(
    mapping: Mapping, scope: Scope[str, JsonValue], output: JsonObject, room: paths.Room
) -> JsonValue | Literal[paths.Found.MISSING]:
    """Write what the mapping gives into `output`; the value, MISSING where the default stands in. Raises PathError and
    ConvertError, and `output` may then be half written."""
    found = paths.read(scope, mapping.from_)
    value = mapping.default if found is paths.MISSING else found
    if mapping.type is not None and value is not None:
        value = paths.convert(value, mapping.type)
    paths.write(output, mapping.target, value, room)
    return found if found is paths.MISSING else value


def lacking(mapping: Mapping) -> str:
    return f"{mapping.from_} is missing: {mapping.target} is null"
