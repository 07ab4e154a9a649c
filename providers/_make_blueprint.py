"""A Make blueprint as a graph, and a scenario interface as JSON Schema. Pure.

Facts: integromat/make-skills, skills/make-scenario-building (blueprint construction, branching), whose files are the
only public description of `routes`, `branches`, `merge`, `onerror` and `filter`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from providers import JsonObject, Position, PreviewEdge, PreviewNode
from providers._shape import digest, obj, objects, text


def graph(blueprint: JsonObject) -> tuple[tuple[PreviewNode, ...], tuple[PreviewEdge, ...]]:
    """Modules in running order and the wires between them. Nothing of parameters and mappings is shown."""
    drawing = _Drawing([], [], set())
    drawing.walk(objects(blueprint.get("flow")), [], off=False)
    return tuple(drawing.nodes), tuple(drawing.edges)


def fingerprint(response: JsonObject, interface: JsonObject) -> str:
    """Changes with what would run, its schedule and its inputs; moving a module on the canvas changes nothing."""
    flow = _definition(objects(obj(response.get("blueprint")).get("flow")))
    return digest({"flow": flow, "scheduling": response.get("scheduling"), "interface": interface})


def schema(fields: JsonValue) -> JsonObject | None:
    """The JSON Schema of an interface list; None where the scenario declares none."""
    if not isinstance(fields, list):
        return None
    found = objects(fields)
    named = {name: field for field in found if (name := text(field.get("name")))}
    required: list[JsonValue] = [name for name, field in named.items() if field.get("required") is True]
    properties: JsonObject = {name: _field(field) for name, field in named.items()}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


@dataclass(frozen=True)
class _End:
    """A wire that has left `node` and has not arrived yet."""

    node: str
    label: str | None = None
    kind: str = "main"


@dataclass(frozen=True)
class _Drawing:
    nodes: list[PreviewNode]
    edges: list[PreviewEdge]
    taken: set[str]

    def walk(self, flow: list[JsonObject], ends: list[_End], *, off: bool) -> list[_End]:
        """Draw `flow` behind `ends`; returns the wires that leave it. A router leaves none: its routes never merge."""
        for module in flow:
            dark = off or module.get("disabled") is True
            node = self._node(module, dark)
            label = _filter(module)
            for end in ends:
                words = " · ".join(word for word in (end.label, label) if word) or None
                self.edges.append(PreviewEdge(source=end.node, target=node, label=words, kind=end.kind))
            ends = [_End(node)]
            self.walk(objects(module.get("onerror")), [_End(node, kind="error")], off=dark)
            if isinstance(module.get("routes"), list):
                ends = []
                for route in objects(module.get("routes")):
                    closed = dark or route.get("disabled") is True
                    self.walk(objects(route.get("flow")), [_End(node, text(route.get("label")))], off=closed)
            if isinstance(module.get("branches"), list):
                ends = []
                for branch in objects(module.get("branches")):
                    name = text(branch.get("label")) or ("else" if branch.get("type") == "else" else None)
                    closed = dark or branch.get("disabled") is True
                    left = self.walk(objects(branch.get("flow")), [_End(node, name)], off=closed)
                    ends += left if branch.get("merge") is True else []
        return ends

    def _node(self, module: JsonObject, dark: bool) -> str:
        kind = text(module.get("module")) or "unknown"
        designer = obj(obj(module.get("metadata")).get("designer"))
        node = text(module.get("id")) or f"module-{len(self.taken) + 1}"
        while node in self.taken:
            node += "+"
        self.taken.add(node)
        app, _, action = kind.rpartition(":")
        self.nodes.append(
            PreviewNode(
                id=node,
                label=text(designer.get("name")) or action or kind,
                type=kind,
                app=app.removeprefix("app#") or None,
                position=_position(designer),
                disabled=dark,
            )
        )
        return node


def _position(designer: JsonObject) -> Position | None:
    x, y = designer.get("x"), designer.get("y")
    return Position(x=x, y=y) if isinstance(x, int | float) and isinstance(y, int | float) else None


def _filter(module: JsonObject) -> str | None:
    """The name people gave the filter in front of a module, else a word that there is one."""
    found = obj(module.get("filter"))
    return text(found.get("name")) or ("filter" if found.get("conditions") else None)


def _definition(flow: list[JsonObject]) -> list[JsonValue]:
    """`flow` without what the editor keeps for itself (`metadata`: positions, caches of labels and of fields)."""
    kept: list[JsonValue] = []
    for module in flow:
        bare = {name: value for name, value in module.items() if name != "metadata"}
        for name in ("routes", "branches"):
            if name in bare:
                ways = objects(bare[name])
                bare[name] = [{**way, "flow": _definition(objects(way.get("flow")))} for way in ways]
        if "onerror" in bare:
            bare["onerror"] = _definition(objects(bare["onerror"]))
        kept.append(bare)
    return kept


_TYPES: dict[str, JsonObject] = {
    "text": {"type": "string"},
    "email": {"type": "string", "format": "email"},
    "url": {"type": "string", "format": "uri"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "uinteger": {"type": "integer", "minimum": 0},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date-time"},
    "array": {"type": "array"},
    "collection": {"type": "object"},
}


def _field(field: JsonObject) -> JsonValue:
    kind = text(field.get("type")) or ""
    found: JsonObject = dict(_TYPES.get(kind, {}))
    if title := text(field.get("label")):
        found["title"] = title
    if description := text(field.get("help")):
        found["description"] = description
    if (default := field.get("default")) is not None:
        found["default"] = default
    options = field.get("options")
    if isinstance(options, list) and options:
        found["enum"] = [o.get("value") if isinstance(o, dict) else o for o in options]
    spec = field.get("spec")
    if kind == "collection" and (inner := schema(spec)):
        found |= inner
    if kind == "array" and spec is not None:
        found["items"] = schema(spec) if isinstance(spec, list) else _field(obj(spec))
    return found
