"""The filters, tests and methods a template may use: an allow-list of small bounded functions over plain JSON.

Nothing here takes the name of another filter, formats by a user's width, or hands out anything but JSON values. What is
built is measured (`MAX_TEXT`, `MAX_ITEMS`); the renderer process's memory limit is the net below.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, cast
from urllib.parse import quote, urlencode

from jinja2.runtime import Undefined
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import missing

from runner._values import (
    MAX_RANGE,
    MAX_TEXT,
    Missing,
    Refused,
    bounded,
    kind,
    lookup,
    plain,
    pluck,
    text,
    to_json,
)

# ---------------------------------------------------------------- filters


def _needs(value: object, kinds: tuple[type, ...], filter_name: str, wanted: str) -> Any:
    if isinstance(value, Missing):
        value.fail()
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise Refused(f"{filter_name} needs {wanted}, and this is {kind(value)}")
    return value


def _list(value: object, filter_name: str = "list") -> list[Any]:
    found: list[Any] = list(_needs(value, (list, tuple, range, str, dict), filter_name, "a list"))
    return bounded(found)


def _key(attribute: object) -> Callable[[object], object]:
    if attribute is None:
        return lambda item: item

    def get(item: object) -> object:
        found = pluck(item, attribute)
        if isinstance(found, Missing):
            found.fail()
        return found

    return get


def _sort_key(attribute: object, case_sensitive: bool) -> Callable[[object], Any]:
    get = _key(attribute)

    def key(item: object) -> Any:
        found = get(item)
        return found.lower() if isinstance(found, str) and not case_sensitive else found

    return key


def default(value: object, default_value: object = "", boolean: bool = False) -> object:
    return default_value if isinstance(value, Undefined) or (boolean and not value) else value


def tojson(value: object, indent: int | None = None) -> str:
    if indent is None:
        return bounded(to_json(plain(value)))
    return bounded(json.dumps(plain(value), ensure_ascii=False, indent=max(0, min(int(indent), 8))))


def fromjson(value: object) -> Any:
    raw: str = _needs(value, (str,), "fromjson", "text")

    def constant(name: str) -> NoReturn:
        raise Refused(f"{name} is not JSON")

    try:
        return plain(json.loads(raw, parse_constant=constant), budget=2 * MAX_TEXT)
    except json.JSONDecodeError as error:
        raise Refused(f"fromjson: {error.msg} at character {error.pos}") from None


def length(value: object) -> int:
    return len(_needs(value, (str, list, tuple, range, dict), "length", "a list, an object or text"))


def first(value: object) -> object:
    return lookup(_list(value, "first"), 0)


def last(value: object) -> object:
    return lookup(_list(value, "last"), -1)


def join(value: object, separator: object = "", attribute: object = None) -> str:
    get, glue = _key(attribute), text(separator)
    parts: list[str] = []
    size = 0
    for item in _list(value, "join"):
        parts.append(text(get(item)))
        size += len(parts[-1]) + len(glue)
        if size > MAX_TEXT + len(glue):
            raise Refused(f"a text is longer than {MAX_TEXT} characters")
    return bounded(glue.join(parts))


def _of_text(name: str, function: Callable[[str], str]) -> Callable[[object], str]:
    def apply(value: object) -> str:
        return bounded(function(text(value)))

    apply.__name__ = name
    return apply


def trim(value: object, characters: str | None = None) -> str:
    return text(value).strip(characters)


def replace(value: object, old: object, new: object, count: int = -1) -> str:
    whole, before, after = text(value), text(old), text(new)
    hits = whole.count(before) if count < 0 else min(count, whole.count(before))
    if len(whole) + hits * (len(after) - len(before)) > MAX_TEXT:
        raise Refused(f"a text is longer than {MAX_TEXT} characters")
    return whole.replace(before, after, count)


def truncate(value: object, size: int = 255, end: str = "…") -> str:
    whole = text(value)
    return whole if len(whole) <= size else whole[: max(0, size - len(end))] + end


def split(value: object, separator: str | None = None) -> list[str]:
    return bounded(text(value).split(separator))


def integer(value: object, default_value: object = missing, base: int = 10) -> object:
    try:
        if isinstance(value, str):
            whole = value.strip()
            return bounded(int(whole, base) if re.fullmatch(r"[+-]?\w+", whole) else int(float(whole)))
        if isinstance(value, bool | int | float):
            return bounded(int(value))
    except (ValueError, OverflowError):
        pass
    return _fallback(value, default_value, "int")


def real(value: object, default_value: object = missing) -> object:
    try:
        if isinstance(value, str | bool | int | float):
            number = float(value)
            if math.isfinite(number):
                return number
    except (ValueError, OverflowError):
        pass
    return _fallback(value, default_value, "float")


def _fallback(value: object, default_value: object, name: str) -> object:
    if default_value is not missing:
        return default_value
    if isinstance(value, Missing):
        value.fail()
    shown = to_json(value)[:40] if isinstance(value, str) else kind(value)
    raise Refused(f"{name} cannot read {shown} as a number", f"give a fallback: | {name}(0)")


def sort(
    value: object, reverse: bool = False, case_sensitive: bool = False, attribute: object = None
) -> list[Any]:
    return sorted(_list(value, "sort"), key=_sort_key(attribute, case_sensitive), reverse=reverse)


def unique(value: object, case_sensitive: bool = False, attribute: object = None) -> list[Any]:
    key = _sort_key(attribute, case_sensitive)
    found = {json.dumps(plain(key(item)), sort_keys=True): item for item in reversed(_list(value, "unique"))}
    return list(reversed(found.values()))


def total(value: object, attribute: object = None, start: float = 0) -> Any:
    get, result = _key(attribute), start
    for item in _list(value, "sum"):
        result = bounded(result + _needs(get(item), (int, float), "sum", "numbers"))
    return result


def _extreme(name: str, choose: Callable[..., Any]) -> Callable[..., object]:
    def apply(value: object, case_sensitive: bool = False, attribute: object = None) -> object:
        items = _list(value, name)
        return choose(items, key=_sort_key(attribute, case_sensitive)) if items else lookup(items, 0)

    apply.__name__ = name
    return apply


def round_(value: object, precision: int = 0, method: str = "common") -> float:
    number: float = _needs(value, (int, float), "round", "a number")
    if method == "common":
        return round(float(number), precision)
    if method not in ("ceil", "floor"):
        raise Refused("round knows the methods common, ceil and floor")
    factor = 10.0 ** max(-15, min(precision, 15))
    return bounded((math.ceil if method == "ceil" else math.floor)(number * factor) / factor)


def absolute(value: object) -> Any:
    return abs(_needs(value, (int, float), "abs", "a number"))


def reverse(value: object) -> Any:
    return value[::-1] if isinstance(value, str) else _list(value, "reverse")[::-1]


def items(value: object) -> list[list[Any]]:
    found: dict[str, Any] = _needs(value, (dict,), "items", "an object")
    return [[key, inner] for key, inner in found.items()]


def dictsort(
    value: object, case_sensitive: bool = False, by: str = "key", reverse: bool = False
) -> list[list[Any]]:
    position = {"key": 0, "value": 1}.get(by)
    if position is None:
        raise Refused("dictsort sorts by 'key' or by 'value'")
    key = _sort_key(None, case_sensitive)
    return sorted(items(value), key=lambda pair: key(pair[position]), reverse=reverse)


def batch(value: object, size: int, fill: object = None) -> list[list[Any]]:
    found, step = _list(value, "batch"), int(size)
    if not 1 <= step <= MAX_RANGE:
        raise Refused(f"batch needs a size from 1 to {MAX_RANGE}")
    groups = [found[at : at + step] for at in range(0, len(found), step)]
    if fill is not None and groups:
        groups[-1] += [fill] * (step - len(groups[-1]))
    return groups


def groupby(value: object, attribute: object) -> list[list[Any]]:
    """Pairs of the shared value and its items, in the order of first appearance."""
    get = _key(attribute)
    groups: dict[str, list[Any]] = {}
    for item in _list(value, "groupby"):
        shared = get(item)
        groups.setdefault(json.dumps(plain(shared), sort_keys=True), [shared, []])[1].append(item)
    return list(groups.values())


def map_(value: object, attribute: object = None, default: object = missing) -> list[Any]:
    """One attribute of each item. The form that applies a filter by its name does not exist here."""
    if attribute is None:
        raise Refused("map needs attribute=", 'for example {{ data | map(attribute="id") }}')
    found = [pluck(item, attribute) for item in _list(value, "map")]
    if default is not missing:
        return [default if isinstance(item, Missing) else item for item in found]
    for item in found:
        if isinstance(item, Missing):
            item.fail()
    return found


def _choose(name: str, keep: bool, with_attribute: bool) -> Callable[..., list[Any]]:
    def apply(value: object, *arguments: object) -> list[Any]:
        rest = list(arguments)
        attribute = rest.pop(0) if with_attribute and rest else None
        test = TESTS.get(str(rest.pop(0))) if rest else bool
        if test is None:
            raise Refused(f"{name}: there is no test of that name", "known: " + ", ".join(sorted(TESTS)))
        chosen: list[Any] = []
        for item in _list(value, name):
            subject = pluck(item, attribute) if attribute is not None else item
            if bool(test(subject, *rest)) is keep:
                chosen.append(item)
        return chosen

    apply.__name__ = name
    return apply


def url_encode(value: object) -> str:
    """Percent-encoded text; an object or a list of pairs becomes a query string."""
    if isinstance(value, dict):
        return bounded(
            urlencode([(key, text(item)) for key, item in cast("dict[str, object]", value).items()])
        )
    return bounded(quote(text(value), safe=""))


def b64encode(value: object) -> str:
    return bounded(base64.b64encode(text(value).encode()).decode())


def b64decode(value: object) -> str:
    try:
        return base64.b64decode(text(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Refused("b64decode: this is not the base64 of a UTF-8 text") from None


def datetime_(value: object, pattern: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """A moment (ISO 8601 text, or seconds since 1970) in UTC, written by `pattern`.

    Only plain one-letter directives: the C library takes a width between `%` and the letter, and a width is a bomb.
    """
    if re.search(r"%(?![YmdHMSjaAbBpIyfzZ%])", pattern):
        raise Refused("datetime knows only %Y %m %d %H %M %S %j %a %A %b %B %p %I %y %f %z %Z %%")
    _needs(value, (str, int, float), "datetime", "a time")
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
        else:
            moment = datetime.fromtimestamp(cast("float", value), UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused("datetime: this is not an ISO 8601 time") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return bounded(moment.strftime(pattern))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": absolute,
    "b64decode": b64decode,
    "b64encode": b64encode,
    "batch": batch,
    "capitalize": _of_text("capitalize", str.capitalize),
    "count": length,
    "d": default,
    "datetime": datetime_,
    "default": default,
    "dictsort": dictsort,
    "first": first,
    "float": real,
    "fromjson": fromjson,
    "groupby": groupby,
    "int": integer,
    "items": items,
    "join": join,
    "last": last,
    "length": length,
    "list": _list,
    "lower": _of_text("lower", str.lower),
    "map": map_,
    "max": _extreme("max", max),
    "min": _extreme("min", min),
    "reject": _choose("reject", False, False),
    "rejectattr": _choose("rejectattr", False, True),
    "replace": replace,
    "reverse": reverse,
    "round": round_,
    "select": _choose("select", True, False),
    "selectattr": _choose("selectattr", True, True),
    "sort": sort,
    "split": split,
    "string": text,
    "sum": total,
    "title": _of_text("title", str.title),
    "tojson": tojson,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": _of_text("upper", str.upper),
    "urlencode": url_encode,
}

TESTS: Final[Mapping[str, Callable[..., Any]]] = {
    name: cast("Callable[..., Any]", JINJA_TESTS[name])
    for name in (
        "!=", "<", "<=", "==", ">", ">=", "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false",
        "float", "ge", "greaterthan", "gt", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping",
        "ne", "none", "number", "odd", "sequence", "string", "true", "undefined", "upper",
    )
}  # fmt: skip


# ---------------------------------------------------------------- methods


def _pairs(found: Iterable[tuple[str, object]]) -> list[list[object]]:
    return [[key, value] for key, value in found]


_STRING_METHODS = frozenset(
    (
        "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdecimal", "isdigit",
        "islower", "isspace", "isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
    )
)  # fmt: skip


def method(obj: object, name: str, *arguments: Any, **named: Any) -> Any:
    """`obj.name(...)`: the only calls on values there are. Raises Refused."""
    if isinstance(obj, Missing):
        obj.fail()
    if isinstance(obj, str):
        if name == "replace":
            return replace(obj, *arguments, **named)
        if name in _STRING_METHODS:
            return bounded(getattr(obj, name)(*arguments, **named))
    elif isinstance(obj, dict):
        found = cast("dict[str, object]", obj)
        match name:
            case "items":
                return _pairs(found.items(*arguments, **named))
            case "keys":
                return list(found.keys(*arguments, **named))
            case "values":
                return list(found.values(*arguments, **named))
            case "get":
                return found.get(*arguments, **named)
            case _:
                pass
    elif isinstance(obj, list | tuple) and name in ("index", "count"):
        return getattr(cast("list[object]", obj), name)(*arguments, **named)
    raise Refused(f"{kind(cast('object', obj))} has no method {name}()")


def bounded_range(*arguments: int) -> range:
    found = range(*arguments)
    if len(found) > MAX_RANGE:
        raise Refused(f"range() gives at most {MAX_RANGE} numbers")
    return found
