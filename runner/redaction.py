"""Masking what rules say in payloads, where they are shown. Pure: no I/O. What is stored, and what runs compute with, stays whole.

A rule by path masks the value at a path of a payload, whatever it is: a marker takes its place (`MARK`), which says its kind and
size. A rule by pattern masks what it finds in texts, in numbers and in names of fields. Patterns are RE2, so the time taken grows
with the length of the text and with nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast
from urllib.parse import unquote
from uuid import UUID

import re2
from pydantic import JsonValue

from providers import BadJson, JsonObject, read_json
from runner.errors import RunnerError
from runner.paths import Every, PathError, parse

_re2: Any = re2  # it carries no types

RuleKind: TypeAlias = Literal["path", "preset", "pattern"]
MARK: Final = "$masked"
SHADE: Final = "▒▒"
PATTERN_LIMIT: Final = 500
_MEMORY: Final = 1 << 20
"""Bytes that one pattern may take, compiled; a larger one is refused."""
_SHORTEST_NUMBER: Final = 7
"""Digits from which on a number is read as text, for patterns."""


class BadRule(RunnerError):
    """A path or a pattern that cannot be used; the message says why."""

    code = "bad-rule"


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdecimal()]
    doubled = [d * 2 - 9 * (d > 4) if at % 2 else d for at, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0 and any(digits)


def _iban(text: str) -> bool:
    plain = "".join(text.split()).upper()
    turned = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return 15 <= len(plain) <= 34 and int(turned) % 97 == 1


def _always(_: str) -> bool:
    return True


PRESETS: Final[Mapping[str, tuple[str, Callable[[str], bool]]]] = {
    "email": (r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}", _always),
    "card": (r"\b[0-9](?:[ -]?[0-9]){12,18}\b", _luhn),
    "iban": (r"\b[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,30}\b", _iban),
    "bearer": (
        r"(?i:\bbearer\s+[a-z0-9._~+/=-]{8,})|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        _always,
    ),
    "phone": (r"(?:\+|\b00)[1-9][0-9]{0,2}(?:[ ()./-]{0,2}[0-9]){6,13}\b", _always),
}
"""Name to pattern, and to a check of what it found: Luhn's for card numbers, ISO 7064's for IBANs."""


@dataclass(frozen=True)
class Rule:
    """`value`: a path, a preset's name, or a pattern. Without `orchestrator_id` it holds for all. `store` false: what it masks in
    requests, answers and log lines is masked before they are written."""

    name: str
    kind: RuleKind
    value: str
    store: bool = True
    orchestrator_id: UUID | None = None


@dataclass(slots=True)
class _Step:
    """A place on the way of the rules by path. `rule`: its name, where one ends here."""

    rule: str | None = None
    every: _Step | None = None
    parts: dict[str | int, _Step] = field(default_factory=dict[str | int, "_Step"])


@dataclass(frozen=True, slots=True)
class _Finder:
    name: str
    find: Any
    holds: Callable[[str], bool]


def compiled(pattern: str) -> Any:
    """The pattern, as RE2. Raises BadRule for one that RE2 does not take, is too large, or matches nothing at all."""
    if len(pattern) > PATTERN_LIMIT:
        raise BadRule(f"a pattern has at most {PATTERN_LIMIT} characters")
    try:
        found = _re2.compile(pattern, _options())
    except _re2.error as error:
        told = error.args[0] if error.args else b""
        words = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        raise BadRule(
            f"not a pattern: {words}",
            hint="Patterns are RE2: look-ahead, look-behind and back-references are not in it.",
        ) from None
    if found.search("") is not None:
        raise BadRule("this pattern matches the empty text", hint="Let it ask for at least one character.")
    return found


def _options(patterns: int = 1) -> Any:
    options = _re2.Options()
    options.max_mem = _MEMORY * max(1, patterns)
    options.log_errors = False  # RE2 writes to stderr
    return options


class Redactor:
    """Rules, compiled. Values that no rule touches come back as they are, not copied."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raises BadRule."""
        self._root: _Step | None = None
        self._finders: list[_Finder] = []
        kept: list[str] = []
        for rule in rules:
            if rule.kind == "path":
                self._walk_in(rule)
                continue
            pattern, holds = PRESETS[rule.value] if rule.kind == "preset" else (rule.value, _always)
            self._finders.append(_Finder(rule.name, compiled(pattern), holds))
            kept.append(pattern)
        # One look says whether any of them needs a look of its own.
        self._any: Any = _re2.compile("|".join(f"(?:{pattern})" for pattern in kept), _options(len(kept)))

    def _walk_in(self, rule: Rule) -> None:
        try:
            segments = parse(rule.value)
        except PathError as error:
            raise BadRule(error.message, hint=error.hint) from None
        step = self._root = self._root or _Step()
        for segment in segments:
            if isinstance(segment, Every):
                step.every = step.every or _Step()
                step = step.every
            else:
                step = step.parts.setdefault(segment, _Step())
        step.rule = step.rule or rule.name

    def fields(self, payload: JsonObject) -> JsonObject:
        """A payload that stays an object, masked: a rule for all of it masks each of its fields."""
        shown = self.value(payload)
        if isinstance(shown, dict) and MARK in shown:
            rule = (self._root and self._root.rule) or ""
            return {n: None if v is None else marker(v, rule) for n, v in payload.items()}
        return cast("JsonObject", shown)

    def value(self, value: JsonValue) -> JsonValue:
        """A payload, masked."""
        return self._value(value, () if self._root is None else (self._root,))

    def _value(self, value: JsonValue, at: tuple[_Step, ...]) -> JsonValue:
        for step in at:
            if step.rule is not None and value is not None:
                return marker(value, step.rule)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self._object(value, at)
        if isinstance(value, list):
            return self._list(value, at)
        if self._finders and isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value)
        return value

    def _object(self, value: JsonObject, at: tuple[_Step, ...]) -> JsonObject:
        made: JsonObject = {}
        changed = False
        for name, item in value.items():
            shown = self.text(name)
            kept = self._value(item, tuple(s.parts[name] for s in at if name in s.parts))
            changed = changed or kept is not item or shown is not name
            while shown in made:
                shown += "'"
            made[shown] = kept
        return made if changed else value

    def _list(self, value: list[JsonValue], at: tuple[_Step, ...]) -> list[JsonValue]:
        made = [self._value(item, tuple(_inside(at, n, len(value)))) for n, item in enumerate(value)]
        return made if any(new is not old for new, old in zip(made, value, strict=True)) else value

    def _number(self, value: int | float) -> JsonValue:
        text = str(value)
        if len(text) < _SHORTEST_NUMBER:
            return value
        for finder in self._finders:
            if any(finder.holds(m.group()) for m in finder.find.finditer(text)):
                return marker(value, finder.name)
        return value

    def text(self, text: str) -> str:
        """`text` with what patterns find in it masked."""
        if not self._finders or not text or self._any.search(text) is None:
            return text
        for finder in self._finders:
            text = _covered(text, finder)
        return text

    def body(self, text: str | None) -> str | None:
        """The body of a request or an answer: rules by path are for the JSON that it is. One that looks like JSON and cannot be
        read, because it was cut, is masked whole: what a path means in it, nobody knows."""
        if text is None or self._root is None or not text.lstrip().startswith(("{", "[", '"')):
            return None if text is None else self.text(text)
        try:
            found = read_json(text.encode("utf-8", "surrogatepass"))
        except BadJson:
            return _shaded("unreadable", len(text))
        masked = self.value(found)
        return text if masked is found else json.dumps(masked, ensure_ascii=False, separators=(",", ":"))

    def address(self, url: str) -> str:
        """A URL; where something is found only once it is decoded, all that follows the host's path is masked."""
        shown = self.text(url)
        plain = unquote(shown)
        if self.text(plain) == plain:
            return shown
        base, mark, query = shown.partition("?")
        start = base.find("/", base.find("//") + 2)
        path = "" if start < 0 else base[start:]
        if mark and self.text(unquote(path)) == unquote(path):
            return f"{base}?{_shaded('query', len(query))}"
        return f"{base.removesuffix(path)}/{_shaded('address', len(path) + len(query))}"


