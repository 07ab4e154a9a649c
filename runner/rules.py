"""The rules of a Condition: what is compared with what, and an explanation that the run's history can show.

A left side is a path (`data.total`) or a template (`{{ data.total * 2 }}`), a right side a value or a template. Both are
read once; what they give is never read again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, cast

import jsonschema_rs
from pydantic import Field, JsonValue, model_validator

from providers import Frozen
from runner import paths
from runner.errors import RunnerError
from runner.paths import MISSING, Found
from runner.template import TemplateError, is_template

Operator = Literal[
    "equals", "notEquals", "greater", "greaterOrEqual", "less", "lessOrEqual", "contains", "notContains", "startsWith",
    "endsWith", "matches", "isEmpty", "isNotEmpty", "isTrue", "isFalse", "exists", "notExists",
]  # fmt: skip
Match = Literal["all", "any"]
Render = Callable[[str], Awaitable[JsonValue]]
Value = JsonValue | Literal[Found.MISSING]

UNARY: Final = frozenset(("isEmpty", "isNotEmpty", "isTrue", "isFalse", "exists", "notExists"))
MAX_RULES: Final = 50
_WORDS: Final[Mapping[str, str]] = {
    "equals": "equals", "notEquals": "does not equal", "greater": "is greater than",
    "greaterOrEqual": "is at least", "less": "is less than", "lessOrEqual": "is at most", "contains": "contains",
    "notContains": "does not contain", "startsWith": "starts with", "endsWith": "ends with", "matches": "matches",
    "isEmpty": "is empty", "isNotEmpty": "is not empty", "isTrue": "is true", "isFalse": "is false", "exists": "exists",
    "notExists": "does not exist",
}  # fmt: skip


class RuleError(RunnerError):
    """A rule that cannot be decided: a broken path or pattern, or values that have no order between them."""

    code = "rule"


class Rule(Frozen):
    """One comparison."""

    left: str = Field(title="Value", description="A path such as data.total, or a template.", max_length=4000)
    operator: Operator = Field(default="equals", title="Is", description="How the two are compared.")
    right: JsonValue = Field(
        default=None,
        title="Compared with",
        description="A value or a template; text that reads as a number is compared as one.",
    )

    @model_validator(mode="after")
    def _refuse_what_can_never_be_decided(self) -> Rule:
        if not is_template(self.left):
            try:
                paths.parse(self.left)
            except paths.PathError as error:
                raise ValueError(error.message) from None
        if self.operator == "matches" and isinstance(self.right, str) and not is_template(self.right):
            try:
                _pattern(self.right)
            except RuleError as error:
                raise ValueError(error.message) from None
        return self


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's result, in words that hold the actual values, shortened."""

    holds: bool
    words: str


async def evaluate(
    rules: Sequence[Rule], match: Match, scope: Mapping[str, JsonValue], render: Render
) -> tuple[bool, str]:
    """Whether all or any of `rules` hold, and which one decided, with the values it saw. No rules hold.

    `render` renders one template against `scope`. Raises RuleError naming the rule by its number from 1, and what `render`
    raises, except that a value that is not there is a case like any other: only `notEquals`, `notContains`, `isEmpty` and
    `notExists` hold for it.
    """
    if len(rules) > MAX_RULES:
        raise RuleError(f"a condition has at most {MAX_RULES} rules")
    if not rules:
        return True, "There are no rules: true."
    verdicts: list[Verdict] = []
    for number, rule in enumerate(rules, 1):
        left = await _left(rule, scope, render)
        right = (
            await render(rule.right)
            if isinstance(rule.right, str) and is_template(rule.right)
            else rule.right
        )
        try:
            holds = decide(left, rule.operator, right)
        except RunnerError as error:
            raise RuleError(f"rule {number}: {error.message}", hint=error.hint) from None
        verdicts.append(Verdict(holds, _words(number, rule, left, right, holds)))
        if holds is (match == "any"):
            return holds, verdicts[-1].words
    if len(verdicts) == 1:
        return match == "all", verdicts[0].words
    summary = "All rules hold" if match == "all" else "No rule holds"
    return match == "all", f"{summary}: " + "; ".join(
        verdict.words.rstrip(".") for verdict in verdicts[:5]
    ) + "."


async def _left(rule: Rule, scope: Mapping[str, JsonValue], render: Render) -> Value:
    if not is_template(rule.left):
        return paths.read(scope, rule.left)
    try:
        return await render(rule.left)
    except RunnerError as error:
        if _is_undefined(error):
            return MISSING
        raise


