"""What all connected platforms offer, as one list: searched, filtered and counted over the copies. No platform is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Text,
    and_,
    cast,
    distinct,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from providers import Frozen, RemoteWorkflow, Timestamp
from runner.database import Database
from runner.model import NodeState, Scope
from runner.store.connection_uses import seen_by
from runner.store.usages import usage
from runner.tables import connection, node_run, remote_workflow, run

_LOWER = func.lower(remote_workflow.c.name)
_TRIGGER = remote_workflow.c.data["trigger"]["kind"].astext
_FOLDER = remote_workflow.c.data["folder"].astext
_RUNS = 20
"""Runs of an orchestrator in which the last call of a workflow is looked for."""
_UNUSED: dict[str, Any] = {"number": 0, "changed": False, "last": None}
_VALUES = 200
"""Values of a facet that are counted: the most frequent ones."""


class LastCall(Frozen):
    """`at`: when that step began."""

    run_id: UUID
    state: NodeState
    at: Timestamp | None


class Offer(RemoteWorkflow):
    """`usedIn` counts orchestrators, by their current definitions. `changed`: some step imported it, and it has changed since, by
    the newest that is known. `lastRun` is what became of it when one of ours called it last."""

    provider: str
    connection_id: UUID
    connection_name: str
    used_in: int
    changed: bool = False
    last_run: LastCall | None = None


class FacetValue(Frozen):
    value: str
    count: int


class Facets(Frozen):
    """Each with its own filter left aside, so that it says what choosing another value would find."""

    tags: tuple[FacetValue, ...] = ()
    folders: tuple[FacetValue, ...] = ()
    triggers: tuple[FacetValue, ...] = ()
    results: tuple[FacetValue, ...] = ()


@dataclass(frozen=True)
class OfferFilter:
    """`q` is part of the name, the folder or a tag, or the whole id. None and "" mean: whatever."""

    q: str = ""
    provider: str | None = None
    connection_id: UUID | None = None
    active: bool | None = None
    tag: str | None = None
    folder: str | None = None
    trigger: str | None = None
    used: bool | None = None
    changed: bool | None = None
    result: NodeState | None = None


@dataclass(frozen=True)
class Offered:
    """One page, and counts over all pages. `matching` by connection leaves aside which provider and connection is asked for."""

    items: tuple[Offer, ...]
    total: int
    facets: Facets
    matching: dict[UUID, int]


class Offers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self,
        scope: Scope,
        wanted: OfferFilter,
        *,
        limit: int = 50,
        after: tuple[str, UUID, str] | None = None,
    ) -> Offered:
        """By name, those behind `after` (a name, connection and id). Two statements, however many connections there are."""
        found = _Found(scope, wanted)
        order = (_LOWER, remote_workflow.c.connection_id, remote_workflow.c.remote_id)
        page = found.rows(
            remote_workflow.c.data,
            connection.c.provider,
            connection.c.name.label("connection_name"),
            found.known.label("known"),
        ).where(found.platform, found.tag, found.folder, found.trigger, found.result)
        if after is not None:
            page = page.where(tuple_(*order) > tuple_(func.lower(after[0]), after[1], after[2]))
        async with self._database.begin(scope) as transaction:
            rows = (await transaction.execute(page.order_by(*order).limit(limit))).all()
            counts: Sequence[Any] = (await transaction.execute(found.counts())).all()
        items = tuple(
            Offer(
                **dict(RemoteWorkflow.model_validate(row.data)),
                provider=row.provider,
                connection_id=row.connection_id,
                connection_name=row.connection_name,
                used_in=known["number"],
                changed=known["changed"],
                last_run=None if known["last"] is None else LastCall.model_validate(known["last"]),
            )
            for row in rows
            if (known := row.known or _UNUSED)
        )
        facets: dict[str, list[FacetValue]] = {"tags": [], "folders": [], "triggers": [], "results": []}
        matching: dict[UUID, int] = {}
        total = 0
        for what, value, number in counts:
            if what == "total":
                total = number
            elif what == "connection":
                matching[UUID(value)] = number
            else:
                facets[what].append(FacetValue(value=value, count=number))
        for values in facets.values():
            values.sort(key=lambda each: (-each.count, each.value.lower()))
        return Offered(
            items, total, Facets(**{name: tuple(values) for name, values in facets.items()}), matching
        )


class _Found:
    """What matches, in parts: a facet leaves its own part aside."""

    def __init__(self, scope: Scope, wanted: OfferFilter) -> None:
        table = remote_workflow
        by_place = cast(select(_known(usage(scope).cte("used")).c.by_place).scalar_subquery(), JSONB)
        self.known: ColumnElement[Any] = by_place[_place(table.c.connection_id, table.c.remote_id)]
        used_in = func.coalesce(cast(self.known["number"].astext, Integer), 0)
        changed = func.coalesce(cast(self.known["changed"].astext, Boolean), false())
        self._state: ColumnElement[str] = self.known["last", "state"].astext
        self.result = _all(wanted.result is not None and self._state == wanted.result)
        self.platform = _all(
            wanted.provider is not None and connection.c.provider == wanted.provider,
            wanted.connection_id is not None and table.c.connection_id == wanted.connection_id,
        )
        self.tag = _all(wanted.tag is not None and table.c.data["tags"].has_key(wanted.tag))
        self.folder = _all(wanted.folder is not None and wanted.folder == _FOLDER)
        self.trigger = _all(wanted.trigger is not None and wanted.trigger == _TRIGGER)
        self._rest = _all(
            connection.c.workspace_id == scope.workspace_id,
            seen_by(scope),
            bool(wanted.q)
            and or_(
                table.c.name.icontains(wanted.q, autoescape=True),
                table.c.remote_id == wanted.q,
                _FOLDER.icontains(wanted.q, autoescape=True),
                table.c.data["tags"].astext.icontains(wanted.q, autoescape=True),
            ),
            wanted.active is not None and table.c.active == wanted.active,
            wanted.used is not None and (used_in > 0 if wanted.used else used_in == 0),
            wanted.changed is not None and changed.is_(wanted.changed),
        )

    def rows(self, *columns: ColumnElement[Any]) -> Select[Any]:
        table = remote_workflow
        return (
            select(table.c.connection_id, *columns)
            .select_from(table)
            .join(connection, connection.c.id == table.c.connection_id)
            .where(self._rest)
        )

    def counts(self) -> CompoundSelect[Any]:
        """Rows of `what`, `value` and `number`."""
        base = self.rows(
            remote_workflow.c.data["tags"].label("tags"),
            _FOLDER.label("folder"),
            _TRIGGER.label("trigger"),
            self.platform.label("of_platform"),
            self.tag.label("of_tag"),
            self.folder.label("of_folder"),
            self.trigger.label("of_trigger"),
            self._state.label("result"),
            self.result.label("of_result"),
        ).cte("base")
        platform, tag, result = base.c.of_platform, base.c.of_tag, base.c.of_result
        folder, trigger = base.c.of_folder, base.c.of_trigger
        tags = func.jsonb_array_elements_text(base.c.tags).table_valued("value", name="each_tag")
        tags = tags.render_derived()
        by_connection = cast(base.c.connection_id, Text)

        def counted(what: str, value: ColumnElement[Any], source: Any, *wanted: Any) -> Select[Any]:
            number = func.count()
            query = select(literal(what).label("what"), value.label("value"), number.label("number"))
            query = query.select_from(source).where(value.is_not(None), *wanted).group_by(value)
            return select(query.order_by(number.desc()).limit(_VALUES).subquery())

        everything = select(literal("total"), cast(null(), Text), func.count()).select_from(base)
        return union_all(
            everything.where(platform, tag, folder, trigger, result),
            counted("connection", by_connection, base, tag, folder, trigger, result),
            counted("tags", tags.c.value, base.join(tags, true()), platform, folder, trigger, result),
            counted("folders", base.c.folder, base, platform, tag, trigger, result),
            counted("triggers", base.c.trigger, base, platform, tag, folder, result),
            counted("results", base.c.result, base, platform, tag, folder, trigger),
        )


def _known(used: CTE) -> CTE:
    """What is known here of each used workflow, as one object by place: `number` of orchestrators, `changed`, and `last`, its newest
    call among the newest runs of each orchestrator. However long the history is, the work is in proportion to the steps.

    An object and not a table to be joined: behind a search for a part of a name Postgres expects one row, and would go through
    the whole table for each of two thousand.
    """
    newest = (
        select(run.c.id)
        .where(run.c.orchestrator_id == used.c.orchestrator_id)
        .order_by(run.c.id.desc())
        .limit(_RUNS)
        .correlate(used)
        .subquery("newest")
    )
    called = (
        select(
            node_run.c.run_id,
            func.jsonb_build_object(
                "run_id", node_run.c.run_id, "state", node_run.c.state, "at", node_run.c.started_at
            ).label("told"),
        )
        .join(newest, newest.c.id == node_run.c.run_id)
        .where(
            node_run.c.node_id == used.c.node_id,
            node_run.c.started_at.is_not(None),
            node_run.c.reused.is_(False),
            # The step may have called another workflow then.
            func.coalesce(node_run.c.remote["workflowId"].astext, used.c.workflow_id) == used.c.workflow_id,
        )
        .order_by(node_run.c.run_id.desc())
        .limit(1)
        .lateral("called")
    )
    calls = func.array_agg(aggregate_order_by(called.c.told, called.c.run_id.desc()))
    each = (
        select(
            _place(used.c.connection_id, used.c.workflow_id).label("place"),
            func.jsonb_build_object(
                "number",
                func.count(distinct(used.c.orchestrator_id)),
                "changed",
                func.coalesce(func.bool_or(used.c.changed), false()),
                "last",
                calls.filter(called.c.run_id.is_not(None))[1],
            ).label("known"),
        )
        .select_from(used.outerjoin(called, true()))
        .where(used.c.connection_id.is_not(None), used.c.workflow_id.is_not(None))
        .group_by(used.c.connection_id, used.c.workflow_id)
        .subquery("each")
    )
    return select(func.jsonb_object_agg(each.c.place, each.c.known).label("by_place")).cte("known")


def _place(connection_id: ColumnElement[UUID], workflow_id: ColumnElement[str]) -> ColumnElement[str]:
    return cast(connection_id, Text) + " " + workflow_id


def _all(*conditions: ColumnElement[bool] | bool) -> ColumnElement[bool]:
    """Those that there are; False stands for one that was not asked for."""
    return and_(true(), *(each for each in conditions if not isinstance(each, bool)))
