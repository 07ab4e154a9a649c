"""The one expression language: `{{ data.total }}` in any string of a node's configuration.

A value that is one expression alone keeps its type; anything else becomes text, in which strings stand as they are and all
else as JSON. What is rendered is never rendered again: braces inside data come out unchanged.

Most templates only look something up. Those are answered here from their syntax tree, without running jinja. The rest runs
in a renderer process (`_renderer`) that holds no secret and is killed when it takes longer than `WALL_SECONDS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self, cast

from jinja2 import nodes
from jinja2.utils import missing
from pydantic import JsonValue

from providers import BadJson, read_json
from runner._pool import WALL_SECONDS, Died, Late, NotStarted, Pool
from runner._sandbox import Fault, Sandbox, expression, parse, spell, undefined_text
from runner._values import MAX_TEXT, Missing, Refused, lookup, plain, to_json
from runner.errors import RunnerError

MAX_REQUEST: Final = 48 * 1024 * 1024
MAX_PASSED_ON: Final = 10 * 1024 * 1024  # characters of `{{ data | tojson }}`: as large as an answer may be


class TemplateError(RunnerError):
    """A template cannot be rendered. `undefined`: only because a value is not there. `pointer`: which string of the value."""

    code = "template"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        line: int = 1,
        undefined: bool = False,
        pointer: str = "",
    ) -> None:
        super().__init__(message, hint=hint or None)
        self.line, self.undefined, self.pointer = line, undefined, pointer


# ---------------------------------------------------------------- design time


def is_template(source: str) -> bool:
    """False for literal text, which is never looked at further."""
    return "{{" in source or "{%" in source


def check(source: str) -> TemplateError | None:
    """Why `source` can never be rendered, without evaluating anything; None if it may be."""
    if not is_template(source):
        return None
    try:
        plan(source)
    except TemplateError as error:
        return error
    return None


def names(source: str) -> frozenset[str]:
    """The dotted references in `source`, as far as they are constant: `nodes.orders.output`, `callback.url`, `data`.

    Only the longest form is given. Names set inside the template are left out. A template that cannot be parsed has none.
    """
    if not is_template(source):
        return frozenset()
    try:
        return frozenset(".".join(map(str, path)) for path in plan(source).references)
    except TemplateError:
        return frozenset()


def strings(value: JsonValue, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every template inside `value` with its JSON Pointer."""
    if isinstance(value, str):
        if is_template(value):
            yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from strings(item, f"{pointer}/{at}")


# ---------------------------------------------------------------- what a template needs

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Lookup:
    path: _Path
    line: int
    fallback: tuple[JsonValue] | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """`parts` is None where jinja has to run; `single` where the type is kept."""

    parts: tuple[str | _Lookup, ...] | None
    single: bool
    references: frozenset[_Path]
    roots: frozenset[str]


_PARSER = Sandbox()


def plan(source: str) -> _Plan:
    """What rendering `source` takes. Kept for short sources. Raises TemplateError."""
    try:
        return _kept_plan(source) if len(source) <= 4096 else _plan(source)
    except Fault as fault:
        raise _error(fault) from None


def _plan(source: str) -> _Plan:
    tree = parse(_PARSER, source)
    single = expression(tree)
    parts = [_part(single)] if single is not None else _parts(tree)
    chains, roots = _references(tree)
    return _Plan(
        parts=None if parts is None or None in parts else tuple(part for part in parts if part is not None),
        single=single is not None,
        references=chains,
        roots=roots,
    )


_kept_plan = lru_cache(maxsize=1024)(_plan)


def _parts(tree: nodes.Template) -> list[str | _Lookup | None] | None:
    found: list[str | _Lookup | None] = []
    for part in tree.body:
        if not isinstance(part, nodes.Output):
            return None
        found += [node.data if isinstance(node, nodes.TemplateData) else _part(node) for node in part.nodes]
    return found


def _part(node: nodes.Expr) -> _Lookup | None:
    """`path`, `path | default(constant)`, either with `| tojson`; None for anything that has to be run."""
    as_json = False
    fallback: tuple[JsonValue] | None = None
    line = node.lineno
    if (
        isinstance(node, nodes.Filter)
        and node.name == "tojson"
        and not node.args
        and not node.kwargs
        and node.node
    ):
        as_json, node = True, node.node
    if (
        isinstance(node, nodes.Filter)
        and node.name in ("default", "d")
        and len(node.args) == 1
        and not node.kwargs
    ):
        constant = node.args[0]
        if not isinstance(constant, nodes.Const) or node.node is None:
            return None
        fallback, node = (cast("JsonValue", constant.value),), node.node
    path = _chain(node)
    return None if path is None or path[0] == "range" else _Lookup(path, line, fallback, as_json)


