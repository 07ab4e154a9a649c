"""What a node is: one file in `runner/nodes/`, one class, one pydantic model for its configuration.

The model gives validation, storage, the form and the documentation. A node returns `Done` or `Suspend`, or raises
`NodeError`; it reaches the world through `ctx.effects` only.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, cast, get_args, get_origin
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from providers import Frozen, Http, JsonObject, Provider, Registry
from runner.model import NodeState, RemoteLink


@dataclass(frozen=True)
class Done:
    """The node's work is over: its output, and the port it leaves by."""

    output: JsonValue
    port: str = "out"


Effect = Literal["none", "read", "idempotent", "unsafe"]
"""What starting a node does outside: nothing, a mere read, a change that may be asked twice, one that happens twice."""


@dataclass(frozen=True)
class Reach:
    """How far a node reaches out. `target` names in words what is called, empty where nothing is."""

    effect: Effect = "none"
    target: str = ""
    provider: str | None = None


@dataclass(frozen=True)
class Suspend:
    """Park the node: a row, no memory. `memo` comes back as `ctx.memo`. None for `wake_after`: only a signal wakes it.

    `state` is what people see meanwhile, `waiting` says for what.
    """

    memo: JsonValue
    wake_after: timedelta | None = None
    state: Literal[NodeState.RUNNING, NodeState.QUEUED, NodeState.WAITING] = NodeState.WAITING
    waiting: str | None = None
    wake_at: datetime | None = None
    """A moment on Postgres's clock, as an alternative to `wake_after`."""
    give_up_after: timedelta | None = None
    """From now: the database's clock turns it into the moment at which the node is woken with signal "timeout"."""


@dataclass(frozen=True)
class Signal:
    """What woke a parked node: a callback's body, the end of a child run, or its own deadline. "recorded" is there from the
    run's beginning: what `decision.Recorded` says."""

    kind: Literal["callback", "child", "timeout", "recorded"]
    body: JsonValue = None


def widget(name: str, **options: JsonValue) -> JsonObject:
    """How a form shows a field, as `json_schema_extra`. Names: expression, code, provider, connection, workflow,
    orchestrator, mapping, rules, duration, schema, secret, headers."""
    return {"x-widget": name, **({"x-options": options} if options else {})}


def tab(title: str) -> JsonObject:
    """On which tab of a node's panel a field is shown, as `json_schema_extra`; without one, on the first."""
    return {"x-tab": title}


RETRY, ON_ERROR, WIRES = tab("Retry & time-out"), tab("On error"), tab("Wires")


class NodeConfig(Frozen):
    """What every kind can be told. Durations are in milliseconds, as in the drawings people already have.

    Strings may hold templates; `render` in a node says which.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    join: Literal["any", "all", "first"] = Field(
        default="any",
        title="Start when",
        description="any: every wire is decided and at least one is live. all: every wire is live. first: as soon as one is live.",
        json_schema_extra=WIRES,
    )
    on_error: Literal["fail", "continue", "route"] = Field(
        default="fail",
        title="On error",
        description="fail: the run fails. continue: go on by the normal port with the error as output. route: leave by the port `error`.",
        json_schema_extra=ON_ERROR,
    )
    retry_attempts: int = Field(
        default=0,
        ge=0,
        le=100,
        title="Retries",
        description="How often to try again after a passing fault.",
        json_schema_extra=RETRY,
    )
    retry_delay: int = Field(
        default=1000,
        ge=0,
        le=86_400_000,
        title="First wait",
        description="Milliseconds before the first retry.",
        json_schema_extra=widget("duration") | RETRY,
    )
    retry_backoff: Literal["exponential", "fixed"] = Field(
        default="exponential",
        title="Later waits",
        description="exponential: doubled each time, with jitter. fixed: always the same.",
        json_schema_extra=RETRY,
    )
    retry_on: tuple[str, ...] = Field(
        default=(),
        title="Retry only on",
        description="Error codes that may be retried; empty: every passing fault.",
        json_schema_extra=RETRY,
    )
    deadline: int | None = Field(
        default=None,
        ge=1,
        le=2_592_000_000,
        title="Overall limit",
        description="Milliseconds for the node over all attempts and waits; past it the node is timed out.",
        json_schema_extra=widget("duration") | RETRY,
    )


ConfigT = TypeVar("ConfigT", bound=NodeConfig)


class Effects(Protocol):
    """What a node may do to the world. Every call is scoped to the run's workspace and recorded in the run's history."""

    async def provider(self, name: str, connection_id: UUID | None) -> tuple[Provider[Any], UUID]:
        """The provider on that connection (or on the only one there is), and the connection's id. Raises NodeError with a
        hint when it is unknown, ambiguous or switched off."""
        ...

    def http(self) -> Http:
        """A client for plain webhooks: guarded, without credentials. Not to be closed by the node."""
        ...

    async def start_run(self, flow_id: UUID, inputs: JsonObject) -> UUID:
        """Start a run of another orchestrator; its end signals this node. The same node run gets the same child again."""
        ...

    async def link(self, link: RemoteLink) -> None:
        """Show the remote execution now, before the node settles."""
        ...

    async def log(
        self,
        message: str,
        *,
        level: Literal["debug", "info", "warning", "error"] = "info",
        data: JsonValue = None,
        source: str = "baton",
        at: datetime | None = None,
    ) -> None:
        """One line into the run's history. Buffered: written with the node's outcome, or within a second."""
        ...


class Render(Protocol):
    async def __call__(self, value: JsonValue, extra: Mapping[str, JsonValue] | None = None) -> JsonValue:
        """Every template inside `value` rendered once against this node's scope. Raises NodeError, code template."""
        ...


