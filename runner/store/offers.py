"""What all connected platforms offer, as one list: searched, filtered and counted over the copies. No platform is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    and_,
    cast,
    distinct,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from providers import Frozen, RemoteWorkflow
from runner.database import Database
from runner.model import Scope
from runner.store.usages import usage
from runner.tables import connection, remote_workflow

_LOWER = func.lower(remote_workflow.c.name)
_TRIGGER = remote_workflow.c.data["trigger"]["kind"].astext
_FOLDER = remote_workflow.c.data["folder"].astext
_VALUES = 200
"""Values of a facet that are counted: the most frequent ones."""


class Offer(RemoteWorkflow):
    """`usedIn` counts orchestrators, by their current definitions."""

    provider: str
    connection_id: UUID
    connection_name: str
    used_in: int


class FacetValue(Frozen):
    value: str
    count: int


class Facets(Frozen):
    """Each with its own filter left aside, so that it says what choosing another value would find."""

    tags: tuple[FacetValue, ...] = ()
    folders: tuple[FacetValue, ...] = ()
    triggers: tuple[FacetValue, ...] = ()


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
            found.used_in.label("used_in"),
        ).where(found.platform, found.tag, found.folder, found.trigger)
        if after is not None:
            page = page.where(tuple_(*order) > tuple_(func.lower(after[0]), after[1], after[2]))
        async with self._database.begin() as transaction:
            rows = (await transaction.execute(page.order_by(*order).limit(limit))).all()
            counts: Sequence[Any] = (await transaction.execute(found.counts())).all()
        items = tuple(
            Offer(
                **dict(RemoteWorkflow.model_validate(row.data)),
                provider=row.provider,
                connection_id=row.connection_id,
                connection_name=row.connection_name,
                used_in=row.used_in,
            )
            for row in rows
        )
        facets: dict[str, list[FacetValue]] = {"tags": [], "folders": [], "triggers": []}
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
        used = usage(scope).subquery("used")
        self._counted = (
            select(
                used.c.connection_id,
                used.c.workflow_id,
                func.count(distinct(used.c.orchestrator_id)).label("number"),
            )
            .group_by(used.c.connection_id, used.c.workflow_id)
            .subquery("counted")
        )
        self.used_in: ColumnElement[int] = func.coalesce(self._counted.c.number, 0)
        self.platform = _all(
            wanted.provider is not None and connection.c.provider == wanted.provider,
            wanted.connection_id is not None and table.c.connection_id == wanted.connection_id,
        )
        self.tag = _all(wanted.tag is not None and table.c.data["tags"].has_key(wanted.tag))
        self.folder = _all(wanted.folder is not None and wanted.folder == _FOLDER)
        self.trigger = _all(wanted.trigger is not None and wanted.trigger == _TRIGGER)
        self._rest = _all(
            connection.c.workspace_id == scope.workspace_id,
            bool(wanted.q)
            and or_(
                table.c.name.icontains(wanted.q, autoescape=True),
                table.c.remote_id == wanted.q,
                _FOLDER.icontains(wanted.q, autoescape=True),
                table.c.data["tags"].astext.icontains(wanted.q, autoescape=True),
            ),
            wanted.active is not None and table.c.active == wanted.active,
            wanted.used is not None and (self.used_in > 0 if wanted.used else self.used_in == 0),
        )

    def rows(self, *columns: ColumnElement[Any]) -> Select[Any]:
        table = remote_workflow
        return (
            select(table.c.connection_id, *columns)
            .select_from(table)
            .join(connection, connection.c.id == table.c.connection_id)
            .outerjoin(
                self._counted,
                and_(
                    self._counted.c.connection_id == table.c.connection_id,
                    self._counted.c.workflow_id == table.c.remote_id,
                ),
            )
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
        ).cte("base")
        platform, tag = base.c.of_platform, base.c.of_tag
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
            everything.where(platform, tag, folder, trigger),
            counted("connection", by_connection, base, tag, folder, trigger),
            counted("tags", tags.c.value, base.join(tags, true()), platform, folder, trigger),
            counted("folders", base.c.folder, base, platform, tag, trigger),
            counted("triggers", base.c.trigger, base, platform, tag, folder),
        )


def _all(*conditions: ColumnElement[bool] | bool) -> ColumnElement[bool]:
    """Those that there are; False stands for one that was not asked for."""
    return and_(true(), *(each for each in conditions if not isinstance(each, bool)))
