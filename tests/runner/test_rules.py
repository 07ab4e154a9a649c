"""The rules of a Condition."""

import time

import pytest
from pydantic import JsonValue, ValidationError

from runner.errors import NodeError
from runner.paths import MISSING
from runner.rules import Operator, Rule, RuleError, decide, evaluate
from runner.template import TemplateError, Templates

SCOPE: dict[str, JsonValue] = {
    "data": {"total": 120, "name": "Ada", "tags": ["new", 3], "ok": "true", "empty": {}, "none": None}
}


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        (1, "equals", 1.0, True),
        (1, "equals", "1", True),
        ("1.0", "equals", 1, True),
        (1, "equals", True, False),
        (True, "equals", "true", True),
        ("1", "equals", "1.0", False),
        ([1, {"a": True}], "equals", [1, {"a": True}], True),
        ([1], "equals", [True], False),
        (None, "equals", None, True),
        (None, "equals", "", False),
        (MISSING, "equals", None, False),
        (MISSING, "notEquals", 1, True),
        (10, "greater", "9", True),
        ("10", "greater", "9", True),
        ("b", "greater", "a", True),
        ("2026-01-02T00:00:00Z", "less", "2026-01-02T00:00:00-01:00", True),
        (5, "greaterOrEqual", 5, True),
        (5, "lessOrEqual", 4, False),
        (MISSING, "greater", 1, False),
        ("hello", "contains", "ell", True),
        ([1, "2"], "contains", 2, True),
        ({"a": 1}, "contains", "a", True),
        (123, "contains", 2, True),
        (None, "contains", "x", False),
        ("hello", "notContains", "x", True),
        (MISSING, "notContains", "x", True),
        ("hello", "startsWith", "he", True),
        ("hello", "endsWith", "lo", True),
        ("order-17", "matches", r"^order-\d+$", True),
        ("xx order-17", "matches", r"order", True),
        (17, "matches", r"^\d+$", True),
        ("", "isEmpty", None, True),
        ([], "isEmpty", None, True),
        ({}, "isEmpty", None, True),
        (None, "isEmpty", None, True),
        (MISSING, "isEmpty", None, True),
        (0, "isEmpty", None, False),
        (False, "isEmpty", None, False),
        (0, "isNotEmpty", None, True),
        ("yes", "isTrue", None, True),
        (1, "isTrue", None, True),
        ("maybe", "isTrue", None, False),
        ("maybe", "isFalse", None, False),
        (False, "isFalse", None, True),
        (None, "isFalse", None, False),
        (MISSING, "isFalse", None, False),
        (None, "exists", None, True),
        (MISSING, "exists", None, False),
        (MISSING, "notExists", None, True),
    ],
)
def test_decides(left: JsonValue, operator: Operator, right: JsonValue, expected: bool) -> None:
    assert decide(left, operator, right) is expected


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [([1], "greater", 1), (1, "less", "abc"), (None, "greater", 1), (True, "less", 2), ([], "startsWith", "a"), ("a", "matches", "("), ("a", "matches", "(?=a)")],
)  # fmt: skip
def test_what_cannot_be_decided_says_so(left: JsonValue, operator: Operator, right: JsonValue) -> None:
    with pytest.raises(RuleError):
        decide(left, operator, right)


def test_patterns_take_linear_time() -> None:
    started = time.process_time()
    assert decide("a" * 200_000 + "b", "matches", "(a+)+$") is False
    with pytest.raises(RuleError):
        decide("a", "matches", "((a{100}){100}){100}")
    assert time.process_time() - started < 0.5


async def test_all_and_any_say_what_decided() -> None:
    async with Templates() as templates:

        async def render(source: str) -> JsonValue:
            return await templates.render(source, SCOPE)

        big = Rule(left="data.total", operator="greater", right=100)
        bob = Rule(left="{{ data.name | lower }}", operator="equals", right="bob")
        gone = Rule(left="data.gone", operator="exists")
        assert await evaluate([big, bob], "all", SCOPE, render) == (
            False,
            'Rule 2: {{ data.name | lower }} is "ada"; “equals "bob"” is false.',
        )
        assert await evaluate([gone, big, bob], "any", SCOPE, render) == (
            True,
            "Rule 2: data.total is 120; “is greater than 100” is true.",
        )
        assert await evaluate([big], "all", SCOPE, render) == (
            True,
            "Rule 1: data.total is 120; “is greater than 100” is true.",
        )
        holds, words = await evaluate([gone, bob], "any", SCOPE, render)
        assert not holds and words.startswith(
            "No rule holds: Rule 1: data.gone is missing; “exists” is false; Rule 2"
        )
        assert await evaluate([], "all", SCOPE, render) == (True, "There are no rules: true.")
        assert (await evaluate([Rule(left="data.total", right="{{ 60 * 2 }}")], "all", SCOPE, render))[0]
        with pytest.raises(RuleError, match=r"rule 2: .* have no order"):
            await evaluate([big, Rule(left="data.tags", operator="less", right=1)], "all", SCOPE, render)


async def test_a_missing_value_in_a_template_is_missing_and_not_an_error() -> None:
    async with Templates() as templates:

        async def render(source: str) -> JsonValue:
            try:
                return await templates.render(source, SCOPE)
            except TemplateError as error:
                raise NodeError(error.message, code="template") from error

        for left in ("{{ data.gone }}", "{{ data.gone | upper }}", "data.gone"):
            assert (await evaluate([Rule(left=left, operator="notExists")], "all", SCOPE, render))[0]
            assert not (await evaluate([Rule(left=left, operator="greater", right=1)], "all", SCOPE, render))[
                0
            ]
        with pytest.raises(NodeError):
            await evaluate([Rule(left="{{ 1 / 0 }}", operator="notExists")], "all", SCOPE, render)


async def test_data_that_looks_like_a_rule_is_data() -> None:
    scope: dict[str, JsonValue] = {
        "data": {"path": "data.secret", "template": "{{ data.secret }}", "secret": "s"}
    }
    async with Templates() as templates:

        async def render(source: str) -> JsonValue:
            return await templates.render(source, scope)

        for name in ("path", "template"):
            for left in (f"data.{name}", f"{{{{ data.{name} }}}}"):
                assert not (await evaluate([Rule(left=left, right="s")], "all", scope, render))[0]


@pytest.mark.parametrize(
    "broken",
    [{"left": "a..b"}, {"left": "a", "operator": "matches", "right": "("}, {"left": "a", "operator": "is"}],
)
def test_broken_rules_are_refused_when_saved(broken: dict[str, JsonValue]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(broken)
