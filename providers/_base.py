"""The one interface over remote platforms: four verbs, and small optional abilities beside them.

A provider is one module with one subclass of `Provider`. It declares what it can do by implementing it: `verbs` is
derived from the overridden methods, `connection_model` from the type argument, the connection form from that model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, JsonValue, PlainSerializer, SecretStr, WithJsonSchema
from pydantic.alias_generators import to_camel

from providers._errors import NotSupported

if TYPE_CHECKING:
    from providers._http import Http

JsonObject = dict[str, JsonValue]


def iso(at: datetime) -> str:
    """The API's way to write a time: UTC, milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Match = Literal["exact", "likely", "none"]


class Frozen(BaseModel):
    """An immutable value; camelCase outside, snake_case inside, unknown fields refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        json_schema_serialization_defaults_required=True,
    )


class Connection(Frozen):
    """Address and credentials of one account on a platform.

    Subclasses add fields; every secret is a `SecretStr`; every field has a title and a description that says where to
    find the value. The origin (scheme, host, port) of `base_url` binds the secrets: changing it clears them.
    """

    base_url: str

    def secrets(self) -> tuple[str, ...]:
        """Every secret value of this connection, for redaction. Nested models and lists are looked through."""
        found: list[str] = []

        def walk(value: object) -> None:
            if isinstance(value, SecretStr):
                found.append(value.get_secret_value())
            elif isinstance(value, BaseModel):
                for name in type(value).model_fields:
                    walk(getattr(value, name))
            elif isinstance(value, list | tuple):
                for item in value:  # pyright: ignore[reportUnknownVariableType]
                    walk(item)  # pyright: ignore[reportUnknownArgumentType]

        walk(self)
        return tuple(s for s in found if s)

    def replaced(self) -> tuple[str, ...]:
        """The fields, by their names outside, that the platform replaces while they are used (`Provider.renewed`)."""
        return ()

    def expires(self) -> datetime | None:
        """When the credentials stop working by themselves; None: never, or nobody can tell from here."""
        return None


class Account(Frozen):
    """What a connection test found. `label` names the account or user as the platform does."""

    label: str
    workflows: int | None = None
    version: str | None = None
    warnings: tuple[str, ...] = ()


class Trigger(Frozen):
    """What starts a remote workflow: webhook, schedule, manual, api, event, or the platform's own word."""

    kind: str
    method: str | None = None
    path: str | None = None


class RemoteWorkflow(Frozen):
    """One of their workflows. `reason` says why it is not executable, in words for a user."""

    id: str
    name: str
    active: bool
    executable: bool
    reason: str | None = None
    trigger: Trigger
    tags: tuple[str, ...] = ()
    folder: str | None = None
    updated_at: Timestamp | None = None
    url: str | None = None


class Position(Frozen):
    x: float
    y: float


class PreviewNode(Frozen):
    id: str
    label: str
    type: str
    app: str | None = None
    position: Position | None = None
    disabled: bool = False


class PreviewEdge(Frozen):
    """`kind` is "main", "error" or the platform's own word; `label` is the text on the wire (a filter, a branch)."""

    source: str
    target: str
    label: str | None = None
    kind: str = "main"


class Preview(Frozen):
    """The graph that would run now. `inputs`/`outputs` are JSON Schemas or None where the platform does not say.

    `fingerprint` changes when, and only when, the remote definition changes. `notes` are for the reader of the drawing:
    that a draft differs from what runs, say.
    """

    workflow: RemoteWorkflow
    nodes: tuple[PreviewNode, ...]
    edges: tuple[PreviewEdge, ...]
    inputs: JsonObject | None = None
    outputs: JsonObject | None = None
    fingerprint: str
    fetched_at: Timestamp
    notes: tuple[str, ...] = ()


