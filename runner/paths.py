"""Paths into JSON, as DataMapper and conditions write them: `data.rows[0].id`, `rows[*].id`, `["a.b"].c`.

`read` finds, `write` builds what is missing on the way, `convert` changes the type. No expression is evaluated here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Literal, cast, get_args

from pydantic import JsonValue

from providers import BadJson, JsonObject, read_json
from runner.errors import RunnerError

MAX_INDEX: Final = 10_000  # a list is filled up to the index written to, so a large index is a bomb
MAX_FILLED: Final = 1_000_000  # places that one output may be filled up by, over all its paths
MAX_SEGMENTS: Final = 64
_INT64: Final = 2**63


class PathError(RunnerError):
    """A path that cannot be read or written; the message holds the path up to the place that is wrong."""

    code = "path"


class ConvertError(RunnerError):
    """A value that is not of the wanted type and cannot honestly be made so."""

    code = "convert"


class Found(Enum):
    """MISSING: nothing is at that path. Null is something."""

    MISSING = "missing"


MISSING: Final = Found.MISSING


@dataclass(frozen=True, slots=True)
class Every:
    """`[*]`: each item of a list."""


Segment = str | int | Every
_EVERY: Final = Every()
_SEGMENT = re.compile(
    r"""\[\s*(?:(?P<every>\*)|(?P<index>-?[0-9]{1,9})|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)')\s*\]"""
    r"""|(?P<dot>\.?)(?P<name>[^.\[\]"'\s][^.\[\]"']*)"""
)


@lru_cache(maxsize=2048)
def parse(path: str) -> tuple[Segment, ...]:
    """The segments of `path`; the whole value for the empty path. Raises PathError naming the character."""
    segments: list[Segment] = []
    at = 0
    path = path.strip()
    if len(path) > 2000:
        raise PathError("a path has at most 2000 characters")
    while at < len(path):
        match = _SEGMENT.match(path, at)
        # A name needs its dot, except at the start.
        if match is None or (match["name"] is not None and bool(match["dot"]) is (at == 0)):
            raise PathError(
                f"not a path: {path[:at][-60:]!r} is followed by {path[at : at + 10]!r}",
                hint='Write it like data.rows[0].id, data.rows[*].id or data["odd key"].id.',
            )
        if match["name"] is not None:
            segments.append(match["name"].rstrip())
        elif match["every"]:
            segments.append(_EVERY)
        elif match["index"]:
            segments.append(int(match["index"]))
        else:
            quoted = match["double"] if match["double"] is not None else match["single"]
            segments.append(re.sub(r"\\(.)", r"\1", quoted))
        if len(segments) > MAX_SEGMENTS:
            raise PathError(f"a path has at most {MAX_SEGMENTS} parts")
        at = match.end()
    return tuple(segments)


def spell(segments: Sequence[Segment]) -> str:
    """The path of `segments`, such that `parse(spell(x)) == x`."""
    out = ""
    for segment in segments:
        if isinstance(segment, Every):
            out += "[*]"
        elif isinstance(segment, int):
            out += f"[{segment}]"
        elif re.fullmatch(r"""[^.\[\]"'\s\\]+""", segment):
            out += f".{segment}" if out else segment
        else:
            escaped = segment.replace("\\", "\\\\").replace('"', '\\"')
            out += f'["{escaped}"]'
    return out or "the value"


def read(value: object, path: str) -> JsonValue | Literal[Found.MISSING]:
    """What is at `path` of a JSON value or a scope, not a copy; MISSING where nothing is. Raises PathError for text that is no path.

    `[*]` gives a list with one result for each item, null where an item has none, so that lists read side by side keep
    their order; two give a list of lists. A negative index counts from the end.
    """
    whole = dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value
    return _read(cast("JsonValue", whole), parse(path))


def _read(value: JsonValue, segments: tuple[Segment, ...]) -> JsonValue | Literal[Found.MISSING]:
    for at, segment in enumerate(segments):
        if isinstance(segment, Every):
            if not isinstance(value, list):
                return MISSING
            found = [_read(item, segments[at + 1 :]) for item in value]
            return [None if item is MISSING else item for item in found]
        if isinstance(value, dict) and isinstance(segment, str):
            if segment not in value:
                return MISSING
            value = value[segment]
        elif isinstance(value, list) and (
            isinstance(segment, int) or (segment.isascii() and segment.isdecimal() and len(segment) < 10)
        ):
            index = int(segment)
            if not -len(value) <= index < len(value):
                return MISSING
            value = value[index]
        else:
            return MISSING
    return value


@dataclass(slots=True)
class Room:
    """How many places of lists may still be filled: `[*]` before an index multiplies them."""

    left: int = MAX_FILLED


def write(target: JsonObject, path: str, value: JsonValue, room: Room | None = None) -> None:
    """Put `value` at `path` inside `target`, building objects and lists on the way; a list is filled with null.

    With `[*]` the value must be a list: its items are written one by one. Several writes may share one `room`. Raises
    PathError, and `target` may then be half written: throw it away.
    """
    segments = parse(path)
    if not segments or not isinstance(segments[0], str):
        raise PathError(f"cannot write to {spell(segments)}", hint="Begin with a name, such as output.total.")
    _write(target, segments, 0, value, room or Room())


