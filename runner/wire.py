"""The nouns as the API serves them: camelCase, times in UTC with milliseconds. The store returns these, nothing re-maps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue, WithJsonSchema

from providers import Frozen, JsonObject, Timestamp
from runner.model import Failure, NodeState, Problem, RemoteLink, Role, RunState, TriggerInfo

Drawing = Annotated[JsonObject, WithJsonSchema({"x-ref": "Graph"})]
"""A stored definition, served as it is kept; documented as the model it was checked against."""


class LastRun(Frozen):
    id: UUID
    status: RunState
    started_at: Timestamp | None
    finished_at: Timestamp | None


class Orchestrator(Frozen):
    id: UUID
    name: str
    description: str
    definition: Drawing
    revision: int
    published_revision: int | None = Field(
        description="What starts by tokens, other orchestrators and triggers run; null: the newest."
    )
    published_date: Timestamp | None
    published_by: str | None
    workspace_id: UUID
    created_date: Timestamp
    updated_date: Timestamp
    created_by: str
    last_run: LastRun | None
    deleted_date: Timestamp | None


class OrchestratorDetail(Orchestrator):
    """With what keeps the drawing from running, or should be looked at."""

    problems: tuple[Problem, ...]


class Revision(Frozen):
    """One save. Never changes."""

    revision: int
    created_by: str
    created_date: Timestamp


class Publication(Frozen):
    """`revision` null: from then on nothing was published."""

    id: int
    revision: int | None
    message: str
    published_by: str
    published_date: Timestamp


class RevisionItem(Revision):
    """A save in a list. `runs`: how many used it. `publication`: the last time it was published, whether it still is or not."""

    runs: int
    publication: Publication | None


class RevisionDetail(Revision):
    definition: Drawing
    problems: tuple[Problem, ...]


class Waiting(Frozen):
    """A parked node. `callbackUrl` is shown to those who may operate runs, and only where a callback wakes it."""

    node_id: str
    kind: str
    since: Timestamp | None
    until: Timestamp | None
    callback_url: str | None = None


class Run(Frozen):
    id: UUID
    number: int
    orchestrator_id: UUID
    orchestrator_name: str
    revision: int
    status: RunState
    inputs: JsonObject
    output: JsonValue
    error: Failure | None
    trigger: TriggerInfo
    labels: Mapping[str, str]
    correlation_token: None = Field(
        default=None, description="Always null: a token belongs to one wait, and stands in its callbackUrl."
    )
    started_at: Timestamp | None
    finished_at: Timestamp | None
    created_date: Timestamp
    updated_date: Timestamp
    retry_of: UUID | None
    parent_run_id: UUID | None
    keep: bool = Field(description="Kept for ever, whatever retention says.")
    archived_date: Timestamp | None = Field(description="When somebody put it away: lists leave it out.")
    waiting: tuple[Waiting, ...]


class Step(Frozen):
    """A node of a run, in a list of runs. `provider` and `workflowId`: the platform it calls, and what there; `workflowName` as
    the copy of the platform's list has it, null where that does not tell."""

    id: str
    label: str
    status: NodeState
    provider: str | None
    workflow_id: str | None
    workflow_name: str | None


class RunItem(Run):
    """A run in a list, with its first 100 steps in drawing order."""

    steps: tuple[Step, ...]


class Bucket(Frozen):
    """Runs created from `at` on, until the next bucket begins; a state that is not named has none."""

    at: Timestamp
    counts: Mapping[RunState, int]


class RunSummary(Frozen):
    """`counts` and `p95Ms` (of the completed ones) are of the time asked for; `live` and `failed24h` are of now."""

    since: Timestamp
    until: Timestamp
    bucket_seconds: int
    buckets: tuple[Bucket, ...]
    counts: Mapping[RunState, int]
    live: Mapping[RunState, int] = Field(description="Runs that have not ended, whenever they began.")
    p95_ms: int | None = Field(description="95 of 100 completed runs took no longer.")
    failed24h: int = Field(alias="failed24h")


class ErrorGroup(Frozen):
    """Runs that failed alike: the same orchestrator, node and code, and the same message but for its numbers, ids and quoted
    words. `message` is the newest one; `key` asks the list of runs for these, as `error`."""

    key: str
    code: str
    message: str
    count: int
    first_at: Timestamp
    last_at: Timestamp
    orchestrator_id: UUID
    orchestrator_name: str
    node_id: str | None
    node_label: str | None
    last_run_id: UUID
    last_run_number: int


class Sent(Frozen):
    """A request as it left, secrets masked, its body cut to 64 KiB."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None
    at: Timestamp


class Answered(Frozen):
    status: int
    headers: Mapping[str, str]
    body: str | None
    seconds: float


class Exchange(Frozen):
    """One call to a platform. `response` null: there was none, and `error` says why."""

    request: Sent
    response: Answered | None
    error: str | None


class Attempt(Frozen):
    """One try. `request` is what was sent to start the work and `response` its answer; `exchanges` are all calls in order."""

    attempt: int
    started_at: Timestamp
    finished_at: Timestamp | None
    outcome: str | None
    error: Failure | None
    request: Sent | None
    response: Answered | None
    exchanges: tuple[Exchange, ...]


class NodeRun(Frozen):
    id: str
    type: str
    label: str
    status: NodeState
    attempt: int
    started_at: Timestamp | None
    finished_at: Timestamp | None
    input: JsonValue
    output: JsonValue
    error: Failure | None
    port: str | None
    remote: RemoteLink | None
    reused: bool = Field(
        description="Its outcome is one of an earlier run: kept, or in a recorded run taken when it came to it."
    )
    attempts: tuple[Attempt, ...]


class RunDetail(Run):
    nodes: tuple[NodeRun, ...]


class LogLine(Frozen):
    """One line of a run's history. `kind` is "log" or the name of an event, as in "node.completed"."""

    seq: int
    at: Timestamp
    kind: str
    level: Literal["debug", "info", "warning", "error"]
    node_id: str | None
    source: str
    message: str
    data: Any = None


class Totals(Frozen):
    """Counts for the metrics. `ready` nodes are handed to the workers and not yet taken."""

    runs: Mapping[str, int]
    nodes: Mapping[str, int]
    ready: int
    oldest_seconds: float


class Incident(Frozen):
    """One outage of one connection; or of the kind "callbacks", a burst of callbacks that were refused, `name` the step or the
    address they have in common. `held`: steps that wait for its end. `resolvedBy` null: the platform answered again, or it
    still goes on; else who closed it by hand. `connectionId` null: the connection was deleted."""

    id: UUID
    kind: Literal["outage", "callbacks"]
    connection_id: UUID | None
    provider: str
    name: str
    cause: str | None
    held: int
    opened_date: Timestamp
    resolved_date: Timestamp | None
    resolved_by: str | None


class ApiToken(Frozen):
    """What is known of a token; its text was shown once and is not kept. `person`: whose it is; None: the workspace's."""

    id: UUID
    name: str
    role: Role
    person: str | None
    created_by: str | None
    created_date: Timestamp
    last_used_date: Timestamp | None
    expires_date: Timestamp | None
    revoked_date: Timestamp | None
