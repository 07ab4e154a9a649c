"""What a user enters to connect one n8n, and which webhook credential belongs to which webhook."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from providers import Connection, Frozen
from providers._shape import expiry


class WebhookAuth(Frozen):
    """The credential of one Webhook node, or of all of its kind. n8n never gives these values out (its page 5a)."""

    kind: Literal["basic", "header", "jwt"] = Field(
        title="Kind", description="The Authentication setting of the Webhook node in n8n."
    )
    workflow_id: str | None = Field(
        None,
        title="Workflow id",
        description="The workflow it belongs to (the last part of its address in n8n). Without it and without a path: every webhook of this kind.",
    )
    path: str | None = Field(
        None,
        title="Webhook path",
        description="The Path setting of the Webhook node, instead of a workflow id.",
    )
    username: str | None = Field(
        None, title="User", description="For basic: the user of the Basic Auth credential in n8n."
    )
    password: SecretStr | None = Field(
        None, title="Password", description="For basic: the password of the Basic Auth credential in n8n."
    )
    name: str | None = Field(
        None, title="Header name", description="For header: the name in the Header Auth credential in n8n."
    )
    value: SecretStr | None = Field(
        None, title="Header value", description="For header: the value in the Header Auth credential in n8n."
    )
    token: SecretStr | None = Field(
        None, title="Token", description="For jwt: a token signed with the key of the JWT credential in n8n."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needs = {
            "basic": (self.username, self.password),
            "header": (self.name, self.value),
            "jwt": (self.token,),
        }[self.kind]
        if any(not value for value in needs):
            words = {"basic": "user and password", "header": "name and value", "jwt": "a token"}[self.kind]
            raise ValueError(f"{self.kind} needs {words}")
        return self

    def header(self) -> tuple[str, str]:
        """Name and value of the header that satisfies the Webhook node."""
        if self.kind == "header" and self.name and self.value:
            return self.name, self.value.get_secret_value()
        if self.kind == "basic" and self.username and self.password:
            pair = f"{self.username}:{self.password.get_secret_value()}"
            return "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"
        assert self.token is not None
        return "Authorization", f"Bearer {self.token.get_secret_value()}"


class N8nConnection(Connection):
    """One n8n server (self-hosted or cloud) and a key of its public API.

    Webhook credentials go to `webhook_base_url`: who changes that address must enter them again, as with `base_url`.
    """

    base_url: str = Field(
        title="Address",
        description="Where n8n is opened in the browser, with any path prefix, such as https://n8n.example.com.",
    )
    api_key: SecretStr = Field(
        min_length=1,
        title="API key",
        description="n8n: Settings → n8n API → Create an API key. Scopes: workflow:list, workflow:read, execution:list, execution:read, execution:stop.",
    )
    webhook_base_url: str | None = Field(
        None,
        title="Webhook address",
        description="Only if it differs from the address: the production URL of any Webhook node up to and with /webhook.",
    )
    webhook_auth: tuple[WebhookAuth, ...] = Field(
        (),
        title="Webhook credentials",
        description="For workflows whose Webhook node asks for authentication: n8n does not show these values to an API key.",
    )
    mcp_token: SecretStr | None = Field(
        None,
        title="MCP access token",
        description="Optional. n8n: Settings → Instance-level MCP. Starts workflows that are available in MCP and tells their execution id at once.",
    )

    def expires(self) -> datetime | None:
        """n8n's keys are signed tokens that hold the end a person chose when making them."""
        return expiry(self.api_key.get_secret_value())

    @property
    def root(self) -> str:
        """The address without a trailing slash or API path, whichever way the user copied it."""
        return self.base_url.strip().rstrip("/").removesuffix("/api/v1")

    @property
    def webhooks(self) -> str:
        """The address that webhook paths are appended to, without a trailing slash."""
        given = (self.webhook_base_url or "").strip().rstrip("/")
        if not given:
            return f"{self.root}/webhook"
        _, _, rest = given.partition("://")
        return given if "/" in rest else f"{given}/webhook"

    def auth_for(self, kind: str, workflow_id: str, paths: tuple[str, ...]) -> WebhookAuth | None:
        """The credential for a webhook: the one named for its workflow or path, else the one for every webhook of `kind`."""
        of_kind = [auth for auth in self.webhook_auth if auth.kind == kind]
        wanted = {path.strip("/") for path in paths}
        for auth in of_kind:
            if auth.workflow_id == workflow_id or (auth.path and auth.path.strip("/") in wanted):
                return auth
        return next((auth for auth in of_kind if not auth.workflow_id and not auth.path), None)
