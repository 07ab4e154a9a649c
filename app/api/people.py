"""The people of a workspace, and invitations to it. Admins only."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import Reply, operation
from app.problems import Invalid
from app.settings import EMAIL
from app.state import State
from providers import Frozen
from runner.errors import Conflict
from runner.model import Role, Scope
from runner.store.invitations import Invitation
from runner.store.people import Member


class RoleChange(Frozen):
    role: Role


class NewInvitation(Frozen):
    email: str = Field(min_length=3, max_length=254)
    role: Role


class Invited(Invitation):
    """`link` is shown this once: only its hash is kept. Give it to nobody else: who opens it first is that person. `mailed`: the mail
    server took it, too."""

    link: str
    mailed: bool


@operation(permission=Role.ADMIN)
async def list_people(request: Request[State], scope: Scope, query: ListQuery) -> Listing[Member]:
    """Who is in this workspace, and as what."""
    after = after_id(query.cursor)
    people = request.state["store"].people
    found = await people.members(scope, limit=query.limit + 1, after=after)
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.ADMIN, status=204, raises=(Conflict,))
async def change_role(request: Request[State], scope: Scope, id: UUID, body: RoleChange) -> None:
    """Give somebody another role here, from now on. Their sessions here end. The last admin stays one."""
    await request.state["store"].people.set_role(scope, id, body.role)


@operation(permission=Role.ADMIN, status=204, raises=(Conflict,))
async def remove_person(request: Request[State], scope: Scope, id: UUID) -> None:
    """Take somebody out of this workspace. Their sessions and their own tokens here end at once. The last admin stays."""
    await request.state["store"].people.remove(scope, id)


@operation(permission=Role.ADMIN)
async def list_invitations(request: Request[State], scope: Scope, query: ListQuery) -> Listing[Invitation]:
    """Invitations that nobody has accepted, newest first."""
    invitations = request.state["store"].invitations
    found = await invitations.page(scope, limit=query.limit + 1, before=after_id(query.cursor))
    return listing(found, query.limit, lambda item: item.id)


@operation(permission=Role.ADMIN, status=201, raises=(Conflict,))
async def invite(request: Request[State], scope: Scope, body: NewInvitation) -> Reply[Invited]:
    """Invite somebody by e-mail address. The link works once, for 7 days; earlier ones to that address are void."""
    email = body.email.strip().lower()
    if not EMAIL.fullmatch(email):
        raise Invalid([("/email", "is not an e-mail address")])
    store, settings, post = request.state["store"], request.state["settings"], request.state["post"]
    made, token = await store.invitations.create(scope, email, body.role)
    link = f"{settings.public_url}/invitation?token={token}"
    name = await store.access.workspace_name(scope)
    text = f"{scope.subject} invites you to the workspace {name} of Baton.\n\nAccept within 7 days:\n{link}\n"
    mailed = await post.send(email, f"Invitation to {name}", text)
    answer = Invited(**dict(made), link=link, mailed=mailed)
    return Reply(answer, headers={"Cache-Control": "no-store"})


@operation(permission=Role.ADMIN, status=204)
async def withdraw_invitation(request: Request[State], scope: Scope, id: UUID) -> None:
    """Its link leads nowhere from now on."""
    await request.state["store"].invitations.withdraw(scope, id)


fixed = [
    Route("/people", list_people, methods=["GET"]),
    Route("/people/{id}", change_role, methods=["PATCH"]),
    Route("/people/{id}", remove_person, methods=["DELETE"]),
    Route("/invitations", list_invitations, methods=["GET"]),
    Route("/invitations", invite, methods=["POST"]),
    Route("/invitations/{id}", withdraw_invitation, methods=["DELETE"]),
]
