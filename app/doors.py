"""The pages by which people come to an account: the first set-up, an invitation, a new password (threats T19, T31, T32).

A link's token stands in its address and in a hidden field, works once, and is in no answer but the page it opened. Looking at a
page spends nothing. What is wrong with a token is never told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.auth import client_of
from app.operation import operation
from app.pages import CODE_REFUSED, form_fields, page
from app.passwords import Busy, objection
from app.problems import TooMany
from app.settings import EMAIL
from app.state import State
from providers import Frozen
from runner.errors import Conflict, NotFound

_HTML = "text/html"
NAME_LIMIT = 200
OVER = "This link is wrong, was used already, or is too old. Ask for a new one."


class TokenQuery(Frozen):
    token: str = Field(default="", max_length=200)


class CodeQuery(Frozen):
    code: str = Field(default="", max_length=200)


@operation(permission=None, media=_HTML, also=(404,))
async def set_up_page(request: Request[State], query: CodeQuery) -> Response:
    """The form that makes the first owner. 404 once there is one with a password."""
    await _not_set_up(request)
    return _set_up_page(request, {"code": query.code})


@operation(permission=None, media=_HTML, status=303, also=(401, 404, 422, 429))
async def set_up(request: Request[State]) -> Response:
    """Give this server its first owner with a password, by the one-time code of its log, and sign them in."""
    await _not_set_up(request)
    fields = await form_fields(request)
    email, name, password = _email(fields), fields.get("name", "").strip(), fields.get("password", "")
    wrong = _wrong(email, name, password)
    if wrong:
        return _set_up_page(request, fields, wrong, 422)
    accounts, client = request.state["store"].accounts, client_of(request)
    wait = await accounts.admit("\x00set-up", client.address)  # a name that nobody can type
    if wait is not None:
        raise TooMany(math.ceil(wait))
    try:
        hashed = await request.state["sessions"].passwords.hash(password)
        secret = await accounts.set_up(fields.get("code", "").strip(), email, name, hashed, client)
    except (Busy, Conflict) as error:
        said = error.message if isinstance(error, Conflict) else "The server is busy. Try again."
        return _set_up_page(request, fields, said, 422)
    if secret is None:
        return _set_up_page(request, fields | {"code": ""}, CODE_REFUSED, 401)
    return await _in(request, secret)


@operation(permission=None, media=_HTML, also=(404,))
async def invitation_page(request: Request[State], query: TokenQuery) -> Response:
    """What the invitation is to, and the form that accepts it."""
    return await _invitation_page(request, {"token": query.token})


@operation(permission=None, media=_HTML, status=303, also=(200, 404, 422))
async def accept_invitation(request: Request[State]) -> Response:
    """Accept an invitation. Who is new gets an account and is signed in; others sign in as always."""
    fields = await form_fields(request)
    token, invitations = fields.get("token", ""), request.state["store"].invitations
    invited = await invitations.read(token)
    if invited is None:
        return _over(request)
    name, password, hashed = fields.get("name", "").strip(), fields.get("password", ""), None
    if not invited.known:
        if wrong := _wrong(invited.email, name, password):
            return await _invitation_page(request, fields, wrong, 422)
        try:
            hashed = await request.state["sessions"].passwords.hash(password)
        except Busy:
            return await _invitation_page(request, fields, "The server is busy. Try again.", 429)
    try:
        secret = await invitations.accept(token, client_of(request), name=name, password_hash=hashed)
    except NotFound:
        return _over(request)
    if secret is None:
        text = f"You are in the workspace {invited.workspace_name} now. Choose it at the top once you are signed in."
        return page(request, "said.html", heading="Welcome", text=text)
    return await _in(request, secret)


@operation(permission=None, media=_HTML)
async def forgot_page(request: Request[State]) -> Response:
    """The form that asks for a link for a new password, where this server sends mail."""
    return page(request, "forgot.html", mail=request.state["post"].there)


@operation(permission=None, media=_HTML, also=(429,))
async def forgot(request: Request[State]) -> Response:
    """Send such a link, if somebody has that address. The answer is the same if nobody has."""
    fields, post = await form_fields(request), request.state["post"]
    if not post.there:
        return page(request, "forgot.html", mail=False)
    email, client, accounts = _email(fields), client_of(request), request.state["store"].accounts
    wait = await accounts.admit(f"\x00reset {email}", client.address)
    if wait is not None:
        raise TooMany(math.ceil(wait))
    post.soon(_send_reset(request, email))
    text = "If somebody has this address here, a mail with a link is on its way. The link works once, for 30 minutes."
    return page(request, "said.html", heading="Look into your mail", text=text)


@operation(permission=None, media=_HTML, also=(404,))
async def reset_page(request: Request[State], query: TokenQuery) -> Response:
    """The form for a new password."""
    return await _reset_page(request, query.token)


@operation(permission=None, media=_HTML, status=303, also=(404, 422))
async def reset(request: Request[State]) -> Response:
    """Set a new password by a link. Every session of that person ends, and a new one begins."""
    fields, resets = await form_fields(request), request.state["store"].resets
    token, password = fields.get("token", ""), fields.get("password", "")
    email = await resets.email_of(token)
    if email is None:
        return _over(request)
    if wrong := objection(password, email):
        return await _reset_page(request, token, wrong, 422)
    try:
        hashed = await request.state["sessions"].passwords.hash(password)
    except Busy:
        return await _reset_page(request, token, "The server is busy. Try again.", 429)
    secret = await resets.spend(token, hashed, client_of(request))
    return _over(request) if secret is None else await _in(request, secret)


async def _send_reset(request: Request[State], email: str) -> None:
    """After the answer, so that its time does not tell whether somebody has that address."""
    resets = request.state["store"].resets
    token = await resets.ask(email) if EMAIL.fullmatch(email) else None
    if token is not None:
        link = f"{request.state['settings'].public_url}/reset?token={token}"
        text = (
            "Somebody, you we hope, asked for a new password for Baton.\n\n"
            f"Set it within 30 minutes:\n{link}\n\nIf it was not you, do nothing.\n"
        )
        await request.state["post"].send(email, "A new password for Baton", text)


async def _in(request: Request[State], secret: str) -> Response:
    response = RedirectResponse("/", 303)
    request.state["sessions"].keep(secret, response)
    await request.state["sessions"].look()
    return response


async def _not_set_up(request: Request[State]) -> None:
    if not await request.state["store"].accounts.to_be_set_up():
        raise NotFound("There is nothing at this address.")


def _email(fields: Mapping[str, str]) -> str:
    return fields.get("email", "").strip().lower()


def _wrong(email: str, name: str, password: str) -> str | None:
    if not EMAIL.fullmatch(email):
        return "This is not an e-mail address."
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        return "Give a name."
    return objection(password, email)


def _over(request: Request[State]) -> Response:
    return page(request, "said.html", 404, heading="This link leads nowhere", text=OVER)


def _set_up_page(
    request: Request[State], fields: Mapping[str, str], refused: str = "", status: int = 200
) -> Response:
    return page(
        request,
        "new_password.html",
        status,
        heading="Set up this server",
        text="Nobody has a password here yet. The first one owns this server.",
        action="/setup",
        button="Set up",
        refused=refused,
        token="",
        code=fields.get("code", ""),
        called=fields.get("name", ""),
        email=fields.get("email", ""),
        asks_code=True,
        asks_name=True,
        asks_email=True,
        asks_password=True,
    )


async def _invitation_page(
    request: Request[State], fields: Mapping[str, str], refused: str = "", status: int = 200
) -> Response:
    token = fields.get("token", "")
    invited = await request.state["store"].invitations.read(token)
    if invited is None:
        return _over(request)
    return page(
        request,
        "new_password.html",
        status,
        heading=f"Join {invited.workspace_name}",
        text=f"{invited.email} is invited to the workspace {invited.workspace_name} as {invited.role}.",
        action="/invitation",
        button="Accept",
        refused=refused,
        token=token,
        called=fields.get("name", ""),
        email=invited.email,
        asks_code=False,
        asks_name=not invited.known,
        asks_email=False,
        asks_password=not invited.known,
    )


async def _reset_page(request: Request[State], token: str, refused: str = "", status: int = 200) -> Response:
    email = await request.state["store"].resets.email_of(token)
    if email is None:
        return _over(request)
    return page(
        request,
        "new_password.html",
        status,
        heading="A new password",
        text="It ends every session of yours.",
        action="/reset",
        button="Set the password",
        refused=refused,
        token=token,
        email=email,
        asks_code=False,
        asks_name=False,
        asks_email=False,
        asks_password=True,
    )


routes = [
    Route("/setup", set_up_page, methods=["GET"], include_in_schema=False),
    Route("/setup", set_up, methods=["POST"], include_in_schema=False),
    Route("/invitation", invitation_page, methods=["GET"], include_in_schema=False),
    Route("/invitation", accept_invitation, methods=["POST"], include_in_schema=False),
    Route("/forgot", forgot_page, methods=["GET"], include_in_schema=False),
    Route("/forgot", forgot, methods=["POST"], include_in_schema=False),
    Route("/reset", reset_page, methods=["GET"], include_in_schema=False),
    Route("/reset", reset, methods=["POST"], include_in_schema=False),
]