@dataclass(frozen=True)
class NodeContext(Generic[ConfigT]):
    """All that a node is given for one call of `run`.

    `data` is the output of the one live predecessor, an object by node id where there are several, the run's inputs for a
    first node. `key` is equal for every attempt of this node in this run: the idempotency key. `interrupted` is True when
    an earlier attempt began and its end was never recorded. `memo` is what the last Suspend left, None on a fresh attempt.
    """

    run_id: UUID
    node_id: str
    workspace_id: UUID
    config: ConfigT
    key: str
    attempt: int
    attempt_started_at: datetime
    data: JsonValue
    scope: Mapping[str, JsonValue]
    effects: Effects
    render: Render
    memo: JsonValue = None
    signal: Signal | None = None
    interrupted: bool = False


class Node(ABC, Generic[ConfigT]):
    """One kind of node. `pure` kinds touch nothing outside: their outcome may share a commit with their successor's. Kinds that
    are `outside` call somebody, or wait for somebody: a recorded run takes what they did before, and never runs them."""

    type: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    group: ClassVar[str] = "Flow"
    ports: ClassVar[tuple[str, ...]] = ("out",)
    pure: ClassVar[bool] = False
    outside: ClassVar[bool] = True
    config_model: ClassVar[type[NodeConfig]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Node and isinstance(model := get_args(base)[0], type):
                cls.config_model = model

    @abstractmethod
    async def run(self, ctx: NodeContext[ConfigT]) -> Done | Suspend:
        """Do the work, or the next part of it. Called again after every wake. Raises NodeError."""

    def reach(self, config: ConfigT, providers: Registry) -> Reach:
        """What starting it does to the world outside; shown before it is started."""
        return Reach()

    def check(self, config: ConfigT) -> tuple[tuple[str, str, str], ...]:
        """What the model cannot say: (field, code, detail) for each defect that keeps this node from running."""
        return ()


AnyNode = Node[Any]


@cache
def catalogue() -> Mapping[str, AnyNode]:
    """Every kind by its type. The folder is the catalogue: a new file is a new kind."""
    import runner.nodes

    found: dict[str, AnyNode] = {}
    for module in pkgutil.iter_modules(runner.nodes.__path__):
        if module.name.startswith("_"):
            continue
        source = importlib.import_module(f"runner.nodes.{module.name}")
        for value in vars(source).values():
            if isinstance(value, type) and issubclass(value, Node) and value.__module__ == source.__name__:
                kind = cast("type[AnyNode]", value)
                if kind.type in found:
                    raise TypeError(f"two node kinds are called {kind.type}")
                found[kind.type] = kind()
    return dict(sorted(found.items()))


__all__ = [
    "AnyNode",
    "Done",
    "Effect",
    "Effects",
    "Node",
    "NodeConfig",
    "NodeContext",
    "Reach",
    "Render",
    "Signal",
    "Suspend",
    "catalogue",
    "widget",
]
