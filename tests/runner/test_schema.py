"""Users' JSON Schema: right answers, nothing fetched, bounded time."""

import socket
import time

import pytest
from pydantic import JsonValue

from runner import schema
from runner.schema import Problem, SchemaError

ORDER: JsonValue = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "a/b": {"type": "string", "format": "email"},
        "rows": {"items": {"$ref": "#/$defs/row"}},
    },
    "$defs": {"row": {"type": "object", "properties": {"n": {"minimum": 1}}}},
}


def test_problems_have_pointers() -> None:
    compiled = schema.compile(ORDER)
    assert schema.validate(compiled, {"id": 1, "a/b": "a@b.example", "rows": [{"n": 1}]}) == ()
    found = schema.validate(compiled, {"a/b": "no", "rows": [{"n": 1}, {"n": 0}]})
    assert {problem.pointer for problem in found} == {"", "/a~1b", "/rows/1/n"}
    assert Problem("/rows/1/n", "0 is less than the minimum of 1") in found


def test_true_false_and_drafts() -> None:
    assert schema.validate(schema.compile(True), [1]) == ()
    assert schema.validate(schema.compile(False), [1]) != ()
    old: JsonValue = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    assert [problem.pointer for problem in schema.validate(schema.compile(old), [1, 2])] == ["/0"]


@pytest.mark.parametrize(
    "ref",
    [
        "http://127.0.0.1:{port}/x", "https://127.0.0.1:{port}/x", "file:///etc/passwd", "ftp://127.0.0.1:{port}/x", "other.json",
        "//127.0.0.1:{port}/x", "#anchor", "#/nope", "json-schema:///x",
    ],
)  # fmt: skip
def test_nothing_is_fetched(ref: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = ref.format(port=server.getsockname()[1])
        uses: list[JsonValue] = [{"$ref": address}, {"properties": {"a": {"items": {"$ref": address}}}}]
        if not address.startswith("#"):
            uses.append({"$schema": address})
        for written in uses:
            with pytest.raises(SchemaError):
                schema.compile(written)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_what_is_not_in_the_schema_is_left_alone() -> None:
    """`$ref` as the name of a property, or inside an example, refers to nothing."""
    compiled = schema.compile(
        {"properties": {"$ref": {"type": "string"}, "$id": {}}, "examples": [{"$ref": "http://127.0.0.1/"}]}
    )
    assert schema.validate(compiled, {"$ref": 1})[0].pointer == "/$ref"


def doubled(levels: int) -> JsonValue:
    parts: dict[str, JsonValue] = {f"d{levels}": {"type": "string"}}
    for n in range(levels):
        parts[f"d{n}"] = {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
    return {"$ref": "#/$defs/d0", "$defs": parts}


def nested(levels: int) -> JsonValue:
    return {"not": nested(levels - 1)} if levels else True


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (doubled(18), "unfolds into more than"),
        (nested(40), "nested at most"),
        ({"enum": ["x" * 70_000]}, "at most 65536 bytes"),
        ({"type": "strin"}, "not a JSON Schema"),
        ({"pattern": "(?=a)b"}, "look-around"),
        ({"pattern": "((a{100}){100}){100}"}, "not a JSON Schema"),
        ({"pattern": "("}, "not a JSON Schema"),
        ({"$dynamicRef": "#x"}, "not supported"),
        ({"items": {"$id": "http://x.example/"}}, r"\$id"),
        ([], "a schema is an object"),
        ("x", "a schema is an object"),
    ],
)
def test_bombs_and_mistakes_are_refused_at_once(written: JsonValue, words: str) -> None:
    started = time.process_time()
    with pytest.raises(SchemaError, match=words):
        schema.compile(written)
    assert time.process_time() - started < 0.1


def test_a_mistake_has_its_place() -> None:
    with pytest.raises(SchemaError) as caught:
        schema.compile({"properties": {"a": {"type": "strin"}}})
    assert caught.value.pointer == "/properties/a/type"


def deep(levels: int) -> JsonValue:
    return {"a": deep(levels - 1)} if levels else 1


TOO_MUCH = (Problem("", "too large or too deep to be checked against this schema"),)


def bounded(written: JsonValue, value: JsonValue) -> tuple[Problem, ...]:
    compiled = schema.compile(written)
    started = time.process_time()
    found = schema.validate(compiled, value)
    assert time.process_time() - started < 1.5
    return found


def test_recursion_is_allowed_and_bounded() -> None:
    tree: JsonValue = {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}
    assert [problem.pointer for problem in bounded(tree, deep(60))] == ["/a" * 60]
    branching: JsonValue = {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
    assert bounded(branching, deep(5)) == ()
    assert bounded(branching, deep(60)) == TOO_MUCH
    choice: JsonValue = {
        "anyOf": [{"type": "null"}, {"additionalProperties": {"$ref": "#"}}, {"items": {"$ref": "#"}}]
    }
    assert bounded(choice, deep(4)) == ()
    assert bounded({"$ref": "#"}, deep(60)) == ()


def test_large_values_are_bounded() -> None:
    assert bounded({"pattern": "(a+)+$"}, "a" * 250_000 + "b") != ()
    assert bounded({"allOf": [{"pattern": f"(a|b)*{n}$"} for n in range(2000)]}, "a" * 500_000) == TOO_MUCH
    enumeration: JsonValue = {"items": {"enum": [{"a": n} for n in range(1500)]}}
    strangers: list[JsonValue] = [{"a": -1} for _ in range(1500)]
    assert len(bounded(enumeration, strangers)) == 1
    assert bounded({"uniqueItems": True}, list(range(90_000))) == ()
    assert len(bounded({"items": {"type": "string"}}, list(range(1000)))) == schema.MAX_PROBLEMS
    assert bounded({"items": {"type": "string"}}, list(range(90_000)))[0].pointer == "/0"


def test_long_values_leave_room_for_the_reason() -> None:
    (problem,) = bounded({"type": "integer"}, "x" * 5000)
    assert len(problem.detail) <= 310 and problem.detail.endswith('is not of type "integer"')
