"""JSON Schema written by users: compiled without fetching anything, validated in bounded time (threats T13).

The time of a validation is bounded before it starts: the schema is walked as it will be applied, every `$ref` followed, and
counted; that number times the size of the value may not pass `MAX_WORK`. Patterns run in linear time (Rust's regex engine:
no look-around, no back references).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, cast

import jsonschema_rs
from pydantic import JsonValue

from runner.errors import RunnerError

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 5000  # subschemas after following every reference
MAX_WORK: Final = (
    10_000_000  # subschemas times values; 8 to 30 ns each on one 2020s core, so well under a second
)
MAX_PROBLEMS: Final = 20
_MAX_TELLING: Final = 100_000_000  # bytes that a list of problems may take while it is made
_MAX_DETAIL: Final = 300
_PATTERNS: Final = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)

_HERE_LIST = ("allOf", "anyOf", "oneOf")
_HERE = ("not", "if", "then", "else", "$ref")
_HERE_MAP = ("dependentSchemas", "dependencies")
_REFUSED = ("$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor", "$anchor", "$vocabulary")


class SchemaError(RunnerError):
    """A schema that cannot be used; `pointer` is the place in it."""

    code = "schema-invalid"

    def __init__(self, message: str, *, pointer: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value, and where: a JSON Pointer into the value."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A compiled schema. `nodes`: subschemas applied, references followed. `branches`: how often it recurs on one value. `size`: bytes."""

    nodes: int
    branches: int
    size: int
    validator: jsonschema_rs.Validator


def compile(schema: JsonValue) -> Schema:
    """The schema, ready to validate. Equal schemas are compiled once. Raises SchemaError; never opens a connection or file."""
    if not isinstance(schema, dict | bool):
        raise SchemaError("a schema is an object, true or false")
    written = json.dumps(schema, sort_keys=True)
    if len(written) > MAX_BYTES:
        raise SchemaError(f"a schema has at most {MAX_BYTES} bytes, and this has {len(written)}")
    return _compile(written)


