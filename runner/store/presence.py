"""Who has a drawing open now, and what else of it is news to them: the newest revision, and how its comments stand.

An open drawing is a row with a lease by the database's clock. Whoever streams it takes the row away when the tab closes; where
that fails, because a process or a machine died, the lease runs out. A person with several tabs counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import NotFound
from runner.model import Scope
from runner.store.batch import Query
from runner.store.bell import Bell

LEASE = 35.0
"""Seconds for which a tab counts that says nothing more; it says so every 15."""
_JOIN = Query(
    """
    WITH over AS (DELETE FROM presence WHERE until < clock_timestamp() - interval '1 minute')
    INSERT INTO presence (workspace_id, orchestrator_id, subject, until)
    SELECT workspace_id, id, :subject, clock_timestamp() + make_interval(secs => :lease)
    FROM orchestrator WHERE id = :orchestrator_id AND workspace_id = :workspace_id AND deleted_at IS NULL
    RETURNING id
    """
)
_STAY = Query(
    """
    WITH before AS (
        SELECT id, selected, until FROM presence
        WHERE id = :id AND orchestrator_id = :orchestrator_id AND workspace_id = :workspace_id AND subject = :subject
        FOR UPDATE
    )
    UPDATE presence SET selected = :selected, until = clock_timestamp() + make_interval(secs => :lease)
    FROM before WHERE presence.id = before.id
    RETURNING before.selected IS DISTINCT FROM presence.selected OR before.until < clock_timestamp() AS news
    """
)
_LEAVE = Query(
    "DELETE FROM presence WHERE id = :id AND orchestrator_id = :orchestrator_id AND subject = :subject RETURNING id"
)
_LOOK = Query(
    """
    SELECT o.revision, r.created_by, r.created_at, coalesce(d.changes, 0) AS changes, (
        SELECT jsonb_agg(jsonb_build_array(p.subject, p.selected) ORDER BY p.id) FROM presence p
        WHERE p.orchestrator_id = o.id AND p.until > clock_timestamp()
    ) AS people
    FROM orchestrator o JOIN orchestrator_revision r ON r.orchestrator_id = o.id AND r.revision = o.revision
        LEFT JOIN discussion d ON d.orchestrator_id = o.id
    WHERE o.id = :orchestrator_id AND o.workspace_id = :workspace_id AND o.deleted_at IS NULL
    """
)
_OPEN = Query(
    """
    SELECT id, node_id, x, y FROM comment
    WHERE orchestrator_id = :orchestrator_id AND workspace_id = :workspace_id
        AND thread_id IS NULL AND resolved_at IS NULL
    ORDER BY id
    """
)


class Joined(Frozen):
    """What a tab answers each ping with: `PUT …/people/{tabId}`."""

    tab_id: UUID


class Person(Frozen):
    """Somebody who has the drawing open. `selected`: ids of nodes, over all their tabs."""

    subject: str
    selected: tuple[str, ...]


class Newest(Frozen):
    """The newest revision of the drawing, and who saved it."""

    revision: int
    created_by: str
    created_date: Timestamp


class Pin(Frozen):
    """An open thread on a place of the canvas."""

    thread_id: UUID
    x: float
    y: float


class Discussed(Frozen):
    """How the comments stand. `changes` grows with every change of them; `open` counts open threads, `nodes` those of each node,
    and `pins` are those on a place."""

    changes: int
    open: int
    nodes: Mapping[str, int]
    pins: tuple[Pin, ...]


class People(Frozen):
    people: tuple[Person, ...]


class Look(People):
    """A drawing as those who have it open should see it now."""

    newest: Newest
    changes: int


class Presence:
    """Every method is about drawings of the asker's workspace only, and raises NotFound for any other and for a deleted one."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def join(self, scope: Scope, orchestrator_id: UUID) -> UUID:
        """The asker has the drawing open, in one more tab; its id. It counts for `LEASE` seconds."""
        rows = await _JOIN.rows(
            self._database,
            scope,
            subject=scope.subject,
            lease=LEASE,
            orchestrator_id=orchestrator_id,
            workspace_id=scope.workspace_id,
        )
        if not rows:
            raise NotFound("There is no such orchestrator.")
        self._bell.ring(orchestrator_id)
        return rows[0].id

    async def stay(self, scope: Scope, orchestrator_id: UUID, tab: UUID, selected: tuple[str, ...]) -> None:
        """That tab is still there, with these nodes selected. Raises NotFound for one that is not the asker's, or left."""
        rows = await _STAY.rows(
            self._database,
            scope,
            id=tab,
            selected=list(selected),
            lease=LEASE,
            orchestrator_id=orchestrator_id,
            workspace_id=scope.workspace_id,
            subject=scope.subject,
        )
        if not rows:
            raise NotFound("This tab does not have the drawing open.")
        if rows[0].news:
            self._bell.ring(orchestrator_id)

    async def leave(self, scope: Scope, orchestrator_id: UUID, tab: UUID) -> None:
        """The tab is closed. Idempotent."""
        if await _LEAVE.rows(
            self._database, scope, id=tab, orchestrator_id=orchestrator_id, subject=scope.subject
        ):
            self._bell.ring(orchestrator_id)

    async def look(self, scope: Scope, orchestrator_id: UUID) -> Look:
        """By the index in one query, for it is asked every few seconds by every open drawing."""
        rows = await _LOOK.rows(
            self._database, scope, orchestrator_id=orchestrator_id, workspace_id=scope.workspace_id
        )
        if not rows:
            raise NotFound("There is no such orchestrator.")
        row = rows[0]
        newest = Newest(revision=row.revision, created_by=row.created_by, created_date=row.created_at)
        return Look(people=_people(row.people or []), newest=newest, changes=row.changes)

    async def discussed(self, scope: Scope, orchestrator_id: UUID, changes: int) -> Discussed:
        """Where open threads are; asked when `changes` of a look has grown."""
        rows = await _OPEN.rows(
            self._database, scope, orchestrator_id=orchestrator_id, workspace_id=scope.workspace_id
        )
        return Discussed(
            changes=changes,
            open=len(rows),
            nodes=Counter(row.node_id for row in rows if row.node_id is not None),
            pins=tuple(Pin(thread_id=row.id, x=row.x, y=row.y) for row in rows if row.x is not None),
        )


def _people(tabs: list[Any]) -> tuple[Person, ...]:
    """Each once, who came first first."""
    found: dict[str, dict[str, None]] = {}
    for subject, selected in tabs:
        found.setdefault(subject, {}).update(dict.fromkeys(selected))
    return tuple(Person(subject=subject, selected=tuple(nodes)) for subject, nodes in found.items())
