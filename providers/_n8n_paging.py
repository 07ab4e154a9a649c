"""Cursors of the workflow list: n8n's own, which is an offset, with the ids of the page before."""

from __future__ import annotations

import base64
import json

from providers import Rejected
from providers._shape import number, obj


def moved(cursor: str, size: int, *, back: int = 0) -> str | None:
    """n8n's cursor (base64 of `{"limit", "offset"}`) with another page size, some items earlier; None: not of that form."""
    try:
        inside = obj(json.loads(base64.b64decode(cursor)))
    except ValueError:
        return None
    if "offset" not in inside:
        return None
    moved = {"limit": size, "offset": max(0, number(inside["offset"]) - back)}
    return base64.b64encode(json.dumps(moved, separators=(",", ":")).encode()).decode()


def pack(theirs: str, ids: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([theirs, ids]).encode()).decode()


def unpack(cursor: str | None) -> tuple[str | None, frozenset[str]]:
    """Their cursor and the ids of the page before. Raises Rejected for a cursor that is not ours."""
    if cursor is None:
        return None, frozenset()
    try:
        theirs, ids = json.loads(base64.urlsafe_b64decode(cursor))
        return str(theirs), frozenset(str(i) for i in ids)
    except (ValueError, TypeError) as error:
        raise Rejected("not a cursor of this list", sent=False) from error
