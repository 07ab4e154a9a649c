"""A real n8n with our own sample workflows: installed once, started with empty data, set up over its HTTP calls.

Facts about the set-up calls (owner, API key, scopes, "activate answers before the webhook is live") were measured on
n8n 2.41.1; its environment variables: https://docs.n8n.io/hosting/configuration/environment-variables/.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.live.platforms._n8n_install import PINS, install, node_of
from tests.live.platforms._server import Client, Server, free_ports, wait_for

HEADER_NAME = "X-Live-Key"
QUIET_MODULES = "mcp-registry,instance-ai,chat-hub,community-packages,agents,workflow-builder,quick-connect"


@dataclass(frozen=True)
class N8nWorkflow:
    """One workflow of the server; `webhook_url` is None where it has no webhook, and holds `:name` where its path does."""

    id: str
    webhook_url: str | None
    method: str = "POST"


@dataclass(frozen=True)
class N8nPeer:
    """A running n8n. `header_auth` is the name and value that the workflow `header-auth` asks for."""

    base_url: str
    version: str
    api_key: str = field(repr=False)
    mcp_token: str = field(repr=False)
    header_auth: tuple[str, str] = field(repr=False)
    workflows: Mapping[str, N8nWorkflow]
    log: Path
    _held: ExitStack = field(repr=False)

    def stop(self) -> None:
        """Return when the server and everything it started are gone, and its data with them."""
        self._held.close()


def start(
    cache: Path, *, settings: Mapping[str, str] = MappingProxyType({}), folder: Path = PINS / "workflows"
) -> N8nPeer:
    """Install if needed, start on free ports of 127.0.0.1, set up with the workflows of `folder`. `settings` are added to its
    environment. Raises PlatformUnavailable."""
    app = install(cache)
    with ExitStack() as held:
        home = Path(
            held.enter_context(
                tempfile.TemporaryDirectory(prefix="baton-live-n8n-", ignore_cleanup_errors=True)
            )
        )
        port, broker_port = free_ports(2)
        base_url = f"http://127.0.0.1:{port}"
        log = cache / "n8n.log"
        command = [node_of(app), app / "node_modules" / "n8n" / "bin" / "n8n", "start"]
        server = held.enter_context(
            Server(
                "n8n",
                command,
                env={**_environment(app, home, port, broker_port), **settings},
                log=log,
                grace=15,
            )
        )
        client = Client(base_url)
        wait_for(
            "n8n to be ready",
            lambda: client.call("GET", "/healthz/readiness").status == 200,
            servers=[server],
            timeout=120,
        )
        wait_for("n8n to take its owner", lambda: _make_owner(client), servers=[server], timeout=20)
        api_key = _make_api_key(client)
        mcp_token = _make_mcp_token(client)
        client.headers["X-N8N-API-KEY"] = api_key
        header_auth = (HEADER_NAME, secrets.token_urlsafe(24))
        workflows = _load_workflows(client, folder, _make_credential(client, header_auth))
        _await_webhooks(client, workflows, server)
        version = json.loads((app / "node_modules" / "n8n" / "package.json").read_text())["version"]
        return N8nPeer(base_url, version, api_key, mcp_token, header_auth, workflows, log, held.pop_all())


def _environment(app: Path, home: Path, port: int, broker_port: int) -> dict[str, str]:
    """Everything the server sees: nothing of ours but what is written here."""
    off = (
        "N8N_SECURE_COOKIE N8N_DIAGNOSTICS_ENABLED N8N_VERSION_NOTIFICATIONS_ENABLED N8N_DYNAMIC_BANNERS_ENABLED "
        "N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED N8N_TEMPLATES_ENABLED N8N_HIRING_BANNER_ENABLED "
        "N8N_PERSONALIZATION_ENABLED N8N_LICENSE_AUTO_RENEW_ENABLED N8N_COMMUNITY_PACKAGES_ENABLED N8N_AI_ENABLED"
    )
    return dict.fromkeys(off.split(), "false") | {
        "PATH": f"{node_of(app).parent}:{os.defpath}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NODE_ENV": "production",  # without it rate limits are off and errors carry stack traces
        "N8N_USER_FOLDER": str(home),
        "N8N_HOST": "127.0.0.1",
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(port),
        "N8N_RUNNERS_BROKER_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_RUNNERS_BROKER_PORT": str(broker_port),
        "N8N_DISABLED_MODULES": QUIET_MODULES,  # the registry module calls out even with diagnostics off
        "EXTERNAL_FRONTEND_HOOKS_URLS": "",
        "GENERIC_TIMEZONE": "UTC",
        "TZ": "UTC",
    }


def _make_owner(client: Client) -> bool:
    """Create the owner and keep its cookie; False while the route is not there yet."""
    owner = {
        "email": "owner@example.com",
        "firstName": "Live",
        "lastName": "Owner",
        "password": f"Aa1{secrets.token_hex(12)}",  # n8n asks for a capital and a digit
    }
    if client.call("POST", "/rest/owner/setup", owner).status == 404:
        return False
    return client.call("GET", "/rest/login").status == 200


def _make_api_key(client: Client) -> str:
    scopes = client.need("GET", "/rest/api-keys/scopes")["data"]
    made = client.need("POST", "/rest/api-keys", {"label": "live", "expiresAt": None, "scopes": scopes})
    return str(made["data"]["rawApiKey"])


def _make_mcp_token(client: Client) -> str:
    """Switch on n8n's own MCP server, which starts workflows that say `availableInMCP`, and get a token for it."""
    client.need("PATCH", "/rest/mcp/settings", {"mcpAccessEnabled": True})
    return str(client.need("POST", "/rest/mcp/api-key/rotate", {})["data"]["apiKey"])


