"""Lists: `?limit=` and `?cursor=` in, `{"items", "nextCursor"}` out. A cursor is opaque: base64 of the last item's id."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import Field

from app.problems import Invalid
from providers import Frozen

ItemT = TypeVar("ItemT")


class ListQuery(Frozen):
    """Subclass it to add filters."""

    limit: int = Field(default=50, ge=1, le=200, description="How many items at most.")
    cursor: str | None = Field(
        default=None, max_length=500, description="Where the previous answer's nextCursor said to go on."
    )


class Listing(Frozen, Generic[ItemT]):
    """One page; `nextCursor` null means there is no more."""

    items: tuple[ItemT, ...]
    next_cursor: str | None


def listing(found: Sequence[ItemT], limit: int, mark: Callable[[ItemT], object]) -> Listing[ItemT]:
    """The page out of `found`, which was asked for with `limit + 1`: one too many means that there is more."""
    items = tuple(found[:limit])
    more = len(found) > limit
    return Listing[ItemT](items=items, next_cursor=encode(str(mark(items[-1]))) if more else None)


def encode(mark: str) -> str:
    return base64.urlsafe_b64encode(mark.encode()).rstrip(b"=").decode()


def decode(cursor: str | None) -> str | None:
    """Raises Invalid for what `encode` did not make."""
    if cursor is None:
        return None
    try:
        mark = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        raise _refused() from None
    if encode(mark) != cursor:
        raise _refused()
    return mark


def after_id(cursor: str | None) -> UUID | None:
    try:
        return None if (mark := decode(cursor)) is None else UUID(mark)
    except ValueError:
        raise _refused() from None


def after_number(cursor: str | None) -> int | None:
    mark = decode(cursor)
    if mark is not None and not (mark.isascii() and mark.isdigit() and len(mark) < 19):
        raise _refused()
    return None if mark is None else int(mark)


def _refused() -> Invalid:
    return Invalid([("/cursor", "is not a cursor of this list; leave it out to begin anew")])
