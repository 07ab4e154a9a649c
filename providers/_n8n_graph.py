"""One n8n workflow as its public API shows it: the version that runs, its triggers, its drawing.

Facts, observed on n8n 2.41: since 2.0 `nodes` is the draft and `activeVersion.nodes` what runs; older servers have no
`activeVersion`, there `nodes` runs. Wires go by node *name*. A path with `:parts` is served under its webhook id.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from providers import JsonObject, Position, PreviewEdge, PreviewNode
from providers._shape import number, obj, objects, seq, text

WEBHOOK = "n8n-nodes-base.webhook"
RESPOND = "n8n-nodes-base.respondToWebhook"
_KINDS = {
    "webhook": "webhook",
    "formtrigger": "form",
    "chattrigger": "chat",
    "scheduletrigger": "schedule",
    "cron": "schedule",
    "interval": "schedule",
    "executeworkflowtrigger": "workflow",
    "errortrigger": "error",
    "manualtrigger": "manual",
    "manualchattrigger": "manual",
    "start": "manual",
}
_ORDER = ("webhook", "form", "chat", "schedule", "event", "workflow", "error", "manual")


@dataclass(frozen=True)
class Hook:
    """One enabled Webhook node. `path` is what follows `/webhook/`; `raw_path` is the node's own setting."""

    node: str
    methods: tuple[str, ...]
    path: str
    raw_path: str
    auth: str
    credential: str | None
    mode: str

    @property
    def synchronous(self) -> bool:
        """n8n answers when the workflow, or its Respond node, says so; otherwise at once."""
        return self.mode != "onReceived"


@dataclass(frozen=True)
class Entry:
    """One enabled trigger node. `kind` is webhook, form, chat, schedule, event, workflow, error or manual."""

    node: str
    kind: str


class Definition:
    """A view of one workflow's JSON; reads, never changes it."""

    def __init__(self, raw: JsonObject) -> None:
        published = obj(raw.get("activeVersion"))
        self.id = text(raw.get("id")) or ""
        self.name = text(raw.get("name")) or self.id
        self.archived = raw.get("isArchived") is True
        self.active = raw.get("active") is True and not self.archived
        self.settings = obj(raw.get("settings"))
        self.in_mcp = self.settings.get("availableInMCP") is True
        self.tags = tuple(name for tag in objects(raw.get("tags")) if (name := text(tag.get("name"))))
        self.folder = text(obj(raw.get("parentFolder")).get("name"))
        self.updated_at = raw.get("updatedAt")
        self.unpublished_changes = bool(published) and raw.get("versionId") != raw.get("activeVersionId")
        source = published if "nodes" in published else raw
        self.nodes = objects(source.get("nodes"))
        self.connections = obj(source.get("connections"))

    @property
    def keeps_success(self) -> bool:
        """False: the workflow's own setting says that successful executions are not saved."""
        return self.settings.get("saveDataSuccessExecution") != "none"

    @property
    def keeps_errors(self) -> bool:
        return self.settings.get("saveDataErrorExecution") != "none"

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The enabled triggers, those that can be started from outside first."""
        found: list[Entry] = []
        for node in self.nodes:
            short = _short(node).lower()
            kind = _KINDS.get(short, "event" if short.endswith("trigger") else None)
            if kind and node.get("disabled") is not True:
                found.append(Entry(text(node.get("name")) or "", kind))
        return tuple(sorted(found, key=lambda entry: _ORDER.index(entry.kind)))

    @cached_property
    def hooks(self) -> tuple[Hook, ...]:
        return tuple(
            hook
            for node in self.nodes
            if node.get("type") == WEBHOOK and node.get("disabled") is not True and (hook := _hook(node))
        )

    @cached_property
    def responds_last(self) -> bool:
        """Every Respond node is the end of its branch: what it sends is a result, not a receipt."""
        names = {
            text(n.get("name"))
            for n in self.nodes
            if n.get("type") == RESPOND and n.get("disabled") is not True
        }
        return not any(source in names for source, *_ in self._wires())

    def fingerprint(self) -> str:
        """Changes when nodes or wires of the version that runs change; moving a node on the canvas does not."""
        drawn = [
            {k: v for k, v in node.items() if k not in ("position", "notes", "notesInFlow")}
            for node in self.nodes
        ]
        drawn.sort(key=lambda node: str(node.get("id")))
        content = json.dumps([drawn, self.connections], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def preview_nodes(self) -> tuple[PreviewNode, ...]:
        return tuple(
            PreviewNode(
                id=node_id,
                label=text(node.get("name")) or node_id,
                type=text(node.get("type")) or "unknown",
                app=_app(node),
                position=_position(node.get("position")),
                disabled=node.get("disabled") is True,
            )
            for node_id, node in self._by_id.items()
        )

    def preview_edges(self) -> tuple[PreviewEdge, ...]:
        ids = {text(node.get("name")) or node_id: node_id for node_id, node in self._by_id.items()}
        nodes = {text(node.get("name")) or node_id: node for node_id, node in self._by_id.items()}
        edges: dict[PreviewEdge, None] = {}
        for source, kind, index, outputs, target in self._wires():
            if source in ids and target in ids:
                label, failing = _outlet(nodes[source], index, outputs) if kind == "main" else (None, False)
                edge = PreviewEdge(
                    source=ids[source], target=ids[target], label=label, kind="error" if failing else kind
                )
                edges[edge] = None
        return tuple(edges)

    @cached_property
    def _by_id(self) -> dict[str, JsonObject]:
        """The nodes by an id that is there and unique even where n8n's is not (hand-written imports)."""
        found: dict[str, JsonObject] = {}
        for place, node in enumerate(self.nodes):
            node_id = text(node.get("id")) or text(node.get("name")) or f"node-{place}"
            found[node_id if node_id not in found else f"{node_id}-{place}"] = node
        return found

    def _wires(self) -> list[tuple[str, str, int, int, str]]:
        """(source, kind, output, number of outputs, target), by node name."""
        found: list[tuple[str, str, int, int, str]] = []
        for source, kinds in self.connections.items():
            for kind, outputs in obj(kinds).items():
                outlets = seq(outputs)
                for index, targets in enumerate(outlets):
                    found += [
                        (source, kind, index, len(outlets), target)
                        for wire in objects(targets)
                        if (target := text(wire.get("node")))
                    ]
        return found


