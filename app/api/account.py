"""One's own account: name, password, where one is signed in, and the tokens that act as oneself."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.listing import Listing, ListQuery, after_id, listing
from app.operation import Reply, operation
from app.passwords import LONGEST, Busy, objection
from app.problems import Invalid, TooMany
from app.settings import EMAIL
from app.signed import person
from app.state import State
from app.token_answer import IssuedToken, NewToken, TokenAnswer, issued, shown
from providers import Frozen
from runner.errors import Conflict
from runner.model import Role, Scope
from runner.store.accounts import Profile
from runner.store.sessions import SessionItem

NAME_LIMIT = 200


class ProfileChange(Frozen):
    name: str = Field(min_length=1, max_length=NAME_LIMIT)


class NewPassword(Frozen):
    """`current`: null for who has none yet. `email`: for who has none yet, and only then."""

    current: str | None = Field(default=None, max_length=LONGEST)
    new: str = Field(max_length=LONGEST)
    email: str | None = Field(default=None, max_length=254)


@operation(permission=Role.VIEWER)
async def get_account(request: Request[State], scope: Scope) -> Profile:
    """The person who is signed in."""
    found = await request.state["store"].accounts.profile(person(scope))
    assert found is not None
    return found


@operation(permission=Role.VIEWER, raises=(Conflict,))
async def change_account(request: Request[State], scope: Scope, body: ProfileChange) -> Profile:
    """Be called something else."""
    name = body.name.strip()
    if not name or not name.isprintable():
        raise Invalid([("/name", "must be a name on one line")])
    accounts = request.state["store"].accounts
    await accounts.rename(person(scope), name)
    found = await accounts.profile(scope)
    assert found is not None
    return found


@operation(permission=Role.VIEWER, status=204, raises=(Conflict, TooMany))
async def change_password(request: Request[State], scope: Scope, body: NewPassword) -> Response:
    """Set another password. Every other session ends, and this one has a new cookie afterwards."""
    accounts, passwords = request.state["store"].accounts, request.state["sessions"].passwords
    profile = await accounts.profile(person(scope))
    assert profile is not None
    email = (body.email or "").strip().lower()
    if profile.email is None and not EMAIL.fullmatch(email):
        raise Invalid([("/email", "is not an e-mail address")])
    if profile.email is not None and body.email is not None:
        raise Invalid([("/email", "is not changed here")])
    if wrong := objection(body.new, profile.email or email):
        raise Invalid([("/new", wrong)])
    kept = await accounts.password_hash(scope)
    try:
        if kept is not None:
            wait = await accounts.admit(f"\x00{scope.account_id}", None)  # no address that can be typed
            if wait is not None:
                raise TooMany(round(wait))
            if not await passwords.verify(kept, body.current or ""):
                raise Invalid([("/current", "is not your password")])
        hashed = await passwords.hash(body.new)
    except Busy:
        raise TooMany(1) from None
    secret = await accounts.change_password(scope, kept, hashed, email if profile.email is None else None)
    if secret is None:
        raise Conflict("The password was changed in the meantime.")
    response = Response(status_code=204)
    request.state["sessions"].keep(secret, response)
    await request.state["sessions"].look()
    return response


@operation(permission=Role.VIEWER)
async def list_sessions(request: Request[State], scope: Scope, query: ListQuery) -> Listing[SessionItem]:
    """Where one is signed in, this place first."""
    after = after_id(query.cursor)
    found = list(await request.state["store"].sessions.mine(person(scope)))
    at = next((index for index, item in enumerate(found, 1) if item.id == after), 0)
    return listing(found[at:], query.limit, lambda item: item.id)


@operation(permission=Role.VIEWER, status=204)
async def end_session(request: Request[State], scope: Scope, id: UUID) -> None:
    """End one of one's own sessions: its cookie is worth nothing afterwards."""
    await request.state["store"].sessions.end_one(person(scope), id)


@operation(permission=Role.VIEWER, status=204)
async def end_other_sessions(request: Request[State], scope: Scope) -> None:
    """End all of one's own sessions but this one."""
    await request.state["store"].sessions.end_others(person(scope))


@operation(permission=Role.VIEWER)
async def list_own_tokens(request: Request[State], scope: Scope, query: ListQuery) -> Listing[TokenAnswer]:
    """The tokens that act as oneself in this workspace, newest first. Revoked ones are left out."""
    tokens = await request.state["store"].access.tokens(person(scope), personal=True)
    return shown(tokens, query.limit, after_id(query.cursor))


@operation(permission=Role.VIEWER, status=201)
async def create_own_token(request: Request[State], scope: Scope, body: NewToken) -> Reply[IssuedToken]:
    """Make a token that acts as oneself, with this role at most, and never with more than one has when it is used. It is in this
    answer and never again."""
    return await issued(request, person(scope), body, personal=True)


@operation(permission=Role.VIEWER, status=204)
async def revoke_own_token(request: Request[State], scope: Scope, id: UUID) -> None:
    """Refuse it from now on. Revoking it twice is no error."""
    await request.state["store"].access.revoke_token(person(scope), id, personal=True)


fixed = [
    Route("/account", get_account, methods=["GET"]),
    Route("/account", change_account, methods=["PATCH"]),
    Route("/account/password", change_password, methods=["PUT"]),
    Route("/account/sessions", list_sessions, methods=["GET"]),
    Route("/account/sessions", end_other_sessions, methods=["DELETE"]),
    Route("/account/sessions/{id}", end_session, methods=["DELETE"]),
    Route("/account/tokens", list_own_tokens, methods=["GET"]),
    Route("/account/tokens", create_own_token, methods=["POST"]),
    Route("/account/tokens/{id}", revoke_own_token, methods=["DELETE"]),
]
