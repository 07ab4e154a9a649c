"""Signing secrets: what senders of callbacks prove themselves by. The text of one is in the answer that makes it, and nowhere
else."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, SecretStr, field_validator
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import Reply, operation
from app.state import State
from providers import Frozen
from runner.errors import Conflict
from runner.model import Role, Scope
from runner.store.signing_secrets import Issued, SigningSecret

NAME_LIMIT = 200
SHORTEST, LONGEST = 16, 512
WEEKS = 30 * 86_400


class _Given(Frozen):
    secret: SecretStr | None = Field(
        default=None,
        min_length=SHORTEST,
        max_length=LONGEST,
        description="The sender's own, as GitHub, Stripe and Slack show one; left out, one is made.",
    )

    @field_validator("secret")
    @classmethod
    def _printable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all("!" <= each <= "~" for each in value.get_secret_value()):
            raise ValueError("a secret has letters, digits and signs of ASCII, and no spaces")
        return value

    @property
    def text(self) -> str | None:
        return self.secret.get_secret_value() if self.secret else None


class NewSigningSecret(_Given):
    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]


class Rotation(_Given):
    keep_old_seconds: int = Field(
        default=86_400, ge=0, le=WEEKS, description="For how long the value before counts as well."
    )


class IssuedSecret(SigningSecret):
    """`secret` is shown this once; null where it was given."""

    secret: str | None


@operation(permission=Role.VIEWER)
async def list_signing_secrets(
    request: Request[State], scope: Scope, query: ListQuery
) -> Listing[SigningSecret]:
    """Signing secrets, newest first, without their values."""
    found = await request.state["store"].signing_secrets.page(
        scope, limit=query.limit + 1, before=after_id(query.cursor)
    )
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.EDITOR, status=201, raises=(Conflict,))
async def create_signing_secret(
    request: Request[State], scope: Scope, body: NewSigningSecret
) -> Reply[IssuedSecret]:
    """Make a secret, or keep one that a sender already has. What is made is in this answer and never again."""
    return _shown(await request.state["store"].signing_secrets.create(scope, body.name, body.text), body)


@operation(permission=Role.EDITOR, status=201)
async def rotate_signing_secret(
    request: Request[State], scope: Scope, id: UUID, body: Rotation
) -> Reply[IssuedSecret]:
    """Give it a new value. The one before counts for a while longer, so that the sender can be changed over."""
    old_for = timedelta(seconds=body.keep_old_seconds)
    made = await request.state["store"].signing_secrets.rotate(scope, id, body.text, old_for=old_for)
    return _shown(made, body)


@operation(permission=Role.EDITOR, status=204, raises=(Conflict,))
async def delete_signing_secret(request: Request[State], scope: Scope, id: UUID) -> None:
    """Delete it. Refused while an orchestrator or a wait of a run under way uses it; the answer names them."""
    await request.state["store"].signing_secrets.delete(scope, id)


def _shown(issued: Issued, body: _Given) -> Reply[IssuedSecret]:
    fields: dict[str, Any] = dict(issued.secret)
    text = None if body.secret else issued.text
    return Reply(IssuedSecret(**fields, secret=text), headers={"Cache-Control": "no-store"})


fixed = [
    Route("/signing-secrets", list_signing_secrets, methods=["GET"]),
    Route("/signing-secrets", create_signing_secret, methods=["POST"]),
    Route("/signing-secrets/{id}", delete_signing_secret, methods=["DELETE"]),
    Route("/signing-secrets/{id}/rotate", rotate_signing_secret, methods=["POST"]),
]
