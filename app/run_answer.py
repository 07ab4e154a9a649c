"""What several resources say of a run in the same way."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints
from starlette.requests import Request

from app.state import State
from runner.model import Role, Scope
from runner.wire import RunDetail

Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""The key of a label, or its value."""


async def run_answer(request: Request[State], scope: Scope, run_id: UUID) -> RunDetail:
    """The run, with the addresses of its waits for those who may operate it."""
    base = request.state["settings"].callback_url if scope.role != Role.VIEWER else None
    return await request.state["store"].history.run(scope, run_id, callback_base=base)
