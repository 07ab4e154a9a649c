"""The values of templates: plain JSON, what stands for a value that is not there, and the measures of both."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any, Final, NoReturn, cast

from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Undefined
from jinja2.utils import missing

MAX_TEXT: Final = 1_000_000  # characters of one text a template builds; also the budget of one result
MAX_ITEMS: Final = 100_000  # values in one list or one result
MAX_RANGE: Final = 10_000
MAX_DEPTH: Final = 64
_INT64: Final = 2**63


class Refused(TemplateRuntimeError):
    """The template asked for something that is not allowed or too large. `hint` says what to do instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UndefinedUse(TemplateRuntimeError):
    """A value that is not there was used: `name` in `obj`, or of the scope itself where `obj` is jinja's `missing`."""

    def __init__(self, obj: object, name: object) -> None:
        super().__init__(f"{name} is not defined")
        self.obj, self.name = obj, name


class Missing(Undefined):
    """What a lookup that finds nothing gives: usable with `default` and `is defined`, an error anywhere else."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: Any = None
    ) -> None:
        super().__init__(hint, obj, name)

    def fail(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise UndefinedUse(self._undefined_obj, self._undefined_name)

    _fail_with_undefined_error = fail
    __iter__ = __str__ = __repr__ = __len__ = __eq__ = __ne__ = __bool__ = __hash__ = __contains__ = fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = fail
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = fail
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = __complex__ = __call__ = __getitem__ = fail


def kind(value: object) -> str:
    """The JSON word for the type of `value`, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple() | range():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "not a JSON value"


def lookup(obj: object, key: object) -> object:
    """`obj[key]` as JSON means it: object keys, list and text positions, nothing of Python. Else `Missing`."""
    if isinstance(obj, Undefined):
        return obj  # the first missing thing is the one to name
    if isinstance(obj, dict):
        if isinstance(key, str) and key in obj:
            return cast("dict[str, object]", obj)[key]
    elif (
        isinstance(obj, list | tuple | str | range)
        and isinstance(key, int | slice)
        and not isinstance(key, bool)
    ):
        with suppress(IndexError):
            return cast("list[object]", obj)[cast("int", key)]
    return Missing(obj=cast("Any", obj), name=cast("Any", key))


def pluck(obj: object, path: object) -> object:
    """The value at a dotted path such as `customer.id`; whole numbers are list positions."""
    for part in str(path).split("."):
        obj = lookup(
            obj, int(part) if part.isdecimal() and len(part) < 10 and not isinstance(obj, dict) else part
        )
    return obj


def plain(value: object, *, budget: int = MAX_TEXT) -> Any:
    """A copy of `value` made of JSON types only, measured while it is made. Raises Refused or UndefinedUse.

    The copy matters: a list that holds one long list a thousand times is small here and huge as JSON.
    """
    left, items = budget, MAX_ITEMS

    def copy(item: object, depth: int) -> Any:
        nonlocal left, items
        items -= 1
        if isinstance(item, str):
            left -= len(item) + 2
        else:
            left -= 4
        if left < 0:
            raise Refused(f"the result is larger than {budget} characters")
        if items < 0:
            raise Refused(f"the result has more than {MAX_ITEMS} values")
        if depth > MAX_DEPTH:
            raise Refused(f"the result is nested deeper than {MAX_DEPTH} levels")
        if item is None or isinstance(item, str | bool):
            return item
        if isinstance(item, int | float):
            return bounded(item)
        if isinstance(item, dict):
            copied: dict[str, Any] = {}
            for key, inner in cast("dict[object, object]", item).items():
                if not isinstance(key, str):
                    raise Refused(f"the keys of an object must be strings, and one is {kind(key)}")
                left -= len(key) + 4
                copied[key] = copy(inner, depth + 1)
            return copied
        if isinstance(item, list | tuple | range):
            return [copy(inner, depth + 1) for inner in cast("list[object]", item)]
        if isinstance(item, Missing):
            item.fail()
        raise Refused("the result is not a JSON value", "call a method with (), or pick a key")

    return copy(value, 0)


def bounded(value: Any) -> Any:
    """`value` if it is of a size a template may hold. Raises Refused."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise Refused(f"a text is longer than {MAX_TEXT} characters")
    elif isinstance(value, list | tuple):
        if len(cast("list[object]", value)) > MAX_ITEMS:
            raise Refused(f"a list has more than {MAX_ITEMS} values")
    elif isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise Refused("a number does not fit in 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Refused("a number is infinite or not a number")
    elif not isinstance(value, dict | range | Undefined) and value is not None:
        raise Refused("the result is not a JSON value")
    return cast("Any", value)


def to_json(value: object) -> str:
    """Compact JSON, not escaped for HTML. `value` must be plain."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text(value: object) -> str:
    """How a value stands inside a text: a string as it is, anything else as its JSON."""
    if isinstance(value, str):
        return value
    return to_json(plain(value))
