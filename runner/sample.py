"""What a node would be given, put together from pins and from what earlier runs left, for looking at while one draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, cast
from uuid import UUID

from pydantic import Field, JsonValue

from providers import Frozen, JsonObject
from runner.context import context_of
from runner.graph import Wiring
from runner.model import Example, Failure, Graph, NodeData, NodeState
from runner.schema_example import example_of

MAX_SAMPLE: Final = 400_000
"""Bytes of a sample's context. It goes back to the server with every preview, so it is kept small."""
TOKEN, CALLBACK_URL = "(token)", "https://…/callback/…"
"""What stands for the secrets of a callback: no sample holds a real one."""


class SampleRun(Frozen):
    """The run a part of the sample is from."""

    run_id: UUID
    number: int
    at: datetime


Wanted: TypeAlias = Literal["auto", "run", "pinned", "example", "schema"]
"""Where a sample is to be from. `auto`: pins first, then the newest outputs. `run` and `pinned`: only the ones or the others.
`example`: as `auto`, with a run's inputs from an example of the drawing. `schema`: values made from what the platforms said
when their workflows were imported, and from the schema of the inputs."""


class SampleSource(Frozen):
    """Where a node's output in the sample is from: a pin of the drawing, a run, or what its platform says it gives."""

    kind: Literal["pinned", "run", "schema"]
    run: SampleRun | None = None


class LastOutcome(Frozen):
    """How the node itself ended when it last did."""

    status: NodeState
    output: JsonValue
    error: Failure | None
    run: SampleRun


class Sample(Frozen):
    """`context` is what templates and paths of the node would read. `from` is the run that `input` is from, `example` the name
    of the example that it is from; `missing` are nodes before this one without any output of the source asked for.
    `shortened`: long lists and texts are cut."""

    context: JsonObject
    from_: SampleRun | None = Field(alias="from")
    example: str | None
    missing: tuple[str, ...]
    sources: dict[str, SampleSource]
    last: LastOutcome | None
    shortened: bool


@dataclass(frozen=True)
class Left:
    """What a node left in a run. `output` is None where it is `too_large` to be shown."""

    run: SampleRun
    state: NodeState
    output: JsonValue
    port: str | None
    error: JsonValue
    too_large: bool


@dataclass(frozen=True)
class Recent:
    """What recent runs of an orchestrator left: the newest outcome of each node, and the newest run's inputs and labels."""

    newest: SampleRun | None
    inputs: JsonObject
    labels: Mapping[str, str]
    nodes: Mapping[str, Left]
    own: Left | None


def routed(wiring: Wiring, node: str) -> frozenset[str]:
    """Predecessors that lead to `node` by their port `error` alone: what matters of them is how they failed."""
    into = wiring.into[node]
    return frozenset(
        edge.source for edge in into if all(e.port == "error" for e in into if e.source == edge.source)
    )


def sample(
    graph: Graph,
    wiring: Wiring,
    node: str,
    recent: Recent,
    orchestrator_id: UUID,
    *,
    source: Wanted = "auto",
    example: str | None = None,
) -> Sample:
    """The sample of `node`, which `wiring`, that of `graph`, has. Without `example`, the first of the drawing."""
    upstream = [name for name in wiring.nodes if name in wiring.upstream(node)]
    outputs: dict[str, JsonValue] = {}
    sources: dict[str, SampleSource] = {}
    cut = False
    for name in upstream:
        data, left = wiring.nodes[name].data, recent.nodes.get(name)
        if source == "schema":
            if (described := _described(data)) is not None:
                outputs[name], sources[name] = example_of(described), SampleSource(kind="schema")
        elif source != "run" and data.pin is not None:
            outputs[name], sources[name] = data.pin[0], SampleSource(kind="pinned")
        elif source != "pinned" and left is not None:
            outputs[name], sources[name] = left.output, SampleSource(kind="run", run=left.run)
            cut = cut or left.too_large
    inputs, newest, named = recent.inputs, recent.newest, None
    if source == "schema":
        inputs, newest = _made(graph.input_schema), None
    elif source == "example" and (found := _example(graph, example)) is not None:
        inputs, newest, named = found.inputs, None, found.name
    callbacks: JsonObject | None = {
        name: {"token": TOKEN, "url": CALLBACK_URL}
        for name, spec in wiring.nodes.items()
        if spec.type == "WaitForCallback"
    } or None
    context = context_of(
        wiring,
        node,
        inputs=inputs,
        outputs=outputs,
        live=_live(wiring, node, sources, recent),
        run={
            "id": str(recent.newest.run_id) if recent.newest else "(run)",
            "orchestratorId": str(orchestrator_id),
            "labels": dict(recent.labels),
        },
        callbacks=callbacks,
    )
    shown, shortened = within(context, MAX_SAMPLE)
    return Sample.model_validate(
        {
            "context": shown,
            "from": newest,
            "example": named,
            "missing": tuple(name for name in upstream if name not in outputs),
            "sources": sources,
            "last": None if recent.own is None else _last(recent.own),
            "shortened": cut or shortened,
        }
    )


def _described(data: NodeData) -> JsonObject | None:
    """What the node's platform said that it gives, kept in the drawing when its workflow was imported."""
    imported: Any = (data.model_extra or {}).get("imported")
    outputs: Any = cast("JsonObject", imported).get("outputs") if isinstance(imported, dict) else None
    return cast("JsonObject", outputs) if isinstance(outputs, dict) else None


def _made(schema: JsonObject | None) -> JsonObject:
    value = example_of(schema) if schema else {}
    return value if isinstance(value, dict) else {}


def _example(graph: Graph, name: str | None) -> Example | None:
    return next((each for each in graph.examples if name is None or each.name == name), None)


def _live(wiring: Wiring, node: str, sources: Mapping[str, SampleSource], recent: Recent) -> tuple[str, ...]:
    """The predecessors whose wire would be live: as it was in the newest run that knows any, and every one not of a run."""
    before = [name for name in wiring.predecessors(node) if name in sources]
    ports = {name: {e.port for e in wiring.into[node] if e.source == name} for name in before}
    left = {name: recent.nodes[name] for name in before if sources[name].kind == "run"}
    taken = [name for name in before if name not in left or left[name].port in ports[name]] or before
    if wiring.nodes[node].join != "all":
        numbers = [left[name].run.number for name in taken if name in left]
        taken = [name for name in taken if name not in left or left[name].run.number == max(numbers)]
    return tuple(taken)


def _last(left: Left) -> LastOutcome:
    output, _ = within(left.output, MAX_SAMPLE // 2)
    error = None if left.error is None else Failure.model_validate(left.error)
    return LastOutcome(status=left.state, output=output, error=error, run=left.run)


def within(value: Any, limit: int) -> tuple[Any, bool]:
    """`value` in at most about `limit` bytes of JSON, and whether long lists, objects and texts had to be cut for it."""
    if _size(value) <= limit:
        return value, False
    shown: Any = None
    for items, characters in ((100, 5000), (20, 1000), (5, 200), (2, 60)):
        shown = _cut(value, items, characters)
        if _size(shown) <= limit:
            break
    return shown, True


def _size(value: JsonValue) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _cut(value: JsonValue, items: int, characters: int) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= characters else value[:characters] + "…"
    if isinstance(value, list):
        return [_cut(item, items, characters) for item in value[:items]]
    if isinstance(value, dict):
        pairs = list(cast("dict[str, JsonValue]", value).items())[: items * 5]
        return {key: _cut(item, items, characters) for key, item in pairs}
    return value