def validate(schema: Schema, value: JsonValue) -> tuple[Problem, ...]:
    """What is wrong with `value`, at most MAX_PROBLEMS, empty if nothing is. Work is bounded before it starts."""
    work = 0
    stack: list[tuple[JsonValue, int]] = [(value, 1)]
    while stack:
        item, weight = stack.pop()
        work += weight * (1 + len(item) // 64 if isinstance(item, str) else 1)
        if work * schema.nodes > MAX_WORK:
            return (Problem("", "too large or too deep to be checked against this schema"),)
        if isinstance(item, dict):
            stack.extend((inner, weight * schema.branches) for inner in item.values())
            work += weight * (len(item) + sum(map(len, item)) // 64)  # property names are matched too
        elif isinstance(item, list):
            stack.extend((inner, weight * schema.branches) for inner in item)
    if schema.validator.is_valid(value):
        return ()
    # Every error holds a copy of the value and of the part of the schema it broke, and all are made before the first is
    # given: where that could be much, one problem is told.
    if work * schema.nodes * (schema.size + 16 * work) > _MAX_TELLING:
        try:
            schema.validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return (_problem(error),)
    errors: Iterable[jsonschema_rs.ValidationError] = schema.validator.iter_errors(value)
    return tuple(_problem(error) for error in islice(errors, MAX_PROBLEMS))


def _problem(error: jsonschema_rs.ValidationError) -> Problem:
    return Problem("".join(map(_escaped, error.instance_path)), _shortened(error.message))


@lru_cache(maxsize=256)
def _compile(written: str) -> Schema:
    schema = json.loads(written)
    _refuse_depth(schema)
    nodes, branches = _Walk(schema).measure(schema, "", ())
    try:
        validator = jsonschema_rs.validator_for(
            schema, offline=True, pattern_options=_PATTERNS, validate_formats=True
        )
    except jsonschema_rs.ValidationError as error:
        pointer = "".join(map(_escaped, error.instance_path))
        detail = error.message
        if detail.endswith('is not a "regex"'):
            detail += " (look-around and back references are not available; very large patterns neither)"
        raise SchemaError(f"not a JSON Schema: {_shortened(detail)}", pointer=pointer) from None
    except ValueError as error:
        raise SchemaError(f"not a JSON Schema: {_shortened(str(error))}") from None
    return Schema(nodes, branches, len(written), validator)


def _refuse_depth(schema: object) -> None:
    stack: list[tuple[object, int]] = [(schema, 1)]
    while stack:
        item, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise SchemaError(f"a schema is nested at most {MAX_DEPTH} levels deep")
        if isinstance(item, dict):
            stack.extend((inner, depth + 1) for inner in cast("dict[str, object]", item).values())
        elif isinstance(item, list):
            stack.extend((inner, depth + 1) for inner in cast("list[object]", item))


class _Walk:
    """Counts a schema as it will be applied. Recursion is counted once, and its branching told apart."""

    def __init__(self, root: JsonValue) -> None:
        self.root = root
        self.nodes = 0

    def measure(self, schema: JsonValue, pointer: str, open_refs: tuple[str, ...]) -> tuple[int, int]:
        branches = self.visit(schema, pointer, open_refs)
        return self.nodes, max(1, branches)

    def visit(self, schema: JsonValue, at: str, open_refs: tuple[str, ...]) -> int:
        """How often this subschema leads back into a schema that is being applied, on one same part of a value."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            hint = "References that are used twice at every level double at every level."
            raise SchemaError(f"the schema unfolds into more than {MAX_NODES} parts", hint=hint)
        if not isinstance(schema, dict):
            return 0
        for keyword in _REFUSED:
            if keyword in schema:
                raise SchemaError(f"{keyword} is not supported", pointer=at, hint="Use $ref with #/$defs/….")
        if "$id" in schema and at:
            raise SchemaError("$id is supported at the top only", pointer=at)
        self.nodes += sum(_size(schema[word]) for word in ("enum", "const", "required") if word in schema)
        here = 0
        for keyword in _HERE_LIST:
            here += sum(self.each(schema.get(keyword), f"{at}/{keyword}", open_refs))
        for keyword in _HERE_MAP:
            here += sum(self.each(schema.get(keyword), f"{at}/{keyword}", open_refs))
        for keyword in _HERE:
            if keyword == "$ref" and "$ref" in schema:
                here += self.follow(schema["$ref"], at, open_refs)
            elif keyword in schema:
                here += self.visit(schema[keyword], f"{at}/{keyword}", open_refs)
        return here + max(
            self.children(schema, at, open_refs, "properties", "patternProperties", _OBJECT),
            self.children(schema, at, open_refs, "prefixItems", "items", _ARRAY),
        )

    def children(
        self,
        schema: dict[str, JsonValue],
        at: str,
        refs: tuple[str, ...],
        apart: str,
        together: str,
        single: tuple[str, ...],
    ) -> int:
        """Those under `apart` meet different parts of a value, the others may meet the same."""
        found = max(self.each(schema.get(apart), f"{at}/{apart}", refs), default=0)
        found += sum(self.each(schema.get(together), f"{at}/{together}", refs))
        return found + sum(
            self.visit(schema[word], f"{at}/{word}", refs) for word in single if word in schema
        )

    def each(self, value: JsonValue, at: str, refs: tuple[str, ...]) -> list[int]:
        if isinstance(value, list):
            return [self.visit(item, f"{at}/{index}", refs) for index, item in enumerate(value)]
        if isinstance(value, dict):
            if at.endswith("/items"):  # one schema for every item, not a map of schemas
                return [self.visit(value, at, refs)]
            return [self.visit(item, at + _escaped(key), refs) for key, item in value.items()]
        return []

    def follow(self, ref: JsonValue, at: str, refs: tuple[str, ...]) -> int:
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            raise SchemaError("$ref must point into this schema: # or #/…", pointer=f"{at}/$ref")
        if ref in refs:
            return 1
        target: JsonValue = self.root
        for part in ref.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            else:
                raise SchemaError(f"$ref {ref[:80]} points to nothing", pointer=f"{at}/$ref")
        return self.visit(target, ref[1:], (*refs, ref))


_OBJECT = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_ARRAY = ("additionalItems", "unevaluatedItems", "contains")


def _size(value: JsonValue) -> int:
    """How many values there are in `value`; depth is bounded already."""
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _escaped(part: str | int) -> str:
    return "/" + str(part).replace("~", "~0").replace("/", "~1")


def _shortened(detail: str) -> str:
    """Begin and end: the value comes first in a message, and the reason last."""
    line = detail.split("\n", 1)[0]
    return line if len(line) <= _MAX_DETAIL else f"{line[:100]} … {line[-(_MAX_DETAIL - 103) :]}"