def _chain(node: nodes.Node) -> _Path | None:
    """`a.b[0]["c"]` as keys; None if a key has to be worked out."""
    keys: list[str | int] = []
    while not isinstance(node, nodes.Name):
        key: object = None
        if isinstance(node, nodes.Getattr):
            key = node.attr
        elif isinstance(node, nodes.Getitem):
            key = _constant(node.arg)
        else:
            return None
        if not isinstance(key, str | int) or isinstance(key, bool):
            return None
        keys.append(key)
        node = node.node
    return (node.name, *reversed(keys)) if node.ctx == "load" else None


def _constant(node: nodes.Expr) -> object:
    if isinstance(node, nodes.Neg):
        inner = _constant(node.node)
        return -inner if isinstance(inner, int) else None
    return cast("object", node.value) if isinstance(node, nodes.Const) else None


def _references(tree: nodes.Template) -> tuple[frozenset[_Path], frozenset[str]]:
    """Constant chains from names of the scope, and every name that is read at all (more than enough to send)."""
    set_here: set[str] = {"loop", "range"}
    roots: set[str] = set()
    chains: set[_Path] = set()
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, nodes.Name):
            (roots if node.ctx == "load" else set_here).add(node.name)
        if (
            isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem)
            and (chain := _chain(node)) is not None
        ):
            chains.add(chain)
            continue_with: list[nodes.Node] = []
            roots.add(cast("str", chain[0]))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            # The method's name is not a key: `data.items()` reads `data`.
            continue_with = [node.node.node, *node.args, *node.kwargs]
        else:
            continue_with = list(node.iter_child_nodes())
        stack.extend(continue_with)
    return frozenset(chain for chain in chains if chain[0] not in set_here), frozenset(roots)


# ---------------------------------------------------------------- rendering


def _error(fault: Fault, pointer: str = "") -> TemplateError:
    return TemplateError(
        f"{fault.message} (line {fault.line})",
        fault.hint,
        line=fault.line,
        undefined=fault.undefined,
        pointer=pointer,
    )


def _from_the_front(obj: object, step: str | int) -> str | int:
    """`step` into `obj`, a position counted from the back spelled as the same one from the front."""
    if isinstance(step, int) and step < 0 and isinstance(obj, list):
        return len(cast("list[JsonValue]", obj)) + step
    return step


def _look_up(part: _Lookup, scope: Mapping[str, JsonValue]) -> JsonValue:
    value: object = scope.get(cast("str", part.path[0]), missing)
    obj: object = missing
    at = 0
    place = list(
        part.path[:1]
    )  # as walked, positions counted from the front: how the renderer process names it too
    if value is not missing:
        for at in range(1, len(part.path)):
            obj, step = value, part.path[at]
            value = lookup(obj, step)
            if isinstance(value, Missing):
                break
            place.append(_from_the_front(obj, step))
    if value is missing or isinstance(value, Missing):
        if part.fallback is None:
            message, hint = undefined_text(scope, {}, obj, part.path[at], spell(tuple(place)))
            raise Fault(message, hint, part.line, undefined=True)
        value = part.fallback[0]
    if part.as_json:
        written = to_json(value)
        if len(written) > MAX_PASSED_ON:
            raise Fault(f"the result is larger than {MAX_PASSED_ON} characters", line=part.line)
        return written
    return cast("JsonValue", value)


def _look_up_all(found: _Plan, parts: Sequence[str | _Lookup], scope: Mapping[str, JsonValue]) -> JsonValue:
    if found.single:
        return _look_up(cast("_Lookup", parts[0]), scope)
    chunks: list[str] = []
    size = 0
    for part in parts:
        value = part if isinstance(part, str) else _look_up(part, scope)
        try:
            chunks.append(value if isinstance(value, str) else to_json(plain(value)))
        except Refused as error:
            raise Fault(str(error), error.hint) from None
        size += len(chunks[-1])
        if size > MAX_TEXT:
            raise Fault(f"the result is larger than {MAX_TEXT} characters")
    return "".join(chunks)


@dataclass
class _Job:
    pointer: str
    source: str
    plan: _Plan
    value: JsonValue = None


