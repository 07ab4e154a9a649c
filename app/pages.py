"""The few pages the server renders itself: signing in, and errors; `app.doors` has the rest. No script is needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app.auth import client_of
from app.body import media_type, read_body
from app.operation import operation
from app.problems import AppError, Forbidden, ProblemDetails, TooMany, Unsupported
from app.state import State
from providers import Frozen
from runner.model import Role

FOLDER = Path(__file__).parent / "templates"
CSP = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
FORM_LIMIT = 8 * 1024
THEME_COOKIE = "baton_theme"
VIA_COOKIE = "baton_via"
"""The issuer somebody signed in at, so that signing out there can be offered. Nothing else rests on it."""
CODE_REFUSED = "This code is wrong, was used already, or is older than 30 minutes."
_HTML = "text/html"
_PLACE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)
_PLACE_LIMIT = 2000
_DOORS = ("/sign-", "/api/", "/setup", "/invitation", "/forgot", "/reset")


_templates = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class NextQuery(Frozen):
    next: str = Field(default="", max_length=4 * _PLACE_LIMIT, description="The page to go to afterwards.")


class SignInQuery(NextQuery):
    """`by`: "code" for the form that takes one, where people sign in by password otherwise."""

    code: str = Field(default="", max_length=200)
    by: Literal["", "code"] = ""
    left: str = Field(
        default="", max_length=40, description="The issuer somebody signed in at who signed out."
    )


@operation(permission=None, media=_HTML)
async def sign_in_page(request: Request[State], query: SignInQuery) -> Response:
    """The form that takes e-mail address and password, or a sign-in code. Looking at it changes nothing."""
    await request.state["sessions"].look()
    by_code = bool(query.code) or query.by == "code"
    return _sign_in_page(request, query.next, code=query.code, by_code=by_code, left=query.left)


@operation(permission=None, media=_HTML, status=303, also=(401, 429))
async def sign_in(request: Request[State], query: NextQuery) -> Response:
    """Open a session for an e-mail address and its password, or for a sign-in code, which works once."""
    fields = await form_fields(request)
    sessions, response = request.state["sessions"], RedirectResponse(own_place(query.next), 303)
    if "email" in fields:
        email = fields["email"].strip().lower()
        try:
            if await sessions.sign_in_by_password(request, email, fields.get("password", ""), response):
                return response
        except TooMany as error:
            return _sign_in_page(request, query.next, 429, email=email, refused=error.message, error=error)
        refused = "The e-mail address or the password is wrong."
        return _sign_in_page(request, query.next, 401, email=email, refused=refused)
    if await sessions.sign_in(request, fields.get("code", "").strip(), response):
        return response
    client = client_of(request)
    await request.state["store"].audit.refused(
        None, "a wrong, used or expired code", client.address, client.request_id
    )
    return _sign_in_page(request, query.next, 401, refused=CODE_REFUSED, by_code=True)


@operation(permission=Role.VIEWER, media=_HTML, status=303)
async def sign_out(request: Request[State]) -> Response:
    """End the session: its cookie is worth nothing afterwards."""
    via = request.cookies.get(VIA_COOKIE, "")
    response = RedirectResponse(
        f"/sign-in?left={via}" if request.state["sign_on"].ends(via) else "/sign-in", 303
    )
    response.delete_cookie(VIA_COOKIE, httponly=True)
    await request.state["sessions"].sign_out(request, response)
    return response


def page(request: Request[Any], name: str, status: int = 200, **values: Any) -> HTMLResponse:
    theme = request.cookies.get(THEME_COOKIE)
    values["theme"] = theme if theme in ("light", "dark") else None
    return HTMLResponse(
        _templates.get_template(name).render(values), status, {"Content-Security-Policy": CSP}
    )


async def form_fields(request: Request[State]) -> dict[str, str]:
    """What a form of ours sends, the last of each name. Raises Forbidden for one from another site, Unsupported for what is none."""
    if not request.state["sessions"].may_sign_in(request):
        raise Forbidden("This form was sent from another site.", code="cross-site")
    if media_type(request) != "application/x-www-form-urlencoded":
        raise Unsupported("Send the form.")
    sent = parse_qs(
        (await read_body(request, FORM_LIMIT)).decode("utf-8", "replace"),
        keep_blank_values=True,
        max_num_fields=10,
    )
    return {name: values[-1] for name, values in sent.items()}


def _sign_in_page(
    request: Request[Any],
    next: str,
    status: int = 200,
    *,
    refused: str = "",
    code: str = "",
    email: str = "",
    by_code: bool = False,
    left: str = "",
    error: AppError | None = None,
) -> Response:
    by_password = request.state["sessions"].by_password
    sign_on, action = request.state["sign_on"], sign_in_address(next)
    then = action.removeprefix("/sign-in")
    shown = page(
        request,
        "sign_in.html",
        status,
        action=action,
        ways=[(each.title, f"/sign-in/with/{name}{then}") for name, each in sign_on.issuers.items()],
        left=(left, sign_on.issuers[left].title) if sign_on.ends(left) else None,
        refused=refused,
        code=code,
        email=email,
        by_code=by_code or not by_password,
        by_password=by_password,
    )
    shown.headers.update(error.headers if error else {})
    return shown


def own_place(text: str) -> str:
    """`text` if it is a page of ours, as a path with its query; else the start. Never another site: browsers read `//host`,
    `/\\host` and both with blanks between as one."""
    fine = len(text) <= _PLACE_LIMIT and _PLACE.fullmatch(text) and not text.startswith(_DOORS)
    return text if fine else "/"


def sign_in_address(text: str) -> str:
    place = own_place(text)
    return "/sign-in" if place == "/" else f"/sign-in?next={quote(place, safe='')}"


def wants_page(request: Request[Any]) -> bool:
    """Whether an error should be a page: a browser asks for one, outside the API."""
    path = request.scope["path"]
    return _HTML in request.headers.get("accept", "") and not path.startswith("/api/")


def error_page(request: Request[Any], problem: ProblemDetails, headers: Mapping[str, str]) -> Response:
    """Where nobody is signed in, the sign-in page, which then leads back to the page that was asked for."""
    if problem.status == 401:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        response = _sign_in_page(request, asked if request.method == "GET" else "", 401)
    else:
        response = page(request, "error.html", problem.status, problem=problem)
    response.headers.update(headers)
    return response


routes = [
    Route("/sign-in", sign_in_page, methods=["GET"], include_in_schema=False),
    Route("/sign-in", sign_in, methods=["POST"], include_in_schema=False),
    Route("/sign-out", sign_out, methods=["POST"], include_in_schema=False),
]
