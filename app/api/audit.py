"""The audit log, for admins: who changed what, when and from where; and all of it as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator
from typing import Literal, cast

from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import operation
from app.state import State
from providers import Frozen
from runner.model import Role, Scope
from runner.store.audit import AuditFilter, AuditLine

COLUMNS = tuple(AuditLine.model_fields)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class AuditWhich(Frozen):
    by: str | None = Field(default=None, max_length=200, description="Who: exactly this person or token.")
    action: str | None = Field(
        default=None,
        max_length=100,
        description='What was done: "run.started", or all of a kind by its first word, "run".',
    )
    object_kind: str | None = Field(default=None, max_length=50, description="Only this kind of object.")
    object_id: str | None = Field(default=None, max_length=100, description="Only this object.")
    since: AwareDatetime | None = Field(default=None, description="From then on.")
    until: AwareDatetime | None = Field(default=None, description="Before then.")


class AuditQuery(AuditWhich, ListQuery):
    pass


class ExportQuery(AuditWhich):
    format: Literal["csv", "jsonl"] = Field(default="csv", description="A table, or one JSON object a line.")


@operation(permission=Role.ADMIN)
async def list_audit(request: Request[State], scope: Scope, query: AuditQuery) -> Listing[AuditLine]:
    """What people, tokens and commands changed, newest first. Lines are never changed; names of fields, never values."""
    found = await request.state["store"].audit.page(
        scope, _filter(query), limit=query.limit + 1, before=after_id(query.cursor)
    )
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.ADMIN, media="text/csv", also_media=("application/x-ndjson",))
async def export_audit(request: Request[State], scope: Scope, query: ExportQuery) -> Response:
    """All lines that match, newest first, as CSV with a heading or as JSON lines. Streamed: it may be long."""
    media = "text/csv; charset=utf-8" if query.format == "csv" else "application/x-ndjson"
    lines = request.state["store"].audit.export(scope, _filter(query))
    headers = {"Content-Disposition": f'attachment; filename="audit.{query.format}"'}
    return StreamingResponse(written(lines, query.format), media_type=media, headers=headers)


async def written(lines: AsyncGenerator[AuditLine], form: Literal["csv", "jsonl"]) -> AsyncGenerator[str]:
    """`lines` as text. In CSV, what a spreadsheet would take for a formula has an apostrophe before it."""
    if form == "csv":
        yield _row(COLUMNS)
    async for line in lines:
        if form == "jsonl":
            yield line.model_dump_json(by_alias=True) + "\n"
        else:
            told = line.model_dump(mode="json")
            yield _row(tuple(_cell(told[name]) for name in COLUMNS))


def _cell(value: object) -> str:
    text = (
        " ".join(cast("list[str]", value)) if isinstance(value, list) else str("" if value is None else value)
    )
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _filter(query: AuditWhich) -> AuditFilter:
    return AuditFilter(**{name: getattr(query, name) for name in AuditFilter.model_fields})


fixed = [
    Route("/audit", list_audit, methods=["GET"]),
    Route("/audit/export", export_audit, methods=["GET"]),
]
