"""How the sender of a webhook proves who it is: the modes to choose from, as a node's configuration holds them.

Secrets never stand here: a mode names a signing secret by its id. `runner.webhook_proof` does the proving.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, IPvAnyNetwork, StringConstraints, TypeAdapter, ValidationError, field_validator

from providers import Frozen

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
"""RFC 9110, section 5.6.2."""
MOST_NETWORKS = 50


class _Mode(Frozen):
    networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        max_length=MOST_NETWORKS,
        title="Only from",
        description="Addresses or networks, as in 203.0.113.0/24; empty: from anywhere.",
    )

    @field_validator("networks", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        """Only as text: a number would be read as an address as well."""
        if isinstance(value, list | tuple) and not all(isinstance(part, str) for part in value):  # pyright: ignore[reportUnknownVariableType]
            raise ValueError("networks are texts, as in 203.0.113.0/24")
        return value  # pyright: ignore[reportUnknownVariableType]


class _WithSecret(_Mode):
    secret_id: UUID | None = Field(
        default=None,
        title="Signing secret",
        description="The id of the secret that the sender has too; without one nothing is taken.",
    )

    @field_validator("secret_id", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        """As it is stored: one way to write it, so that whoever looks for its uses finds them."""
        if isinstance(value, str) and len(value) != 36:
            raise ValueError("an id as the list of signing secrets has it")
        return value


class TokenAuth(_Mode):
    """The token in the address alone."""

    mode: Literal["token"]


class StandardWebhooksAuth(_WithSecret):
    """HMAC-SHA256 over id, time and body: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

    mode: Literal["standard-webhooks"]


class GitHubAuth(_WithSecret):
    """HMAC-SHA256 over the body: `X-Hub-Signature-256`."""

    mode: Literal["github"]


class StripeAuth(_WithSecret):
    """HMAC-SHA256 over time and body: `Stripe-Signature`."""

    mode: Literal["stripe"]


class SlackAuth(_WithSecret):
    """HMAC-SHA256 over time and body: `X-Slack-Signature`, `X-Slack-Request-Timestamp`."""

    mode: Literal["slack"]


class HmacAuth(_WithSecret):
    """An HMAC in a header of your choice, over the body, or over `time.body` where a header for the time is named."""

    mode: Literal["hmac"]
    header: HeaderName = Field(default="X-Signature", title="Header")
    algorithm: Literal["sha256", "sha512"] = Field(default="sha256", title="Algorithm")
    encoding: Literal["hex", "base64"] = Field(default="hex", title="Encoding")
    prefix: str = Field(
        default="",
        pattern=r"^[\x21-\x7e]{0,40}$",
        title="Prefix",
        description="What stands before the signature, as in sha256=.",
    )
    timestamp_header: HeaderName | None = Field(
        default=None,
        title="Header of the time",
        description="Seconds since 1970; the signature is then over time, a dot and the body. Without it, the same body is "
        "taken once in 24 hours.",
    )


class BearerAuth(_WithSecret):
    """The secret as `Authorization: Bearer`; the token of the wait goes in the address."""

    mode: Literal["bearer"]


class BasicAuth(_WithSecret):
    """A name with the secret as its password, as `Authorization: Basic`."""

    mode: Literal["basic"]
    username: str = Field(pattern=r"^[\x20-\x39\x3b-\x7e]{1,200}$", title="User name")


WebhookAuth = Annotated[
    TokenAuth
    | StandardWebhooksAuth
    | GitHubAuth
    | StripeAuth
    | SlackAuth
    | HmacAuth
    | BearerAuth
    | BasicAuth,
    Field(discriminator="mode"),
]
"""In addition to whatever the address of the webhook holds."""

_AUTH: TypeAdapter[WebhookAuth] = TypeAdapter(WebhookAuth)


def read_auth(value: Any) -> WebhookAuth:
    """A stored mode. Raises pydantic's ValidationError."""
    return _AUTH.validate_python(value)


def demand(value: Any) -> Any:
    """A mode as a wait keeps it; None where the token alone suffices, which is what the fastest way looks for. What cannot be read
    stays something that nobody can prove."""
    if value is None:
        return None
    try:
        auth = read_auth(value)
    except ValidationError:
        return {"mode": "unread"}
    alone = isinstance(auth, TokenAuth) and not auth.networks
    return None if alone else auth.model_dump(mode="json", by_alias=True)


def needs_secret(auth: WebhookAuth) -> bool:
    return isinstance(auth, _WithSecret)


def secret_of(auth: WebhookAuth | None) -> UUID | None:
    """The signing secret that a mode names."""
    return auth.secret_id if isinstance(auth, _WithSecret) else None
