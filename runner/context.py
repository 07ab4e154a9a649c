"""What templates and paths of a node may read: one function, for the engine and for samples while drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from providers import JsonObject
from runner.graph import Wiring


def context_of(
    wiring: Wiring,
    node: str,
    *,
    inputs: JsonObject,
    outputs: Mapping[str, JsonValue],
    live: Sequence[str],
    run: JsonObject,
    callbacks: JsonObject | None,
) -> dict[str, JsonValue]:
    """See docs/reference/templates.md. `live` are the predecessors whose wire is live, in drawing order; `callbacks` the
    token and url of each WaitForCallback, None where the run has none."""
    data: JsonValue
    if not wiring.into[node]:
        data = inputs
    elif len(live) == 1:
        data = outputs.get(live[0])
    else:
        data = {source: outputs.get(source) for source in live}
    found: dict[str, JsonValue] = {
        "input": inputs,
        "data": data,
        "nodes": {name: {"output": value} for name, value in outputs.items()},
        "run": run,
    }
    if callbacks is not None:
        found["callbacks"] = callbacks
        nearest = wiring.next_of_type(node, "WaitForCallback")
        if nearest is not None:
            found["callback"] = callbacks[nearest]
    return found