def _short(node: JsonObject) -> str:
    return (text(node.get("type")) or "").rpartition(".")[2]


def _app(node: JsonObject) -> str | None:
    short = _short(node)
    return short.removesuffix("Trigger").removesuffix("Tool") or short or None


def _position(value: JsonValue) -> Position | None:
    match seq(value):
        case [int() | float() as x, int() | float() as y]:
            return Position(x=x, y=y)
        case _:
            return None


def _hook(node: JsonObject) -> Hook | None:
    parameters = obj(node.get("parameters"))
    methods = parameters.get("httpMethod")
    if parameters.get("multipleMethods") is True or isinstance(methods, list):
        found = tuple(name.upper() for m in seq(methods) if (name := text(m))) or ("GET", "POST")
    else:
        found = ((text(methods) or "GET").upper(),)
    webhook_id = text(node.get("webhookId"))
    raw_path = (text(parameters.get("path")) or webhook_id or "").strip("/")
    if not raw_path:
        return None
    dynamic = any(part.startswith(":") for part in raw_path.split("/"))
    auth = text(parameters.get("authentication")) or "none"
    credentials = obj(node.get("credentials"))
    credential = next((text(obj(c).get("name")) for c in credentials.values()), None)
    return Hook(
        node=text(node.get("name")) or "",
        methods=found,
        path=f"{webhook_id}/{raw_path}" if dynamic and webhook_id else raw_path,
        raw_path=raw_path,
        auth=auth,
        credential=credential,
        mode=text(parameters.get("responseMode")) or "onReceived",
    )


def _outlet(node: JsonObject, index: int, outputs: int) -> tuple[str | None, bool]:
    """The text on an output, and whether it is the one that errors leave by."""
    short, parameters = _short(node), obj(node.get("parameters"))
    regular: dict[str, tuple[str, ...]] = {"if": ("true", "false"), "filter": ("kept",)}
    if short == "splitInBatches":
        regular[short] = ("done", "loop") if number(node.get("typeVersion")) >= 3 else ("loop", "done")
    if short == "switch":
        rules = objects(obj(parameters.get("rules")).get("values")) or objects(
            obj(parameters.get("rules")).get("rules")
        )
        regular[short] = tuple(text(rule.get("outputKey")) or str(place) for place, rule in enumerate(rules))
        if index >= len(rules) and node.get("onError") != "continueErrorOutput":
            return "fallback", False
    if short == "webhook" and parameters.get("multipleMethods") is True:
        methods = seq(parameters.get("httpMethod")) or ["GET", "POST"]
        regular[short] = tuple(str(method) for method in methods)
    names = regular.get(short, ())
    if index < len(names):
        return names[index], False
    if node.get("onError") == "continueErrorOutput":
        regulars = max(1, len(names))
        if index == regulars:
            return "error", True
        outputs = min(outputs, regulars)
    return (str(index), False) if outputs > 1 else (None, False)
