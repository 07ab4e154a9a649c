"""Signing in elsewhere: what one's own account is linked with, and, for admins, the issuers and whether they answer."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.routing import Route

from app.oidc.issuer import NoAnswer
from app.oidc.token import Refused
from app.operation import operation
from app.signed import person
from app.state import State
from providers import Frozen
from runner.errors import Conflict
from runner.model import Role, Scope
from runner.store.identities import IdentityItem


class LinkedIdentity(IdentityItem):
    """`title`: what the sign-in page calls the issuer; null for one that is not set up any more."""

    title: str | None


class IssuerChoice(Frozen):
    name: str
    title: str


class IdentitiesAnswer(Frozen):
    """`items`: oldest first. `linkable`: the issuers that no identity of the account is from; `/sign-in/with/NAME?link=true` begins."""

    items: tuple[LinkedIdentity, ...]
    linkable: tuple[IssuerChoice, ...]


class GroupRole(Frozen):
    group: str
    role: Role


class SignOnIssuer(Frozen):
    """As the server's file has it; `secret` says only whether there is one. `redirectUri` and `signedOutUri` are to be entered at
    the issuer. `newcomers` null: only who has an account or an invitation comes in. `workspace` null: the first."""

    name: str
    title: str
    issuer: str
    client_id: str
    secret: bool
    scopes: tuple[str, ...]
    email_domains: tuple[str, ...]
    newcomers: Role | None
    workspace: str | None
    groups_claim: str
    groups: tuple[GroupRole, ...]
    link_by_email: bool
    redirect_uri: str
    signed_out_uri: str


class SignOnAnswer(Frozen):
    items: tuple[SignOnIssuer, ...]


class DiscoveryAnswer(Frozen):
    """Whether the issuer's documents can be had and are its own. `problem` says what is wrong."""

    ok: bool
    problem: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    end_session_endpoint: str | None = None
    keys: int = 0
    algorithms: tuple[str, ...] = ()


@operation(permission=Role.VIEWER)
async def list_identities(request: Request[State], scope: Scope) -> IdentitiesAnswer:
    """Where else the person who asks can sign in, and where they could."""
    issuers = request.state["sign_on"].issuers
    titles = {each.issuer: each.title for each in issuers.values()}
    mine = await request.state["store"].identities.mine(person(scope))
    have = {item.issuer for item in mine}
    return IdentitiesAnswer(
        items=tuple(LinkedIdentity(**dict(item), title=titles.get(item.issuer)) for item in mine),
        linkable=tuple(
            IssuerChoice(name=name, title=each.title)
            for name, each in issuers.items()
            if each.issuer not in have
        ),
    )


@operation(permission=Role.VIEWER, status=204, raises=(Conflict,))
async def unlink_identity(request: Request[State], scope: Scope, id: UUID) -> None:
    """It no longer signs in as the person who asks. Not the last way in."""
    await request.state["store"].identities.unlink(person(scope), id)


@operation(permission=Role.ADMIN)
async def list_issuers(request: Request[State]) -> SignOnAnswer:
    """What the server's file of issuers says, without secrets."""
    sign_on = request.state["sign_on"]
    return SignOnAnswer(
        items=tuple(
            SignOnIssuer(
                name=name,
                title=each.title,
                issuer=each.issuer,
                client_id=each.client_id,
                secret=each.client_secret is not None,
                scopes=each.scopes,
                email_domains=each.email_domains,
                newcomers=each.newcomers,
                workspace=each.workspace,
                groups_claim=each.groups_claim,
                groups=tuple(GroupRole(group=group, role=role) for group, role in each.groups.items()),
                link_by_email=each.link_by_email,
                redirect_uri=sign_on.redirect_uri(name),
                signed_out_uri=sign_on.signed_out_uri,
            )
            for name, each in sign_on.issuers.items()
        )
    )


@operation(permission=Role.ADMIN)
async def test_issuer(request: Request[State], name: str) -> DiscoveryAnswer:
    """Ask the issuer for its discovery document and its keys, now."""
    issuer = request.state["sign_on"].named(name)
    try:
        found, keys = await issuer.test()
    except (NoAnswer, Refused) as error:
        return DiscoveryAnswer(ok=False, problem=str(error))
    return DiscoveryAnswer(
        ok=bool(keys),
        problem=None if keys else "None of the published keys may sign what we accept.",
        authorization_endpoint=found.authorization_endpoint,
        token_endpoint=found.token_endpoint,
        jwks_uri=found.jwks_uri,
        end_session_endpoint=found.end_session_endpoint,
        keys=len(keys),
        algorithms=tuple(sorted({alg for key in keys for alg in key.algorithms})),
    )


fixed = [
    Route("/account/identities", list_identities, methods=["GET"]),
    Route("/account/identities/{id}", unlink_identity, methods=["DELETE"]),
    Route("/sign-on/issuers", list_issuers, methods=["GET"]),
    Route("/sign-on/issuers/{name}/test", test_issuer, methods=["POST"]),
]
