"""The environment templates run in: a narrow subclass of jinja's sandbox, closed by an allow-list of syntax (T1, T2).

Three walls. The syntax tree may hold only the nodes listed here (no import, include, macro, namespace, `self`, unpacking).
Attribute access means keys of JSON objects and nothing of Python: a method exists only where it is called, and only those of
`_filters.method`. Every operator that can grow a value is intercepted. The fourth wall, the process, is `_renderer`.

Nothing here knows the rest of the project: the renderer process loads this file and `_filters` only.
"""

from __future__ import annotations

import difflib
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NoReturn, cast

from jinja2 import Environment, Template, nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from runner import _filters
from runner._filters import FILTERS, TESTS
from runner._values import (
    MAX_ITEMS,
    MAX_TEXT,
    Missing,
    Refused,
    UndefinedUse,
    bounded,
    kind,
    lookup,
    plain,
    text,
)

MAX_SOURCE: Final = 64 * 1024  # characters of one template
MAX_NODES: Final = 4000
_VALUE: Final = "_value"  # names with a leading underscore are refused, so no template can touch it
_LOOP = frozenset(
    ("index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem")
)
_ALLOWED = (
    nodes.Add, nodes.And, nodes.Assign, nodes.Call, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Dict,
    nodes.Div, nodes.Filter, nodes.FloorDiv, nodes.For, nodes.Getattr, nodes.Getitem, nodes.If, nodes.Keyword, nodes.List,
    nodes.Mod, nodes.Mul, nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Pair, nodes.Pos,
    nodes.Pow, nodes.Slice, nodes.Sub, nodes.Template, nodes.TemplateData, nodes.Test, nodes.Tuple, nodes.With,
)  # fmt: skip


class Fault(Exception):
    """A template that cannot be rendered: what is wrong, what to do, on which line. `undefined`: a value is not there."""

    def __init__(self, message: str, hint: str = "", line: int = 1, undefined: bool = False) -> None:
        super().__init__(message)
        self.message, self.hint, self.line, self.undefined = message, hint, line, undefined


# ---------------------------------------------------------------- the language