def marker(value: JsonValue, rule: str) -> JsonObject:
    """What stands in the place of a masked value: its kind, its size (characters, or items), and the rule's name."""
    match value:
        case str():
            kind, size = "string", len(value)
        case list():
            kind, size = "array", len(value)
        case dict():
            kind, size = "object", len(value)
        case bool():
            kind, size = "boolean", 0  # how long it is would tell which it is
        case _:
            kind, size = "number", len(str(value))
    return {MARK: {"kind": kind, "size": size, "rule": rule}}


def holds_mask(value: object) -> bool:
    """Whether something masked is in it. Such a value is for reading: given to a run, the run would compute with the mask."""
    if isinstance(value, str):
        return SHADE in value
    if isinstance(value, dict):
        found = cast("dict[str, object]", value)
        return MARK in found or any(holds_mask(k) or holds_mask(v) for k, v in found.items())
    return isinstance(value, list) and any(holds_mask(item) for item in cast("list[object]", value))


def masked_by(value: object, rule: str) -> int:
    """In how many places of a masked value that rule's mark stands."""
    if isinstance(value, str):
        return value.count(f"{SHADE}{rule}:")
    if isinstance(value, list):
        return sum(masked_by(item, rule) for item in cast("list[object]", value))
    if not isinstance(value, dict):
        return 0
    found = cast("dict[str, Any]", value)
    mark = found.get(MARK)
    if isinstance(mark, dict):
        return int(cast("dict[str, object]", mark).get("rule") == rule)
    return sum(masked_by(name, rule) + masked_by(item, rule) for name, item in found.items())