def _write(
    container: JsonValue, segments: tuple[Segment, ...], at: int, value: JsonValue, room: Room
) -> None:
    segment, last = segments[at], at == len(segments) - 1
    if isinstance(segment, Every):
        items = _container(container, list, segments, at)
        if not isinstance(value, list):
            raise PathError(f"{spell(segments[: at + 1])} takes a list, and the value is {_kind(value)}")
        _fill(items, len(value) - 1, segments, at, room)
        for index, item in enumerate(value):
            _place(items, index, segments, at, item, last, room)
    elif isinstance(segment, int):
        items = _container(container, list, segments, at)
        if segment < 0:
            raise PathError(
                f"{spell(segments[: at + 1])}: one can read from the end of a list, not write there"
            )
        _fill(items, segment, segments, at, room)
        _place(items, segment, segments, at, value, last, room)
    else:
        _place(_container(container, dict, segments, at), segment, segments, at, value, last, room)


def _place(
    container: Any,
    key: str | int,
    segments: tuple[Segment, ...],
    at: int,
    value: JsonValue,
    last: bool,
    room: Room,
) -> None:
    if last:
        container[key] = value
        return
    inner: JsonValue = container.get(key) if isinstance(key, str) else container[key]
    if inner is None:
        inner = {} if isinstance(segments[at + 1], str) else []
        container[key] = inner
    _write(inner, segments, at + 1, value, room)


def _container(value: JsonValue, wanted: type, segments: tuple[Segment, ...], at: int) -> Any:
    if not isinstance(value, wanted):
        word = "an object" if wanted is dict else "a list"
        raise PathError(
            f"{spell(segments[:at])} is already {_kind(value)}: {spell(segments[: at + 1])} needs {word} there",
            hint="Two mappings write to paths that exclude one another.",
        )
    return value


def _fill(items: list[JsonValue], index: int, segments: tuple[Segment, ...], at: int, room: Room) -> None:
    if index > MAX_INDEX:
        raise PathError(f"{spell(segments[: at + 1])[:80]}: an index is at most {MAX_INDEX}")
    room.left -= max(0, index + 1 - len(items))
    if room.left < 0:
        raise PathError(f"{spell(segments[: at + 1])[:80]}: more than {MAX_FILLED} places in lists")
    items += [None] * (index + 1 - len(items))


# ---------------------------------------------------------------- types

Type = Literal["string", "number", "integer", "boolean", "object", "array", "json", "date"]
_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))


def convert(value: JsonValue, wanted: Type) -> JsonValue:
    """`value` as the wanted type, without guessing. Null stays null. Raises ConvertError.

    `object` and `array` also read JSON text; `json` reads any JSON text and leaves other values. `date` gives a day as it is
    and a moment as ISO 8601 in UTC with milliseconds; it reads ISO 8601 (without a zone: UTC) and seconds or, from 10^11 on,
    milliseconds since 1970.
    """
    if value is None:
        return None
    match wanted:
        case "string":
            return (
                value
                if isinstance(value, str)
                else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            )
        case "number":
            return _number(value, wanted)
        case "integer":
            number = _number(value, wanted)
            if number != int(number) or not -_INT64 <= number < _INT64:
                raise _refusal(value, wanted)
            return int(number)
        case "boolean":
            return _boolean(value)
        case "object" | "array":
            found = _json(value, wanted) if isinstance(value, str) else value
            if not isinstance(found, dict if wanted == "object" else list):
                raise _refusal(value, wanted)
            return found
        case "json":
            return _json(value, wanted) if isinstance(value, str) else value
        case "date":
            return _date(value)
        case _:
            raise ConvertError(f"there is no type {wanted}", hint="Known: " + ", ".join(get_args(Type)))


def _number(value: JsonValue, wanted: str) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(
        r"[+-]?([0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?", value.strip()
    ):
        plain = value.strip()
        number = int(plain) if re.fullmatch(r"[+-]?[0-9]{1,19}", plain) else float(plain)
        if math.isfinite(number) and (isinstance(number, float) or -_INT64 <= number < _INT64):
            return number
    raise _refusal(value, wanted)


def _boolean(value: JsonValue) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    raise _refusal(value, "boolean")


def _json(value: str, wanted: str) -> JsonValue:
    try:
        return read_json(value.encode("utf-8", "surrogatepass"))
    except BadJson as error:
        raise ConvertError(f"{_shown(value)} cannot become {wanted}: {error}") from None


def _date(value: JsonValue) -> str:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000 if abs(value) >= 1e11 else value, UTC)
        elif isinstance(value, str):
            written = value.strip()
            if re.fullmatch(r"\d{4}-\d\d-\d\d", written):
                return date.fromisoformat(written).isoformat()
            moment = datetime.fromisoformat(written)
        else:
            raise _refusal(value, "date")
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise _refusal(value, "date") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refusal(value: JsonValue, wanted: str) -> ConvertError:
    return ConvertError(f"{_kind(value)} {_shown(value)} cannot become {wanted}")


def _shown(value: JsonValue) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 60 else written[:59] + "…"


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "the boolean"
        case int() | float():
            return "the number"
        case str():
            return "the text"
        case list():
            return "a list"
        case _:
            return "an object"