class ExecutionState(StrEnum):
    """Their run, in our words. ACCEPTED: taken by the platform, and nothing more can ever be known from here."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ACCEPTED = "ACCEPTED"

    @property
    def final(self) -> bool:
        return self not in (ExecutionState.QUEUED, ExecutionState.RUNNING, ExecutionState.WAITING)


class RemoteFailure(Frozen):
    """Why their run failed, as they say it. `where` names their step."""

    message: str
    code: str = "remote-failed"
    where: str | None = None
    hint: str | None = None


class Execution(Frozen):
    """One run of a remote workflow, as far as it is known now.

    `match` says how it was linked: exact (the platform gave the id, or we chose it), likely (found by time window), none.
    `memo` is the provider's own, carried from `execute` to every `poll` and stored between them: plain JSON, no secret.
    `poll_after` is in seconds. `note` is for people: why it is queued, what cannot be known, what was ignored.
    """

    id: str | None
    workflow_id: str
    state: ExecutionState
    match: Match
    url: str | None = None
    output: JsonValue = None
    error: RemoteFailure | None = None
    warning: str | None = None
    note: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    poll_after: float | None = None
    memo: JsonObject = {}


ItemT = TypeVar("ItemT")


class LeftOut(Frozen):
    """A part of the account that a listing could not read. `kind` is the platform's word for such parts, in the singular
    ("team"); `of` is how many of them there are, None where that is not known; `why` is a few words ("no permission")."""

    kind: str
    name: str
    of: int | None = None
    why: str


class Page(Frozen, Generic[ItemT]):
    """One page; `cursor` leads to the next, None means this was the last. Cursors are opaque and loss-free. `left_out` is what
    is missing here although it was asked for: a listing is the whole only where no page of it left anything out."""

    items: tuple[ItemT, ...]
    cursor: str | None = None
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class StartOptions:
    """How to make the starting call, where the platform leaves a choice. `timeout` is in seconds."""

    method: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout: float = 30.0


class Verb(StrEnum):
    LIST = "list"
    PREVIEW = "preview"
    EXECUTE = "execute"
    POLL = "poll"


_METHODS: Mapping[Verb, str] = {
    Verb.LIST: "list_workflows",
    Verb.PREVIEW: "preview",
    Verb.EXECUTE: "execute",
    Verb.POLL: "poll",
}

ConnectionT = TypeVar("ConnectionT", bound=Connection)


class Provider(ABC, Generic[ConnectionT]):
    """One account on one platform. Instances are cheap, hold no state that matters, and are safe to share by tasks.

    Every method raises only `ProviderError`s. `verbs` are what this class can do; `offers()` what this *connection* can
    do, where that differs (a Zapier connection of hooks alone cannot poll).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    idempotent: ClassVar[bool] = False
    """True: `execute` twice with one key starts one execution and returns it twice."""
    in_flight: ClassVar[int] = 16
    """Requests under way at once per connection; more wait their turn."""
    per_minute: ClassVar[int | None] = None
    """Requests a minute per connection, where the platform allows no more to anybody; None: it does not say, or it depends on
    what was bought."""
    verbs: ClassVar[frozenset[Verb]] = frozenset()
    connection_model: ClassVar[type[Connection]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.verbs = frozenset(v for v, m in _METHODS.items() if getattr(cls, m) is not getattr(Provider, m))
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Provider and isinstance(model := get_args(base)[0], type):
                cls.connection_model = model

    def __init__(self, connection: ConnectionT, http: Http) -> None:
        self.connection = connection
        self.http = http

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.connection.base_url}>"

    def offers(self) -> frozenset[Verb]:
        """The verbs that work with this connection's credentials."""
        return self.verbs

    def renewed(self) -> dict[str, str] | None:
        """Fields of the connection, by wire name, to store because the platform replaced them (refreshed tokens); None:
        unchanged. Whoever keeps the credentials asks after every call."""
        return None

    @abstractmethod
    async def check(self) -> Account:
        """Prove address and credentials with harmless reads. Starts nothing on the platform."""

    async def list_workflows(self, *, cursor: str | None = None) -> Page[RemoteWorkflow]:
        """Their workflows, page by page; following the cursor lists each exactly once. Starts nothing.

        A part that is closed to these credentials is named in `left_out` and hides no other; where every part is closed, the
        refusal is raised."""
        raise NotSupported(f"{self.title} cannot list workflows")

    async def preview(self, ref: str) -> Preview:
        """The graph of workflow `ref`. Starts nothing. Secrets in their settings are left out."""
        raise NotSupported(f"{self.title} cannot show a workflow's steps")

    async def execute(
        self, ref: str, payload: JsonValue, *, key: str, options: StartOptions = StartOptions()
    ) -> Execution:
        """Start workflow `ref` with `payload`. One call starts at most one execution.

        `key` is equal for every try of one node execution: an idempotent provider adopts what it already started.
        An error with `sent=False` guarantees that nothing was started.
        """
        raise NotSupported(f"{self.title} cannot start a workflow")

    async def poll(self, execution: Execution) -> Execution:
        """What is known of `execution` now: the same execution with newer facts. Never starts anything."""
        raise NotSupported(f"{self.title} cannot tell how an execution ended")


class RemoteLog(Frozen):
    """One line of a remote task's own log. `task` and `attempt` are None for lines of the run itself."""

    at: datetime | None = None
    level: Literal["debug", "info", "warning", "error"] = "info"
    task: str | None = None
    attempt: int | None = None
    message: str
    data: JsonObject | None = None


class ReadsLogs(ABC):
    """Ability: the platform's own logs, task by task and try by try."""

    @abstractmethod
    async def logs(
        self, execution: Execution, *, since: JsonValue = None
    ) -> tuple[tuple[RemoteLog, ...], JsonValue]:
        """Lines not seen before, and the mark to pass next time. `since=None` begins at the start. Marks are plain JSON."""


class TaskState(StrEnum):
    """A step of theirs, in the words our own nodes have. UNKNOWN: a word of theirs that is newer than this release."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    UNKNOWN = "UNKNOWN"


class RemoteTask(Frozen):
    """One try of one step inside an execution: tries of a step share its `id`. `raw` is the platform's own word for the state;
    `attempt` counts from 1, 0 is a step that never began."""

    id: str
    label: str
    state: TaskState
    raw: str | None = None
    attempt: int = 1
    queued_at: Timestamp | None = None
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    url: str | None = None


class ReadsTasks(ABC):
    """Ability: the steps inside an execution, try by try."""

    @abstractmethod
    async def tasks(self, execution: Execution) -> tuple[RemoteTask, ...]:
        """What the platform tells of them now, in the order they began; those that have not begun come last. Empty where it
        tells nothing (yet). Starts nothing."""


class Cancels(ABC):
    """Ability: stop one execution."""

    @abstractmethod
    async def cancel(self, execution: Execution) -> str:
        """Ask the platform to stop it; harmless when it has ended. Returns a sentence: what was asked, what may go on."""


class Finds(ABC):
    """Ability: find an execution that `execute(key=...)` may have started before a crash cut us off."""

    @abstractmethod
    async def find(self, ref: str, *, key: str, since: datetime) -> Execution | None:
        """The execution that carries `key` and started after `since`; None: provably or probably never started."""


def now() -> datetime:
    return datetime.now(UTC)
