"""Templates and mappings tried on sample data, by the code that runs them: bounded, and nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping as Scope
from collections.abc import Sequence
from typing import Any, Final, Literal, cast

from pydantic import JsonValue

from providers import Frozen, JsonObject
from runner import paths
from runner.nodes.data_mapper import Mapping, apply, lacking
from runner.template import TemplateError, Templates, replaced, strings

MAX_RESULT: Final = 1_000_000
"""Characters of what a preview answers, about."""
MAX_TEMPLATES: Final = 100
_SECONDS: Final = 5.0
_FAULTS: Final = 50
_PLACES: Final = 100_000


class RenderProblem(Frozen):
    """Why the template at `pointer` gives nothing. `undefined`: only because a value is not in the sample."""

    pointer: str
    line: int
    message: str
    hint: str | None
    undefined: bool


class Rendered(Frozen):
    """`value` with every template rendered; null in the place of one that has a problem."""

    value: JsonValue
    problems: tuple[RenderProblem, ...]


class MappedRow(Frozen):
    """What one mapping gives. `missing`: its source is not in the sample."""

    value: JsonValue
    missing: bool


class MapWarning(Frozen):
    """`row` counts from 0. An error would fail the node; a warning leaves null."""

    row: int
    message: str
    hint: str | None = None
    severity: Literal["error", "warning"] = "warning"


class Mapped(Frozen):
    """What the mapper would put out: without the rows that fail."""

    output: JsonObject
    rows: tuple[MappedRow, ...]
    warnings: tuple[MapWarning, ...]


async def rendered(templates: Templates, value: JsonValue, context: Scope[str, JsonValue]) -> Rendered:
    """Every problem at once, unlike a run, which stops at the first."""
    sources = list(strings(value))
    done: dict[str, JsonValue] = {}
    problems: list[RenderProblem] = []
    for pointer, _ in sources[MAX_TEMPLATES:]:
        problems.append(_problem(pointer, f"a preview renders at most {MAX_TEMPLATES} templates"))
        done[pointer] = None
    left = MAX_RESULT
    deadline = asyncio.get_running_loop().time() + _SECONDS
    for pointer, source in sources[:MAX_TEMPLATES]:
        done[pointer] = None
        try:
            async with asyncio.timeout_at(deadline):
                found = await templates.render(source, context)
        except TemplateError as error:
            problems.append(
                RenderProblem(
                    pointer=pointer,
                    line=error.line,
                    message=error.message,
                    hint=error.hint,
                    undefined=error.undefined,
                )
            )
            continue
        except TimeoutError:
            problems.append(_problem(pointer, f"the preview took longer than {_SECONDS:g} s"))
            continue
        left -= weight(found, left)
        if left < 0:
            problems.append(_problem(pointer, "the result is too large for a preview"))
            left = 0
        else:
            done[pointer] = found
    return Rendered(value=replaced(value, "", done), problems=tuple(problems))


def mapped(mappings: Sequence[Mapping], context: Scope[str, JsonValue]) -> Mapped:
    """Each mapping by itself: one that fails takes no other with it."""
    output: JsonObject = {}
    room = paths.Room(_PLACES)
    good: list[Mapping] = []
    rows: list[MappedRow] = []
    warnings: list[MapWarning] = []
    left, faults = MAX_RESULT, 0
    for number, mapping in enumerate(mappings):
        if faults >= _FAULTS or left < 0:
            warnings.append(
                MapWarning(
                    row=number,
                    message="the preview ends here",
                    hint="Mend the rows above." if faults else "The result is too large for a preview.",
                )
            )
            break
        try:
            found = apply(mapping, context, output, room)
        except (paths.PathError, paths.ConvertError) as error:
            faults += 1
            warnings.append(MapWarning(row=number, message=error.message, hint=error.hint, severity="error"))
            rows.append(MappedRow(value=None, missing=False))
            output, room = {}, paths.Room(_PLACES)  # it may be half written
            for each in good:
                apply(each, context, output, room)
            continue
        good.append(mapping)
        missing = found is paths.MISSING
        value = mapping.default if found is paths.MISSING else found
        left -= weight(value, left)
        rows.append(MappedRow(value=value if left >= 0 else None, missing=missing))
        if missing and "default" not in mapping.model_fields_set:
            warnings.append(
                MapWarning(
                    row=number, message=lacking(mapping), hint="Give it a default, or map another field."
                )
            )
    return Mapped(output=output if left >= 0 else {}, rows=tuple(rows), warnings=tuple(warnings))


def weight(value: JsonValue, enough: int) -> int:
    """About how many characters `value` has as JSON; counting ends above `enough`."""
    total, stack = 0, [value]
    while stack and total <= enough:
        item = stack.pop()
        total += 8
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, dict):
            pairs = cast("dict[str, Any]", item)
            total += sum(map(len, pairs))
            stack.extend(pairs.values())
        elif isinstance(item, list):
            stack.extend(item)
    return total


def _problem(pointer: str, message: str) -> RenderProblem:
    return RenderProblem(
        pointer=pointer, line=1, message=message, hint="Look at less of the data.", undefined=False
    )
