"""What a worker has to say about a node run: how it ended, or that it should be tried again, and the story behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from runner.model import Failure, NodeState, RemoteLink
from runner.store.events import Entry, Level


@dataclass(frozen=True)
class Ended:
    """A node's last word. `port` None: no wire is live. `fatal`: the run ends with it."""

    state: Literal[NodeState.COMPLETED, NodeState.FAILED, NodeState.TIMED_OUT]
    output: JsonValue = None
    port: str | None = "out"
    failure: Failure | None = None
    fatal: bool = False

    def line(self, label: str, node_id: str) -> Entry:
        if self.state is NodeState.COMPLETED:
            return Entry("node.completed", f"{label} completed", node_id, data={"port": self.port})
        word = "timed out" if self.state is NodeState.TIMED_OUT else "failed"
        level: Level = "error" if self.fatal else "warning"
        message = f"{label} {word}: {self.failure.message if self.failure else ''}"
        data: JsonValue = {"code": self.failure.code, "port": self.port} if self.failure else None
        return Entry(f"node.{self.state.lower()}", message, node_id, level, data=data)


@dataclass(frozen=True)
class Again:
    """Try the node anew after `delay` seconds: a new attempt."""

    failure: Failure
    delay: float


@dataclass(frozen=True)
class Story:
    """What the worker has to tell besides the outcome: log lines, requests as sent, the input as given, the remote link."""

    lines: Sequence[Entry] = ()
    exchanges: Sequence[Mapping[str, Any]] = ()
    input: JsonValue = None
    remote: RemoteLink | None = None


def stored(value: BaseModel | None) -> Any:
    """A model as a JSON column holds it."""
    return None if value is None else value.model_dump(mode="json", by_alias=True)
