"""Which values are masked wherever payloads are shown, and showing one of them to somebody who has a reason."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints
from starlette.requests import Request
from starlette.routing import Route

from app.operation import at_least, operation
from app.problems import Invalid
from app.state import State
from providers import Frozen
from runner.errors import Conflict, NotFound
from runner.model import Role, Scope
from runner.paths import PathError
from runner.redaction import PRESETS, BadRule, Rule, RuleKind
from runner.store.redaction import Redaction, RedactionPreview, RevealRole
from runner.store.revealing import Part

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class NewRule(Frozen):
    """`kind` path: `value` is a path such as `customer.cards[*].number`, from the root of each payload. preset: one of email,
    card, iban, bearer, phone. pattern: an RE2 expression."""

    name: str = Field(
        pattern=r"^[^▒:$\x00-\x1f]{1,60}$", description="What the mark says: what kind of value was there."
    )
    kind: RuleKind
    value: str = Field(max_length=2000)
    store: bool = Field(
        default=True,
        description="False: what it masks in requests, answers and log lines is masked before they are written.",
    )
    orchestrator_id: UUID | None = Field(default=None, description="Null: for the whole workspace.")


class RulePreview(Frozen):
    """`runId`: the run to try it on; left out, the newest."""

    rule: NewRule
    run_id: UUID | None = None


class RevealSetting(Frozen):
    role: RevealRole


class Reveal(Frozen):
    """`part` of the run, or with `nodeId` of that node; `number` of a line or a callback. `path`: only what is there."""

    part: Part
    node_id: str | None = Field(default=None, max_length=200)
    number: int | None = Field(default=None, ge=0, lt=2**63)
    path: str = Field(default="", max_length=2000)
    reason: Reason


class Revealed(Frozen):
    value: JsonValue


@operation(permission=Role.VIEWER)
async def get_redaction(request: Request[State], scope: Scope) -> Redaction:
    """The workspace's rules, oldest first, and who may have a masked value revealed."""
    return await request.state["store"].redactions.all(scope)


@operation(permission=Role.ADMIN, status=201, raises=(BadRule, Conflict, NotFound))
async def add_rule(request: Request[State], scope: Scope, body: NewRule) -> Redaction:
    """Mask something from now on, in what is stored already too. Other processes follow within 2 seconds."""
    return await request.state["store"].redactions.add(scope, _rule(body))


@operation(permission=Role.ADMIN, status=204)
async def remove_rule(request: Request[State], scope: Scope, id: UUID) -> None:
    """Mask it no longer. What was not stored because of it stays masked."""
    await request.state["store"].redactions.remove(scope, id)


@operation(permission=Role.ADMIN)
async def set_reveal_role(request: Request[State], scope: Scope, body: RevealSetting) -> Redaction:
    """From which role on a masked value may be revealed."""
    return await request.state["store"].redactions.let_reveal(scope, body.role)


@operation(permission=Role.ADMIN, raises=(BadRule, NotFound))
async def preview_rule(request: Request[State], scope: Scope, body: RulePreview) -> RedactionPreview:
    """What a run would look like if this rule held besides the others. Stores nothing."""
    return await request.state["store"].redactions.preview(scope, _rule(body.rule), body.run_id)


@operation(permission=Role.OPERATOR, raises=(PathError,))
async def reveal(request: Request[State], scope: Scope, run_id: UUID, body: Reveal) -> Revealed:
    """A masked part of a run as it is stored. Admins may, or who the setting says; the audit log has who, what and why."""
    store = request.state["store"]
    at_least(scope, await store.redactions.reveal_role(scope))
    found = await store.revealing.reveal(
        scope,
        run_id,
        body.part,
        node_id=body.node_id,
        number=body.number,
        path=body.path,
        reason=body.reason,
    )
    return Revealed(value=found)


def _rule(given: NewRule) -> Rule:
    if given.kind == "preset" and given.value not in PRESETS:
        raise Invalid([("/value", f"is none of {', '.join(PRESETS)}")])
    return Rule(given.name, given.kind, given.value, given.store, given.orchestrator_id)


fixed = [
    Route("/redaction", get_redaction, methods=["GET"]),
    Route("/redaction/rules", add_rule, methods=["POST"]),
    Route("/redaction/rules/{id}", remove_rule, methods=["DELETE"]),
    Route("/redaction/reveal", set_reveal_role, methods=["PUT"]),
    Route("/redaction/preview", preview_rule, methods=["POST"]),
    Route("/orchestrator/runs/{runId}/reveal", reveal, methods=["POST"]),
]
