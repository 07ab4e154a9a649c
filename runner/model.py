"""The nouns of the product, and the moves their states may make. Pure: no I/O.

A definition is what the canvas draws, in React Flow's own shape. A drawing that parses can always be saved; what keeps it
from running is a list of `Problem`s (see `graph.check`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from pydantic.alias_generators import to_camel

from providers import Frozen, JsonObject, Match

DEFINITION_VERSION = 1


class NodeState(StrEnum):
    PENDING = "PENDING"  # not reached yet
    QUEUED = "QUEUED"  # handed to the workers, or waiting its turn on the platform
    RUNNING = "RUNNING"  # a worker, or the platform, is at it
    WAITING = "WAITING"  # parked: a timer or a callback will wake it
    HELD = "HELD"  # its connection is paused
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"  # not confirmed within its limit
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"  # no live wire leads to it

    @property
    def final(self) -> bool:
        return not NODE_MOVES[self]


class RunState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"  # nothing is being worked on and at least one node waits
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        return not RUN_MOVES[self]


_N = NodeState
_LIVE = frozenset({_N.QUEUED, _N.RUNNING, _N.WAITING, _N.HELD})
_ENDS = frozenset({_N.COMPLETED, _N.FAILED, _N.TIMED_OUT, _N.CANCELLED})
NODE_MOVES: Mapping[NodeState, frozenset[NodeState]] = {
    _N.PENDING: frozenset({_N.QUEUED, _N.SKIPPED, _N.CANCELLED}),
    **{s: (_LIVE | _ENDS) - {s} for s in _LIVE},
    **{s: frozenset[NodeState]() for s in (*_ENDS, _N.SKIPPED)},
}
_R = RunState
RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    _R.PENDING: frozenset({_R.RUNNING, _R.WAITING, _R.COMPLETED, _R.FAILED, _R.CANCELLED}),
    _R.RUNNING: frozenset({_R.WAITING, _R.COMPLETED, _R.FAILED, _R.CANCELLED}),
    _R.WAITING: frozenset({_R.RUNNING, _R.COMPLETED, _R.FAILED, _R.CANCELLED}),
    _R.COMPLETED: frozenset(),
    _R.FAILED: frozenset(),
    _R.CANCELLED: frozenset(),
}


class Role(StrEnum):
    """What a person or token may do; each role includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """From 0; the higher, the more one may."""
        return list(Role).index(self)

    def includes(self, other: Role) -> bool:
        """Whether who has this role may do what `other` may."""
        return self.rank >= other.rank


@dataclass(frozen=True)
class Scope:
    """Who asks, in which workspace, and from where. Every query of the store takes one: nothing is found outside it.

    `address` and `request_id` are for the audit log alone; no decision rests on them. `account_id`: the person, also behind a
    token of their own; None for a program and for a command. `session_id` or `token_id`: by which of them they came."""

    workspace_id: UUID
    subject: str
    role: Role
    account_id: UUID | None = None
    session_id: UUID | None = None
    token_id: UUID | None = None
    address: str | None = field(default=None, compare=False)
    request_id: str | None = field(default=None, compare=False)


class Drawn(BaseModel):
    """A part of the drawing. What the canvas adds of its own (size, colour, viewport) is kept as it came."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


class NodeData(Drawn):
    label: str = Field(default="", max_length=200)
    config: JsonObject = {}
    disabled: bool = False
    pinned: JsonValue = Field(
        default=None,
        description="An output to use in tests in the place of the node's own; null is one, too.",
    )

    @property
    def pin(self) -> tuple[JsonValue] | None:
        """The pinned output in a tuple of its own, for null can be pinned; None where nothing is."""
        return (self.pinned,) if "pinned" in self.model_fields_set else None


class NodePosition(Drawn):
    x: int | float = 0
    y: int | float = 0


class NodeSpec(Drawn):
    """A node as drawn. `join` decides when wires that meet release it; see `graph.advance`."""

    id: str = Field(min_length=1, max_length=200)
    type: str = Field(min_length=1, max_length=100)
    position: NodePosition = NodePosition()
    data: NodeData = NodeData()

    @property
    def label(self) -> str:
        return self.data.label or self.id

    @property
    def join(self) -> Literal["any", "all", "first"]:
        join = self.data.config.get("join")
        return join if join in ("all", "first") else "any"


class Edge(Drawn):
    """A wire. It leaves its source by the port `source_handle`; None means "out"."""

    id: str = Field(default="", max_length=500)
    source: str = Field(max_length=200)
    target: str = Field(max_length=200)
    source_handle: str | None = None

    @property
    def port(self) -> str:
        return self.source_handle or "out"


class Example(Drawn):
    """Inputs of a run that people want again, by a name of theirs."""

    name: str = Field(min_length=1, max_length=100)
    inputs: JsonObject = {}


class Graph(Drawn):
    """A definition. Raises on an unknown newer `version`; every other defect is a Problem, not an error."""

    version: int = DEFINITION_VERSION
    nodes: tuple[NodeSpec, ...] = Field(default=(), max_length=5000)
    edges: tuple[Edge, ...] = Field(default=(), max_length=20000)
    input_schema: JsonObject | None = Field(
        default=None, description="JSON Schema of a run's inputs; inputs that do not match start nothing."
    )
    examples: tuple[Example, ...] = Field(
        default=(),
        max_length=50,
        description="Inputs to start a run with by hand; of one name, the first counts.",
    )

    @field_validator("version")
    @classmethod
    def _known(cls, version: int) -> int:
        if version > DEFINITION_VERSION:
            raise ValueError(
                f"this definition has version {version}; this Baton reads up to {DEFINITION_VERSION}. Update Baton to open it."
            )
        if version < 1:
            raise ValueError("a definition's version is 1 or more")
        return version

    def to_json(self) -> JsonObject:
        """The canonical form: what is stored, exported and served. Reading it back gives an equal graph."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"version": self.version}


class Problem(Frozen):
    """Why a drawing cannot run, or should be looked at. `field` is a path into the node's config."""

    node_id: str | None = None
    field: str | None = None
    code: str
    detail: str
    severity: Literal["error", "warning"] = "error"


class Failure(Frozen):
    """Why a node or a run ended badly, in words for a user."""

    code: str
    message: str
    hint: str | None = None
    node_id: str | None = None
    cause: JsonValue = None


class RemoteLink(Frozen):
    """The execution on a platform that a node stands for. `match` says how sure the link is."""

    provider: str
    connection_id: UUID | None = None
    workflow_id: str | None = None
    execution_id: str | None = None
    url: str | None = None
    match: Match = "none"


TriggerKind = Literal["api", "manual", "cli", "retry", "recorded", "flow", "webhook", "schedule", "test"]


class TriggerInfo(Frozen):
    """What started a run, and who. "recorded": it repeats another from what that one recorded, and calls nobody."""

    kind: TriggerKind = "api"
    by: str


class Policy(Frozen):
    """Ended runs are kept for `days` and no more than `runs` of them; whichever is reached first purges. Null: no limit."""

    days: int | None = Field(default=None, ge=1, le=36_500)
    runs: int | None = Field(default=None, ge=1, le=1_000_000_000)


@dataclass(frozen=True)
class NodeFacts:
    """What `graph.advance` needs to know of a node: its state, and the port it left by (None: no wire is live)."""

    state: NodeState
    port: str | None = None


class Line(Frozen):
    """One line of a run's history. `kind` is an event's name ("node.completed") or "log"."""

    seq: int
    at: datetime
    kind: str
    level: Literal["debug", "info", "warning", "error"]
    node_id: str | None
    source: str
    message: str
    data: Any = None