def _is_undefined(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, TemplateError):
            return error.undefined
        error = error.__cause__
    return False


def decide(left: Value, operator: Operator, right: JsonValue = None) -> bool:
    """Whether the comparison holds. Raises RuleError for an order between values that have none, or a broken pattern."""
    match operator:
        case "exists":
            return left is not MISSING
        case "notExists":
            return left is MISSING
        case "isEmpty":
            return left is MISSING or left in (None, "", [], {})
        case "isNotEmpty":
            return not decide(left, "isEmpty")
        case "notEquals":
            return not decide(left, "equals", right)
        case "notContains":
            return not decide(left, "contains", right)
        case _:
            pass
    if left is MISSING:
        return False
    match operator:
        case "isTrue":
            return _boolean(left) is True
        case "isFalse":
            return _boolean(left) is False
        case "equals":
            return _equal(left, right)
        case "contains":
            return _contains(left, right)
        case "startsWith":
            return _text(left, operator).startswith(_text(right, operator))
        case "endsWith":
            return _text(left, operator).endswith(_text(right, operator))
        case "matches":
            return _pattern(_text(right, operator)).is_valid(_text(left, operator))
        case _:
            return _ordered(left, operator, right)


def _equal(left: JsonValue, right: JsonValue) -> bool:
    """JSON equality, with two mercies of forms: a number equals the text that writes it, a boolean its word."""
    if type(left) is not type(right):
        for one, other in ((left, right), (right, left)):
            if isinstance(one, bool):
                return isinstance(other, str) and _boolean(other) is one
            if isinstance(one, int | float):
                number = _number(other)
                return number is not None and number == one
    return _typed(left) == _typed(right)


def _typed(value: JsonValue) -> Any:
    """Python holds True equal to 1; JSON does not."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    return value


def _contains(left: JsonValue, right: JsonValue) -> bool:
    if isinstance(left, list):
        return any(_equal(item, right) for item in left)
    if isinstance(left, dict):
        return isinstance(right, str) and right in left
    if left is None:
        return False
    return _text(right, "contains") in _text(left, "contains")


def _ordered(left: JsonValue, operator: Operator, right: JsonValue) -> bool:
    pair = _comparable(left, right)
    if pair is None:
        raise RuleError(
            f"{_shown(left)} and {_shown(right)} have no order between them",
            hint="Compare two numbers, two times or two texts.",
        )
    one, other = pair
    match operator:
        case "greater":
            return one > other
        case "greaterOrEqual":
            return one >= other
        case "less":
            return one < other
        case _:
            return one <= other


def _comparable(left: JsonValue, right: JsonValue) -> tuple[Any, Any] | None:
    numbers = _number(left), _number(right)
    if None not in numbers:
        return numbers
    if isinstance(left, str) and isinstance(right, str):
        moments = _moment(left), _moment(right)
        return moments if None not in moments else (left, right)
    return None


def _number(value: JsonValue) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return cast("int | float", paths.convert(value, "number"))
    except paths.ConvertError:
        return None


def _moment(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _boolean(value: JsonValue) -> bool | None:
    try:
        return cast("bool | None", paths.convert(value, "boolean"))
    except paths.ConvertError:
        return None


def _text(value: JsonValue, operator: str) -> str:
    if isinstance(value, dict | list) or value is None:
        raise RuleError(f"{operator} needs text, and {_shown(value)} is none")
    return cast("str", paths.convert(value, "string"))


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> jsonschema_rs.Draft202012Validator:
    """A pattern that matches in linear time: Rust's engine, which the schema validator brings along; unanchored."""
    if len(pattern) > 1000:
        raise RuleError("a pattern has at most 1000 characters")
    options = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)
    try:
        return jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True, pattern_options=options)
    except (jsonschema_rs.ValidationError, ValueError):
        raise RuleError(
            f"{_shown(pattern)} is not a pattern",
            hint="Look-around and back references are not available, nor very large repetitions.",
        ) from None


def _words(number: int, rule: Rule, left: Value, right: JsonValue, holds: bool) -> str:
    name = rule.left if len(rule.left) <= 80 else rule.left[:79] + "…"
    value = "is missing" if left is MISSING else f"is {_shown(left)}"
    wanted = _WORDS[rule.operator] + ("" if rule.operator in UNARY else f" {_shown(right)}")
    return f"Rule {number}: {name} {value}; “{wanted}” is {'true' if holds else 'false'}."


def _shown(value: JsonValue) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 80 else written[:79] + "…"
