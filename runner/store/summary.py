"""Many runs in few numbers: how many of which state and when, how long they take, and what fails. Nothing here writes."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import String, and_, cast, extract, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.database import Database
from runner.model import RunState, Scope
from runner.redaction import Redactor
from runner.store.redaction import Redactions
from runner.store.run_filter import RunFilter, conditions, error_key
from runner.tables import node_run, orchestrator, run
from runner.wire import Bucket, ErrorGroup, RunSummary

WINDOW = timedelta(hours=24)
"""Counted where no beginning is given."""

_DAY = 86_400
_WIDTHS = (1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY)
_FIRST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LIVE = tuple(state for state in RunState if not state.final)


class Summary:
    def __init__(self, database: Database, redactions: Redactions) -> None:
        self._database = database
        self._redactions = redactions

    async def summary(self, scope: Scope, wanted: RunFilter, *, buckets: int) -> RunSummary:
        """At most `buckets` bars of equal width, each beginning at a whole multiple of it."""
        async with self._database.begin(scope) as connection:
            now = await _now(connection)
            since, until = _window(wanted, now)
            width = bucket_width((until - since).total_seconds(), buckets)
            start = math.floor(since.timestamp() / width) * width
            mine = conditions(scope, replace(wanted, since=since, until=until))
            bar = func.floor((extract("epoch", run.c.created_at) - float(start)) / float(width)).label("bar")
            counted = select(bar, run.c.state, func.count()).where(*mine).group_by(bar, run.c.state)
            found: dict[int, dict[RunState, int]] = defaultdict(dict)
            for number, state, count in await connection.execute(counted):
                found[int(number)][RunState(state)] = count
            took = extract("epoch", run.c.finished_at - run.c.started_at)
            at = func.percentile_cont(0.95).within_group(took)
            p95 = await connection.scalar(select(at).where(*mine, run.c.state == RunState.COMPLETED))
            now_by, failed = await _standing(connection, scope, wanted, now)
        counts = {state: sum(each.get(state, 0) for each in found.values()) for state in RunState}
        bars = math.ceil((until.timestamp() - start) / width)
        return RunSummary(
            since=since,
            until=until,
            bucket_seconds=width,
            buckets=tuple(
                Bucket(at=_moment(start + n * width), counts=found.get(n, {})) for n in range(bars)
            ),
            counts=counts,
            live=now_by,
            p95_ms=None if p95 is None else round(float(p95) * 1000),
            failed24h=failed,
        )

    async def errors(self, scope: Scope, wanted: RunFilter, *, limit: int) -> tuple[ErrorGroup, ...]:
        """Failures of one kind together, the kind that failed last first."""
        async with self._database.begin(scope) as connection:
            since, until = _window(wanted, await _now(connection))
            mine = conditions(scope, replace(wanted, since=since, until=until))
            key = error_key().label("key")
            # A cast in the join would, under row security, have all runs read for it.
            last_id = cast(func.max(cast(run.c.id, String)), run.c.id.type).label("last_id")
            groups = (
                select(
                    key,
                    func.count().label("count"),
                    func.min(run.c.finished_at).label("first_at"),
                    func.max(run.c.finished_at).label("last_at"),
                    last_id,
                )
                .where(*mine, run.c.state == RunState.FAILED)
                .group_by(key)
                .order_by(last_id.desc())
                .limit(limit)
                .subquery()
            )
            query = (
                select(
                    groups,
                    run.c.id,
                    run.c.number,
                    run.c.error,
                    run.c.orchestrator_id,
                    orchestrator.c.name,
                    node_run.c.label,
                )
                .join(run, run.c.id == groups.c.last_id)
                .join(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
                .outerjoin(
                    node_run,
                    and_(node_run.c.run_id == run.c.id, node_run.c.node_id == run.c.error["nodeId"].astext),
                )
                .order_by(groups.c.last_id.desc())
            )
            rows = (await connection.execute(query)).all()
        rules = await self._redactions.rules(scope.workspace_id)
        return tuple(_group(row, rules.of(row.orchestrator_id)) for row in rows)


def bucket_width(seconds: float, most: int) -> int:
    """The narrowest whole width by which `seconds`, cut anywhere, fall into at most `most` bars."""
    least = seconds / max(1, most - 1)
    fit = next((width for width in _WIDTHS if width >= least), None)
    return fit or math.ceil(least / _DAY) * _DAY


def _moment(seconds: float) -> datetime:
    """The first bar may begin before the calendar does."""
    return datetime.fromtimestamp(max(seconds, _FIRST), UTC)


def _window(wanted: RunFilter, now: datetime) -> tuple[datetime, datetime]:
    until = wanted.until or now
    since = wanted.since or until - WINDOW
    return since, max(since, until)


async def _now(connection: AsyncConnection) -> datetime:
    return (await connection.execute(select(func.clock_timestamp()))).scalar_one()


async def _standing(
    connection: AsyncConnection, scope: Scope, wanted: RunFilter, now: datetime
) -> tuple[dict[RunState, int], int]:
    """What is under way now, and what failed in the last 24 hours: whatever state and time are asked for."""
    always = conditions(scope, replace(wanted, status=(), since=None, until=None))
    recent = conditions(scope, RunFilter(since=now - WINDOW, archived=wanted.archived))
    query = (
        select(run.c.state, func.count())
        .where(*always, or_(run.c.state.in_(_LIVE), and_(run.c.state == RunState.FAILED, *recent)))
        .group_by(run.c.state)
    )
    found: dict[str, int] = {state: count for state, count in await connection.execute(query)}
    return {state: found.get(state, 0) for state in _LIVE}, found.get(RunState.FAILED, 0)


def _group(row: Any, redactor: Redactor | None) -> ErrorGroup:
    message = row.error["message"]
    return ErrorGroup(
        key=row.key,
        code=row.error["code"],
        message=message if redactor is None else redactor.text(message),
        count=row.count,
        first_at=row.first_at,
        last_at=row.last_at,
        orchestrator_id=row.orchestrator_id,
        orchestrator_name=row.name,
        node_id=row.error.get("nodeId"),
        node_label=row.label or row.error.get("nodeId"),
        last_run_id=row.id,
        last_run_number=row.number,
    )
