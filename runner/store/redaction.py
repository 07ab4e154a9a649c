"""The rules that mask payloads: kept by workspace, compiled once, and handed to whatever shows a payload."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import Conflict, NotFound, Unreachable
from runner.model import Role, Scope
from runner.redaction import Redactor, Rule, RuleKind, masked_by
from runner.store.audit import record
from runner.store.batch import Query
from runner.tables import node_run, orchestrator, redaction, redaction_rule, run

FRESH = 2.0
"""Seconds after which a process asks whether the rules have changed. What it changes itself, it knows at once."""
MOST = 100
"""Rules of one workspace."""
_WORKSPACES = 1000
"""Workspaces whose compiled rules one process keeps."""
_PREVIEWED = 20
_SHOWN = 100_000
"""Nodes, and bytes of each payload, that a preview shows."""
_Shown = Literal["inputs", "output", "input"]
RevealRole = Literal["operator", "editor", "admin"]

_VERSION = Query("SELECT version FROM redaction WHERE workspace_id = :workspace_id")
_RULES = Query(
    "SELECT name, kind, value, store, orchestrator_id FROM redaction_rule WHERE workspace_id = :workspace_id ORDER BY id"
)


class RedactionRule(Frozen):
    """`kind` says what `value` is: a path, the name of a preset, or a pattern. `orchestratorId` null: of the whole workspace.
    `store` false: what it masks in requests, answers and log lines is masked before they are written, and never seen again."""

    id: UUID
    name: str
    kind: RuleKind
    value: str
    store: bool
    orchestrator_id: UUID | None
    orchestrator_name: str | None
    created_by: str
    created_date: Timestamp


class Redaction(Frozen):
    """The rules of a workspace, oldest first, and the least role that may have a masked value revealed."""

    reveal_role: RevealRole
    rules: tuple[RedactionRule, ...]


class PreviewedPart(Frozen):
    """A payload of a run, masked. `nodeId` null: of the run itself."""

    part: _Shown
    node_id: str | None
    label: str | None
    value: JsonValue


class RedactionPreview(Frozen):
    """What a run would look like. `masks`: in how many places the rule that is tried finds something."""

    run_id: UUID
    number: int
    masks: int
    parts: tuple[PreviewedPart, ...]


class Rules:
    """What a workspace masks, compiled as it is asked for."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._made: dict[tuple[UUID | None, bool], Redactor | None] = {}

    def of(self, orchestrator_id: UUID | None) -> Redactor | None:
        """What is masked of that orchestrator's runs. None: nothing."""
        return self._compiled(orchestrator_id, unstored=False)

    def unstored(self, orchestrator_id: UUID) -> Redactor | None:
        """The part of it that is masked before it is written."""
        return self._compiled(orchestrator_id, unstored=True)

    def holding(self, orchestrator_id: UUID) -> tuple[Rule, ...]:
        """Those of the workspace and of that orchestrator."""
        return tuple(r for r in self._rules if r.orchestrator_id in (None, orchestrator_id))

    def _compiled(self, orchestrator_id: UUID | None, *, unstored: bool) -> Redactor | None:
        own = orchestrator_id if any(r.orchestrator_id == orchestrator_id for r in self._rules) else None
        if (own, unstored) not in self._made:
            rules = [
                r for r in self._rules if r.orchestrator_id in (None, own) and not (unstored and r.store)
            ]
            self._made[own, unstored] = Redactor(rules) if rules else None
        return self._made[own, unstored]


NONE = Rules(())


