"""What a list of runs, its counts and its groups of errors can be narrowed by: the same words for all three."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from providers import Frozen
from runner.model import RunState, TriggerKind
from runner.store.run_filter import RunFilter

Pair = Annotated[str, StringConstraints(pattern=r"^[^:]+:", max_length=401)]


def _read(value: object) -> object:
    """In a query, the + of an offset that was not escaped arrives as a space. What is no time is told by who asks next."""
    if not isinstance(value, str):
        return value
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", value)
    try:
        return datetime.fromisoformat(text)  # a body is read strictly: a text would not be taken for a time
    except ValueError:
        return text


def _utc(at: datetime) -> datetime:
    if not 1 < at.year < 9999:
        raise ValueError("is not a time that can be compared")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_read), AfterValidator(_utc)]
"""A time in a query or a body; one without an offset is UTC."""


class RunsOfFilter(Frozen):
    """Runs of one orchestrator."""

    status: tuple[RunState, ...] = Field(default=(), description="Repeat it for several.")
    provider: str | None = Field(default=None, max_length=100)
    trigger: TriggerKind | None = None
    by: str | None = Field(default=None, max_length=300, description="Started by this person or token.")
    label: tuple[Pair, ...] = Field(
        default=(), description="key:value; repeat it for several, all must hold."
    )
    q: str = Field(
        default="",
        max_length=200,
        description="In the orchestrator's name, the failure or the labels; or a number.",
    )
    since: Moment | None = Field(default=None, description="Created at or after this time.")
    until: Moment | None = Field(default=None, description="Created before this time.")
    min_seconds: float | None = Field(
        default=None, ge=0, le=1e9, description="Took, or has taken until now, at least this long."
    )
    held: bool | None = Field(default=None, description="A step is held back by an outage now, or none is.")
    slow: bool | None = Field(
        default=None,
        description="Took, or has taken until now, twice as long as its orchestrator usually does, and at least a "
        "second longer; or not. Usual is the median of the newest 50 completed runs, if there are five.",
    )
    error: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{32}$", description="Failed alike: the key of a group of errors."
    )
    parent_run_id: UUID | None = Field(default=None, description="Started by a node of this run.")
    keep: bool | None = Field(default=None, description="Kept for ever, or not.")
    archived: bool = Field(default=False, description="Those that were put away; else those that were not.")
    waiting_for_me: bool | None = Field(
        default=None,
        description="Stands still at a WaitForCallback step, and the asker started it or saved the newest revision of "
        "its orchestrator; or not.",
    )
    revision: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="Of this revision; of one orchestrator, as a rule."
    )


class RunsFilter(RunsOfFilter):
    orchestrator_id: UUID | None = None


def filter_of(query: RunsOfFilter, orchestrator_id: UUID | None) -> RunFilter:
    pairs = [pair.partition(":") for pair in query.label]
    return RunFilter(
        status=query.status,
        orchestrator_id=orchestrator_id,
        provider=query.provider,
        trigger=query.trigger,
        by=query.by,
        labels=tuple((key, value) for key, _, value in pairs),
        q=query.q,
        since=query.since,
        until=query.until,
        min_seconds=query.min_seconds,
        held=query.held,
        slow=query.slow,
        error=query.error,
        parent_run_id=query.parent_run_id,
        keep=query.keep,
        revision=query.revision,
        archived=query.archived,
        waiting_for_me=query.waiting_for_me,
    )
