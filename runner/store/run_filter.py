"""Which runs are asked for: the one meaning of every filter, for the list, its counts and its groups of errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Double,
    String,
    and_,
    cast,
    extract,
    false,
    func,
    literal,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from runner.model import NodeState, RunState, Scope
from runner.tables import node_run, orchestrator, orchestrator_revision, run, wait

_MARGIN = timedelta(hours=1)

# What changes between two failures of the same kind: quoted words, ids, times and numbers. A digit inside a word stays: n8n.
_CHANGING = "|".join(
    (
        r'"[^"]*"',
        r"(?<!\w)'[^']*'(?!\w)",
        r"`[^`]*`",
        r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
        r"\m(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}\M",
        r"(?<![[:alpha:]_])\d+(?:[-.:,/T]\d+)*",
    )
)
_FOLDED_CHARACTERS = 300
_USUAL_RUNS, _USUAL_LEAST = 50, 5
# Not `clock_timestamp`: what is volatile is worked out row by row.
_took = func.coalesce(run.c.finished_at, func.now()) - run.c.started_at
_HELD = select(node_run.c.run_id).where(
    node_run.c.held_for.is_not(None), node_run.c.work == "parked", node_run.c.state == NodeState.HELD
)


@dataclass(frozen=True)
class RunFilter:
    """Which runs; every condition given must hold. `q` is looked for in the orchestrator's name, the failure's message and
    the labels, and as the run's number or id. `error` is the key of a group of failures. `held`: a step is held back by an
    outage now. `slow`: see `_slow`. `archived`: those that were put away, or those that were not; never both.
    `waiting_for_me`: see `_waiting_for`."""

    status: tuple[RunState, ...] = ()
    orchestrator_id: UUID | None = None
    provider: str | None = None
    trigger: str | None = None
    by: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    q: str = ""
    since: datetime | None = None
    until: datetime | None = None
    min_seconds: float | None = None
    held: bool | None = None
    slow: bool | None = None
    error: str | None = None
    parent_run_id: UUID | None = None
    keep: bool | None = None
    revision: int | None = None
    archived: bool = False
    waiting_for_me: bool | None = None

    @property
    def met_on_the_way(self) -> bool:
        """It is decided by looking at each run in the list's order, and nothing leads faster to those that meet it: of several
        states there may be few runs, and no index has them in that order."""
        led = self.held or self.waiting_for_me or self.parent_run_id is not None or len(self.status) > 1
        return bool((self.labels or self.error is not None or self.q) and not led)


def conditions(scope: Scope, wanted: RunFilter) -> list[ColumnElement[bool]]:
    """All of them on the table of runs alone, so that counting needs no join."""
    found = [
        run.c.workspace_id == scope.workspace_id,
        run.c.archived_at.is_not(None) if wanted.archived else run.c.archived_at.is_(None),
    ]
    if wanted.status:
        found.append(run.c.state.in_(wanted.status))
    if wanted.orchestrator_id is not None:
        found.append(run.c.orchestrator_id == wanted.orchestrator_id)
    if wanted.revision is not None:
        found.append(run.c.revision == wanted.revision)
    if wanted.provider is not None:
        found.append(run.c.providers.contains([wanted.provider]))
    if wanted.trigger is not None:
        found.append(run.c.trigger_kind == wanted.trigger)
    if wanted.by is not None:
        found.append(run.c.trigger_by == wanted.by)
    if wanted.labels:
        found.append(run.c.labels.contains(dict(wanted.labels)))
    if wanted.since is not None:
        # Ids are time-ordered, and made when the row is: the index on them finds the time, the column decides it.
        found += [run.c.created_at >= wanted.since, run.c.id >= _id_at(wanted.since - _MARGIN)]
    if wanted.until is not None:
        found += [run.c.created_at < wanted.until, run.c.id < _id_at(wanted.until + _MARGIN)]
    if wanted.min_seconds is not None:
        found.append(_took >= timedelta(seconds=wanted.min_seconds))
    if wanted.held is not None:
        found.append(run.c.id.in_(_HELD) if wanted.held else run.c.id.not_in(_HELD))
    if wanted.slow is not None:
        found.append(_slow(scope) if wanted.slow else ~_slow(scope))
    if wanted.waiting_for_me is not None:
        waiting = _waiting_for(scope)
        found.append(waiting if wanted.waiting_for_me else ~waiting)
    if wanted.error is not None:
        found += [run.c.state == RunState.FAILED, error_key() == wanted.error]
    if wanted.keep is not None:
        found.append(run.c.keep == wanted.keep)
    if wanted.parent_run_id is not None:
        nodes = select(node_run.c.id).where(node_run.c.run_id == wanted.parent_run_id)
        found.append(run.c.parent_node_run_id.in_(nodes))
    if wanted.q:
        named = select(orchestrator.c.id).where(orchestrator.c.name.icontains(wanted.q, autoescape=True))
        found.append(
            or_(
                run.c.orchestrator_id.in_(named),
                run.c.error["message"].astext.icontains(wanted.q, autoescape=True),
                cast(run.c.labels, String).icontains(wanted.q, autoescape=True),
                cast(run.c.number, String) == wanted.q.lstrip("#"),
                cast(run.c.id, String) == wanted.q.lower(),
            )
        )
    return found


def _waiting_for(scope: Scope) -> ColumnElement[bool]:
    """Stands still at a WaitForCallback step that nobody has answered, and is the asker's: started by them, or of an
    orchestrator whose newest revision they saved. Waits for a time, a platform or another run are nobody's."""
    open_wait = select(wait.c.run_id).where(wait.c.run_id == run.c.id, wait.c.state == "parked")
    newest = and_(
        orchestrator_revision.c.orchestrator_id == orchestrator.c.id,
        orchestrator_revision.c.revision == orchestrator.c.revision,
    )
    edited = (
        select(orchestrator.c.id)
        .join(orchestrator_revision, newest)
        .where(
            orchestrator.c.workspace_id == scope.workspace_id,
            orchestrator_revision.c.created_by == scope.subject,
        )
    )
    return and_(
        run.c.state == RunState.WAITING,
        or_(run.c.trigger_by == scope.subject, run.c.orchestrator_id.in_(edited)),
        open_wait.exists(),
    )