class Templates:
    """Renders templates; owns at most `size` renderer processes, started when first needed. Safe to share between tasks.

    Use as an async context manager, or call `aclose`, which ends the processes.
    """

    def __init__(self, size: int = 2) -> None:
        self._pool = Pool(size)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def render(self, source: str, scope: Mapping[str, JsonValue]) -> JsonValue:
        """The value of one template. A lookup gives the object in `scope` itself, not a copy. Raises TemplateError."""
        return await self.render_all(source, scope)

    async def render_all(
        self, value: JsonValue, scope: Mapping[str, JsonValue], *, at_once: bool = False
    ) -> JsonValue:
        """`value` with every string inside it rendered; keys are left alone. All or nothing. Raises TemplateError, `at_once` also
        for what a renderer process is needed for."""
        done: dict[str, JsonValue] = {}
        jobs: list[_Job] = []
        for pointer, source in strings(value):
            try:
                found = plan(source)
                if found.parts is None:
                    jobs.append(_Job(pointer, source, found))
                else:
                    done[pointer] = _look_up_all(found, found.parts, scope)
            except Fault as fault:
                raise _error(fault, pointer) from None
            except TemplateError as error:
                error.pointer = pointer
                raise
        if jobs and at_once:
            raise TemplateError("it is not had at once", pointer=jobs[0].pointer)
        if jobs:
            await self._run(jobs, scope)
            done.update((job.pointer, job.value) for job in jobs)
        return replaced(value, "", done) if done else value

    async def _run(self, jobs: list[_Job], scope: Mapping[str, JsonValue]) -> None:
        sources: list[JsonValue] = [job.source for job in jobs]
        request = json.dumps({"sources": sources, **_needed(jobs, scope)}).encode()
        if len(request) > MAX_REQUEST:
            raise TemplateError(
                "the data is too large for a template",
                "Name only the part that is needed, such as nodes.orders.output.id.",
                pointer=jobs[0].pointer,
            )
        reply = await self._ask(request, jobs[0].pointer if len(jobs) == 1 else "")
        if "fault" in reply:
            told = cast("dict[str, Any]", reply["fault"])
            fault = Fault(told["message"], told["hint"], told["line"], told["undefined"])
            raise _error(fault, jobs[int(told["index"])].pointer)
        for job, value in zip(jobs, cast("list[JsonValue]", reply["values"]), strict=True):
            job.value = value

    async def _ask(self, request: bytes, pointer: str) -> dict[str, JsonValue]:
        try:
            return cast("dict[str, JsonValue]", read_json(await self._pool.ask(request)))
        except Late:
            message, hint = f"the template took longer than {WALL_SECONDS:g} s", "Loop over less data."
        except Died:
            message, hint = "the template used too much memory or time", "Loop over less data."
        except NotStarted:
            message, hint = "the template renderer does not start", "See whether memory or processes ran out."
        except BadJson as error:
            message, hint = f"the result cannot be kept: {error}", ""
        raise TemplateError(message, hint, pointer=pointer)


def _needed(jobs: Sequence[_Job], scope: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The part of the scope these templates read. Outputs of other nodes can be large, and need not travel."""
    sent = {name: scope[name] for job in jobs for name in job.plan.roots if name in scope}
    everything: list[JsonValue] = list(scope)
    known: dict[str, JsonValue] = {"": everything}
    outputs = sent.get("nodes")
    if isinstance(outputs, dict):
        paths = [path for job in jobs for path in job.plan.references if path[0] == "nodes"]
        first: list[JsonValue] = list(outputs)
        known["nodes"] = first[:50]
        whole = any(len(path) < 2 for path in paths) or any(_sets(job.plan, "nodes") for job in jobs)
        if not whole:
            wanted = {path[1] for path in paths}
            sent["nodes"] = {name: output for name, output in outputs.items() if name in wanted}
    return {"scope": sent, "known": known}


def _sets(found: _Plan, name: str) -> bool:
    """`name` is read, but not by a constant chain from the scope: it is also set inside the template."""
    return name in found.roots and not any(path[0] == name for path in found.references)


def replaced(value: JsonValue, pointer: str, done: Mapping[str, JsonValue]) -> JsonValue:
    """`value` with the strings at the pointers of `done` exchanged."""
    if isinstance(value, str):
        return done.get(pointer, value)
    if isinstance(value, dict):
        return {
            key: replaced(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", done)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [replaced(item, f"{pointer}/{at}", done) for at, item in enumerate(value)]
    return value
