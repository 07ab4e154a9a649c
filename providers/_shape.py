"""Tolerant readers for what platforms answer, where almost every field may be missing or null, and one guard.

A reader never raises: a value of another type counts as absent.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import JsonValue

from providers._base import JsonObject
from providers._errors import ProviderError
from providers._json import BadJson, read_json


def obj(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def objects(value: JsonValue) -> list[JsonObject]:
    """The objects of an array; anything else in it is left out."""
    return [item for item in seq(value) if isinstance(item, dict)]


def seq(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def number(value: JsonValue) -> int:
    """A count; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def text(value: JsonValue) -> str | None:
    """A string that is not blank, or a number in digits."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(value: JsonValue) -> int | None:
    """An integer, also when it comes as digits in a string."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) else None


def moment(value: JsonValue) -> datetime | None:
    """An ISO 8601 time, in UTC; one without a zone is taken as UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def short(value: str, limit: int = 500) -> str:
    """`value` on one line and not longer than `limit` characters."""
    line = " ".join(value.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def digest(value: JsonValue) -> str:
    """Equal for equal JSON, whatever the order of keys."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def query(payload: JsonValue) -> list[tuple[str, str]]:
    """An object as query parameters, for hooks called with GET: what is not a string becomes JSON."""
    return [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in obj(payload).items()]


def headers(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Both, `theirs` winning; header names are equal in any case."""
    taken = {name.lower() for name in theirs}
    return {**{k: v for k, v in ours.items() if k.lower() not in taken}, **theirs}


@contextmanager
def nothing_started() -> Generator[None]:
    """Every error inside says `sent=False`: these are the reads before a start."""
    try:
        yield
    except ProviderError as error:
        error.sent = False
        raise


def expiry(token: str) -> datetime | None:
    """When a JSON Web Token ends by its own claim `exp` (RFC 7519, 4.1.4), unverified; None for any other text."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = read_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        seconds = whole(obj(claims).get("exp"))
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError, BadJson):
        return None