def _slow(scope: Scope) -> ColumnElement[bool]:
    """Took, or has taken until now, twice as long as usual and at least a second longer. Usual is the median of the
    orchestrator's newest 50 completed runs; with fewer than five of them nothing is slow."""
    past = run.alias("past")
    newest = (
        select((past.c.finished_at - past.c.started_at).label("took"))
        .where(past.c.orchestrator_id == orchestrator.c.id, past.c.state == RunState.COMPLETED)
        .order_by(past.c.id.desc())
        .limit(_USUAL_RUNS)
        .correlate(orchestrator)
        .subquery()
    )
    median = func.percentile_cont(0.5).within_group(newest.c.took)
    usual = (
        select(median.label("usual")).having(func.count() >= _USUAL_LEAST).correlate(orchestrator).lateral()
    )
    # One value, worked out once and looked up for each run: as a join, the planner would go through all of it for each.
    by_flow = (
        select(
            func.jsonb_object_agg(
                orchestrator.c.id,
                extract("epoch", usual.c.usual + func.greatest(usual.c.usual, timedelta(seconds=1))),
                type_=JSONB,
            )
        )
        .join_from(orchestrator, usual, true())
        .where(orchestrator.c.workspace_id == scope.workspace_id)
        .scalar_subquery()
    )
    limit = cast(by_flow[cast(run.c.orchestrator_id, String)].astext, Double)
    return func.coalesce(extract("epoch", _took) >= limit, false())


def folded(message: ColumnElement[str]) -> ColumnElement[str]:
    """A failure's message without what changes from one to the next."""
    return func.regexp_replace(
        func.left(message, _FOLDED_CHARACTERS), literal(_CHANGING), literal("…"), literal("g")
    )


def error_key() -> ColumnElement[str]:
    """What failures of one kind share: the orchestrator, the node, the code, and the message but for what changes in it."""
    parts = (
        cast(run.c.orchestrator_id, String),
        run.c.error["nodeId"].astext,
        run.c.error["code"].astext,
        folded(run.c.error["message"].astext),
    )
    return func.md5(func.concat_ws(text("chr(31)"), *(func.coalesce(part, "") for part in parts)))


def _id_at(moment: datetime) -> UUID:
    """The smallest id that Postgres could make at that time."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