class Redactions:
    """Every method but `rules` is of the asker's workspace, and raises NotFound for any other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[UUID, tuple[float, int, Rules]] = {}

    async def rules(self, workspace_id: UUID) -> Rules:
        """What this workspace masks: as of now for what this process changed, at most `FRESH` seconds old otherwise."""
        kept = self._kept.get(workspace_id)
        now = time.monotonic()
        if kept is not None and now - kept[0] < FRESH:
            return kept[2]
        # The version first: what is read after it is at least as new, and read again if a change comes between.
        try:
            found = await _VERSION.rows(self._database, workspace_id=workspace_id)
        except Unreachable:
            if kept is None:
                raise
            return kept[2]  # a run that is at work does not stop for this
        version: int = found[0].version if found else 0
        if kept is not None and kept[1] == version:
            rules = kept[2]
        elif not version:
            rules = NONE
        else:
            rows = await _RULES.rows(self._database, workspace_id=workspace_id)
            rules = Rules(tuple(Rule(*row.values()) for row in rows))
        if len(self._kept) >= _WORKSPACES:
            self._kept.clear()
        self._kept[workspace_id] = now, version, rules
        return rules

    async def all(self, scope: Scope) -> Redaction:
        query = (
            select(redaction_rule, orchestrator.c.name.label("orchestrator_name"))
            .outerjoin(orchestrator, orchestrator.c.id == redaction_rule.c.orchestrator_id)
            .where(redaction_rule.c.workspace_id == scope.workspace_id)
            .order_by(redaction_rule.c.id)
        )
        async with self._database.begin(scope) as connection:
            role = await _reveal_role(connection, scope)
            rows = (await connection.execute(query)).all()
        return Redaction(reveal_role=role, rules=tuple(_shown(row) for row in rows))

    async def reveal_role(self, scope: Scope) -> Role:
        """The least role that may have a masked value revealed."""
        async with self._database.begin(scope) as connection:
            return Role(await _reveal_role(connection, scope))

    async def add(self, scope: Scope, rule: Rule) -> Redaction:
        """Holds from now on, for what is stored already too. Raises BadRule, NotFound, Conflict for one too many."""
        Redactor([rule])
        async with self._database.begin(scope) as connection:
            if rule.orchestrator_id is not None:
                mine = (
                    orchestrator.c.id == rule.orchestrator_id,
                    orchestrator.c.workspace_id == scope.workspace_id,
                )
                if await connection.scalar(select(orchestrator.c.id).where(*mine)) is None:
                    raise NotFound("There is no such orchestrator.")
            await _changed(connection, scope)
            counted = select(func.count()).where(redaction_rule.c.workspace_id == scope.workspace_id)
            if (await connection.scalar(counted) or 0) >= MOST:
                raise Conflict(f"a workspace has at most {MOST} rules", code="too-many-rules")
            values: Mapping[str, Any] = {
                "workspace_id": scope.workspace_id,
                "orchestrator_id": rule.orchestrator_id,
                "name": rule.name,
                "kind": rule.kind,
                "value": rule.value,
                "store": rule.store,
                "created_by": scope.subject,
            }
            made = await connection.scalar(
                insert(redaction_rule).values(values).returning(redaction_rule.c.id)
            )
            await record(connection, scope, "redaction.rule_added", "redaction", made, rule.name)
        self._kept.pop(scope.workspace_id, None)
        return await self.all(scope)

    async def remove(self, scope: Scope, rule_id: UUID) -> None:
        """From now on it masks nothing. What it kept from being written stays masked."""
        async with self._database.begin(scope) as connection:
            mine = (redaction_rule.c.id == rule_id, redaction_rule.c.workspace_id == scope.workspace_id)
            gone = delete(redaction_rule).where(*mine).returning(redaction_rule.c.name)
            name = await connection.scalar(gone)
            if name is None:
                raise NotFound("There is no such rule.")
            await _changed(connection, scope)
            await record(connection, scope, "redaction.rule_removed", "redaction", rule_id, name)
        self._kept.pop(scope.workspace_id, None)

    async def preview(self, scope: Scope, rule: Rule, run_id: UUID | None) -> RedactionPreview:
        """What the newest run, or that one, would look like if `rule` held besides the others. Raises BadRule, NotFound."""
        Redactor([rule])
        query = select(run).where(run.c.workspace_id == scope.workspace_id).order_by(run.c.id.desc()).limit(1)
        if run_id is not None:
            query = query.where(run.c.id == run_id)
        if rule.orchestrator_id is not None:
            query = query.where(run.c.orchestrator_id == rule.orchestrator_id)
        async with self._database.begin(scope) as connection:
            found = (await connection.execute(query)).first()
            if found is None:
                raise NotFound("There is no run to try it on.", hint="Start one, or save the rule as it is.")
            steps = select(node_run.c.node_id, node_run.c.label, node_run.c.input, node_run.c.output)
            nodes = await connection.execute(
                steps.where(node_run.c.run_id == found.id, node_run.c.output.is_not(None))
                .order_by(node_run.c.id)
                .limit(_PREVIEWED)
            )
            whole: list[tuple[_Shown, str | None, str | None, JsonValue]] = []
            whole.append(("inputs", None, None, found.inputs))
            whole.append(("output", None, None, found.output))
            for n in nodes.all():
                whole.append(("input", n.node_id, n.label, n.input))
                whole.append(("output", n.node_id, n.label, n.output))
        rules = await self.rules(scope.workspace_id)
        redactor = Redactor([*rules.holding(found.orchestrator_id), rule])
        shown = tuple(
            PreviewedPart(part=part, node_id=node_id, label=label, value=redactor.value(value))
            for part, node_id, label, value in whole
            if value is not None and len(json.dumps(value)) <= _SHOWN
        )
        masks = sum(masked_by(each.value, rule.name) for each in shown)
        return RedactionPreview(run_id=found.id, number=found.number, masks=masks, parts=shown)

    async def let_reveal(self, scope: Scope, role: RevealRole) -> Redaction:
        """From this role on, a masked value may be revealed."""
        async with self._database.begin(scope) as connection:
            await _changed(connection, scope, reveal_role=role)
            await record(connection, scope, "redaction.reveal_role_set", "redaction", fields=["revealRole"])
        return await self.all(scope)


async def _changed(connection: AsyncConnection, scope: Scope, **values: Any) -> None:
    """Number the change; whoever changes rules of this workspace too waits."""
    made = upsert(redaction).values(workspace_id=scope.workspace_id, version=1, **values)
    grown = {"version": redaction.c.version + 1, **values}
    await connection.execute(
        made.on_conflict_do_update(index_elements=[redaction.c.workspace_id], set_=grown)
    )


async def _reveal_role(connection: AsyncConnection, scope: Scope) -> RevealRole:
    query = select(redaction.c.reveal_role).where(redaction.c.workspace_id == scope.workspace_id)
    return await connection.scalar(query) or "admin"


def _shown(row: Any) -> RedactionRule:
    return RedactionRule(
        id=row.id,
        name=row.name,
        kind=row.kind,
        value=row.value,
        store=row.store,
        orchestrator_id=row.orchestrator_id,
        orchestrator_name=row.orchestrator_name,
        created_by=row.created_by,
        created_date=row.created_at,
    )
