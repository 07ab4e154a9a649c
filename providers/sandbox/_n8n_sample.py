"""What a workflow of the n8n sandbox is made of: nodes and wires in n8n's own JSON, versions, and the script of a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

Json = Any
HOOK = "webhook"
_VERSIONS: dict[str, float] = {
    "executeWorkflowTrigger": 1.1,
    "httpRequest": 4.2,
    "respondToWebhook": 1.5,
    "scheduleTrigger": 1.2,
    "set": 3.4,
    "stopAndError": 1,
    "wait": 1.1,
    "webhook": 2.1,
}
"""What n8n 2.41 gives a new node of the kind; the others are 2 here."""
_STAMPS = {"createdAt": "2026-10-01T08:00:00.000Z", "updatedAt": "2026-10-02T09:30:00.000Z"}
PROJECT: dict[str, Json] = {
    "id": "sandboxProject01",
    "name": "Sandbox Owner <owner@example.com>",
    "type": "personal",
    "icon": None,
    "description": None,
    "customTelemetryTags": [],
    "creatorId": "5a5a0000-0000-4000-8000-00000000000a",
    **_STAMPS,
}


class Failure(Exception):
    """A node that fails, in n8n's words.

    `code` is what an HTTP call came to: the answer's status, or why there was none."""

    def __init__(
        self, node: str, message: str, description: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.node, self.message, self.description, self.code = node, message, description, code


class Run(Protocol):
    """What a workflow's script sees of its execution."""

    id: str
    call: dict[str, Json]

    @property
    def body(self) -> dict[str, Json]: ...
    def did(self, node: str, *items: Json, outlet: int = 0, after: str | None = None) -> None: ...
    def respond(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None: ...
    async def nap(self, seconds: float) -> None: ...
    async def wait(self, node: str, seconds: float) -> None: ...
    async def post(self, url: str, body: Json, headers: dict[str, str]) -> int: ...


Script = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True)
class Sample:
    raw: dict[str, Json]
    script: Script


def node(name: str, kind: str, place: int, parameters: Json = None, **more: Json) -> dict[str, Json]:
    full = kind if "." in kind else f"n8n-nodes-base.{kind}"
    slug = name.lower().replace(" ", "-")
    made: dict[str, Json] = {
        "id": f"{slug}-{place}",
        "name": name,
        "type": full,
        "typeVersion": _VERSIONS.get(kind, 2),
        "position": [220 * place, 0],
        "parameters": parameters or {},
    }
    return made | more


def hook(
    path: str | None, mode: str, method: Json = "POST", auth: str | None = None, **options: Json
) -> dict[str, Json]:
    """A Webhook node; what n8n takes as its default is left out, as n8n does."""
    parameters: dict[str, Json] = {"options": options}
    if isinstance(method, list):
        parameters |= {"multipleMethods": True, "httpMethod": method}
    elif method != "GET":
        parameters["httpMethod"] = method
    if path:
        parameters["path"] = path
    if mode != "onReceived":
        parameters["responseMode"] = mode
    more: dict[str, Json] = {"webhookId": f"5a5a0000-0000-4000-8000-{abs(hash_of(path or 'none')):012d}"}
    if auth:
        parameters["authentication"] = auth
        kind = {"basicAuth": "httpBasicAuth", "headerAuth": "httpHeaderAuth", "jwtAuth": "jwtAuth"}[auth]
        more["credentials"] = {kind: {"id": "cred1", "name": f"sandbox {auth}"}}
    return node("Webhook", HOOK, 0, parameters, **more)


def hash_of(text: str) -> int:
    return sum(place * ord(char) for place, char in enumerate(text, 1)) % 10**12


def wires(*paths: str) -> dict[str, Json]:
    """`A>B>C` chains by the first outlet, `A:1>B` by the second."""
    found: dict[str, Json] = {}
    for path in paths:
        names = [part.strip() for part in path.split(">")]
        for source, target in pairwise(names):
            name, _, outlet = source.partition(":")
            outlets = found.setdefault(name, {"main": []})["main"]
            while len(outlets) <= int(outlet or 0):
                outlets.append([])
            outlets[int(outlet or 0)].append({"node": target.partition(":")[0], "type": "main", "index": 0})
    return found


def workflow(
    ref: str,
    name: str,
    nodes: list[dict[str, Json]],
    connections: dict[str, Json],
    script: Script,
    *,
    active: bool = True,
    tags: tuple[str, ...] = ("sandbox",),
    draft: dict[str, Json] | None = None,
    **settings: Json,
) -> Sample:
    """`draft` replaces parts of the editor's version and so makes unpublished changes."""
    nodes, connections = deepcopy(nodes), deepcopy(connections)
    raw: dict[str, Json] = {
        "id": ref,
        "name": name,
        "active": active,
        "isArchived": False,
        "versionId": f"{ref}-v1",
        "activeVersionId": f"{ref}-v1" if active else None,
        "triggerCount": 1,
        **_STAMPS,
        "tags": [{"id": f"tag-{tag}", "name": tag} for tag in tags],
        "nodes": nodes,
        "connections": connections,
        "nodeGroups": [],
        "settings": {"executionOrder": "v1", **settings},
        "staticData": None,
        "pinData": None,
        "meta": None,
        "shared": [{"role": "workflow:owner", "workflowId": ref, "projectId": PROJECT["id"], **_STAMPS}],
        "activeVersion": None,
    }
    if active:
        publish(raw)
    if draft:
        raw |= {"versionId": f"{ref}-v2", **deepcopy(draft)}
    return Sample(raw, script)


def publish(raw: dict[str, Json]) -> None:
    """Make the editor's version the one that runs."""
    raw |= {"active": True, "activeVersionId": raw["versionId"]}
    raw["activeVersion"] = {
        **{name: raw[name] for name in ("versionId", "nodes", "connections", "nodeGroups")},
        "workflowId": raw["id"],
        "authors": "Sandbox Owner",
        "name": None,
        "description": None,
        "autosaved": False,
        **_STAMPS,
    }
