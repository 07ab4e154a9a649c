"""The few pages the server renders itself: signing in, and errors. No script is needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app.body import media_type, read_body
from app.operation import operation
from app.problems import Forbidden, ProblemDetails, Unsupported
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
_HTML = "text/html"
_PLACE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)
_PLACE_LIMIT = 2000


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
    code: str = Field(default="", max_length=200)


@operation(permission=None, media=_HTML)
async def sign_in_page(request: Request[State], query: SignInQuery) -> Response:
    """The form that spends a sign-in code. Looking at it changes nothing."""
    return page(request, "sign_in.html", code=query.code, refused=False, action=_action(query.next))


@operation(permission=None, media=_HTML, status=303, also=(401,))
async def sign_in(request: Request[State], query: NextQuery) -> Response:
    """Open a session for a sign-in code, which works once."""
    sessions = request.state["sessions"]
    if not sessions.may_sign_in(request):
        raise Forbidden("This form was sent from another site.", code="cross-site")
    if media_type(request) != "application/x-www-form-urlencoded":
        raise Unsupported("Send the sign-in form.")
    fields = parse_qs((await read_body(request, FORM_LIMIT)).decode("utf-8", "replace"), max_num_fields=10)
    response = RedirectResponse(own_place(query.next), 303)
    if await sessions.sign_in(fields.get("code", [""])[-1].strip(), response):
        return response
    return page(request, "sign_in.html", 401, code="", refused=True, action=_action(query.next))


@operation(permission=Role.VIEWER, media=_HTML, status=303)
async def sign_out(request: Request[State]) -> Response:
    """End the session: its cookie is worth nothing afterwards."""
    response = RedirectResponse("/sign-in", 303)
    await request.state["sessions"].sign_out(request, response)
    return response


def page(request: Request[Any], name: str, status: int = 200, **values: Any) -> HTMLResponse:
    theme = request.cookies.get(THEME_COOKIE)
    values["theme"] = theme if theme in ("light", "dark") else None
    return HTMLResponse(
        _templates.get_template(name).render(values), status, {"Content-Security-Policy": CSP}
    )


def own_place(text: str) -> str:
    """`text` if it is a page of ours, as a path with its query; else the start. Never another site: browsers read `//host`,
    `/\\host` and both with blanks between as one."""
    fine = len(text) <= _PLACE_LIMIT and _PLACE.fullmatch(text) and not text.startswith(("/sign-", "/api/"))
    return text if fine else "/"


def _action(text: str) -> str:
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
        action = _action(asked if request.method == "GET" else "")
        response = page(request, "sign_in.html", 401, code="", refused=False, action=action)
    else:
        response = page(request, "error.html", problem.status, problem=problem)
    response.headers.update(headers)
    return response


routes = [
    Route("/sign-in", sign_in_page, methods=["GET"], include_in_schema=False),
    Route("/sign-in", sign_in, methods=["POST"], include_in_schema=False),
    Route("/sign-out", sign_out, methods=["POST"], include_in_schema=False),
]
