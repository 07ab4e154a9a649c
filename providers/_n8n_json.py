"""Reading n8n's JSON without trusting its shape: a missing or odd part becomes empty, never an error."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from providers import JsonObject


def obj(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def seq(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def objs(value: JsonValue) -> list[JsonObject]:
    return [item for item in seq(value) if isinstance(item, dict)]


def text(value: JsonValue) -> str | None:
    """A non-empty text; a number counts, because n8n sends some ids as numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str | int | float):
        return str(value) or None
    return None


def number(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(value: JsonValue) -> datetime | None:
    """A time with its zone; n8n writes ISO 8601 UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else None
