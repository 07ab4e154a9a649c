"""The form of a Zapier connection: webhooks the user registers, and tokens of the partner API."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, SecretStr

from providers import Connection, Frozen

API = "https://api.zapier.com"
_HOOKS, _TOKENS = "https://hooks.zapier.com", "https://zapier.com/oauth/token/"
_Optional = BeforeValidator(lambda value: None if value == "" else value)


class ZapierHook(Frozen):
    name: str = Field(
        min_length=1, title="Name", description="Yours to choose; the Zap's own title links them."
    )
    url: SecretStr = Field(
        title="Webhook address", description="From the Zap's first step, Webhooks by Zapier: Catch Hook."
    )
    zap_id: Annotated[str | None, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v or None)] = (
        Field(
            default=None,
            title="Zap id",
            description="The number in the address of the Zap's editor. Only needed where name and title differ.",
        )
    )


class ZapierConnection(Connection):
    """Webhooks of your Zaps, the partner API, or both."""

    hooks: tuple[ZapierHook, ...] = Field(
        default=(), title="Webhooks", description="One for each Zap that is to be started from here."
    )
    access_token: Annotated[SecretStr | None, _Optional] = Field(
        default=None,
        title="Access token",
        description="Partner API only: from the OAuth flow of your published Zapier integration.",
    )
    refresh_token: Annotated[SecretStr | None, _Optional] = Field(
        default=None,
        title="Refresh token",
        description="Partner API only: comes with the access token and renews it.",
    )
    client_id: Annotated[str | None, _Optional] = Field(
        default=None,
        title="Client id",
        description="Partner API only: Developer Platform > Embed > Settings of your integration.",
    )
    client_secret: Annotated[SecretStr | None, _Optional] = Field(
        default=None, title="Client secret", description="Partner API only: beside the client id."
    )
    # The base class knows the API's address as base_url; outside it is apiBaseUrl, beside the other two.
    base_url: str = Field(
        default=API,
        alias="apiBaseUrl",
        title="API address",
        description="Leave as it is unless you test against another server.",
    )
    token_url: str = Field(
        default=_TOKENS, title="Token address", description="Where tokens are renewed; leave as it is."
    )
    hooks_base_url: str = Field(
        default=_HOOKS,
        title="Webhook host",
        description="Stands in for https://hooks.zapier.com in webhook addresses; leave as it is.",
    )

    def replaced(self) -> tuple[str, ...]:
        """A refresh token works once; what it gives comes in the place of both."""
        return () if self.refresh_token is None else ("accessToken", "refreshToken")

    def address(self, hook: ZapierHook) -> str:
        """The address to call: `hooksBaseUrl` stands in for Zapier's own host, and completes a bare path."""
        url = hook.url.get_secret_value().strip()
        parts, base = urlsplit(url), urlsplit(self.hooks_base_url.strip().rstrip("/"))
        if url.startswith("/") or (parts.scheme, parts.netloc) == ("https", urlsplit(_HOOKS).netloc):
            return urlunsplit((base.scheme, base.netloc, base.path + parts.path, parts.query, ""))
        return url

    def named(self) -> dict[str, ZapierHook]:
        """Hooks by an id made of their name: it is readable in a drawing, and holds nothing of the address."""
        found: dict[str, ZapierHook] = {}
        for hook in self.hooks:
            slug = "-".join("".join(c if c.isalnum() else " " for c in hook.name.lower()).split()) or "hook"
            ref, number = f"hook:{slug}", 1
            while ref in found:
                number += 1
                ref = f"hook:{slug}-{number}"
            found[ref] = hook
        return found
