"""The one strict JSON reader, for request bodies and for what platforms answer.

Refused, because Postgres or a later reader would refuse it after we had already said yes (threats T14, T15): NaN and
Infinity, NUL, lone surrogates, repeated keys, integers beyond 64 bits, numbers that overflow, more than 64 levels,
more than 100,000 values.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from pydantic import JsonValue

MAX_DEPTH = 64
MAX_VALUES = 100_000
_INT64 = 2**63
# A string, closed or not, is one match, and nothing in it is ever tried twice: the scan is linear whatever the bytes.
_STRUCTURE = re.compile(rb'"(?>[^"\\]+|\\.?)*+"?|[\[\]{},]', re.DOTALL)


class BadJson(ValueError):
    """The bytes are not JSON we accept; the message says what and, where known, at which byte."""


def read_json(raw: bytes | bytearray) -> JsonValue:
    """The value in `raw`, which must be UTF-8. Raises BadJson. Work and memory are bounded by the length of `raw`."""
    _refuse_bombs(bytes(raw))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"not UTF-8 at byte {error.start}") from None

    def integer(digits: str) -> int:
        if len(digits) > 20 or not -_INT64 <= (number := int(digits)) < _INT64:
            raise BadJson("an integer does not fit in 64 bits")
        return number

    def real(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise BadJson("a number is too large")
        return number

    def constant(name: str) -> NoReturn:
        raise BadJson(f"{name} is not JSON")

    def pairs(items: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        found = dict(items)
        if len(found) != len(items):
            raise BadJson("an object repeats a key")
        return found

    try:
        value: JsonValue = json.loads(
            text, parse_int=integer, parse_float=real, parse_constant=constant, object_pairs_hook=pairs
        )
    except BadJson:
        raise
    except json.JSONDecodeError as error:
        raise BadJson(f"not JSON: {error.msg} at character {error.pos}") from None
    # A NUL or half a surrogate pair can only have come from an escape.
    if b"\\u" in raw:
        _refuse_text(value)
    elif "\x00" in text:
        raise BadJson("text holds a NUL character")
    return value


def _refuse_bombs(raw: bytes) -> None:
    depth = count = 0
    for match in _STRUCTURE.finditer(raw):
        char = raw[match.start()]
        if char in b"[{":
            depth += 1
            count += 1
            if depth > MAX_DEPTH:
                raise BadJson(f"nested deeper than {MAX_DEPTH} levels")
        elif char in b"]}":
            depth -= 1
        elif char == 0x2C:
            count += 1
        if count > MAX_VALUES:
            raise BadJson(f"more than {MAX_VALUES} values")


def _refuse_text(value: JsonValue) -> None:
    stack: list[JsonValue] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                raise BadJson("text holds a NUL character")
            try:
                item.encode("utf-8")
            except UnicodeEncodeError:
                raise BadJson("text holds half of a surrogate pair") from None
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