def masked_record(record: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """A run as the archive keeps it, its payloads masked."""
    run = record["run"]
    for name in ("inputs", "output", "error", "node_inputs"):
        run[name] = redactor.value(run.get(name))
    if isinstance(run["node_inputs"], dict):  # by node: each is a payload of its own
        run["node_inputs"] = {n: redactor.value(v) for n, v in cast("JsonObject", run["node_inputs"]).items()}
    for found in record["nodes"] or ():
        node = found["node"]
        for name in ("input", "output", "error", "memo", "signal"):
            node[name] = redactor.value(node.get(name))
        for attempt in found["attempts"]:
            attempt["exchanges"] = [masked_exchange(each, redactor) for each in attempt["exchanges"]]
            attempt["error"] = redactor.value(attempt["error"])
    for line in record["events"] or ():
        line["message"], line["data"] = redactor.text(line["message"]), redactor.value(line["data"])
    for name in ("callbacks", "callbackAudit"):
        for found in record[name]:
            found["body"] = redactor.value(found.get("body"))
    for letter in record["deadLetters"]:
        letter["message"] = redactor.text(letter["message"])
    return record


def masked_exchange(exchange: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """One call to a platform as history keeps it, masked."""
    request, response = exchange["request"], exchange["response"]
    shown = {
        **request,
        "url": redactor.address(request["url"]),
        "headers": _headers(request["headers"], redactor),
        "body": redactor.body(request["body"]),
    }
    if response is not None:
        told = {"headers": _headers(response["headers"], redactor), "body": redactor.body(response["body"])}
        response = {**response, **told}
    error = exchange["error"]
    return {
        **exchange,
        "request": shown,
        "response": response,
        "error": None if error is None else redactor.text(error),
    }


def _headers(headers: Mapping[str, str], redactor: Redactor) -> dict[str, str]:
    return {name: redactor.text(value) for name, value in headers.items()}


def _inside(at: Sequence[_Step], index: int, length: int) -> Iterable[_Step]:
    """The steps that an item of a list is on; an index may be written from the end, or as a name."""
    for step in at:
        if step.every is not None:
            yield step.every
        if step.parts:
            yield from (step.parts[n] for n in (index, index - length, str(index)) if n in step.parts)


def _covered(text: str, finder: _Finder) -> str:
    parts: list[str] = []
    last = 0
    for match in finder.find.finditer(text):
        if finder.holds(match.group()):
            start, end = match.span()
            parts += [text[last:start], _shaded(finder.name, end - start)]
            last = end
    return text if not parts else "".join([*parts, text[last:]])


def _shaded(name: str, size: int) -> str:
    return f"{SHADE}{name}:{size}{SHADE}"
