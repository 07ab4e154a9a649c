"""The addresses that lead to an issuer of OpenID Connect and back. All are opened by a browser, none by a script."""

from __future__ import annotations

from collections import Counter

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.auth import client_of
from app.oidc.flow import Back, NotIn
from app.operation import operation
from app.pages import VIA_COOKIE, NextQuery, own_place, sign_in_address
from app.problems import BadRequest, Forbidden, Unauthenticated, request_id
from app.signed import person
from app.state import State
from providers import Unavailable
from runner.store.identities import FLOW_LIFE
from runner.store.sessions import ABSOLUTE_LIMIT

_HTML = "text/html"
_ERRORS = {"over": BadRequest, "refused": Forbidden, "silent": Unavailable}


class WayQuery(NextQuery):
    link: bool = Field(default=False, description="Link to the account that is signed in.")


@operation(permission=None, media=_HTML, status=303, also=(403, 404, 502))
async def go(request: Request[State], name: str, query: WayQuery) -> Response:
    """To the issuer. From another site's page, to our sign-in page first: nobody is signed in without having wanted to."""
    sessions, place = request.state["sessions"], own_place(query.next)
    if not sessions.may_sign_in(request):
        return RedirectResponse(sign_in_address(place), 303)
    account_id = None
    if query.link:
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise Forbidden("Linking is begun in the settings.", code="cross-site")
        scope = await request.state["authenticate"](request)
        if scope is None:
            raise Unauthenticated
        account_id = person(scope).account_id
    try:
        begun = await request.state["sign_on"].begin(name, place, account_id, request_id(request))
    except NotIn as error:
        raise _told(error) from error
    response = RedirectResponse(begun.url, 303)
    response.set_cookie(
        begun.cookie,
        begun.secret,
        max_age=int(FLOW_LIFE.total_seconds()),
        path="/",
        secure=begun.cookie.startswith("__Host-"),
        httponly=True,
        samesite="lax",  # the issuer's answer is a navigation from its site, to which a strict cookie would not be sent
    )
    return response


@operation(permission=None, media=_HTML, status=303, also=(400, 403, 404, 409, 502))
async def come_back(request: Request[State], name: str) -> Response:
    """From the issuer, with its answer. Whoever was signed in here before is not any more; the new session has a new cookie."""
    sessions = request.state["sessions"]
    given = request.query_params.multi_items()
    times = Counter(key for key, _ in given)
    once = {key: value for key, value in given if times[key] == 1}  # issuers add parameters of their own
    back = Back(
        state=once.get("state", ""),
        code=once.get("code", ""),
        error=once.get("error", ""),
        issuer=once.get("iss", ""),
        cookies=request.cookies,
    )
    scope = await request.state["authenticate"](request)
    client = client_of(request)
    try:
        arrived = await request.state["sign_on"].finish(name, back, client, scope)
    except NotIn as error:
        if error.code == "sign-in-refused":  # who is not admitted is in the log already
            why = f"what came back from the issuer {name!r} cannot be trusted"
            await request.state["store"].audit.refused(None, why, client.address, client.request_id)
        raise _told(error) from error
    response = RedirectResponse(arrived.place, 303)
    response.delete_cookie(
        arrived.cookie, path="/", secure=arrived.cookie.startswith("__Host-"), httponly=True, samesite="lax"
    )
    if arrived.session is not None:
        await sessions.sign_out(request, Response())
        sessions.keep(arrived.session, response)
        response.set_cookie(
            VIA_COOKIE, name, max_age=int(ABSOLUTE_LIMIT.total_seconds()), httponly=True, samesite="lax"
        )
    return response


@operation(permission=None, media=_HTML, status=303, also=(404,))
async def leave(request: Request[State], name: str) -> Response:
    """To the issuer's own sign-out, where it has one; else to our sign-in page."""
    request.state["sign_on"].named(name)
    return RedirectResponse(await request.state["sign_on"].left(name) or "/sign-in", 303)


def _told(error: NotIn) -> Exception:
    return _ERRORS[error.kind](error.message, code=error.code, hint=error.hint)


routes = [
    Route("/sign-in/with/{name}", go, methods=["GET"], include_in_schema=False),
    Route("/sign-in/back/{name}", come_back, methods=["GET"], include_in_schema=False),
    Route("/sign-out/at/{name}", leave, methods=["GET"], include_in_schema=False),
]
