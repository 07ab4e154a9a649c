"""What has become of remote workflows since they were imported, and whether the steps of then can still call them. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from pydantic import JsonValue

from providers import JsonObject, Preview
from runner.model import Failure, NodeSpec, Problem

Place = tuple[UUID, str]
"""A connection, and a workflow there."""
NO_CONNECTION: Final = Failure(
    code="connection-missing",
    message="its connection is gone, or it is not clear which one is meant",
    hint="Choose a connection in the node.",
)
_AGAIN: Final = "Import it again."


def place_of(config: JsonObject, of_provider: Mapping[str, Sequence[UUID]]) -> Place | None:
    """The connection and workflow that a node's configuration means."""
    workflow, there = config.get("workflowId"), of_provider.get(str(config.get("provider")), ())
    named = config.get("connectionId")
    if not isinstance(workflow, str) or not workflow:
        return None
    if named:
        return next(((each, workflow) for each in there if str(each) == str(named).lower()), None)
    return (there[0], workflow) if len(there) == 1 else None


def drift_problem(node: NodeSpec, kept: JsonObject, now: Preview | Failure) -> Problem | None:
    """What speaks against publishing a step that was imported as `kept`: an error where it cannot do its work any more, a warning
    where only a person can tell, None where nothing has changed."""
    if isinstance(now, Failure):
        if now.code == NO_CONNECTION.code:
            return _problem(node, now.message, code=now.code, field="connectionId")
        if now.code == "not-found":
            return _problem(node, "its workflow is not on the platform any more", code="remote-gone")
        return _problem(node, f"it cannot be compared: {now.message}", code="remote-unknown", warning=True)
    if now.fingerprint == kept.get("fingerprint"):
        return None
    if broken := list(_broken(kept, now)):
        return _problem(node, f"{', and '.join(broken)}. {_AGAIN}", code="remote-broken")
    changed = f"its workflow has changed since it was imported. {_AGAIN}"
    return _problem(node, changed, code="remote-changed", warning=True)


def _broken(kept: JsonObject, now: Preview) -> Iterator[str]:
    """Why the step of then does not fit the workflow of now, each in words."""
    if not now.workflow.executable:
        yield "its workflow cannot be started any more"
    trigger, then = now.workflow.trigger, kept.get("trigger")
    if isinstance(then, dict):
        if then.get("kind") != trigger.kind:
            yield f"its workflow is not started by {then.get('kind')} any more but by {trigger.kind}"
        elif then.get("path") != trigger.path:
            yield f"the trigger path {then.get('path')} is gone, it is {trigger.path} now"
    old, new = _inputs(kept.get("inputs")), _inputs(now.inputs)
    if old is None or new is None:
        return
    if gone := [name for name in old.types if name not in new.types]:
        yield f"it takes no {_listed(gone)} any more"
    if added := [name for name in new.needed if name not in old.needed]:
        yield f"it needs {_listed(added)} now"
    if others := [name for name, kind in old.types.items() if new.types.get(name, kind) != kind]:
        yield f"it takes {_listed(others)} of another type now"


class _Inputs:
    """Of a schema's inputs, their types, and which have to be given: those without a default."""

    def __init__(self, properties: Mapping[str, JsonValue], required: Sequence[JsonValue]) -> None:
        schemas = {name: each if isinstance(each, dict) else {} for name, each in properties.items()}
        self.types = {name: each.get("type") for name, each in schemas.items()}
        self.needed = [name for name, each in schemas.items() if name in required and "default" not in each]


def _inputs(schema: JsonValue) -> _Inputs | None:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(properties, dict):
        return None
    required = schema.get("required")
    return _Inputs(properties, required if isinstance(required, list) else ())


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _problem(
    node: NodeSpec, detail: str, *, code: str, field: str = "workflowId", warning: bool = False
) -> Problem:
    return Problem(
        node_id=node.id,
        field=field,
        code=code,
        detail=f"{node.label}: {detail}",
        severity="warning" if warning else "error",
    )