def _make_credential(client: Client, header: tuple[str, str]) -> str:
    """The id of a header credential for Webhook nodes."""
    data = {"name": header[0], "value": header[1]}
    made = client.need(
        "POST", "/api/v1/credentials", {"name": "live header", "type": "httpHeaderAuth", "data": data}
    )
    return str(made["id"])


def _load_workflows(client: Client, folder: Path, credential_id: str) -> dict[str, N8nWorkflow]:
    """Create and activate every workflow of the folder, by name."""
    made: dict[str, N8nWorkflow] = {}
    for file in sorted(folder.glob("*.json")):
        definition: dict[str, Any] = json.loads(file.read_text())
        webhook_url, method = None, "POST"
        for node in definition["nodes"]:
            if node["type"] == "n8n-nodes-base.webhook":
                path = node["parameters"]["path"]
                if ":" in path:  # served under the id of the webhook, else 404
                    path = f"{node['webhookId']}/{path}"
                webhook_url = f"{client.base_url}/webhook/{path}"
                method = node["parameters"].get("httpMethod", "GET")
            for credential in node.get("credentials", {}).values():
                credential["id"] = credential_id
        workflow_id = str(client.need("POST", "/api/v1/workflows", definition)["id"])
        client.need("POST", f"/api/v1/workflows/{workflow_id}/activate", {})
        made[definition["name"]] = N8nWorkflow(workflow_id, webhook_url, method)
    return made


def _await_webhooks(client: Client, workflows: Mapping[str, N8nWorkflow], server: Server) -> None:
    """Activation answers before the webhook is live. A preflight tells, and starts no execution."""

    def live(url: str, method: str) -> bool:
        preflight = {"Origin": client.base_url, "Access-Control-Request-Method": method}
        allowed = client.call("OPTIONS", url, headers=preflight).headers
        return method in allowed.get("Access-Control-Allow-Methods", "")

    for name, workflow in workflows.items():
        url = workflow.webhook_url
        if url is not None:
            method = workflow.method
            wait_for(
                f"the webhook of {name}",
                lambda url=url, method=method: live(url, method),
                servers=[server],
                timeout=40,
            )
