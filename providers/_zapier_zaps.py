"""Zaps as two editions of the API show them, merged. Pure.

v2 has ids, titles and expanded actions; v1 has integer ids and the names of apps. Facts: OpenAPI "Partner API" 2024.11.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import JsonValue

from providers import JsonObject, PreviewEdge, PreviewNode
from providers._shape import digest, moment, obj, objects, text, whole


@dataclass(frozen=True)
class Step:
    """`catch` tells whether it waits for a call to a webhook; None: the API does not say."""

    title: str | None
    kind: str
    app: str | None
    catch: bool | None


@dataclass(frozen=True)
class Zap:
    """`number` is the integer id that zap runs carry; `definition` what the fingerprint is made of."""

    id: str
    number: int | None
    title: str
    on: bool
    steps: tuple[Step, ...]
    url: str | None
    updated_at: datetime | None
    definition: JsonValue

    def catches(self) -> bool | None:
        return self.steps[0].catch if self.steps else None

    def fingerprint(self) -> str:
        return digest(self.definition)


def merged(second: Iterable[JsonObject], first: Iterable[JsonObject]) -> list[Zap]:
    """Every Zap of v2 with what v1 adds; where v2 shows none at all, those of v1."""
    old = {zap.number: zap for item in first if (zap := _from_v1(item)) is not None}
    new = [zap for item in second if (zap := _from_v2(item)) is not None]
    if not new:
        return list(old.values())
    return [_joined(zap, old) for zap in new]


def chain(zap: Zap) -> tuple[tuple[PreviewNode, ...], tuple[PreviewEdge, ...]]:
    """The steps in order. How the API shows Paths is not documented: what it lists is drawn as a line."""
    nodes = tuple(
        PreviewNode(id=str(n), label=step.title or step.app or f"Step {n}", type=step.kind, app=step.app)
        for n, step in enumerate(zap.steps, 1)
    )
    edges = tuple(PreviewEdge(source=str(n), target=str(n + 1)) for n in range(1, len(nodes)))
    return nodes, edges


def _from_v2(item: JsonObject) -> Zap | None:
    ref = text(item.get("id"))
    if ref is None:
        return None
    steps: list[Step] = []
    definition: list[JsonValue] = []
    raw = item.get("steps")
    for entry in raw if isinstance(raw, list) else []:
        step = obj(entry)
        action = obj(step.get("action"))
        app = obj(action.get("app"))
        key, kind = text(action.get("key")), text(action.get("action_type"))
        steps.append(
            Step(
                title=text(step.get("title")) or text(action.get("title")) or key,
                kind=key or (kind or "step").lower(),
                app=text(app.get("title")) or text(app.get("name")) or text(app.get("slug")),
                catch=None if key is None else key.startswith(("hook", "catch")),
            )
        )
        # Action ids are documented as unstable, keys as stable.
        definition.append([key, kind, step.get("inputs"), step.get("title"), step.get("authentication")])
    link = text(obj(item.get("links")).get("html_editor"))
    return Zap(
        id=ref,
        number=_number(link),
        title=text(item.get("title")) or f"Zap {ref}",
        on=item.get("is_enabled") is True,
        steps=tuple(steps),
        url=link,
        updated_at=moment(item.get("updated_at")),
        definition=definition,
    )


def _from_v1(item: JsonObject) -> Zap | None:
    number = whole(item.get("id"))
    if number is None:
        return None
    steps: list[Step] = []
    definition: list[JsonValue] = []
    for step in objects(item.get("steps")):
        app = obj(step.get("app"))
        slug, kind = text(app.get("slug")), text(step.get("type_of")) or "step"
        catch = slug == "webhook" if kind == "read" and slug else None
        steps.append(Step(title=None, kind=kind, app=text(app.get("title")) or slug, catch=catch))
        definition.append([kind, slug, step.get("params")])
    return Zap(
        id=str(number),
        number=number,
        title=text(item.get("title")) or f"Zap {number}",
        on=item.get("state") == "on",
        steps=tuple(steps),
        url=text(item.get("url")),
        updated_at=moment(item.get("modified_at")),
        definition=definition,
    )


def _joined(zap: Zap, old: dict[int | None, Zap]) -> Zap:
    """The editor link names the integer id. The digits that end a v2 id may be it too, which is believed only where v1
    lists a Zap of that number and title."""
    twin = old.get(zap.number) if zap.number is not None else None
    tail = re.fullmatch(r"00000000-0000-c000-8000-(\d{12})", zap.id)
    if twin is None and tail is not None:
        guess = old.get(int(tail[1]))
        twin = guess if guess is not None and guess.title == zap.title else None
    if twin is None:
        return zap
    if len(twin.steps) != len(zap.steps):
        return replace(zap, number=twin.number)
    steps = tuple(
        replace(step, app=step.app or other.app, catch=other.catch if step.catch is None else step.catch)
        for step, other in zip(zap.steps, twin.steps, strict=True)
    )
    return replace(zap, number=twin.number, steps=steps)


def _number(link: str | None) -> int | None:
    found = re.search(r"/editor/(\d{1,18})(?:[/?#]|$)", link or "")
    return int(found[1]) if found else None