class Sandbox(ImmutableSandboxedEnvironment):
    """jinja without Python: values are JSON, attributes are keys, methods exist only in a call."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "**", "%"))
    intercepted_unops = frozenset(("+", "-"))

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing, finalize=text, autoescape=False, keep_trailing_newline=True, loader=None
        )
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)
        self.globals = {"range": _filters.bounded_range}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return lookup(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return lookup(obj, argument)

    def method(self, obj: Any, name: str, *arguments: Any, **named: Any) -> Any:
        if isinstance(obj, LoopContext) and name in ("cycle", "changed"):
            return obj.cycle(*arguments) if name == "cycle" else obj.changed(*arguments)
        return _filters.method(obj, name, *arguments, **named)

    def tilde(self, *values: Any) -> str:
        return bounded("".join(text(value) for value in values))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        for internal in ("_loop_vars", "_block_vars"):  # jinja adds them to calls inside a loop
            kwargs.pop(internal, None)
        if __obj not in (__self.method, __self.tilde, _filters.bounded_range):
            raise Refused(f"{kind(__obj)} cannot be called")
        return __obj(*args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            raise Refused("formatting text with % is not available", "join texts with ~")
        if operator == "*":
            for sequence, times in ((left, right), (right, left)):
                if isinstance(sequence, str | list | tuple) and isinstance(times, int):
                    limit = MAX_TEXT if isinstance(sequence, str) else MAX_ITEMS
                    if len(cast("str", sequence)) * max(times, 0) > limit:
                        raise Refused(f"repeating makes more than {limit} values")
        if (
            operator == "**"
            and isinstance(left, int)
            and isinstance(right, int)
            and abs(left) > 1
            and right > 64
        ):
            raise Refused("a number does not fit in 64 bits")
        return bounded(super().call_binop(context, operator, left, right))


class _Rewrite(NodeTransformer):
    """Method calls and `~` go through the environment, so that methods are never values and `~` is measured."""

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr):
            target, line = node.node, node.lineno
            node.node = nodes.EnvironmentAttribute("method", lineno=line)
            node.args = [target.node, nodes.Const(target.attr, lineno=line), *node.args]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        target = nodes.EnvironmentAttribute("tilde", lineno=node.lineno)
        return nodes.Call(target, node.nodes, [], None, None, lineno=node.lineno)


def parse(environment: Environment, source: str) -> nodes.Template:
    """The checked syntax tree of `source`. Nothing is evaluated. Raises Fault."""
    if len(source) > MAX_SOURCE:
        raise Fault(f"a template has at most {MAX_SOURCE} characters, and this has {len(source)}")
    try:
        tree = environment.parse(source)
    except TemplateSyntaxError as error:
        raise Fault(f"not a template: {error.message}", line=error.lineno) from None
    except RecursionError:
        raise Fault("the template is nested too deep") from None
    except (ValueError, OverflowError) as error:  # literals such as ten thousand digits
        raise Fault(f"not a template: {error}") from None
    _check(tree)
    return tree


def _check(tree: nodes.Template) -> None:
    queue: deque[nodes.Node] = deque((tree,))
    seen = 0
    while queue:
        node = queue.popleft()
        seen += 1
        if seen > MAX_NODES:
            raise Fault(f"the template has more than {MAX_NODES} parts", line=node.lineno)
        if not isinstance(node, _ALLOWED):
            raise Fault(f"{_spoken(node)} is not available in templates", line=node.lineno)
        match node:
            case nodes.Name(name=name) if name.startswith("_") or name in ("self", "caller"):
                raise Fault(f"the name {name} is not available in templates", line=node.lineno)
            case nodes.For(recursive=True):
                raise Fault("recursive loops are not available in templates", line=node.lineno)
            case nodes.Const(value=value):
                try:
                    bounded(value)
                except Refused as error:
                    raise Fault(str(error), line=node.lineno) from None
            case nodes.Call():
                if not isinstance(node.node, nodes.Getattr) and getattr(node.node, "name", None) != "range":
                    raise Fault("only methods and range() can be called", "filters go behind |", node.lineno)
                _refuse_unpacking(node)
            case nodes.Filter(name=name):
                _known("filter", name, FILTERS, node)
            case nodes.Test(name=name):
                _known("test", name, TESTS, node)
            case _:
                pass
        queue.extend(node.iter_child_nodes())


def _refuse_unpacking(node: nodes.Call | nodes.Filter | nodes.Test) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise Fault("unpacking with * or ** is not available in templates", line=node.lineno)


def _known(word: str, name: str, known: Mapping[str, object], node: nodes.Filter | nodes.Test) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(sorted(known))
        raise Fault(f"there is no {word} {name}", hint, node.lineno)
    _refuse_unpacking(node)


def _spoken(node: nodes.Node) -> str:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(node).__name__).lower()
    return "namespace" if isinstance(node, nodes.NSRef) else words


def expression(tree: nodes.Template) -> nodes.Expr | None:
    """The one expression that is the whole template, white space around it aside; None where there is other text."""
    found: list[nodes.Expr] = []
    for part in tree.body:
        if not isinstance(part, nodes.Output):
            return None
        found += [
            node for node in part.nodes if not isinstance(node, nodes.TemplateData) or node.data.strip()
        ]
    return found[0] if len(found) == 1 and not isinstance(found[0], nodes.TemplateData) else None


# ---------------------------------------------------------------- rendering (in the renderer process only)


@dataclass(frozen=True, slots=True)
class Compiled:
    template: Template
    single: bool


class Renderer:
    """Compiles and runs templates. Compiling folds constants, hence runs code: never call this in the main process."""

    def __init__(self) -> None:
        self.environment = Sandbox()
        self.compiled = lru_cache(maxsize=256)(self.compile)

    def compile(self, source: str) -> Compiled:
        tree = parse(self.environment, source)
        single = expression(tree)
        if single is not None:
            line = single.lineno
            body: list[nodes.Node] = [
                nodes.Assign(nodes.Name(_VALUE, "store", lineno=line), single, lineno=line)
            ]
            tree = nodes.Template(body, lineno=1)
        tree = cast("nodes.Template", _Rewrite().visit(tree))
        tree.set_environment(self.environment)
        return Compiled(self.environment.from_string(tree), single is not None)

    def render(
        self, source: str, scope: Mapping[str, Any], known: Mapping[str, list[str]] | None = None
    ) -> Any:
        """A plain JSON value. Raises Fault, or MemoryError. `known` lists names that were left out of `scope`."""
        template: Template | None = None
        try:
            compiled = self.compiled(source)
            template = compiled.template
            context = template.new_context(dict(scope))
            chunks: list[str] = []
            size = 0
            for chunk in template.root_render_func(context):
                size += len(chunk)
                if size > MAX_TEXT:
                    raise Refused(f"the result is larger than {MAX_TEXT} characters")
                chunks.append(chunk)
            return plain(context.vars[_VALUE]) if compiled.single else "".join(chunks)
        except (Fault, MemoryError):
            raise
        except Exception as error:
            _raise_fault(error, template, scope, known or {})


def _raise_fault(
    error: Exception, template: Template | None, scope: Mapping[str, Any], known: Mapping[str, list[str]]
) -> NoReturn:
    line = _line(error, template)
    match error:
        case UndefinedUse():
            message, hint = undefined_text(scope, known, error.obj, error.name)
            raise Fault(message, hint, line, undefined=True) from None
        case Refused():
            raise Fault(str(error), error.hint, line) from None
        case SecurityError():
            raise Fault("the template reaches for something unsafe", "", line) from None
        case RecursionError():
            raise Fault("the template is nested too deep", "", line) from None
        case TemplateError() | ArithmeticError() | TypeError() | ValueError() | LookupError():
            raise Fault(str(error)[:300], "", line) from None
        case _:
            raise Fault(f"the template failed: {type(error).__name__}", "", line) from None


def _line(error: BaseException, template: Template | None) -> int:
    line, step = 1, error.__traceback__
    while step is not None:
        if template is not None and step.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(step.tb_lineno)
        step = step.tb_next
    return line


# ---------------------------------------------------------------- words for what is not there


def spell(path: tuple[str | int, ...], start: str = "") -> str:
    """A path as one writes it: `nodes.orders.output[0]["a b"]`. It goes on from `start`."""
    out = start
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif part.isidentifier():
            out += f".{part}" if out else part
        else:
            out += f'["{part}"]'
    return out


def undefined_text(
    scope: Mapping[str, Any],
    known: Mapping[str, list[str]],
    obj: object,
    name: object,
    path: str | None = None,
) -> tuple[str, str]:
    """Message and hint for `name` missing in `obj`, whose path is looked up in `scope` where it is not given."""
    if obj is missing:
        return f"{name} is not defined", _listed(known.get("") or list(scope))
    path = path or _locate(scope, obj)
    subject = path or "this value"
    if isinstance(obj, dict) and isinstance(name, str):
        keys = [str(key) for key in cast("dict[str, object]", obj)]
        if path == "nodes":
            return f"{spell(('nodes', name[:60]))} has no output yet", _listed(known.get("nodes") or keys)
        whole = spell((name[:60],), path) if path else f"the key {name[:60]}"
        return f"{whole} is not defined", _listed(keys)
    if isinstance(name, int) and isinstance(obj, list | str):
        return f"{subject} has no position {name}: it holds {len(cast('str', obj))}", _OR_DEFAULT
    return f"{subject} is {kind(cast('object', obj))}: it has no {str(name)[:60]}", _OR_DEFAULT


_OR_DEFAULT = "where it may be missing, add | default(...)"


def _listed(names: list[str]) -> str:
    if not names:
        return "nothing is known there"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return "known: " + ", ".join(name[:60] for name in names[:12]) + more


def _locate(scope: Mapping[str, Any], wanted: object) -> str | None:
    """The path of the container `wanted` within `scope`, found by identity; None if it was made by the template."""
    if not isinstance(wanted, dict | list):
        return None
    queue: deque[tuple[tuple[str | int, ...], object]] = deque(
        ((name,), value) for name, value in scope.items()
    )
    for _ in range(10_000):
        if not queue:
            break
        path, value = queue.popleft()
        if value is wanted:
            return spell(path)
        if isinstance(value, dict):
            queue.extend(((*path, key), item) for key, item in cast("dict[str, object]", value).items())
        elif isinstance(value, list):
            queue.extend(((*path, at), item) for at, item in enumerate(cast("list[object]", value)))
    return None
