"""The few pages the server renders itself: signing in, and errors. No script is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

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
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
FORM_LIMIT = 8 * 1024
_HTML = "text/html"


_templates = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class SignInQuery(Frozen):
    code: str = Field(default="", max_length=200)


@operation(permission=None, media=_HTML)
async def sign_in_page(request: Request[State], query: SignInQuery) -> Response:
    """The form that spends a sign-in code. Looking at it changes nothing."""
    return page("sign_in.html", code=query.code, refused=False)


@operation(permission=None, media=_HTML, status=303, also=(401,))
async def sign_in(request: Request[State]) -> Response:
    """Open a session for a sign-in code, which works once."""
    sessions = request.state["sessions"]
    if not sessions.may_sign_in(request):
        raise Forbidden("This form was sent from another site.", code="cross-site")
    if media_type(request) != "application/x-www-form-urlencoded":
        raise Unsupported("Send the sign-in form.")
    fields = parse_qs((await read_body(request, FORM_LIMIT)).decode("utf-8", "replace"), max_num_fields=10)
    response = RedirectResponse("/", 303)
    if await sessions.sign_in(fields.get("code", [""])[-1].strip(), response):
        return response
    return page("sign_in.html", 401, code="", refused=True)


@operation(permission=Role.VIEWER, media=_HTML, status=303)
async def sign_out(request: Request[State]) -> Response:
    """End the session: its cookie is worth nothing afterwards."""
    response = RedirectResponse("/sign-in", 303)
    await request.state["sessions"].sign_out(request, response)
    return response


@operation(permission=None, media="text/css")
async def style(request: Request[State]) -> Response:
    """The one style sheet."""
    return Response((FOLDER / "style.css").read_text(), media_type="text/css")


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(
        _templates.get_template(name).render(values), status, {"Content-Security-Policy": CSP}
    )


def wants_page(request: Request[Any]) -> bool:
    """Whether an error should be a page: a browser asks for one, outside the API."""
    path = request.scope["path"]
    return _HTML in request.headers.get("accept", "") and not path.startswith("/api/")


def error_page(problem: ProblemDetails, headers: Mapping[str, str]) -> Response:
    if problem.status == 401:
        response = page("sign_in.html", 401, code="", refused=False)
    else:
        response = page("error.html", problem.status, problem=problem)
    response.headers.update(headers)
    return response


routes = [
    Route("/sign-in", sign_in_page, methods=["GET"], include_in_schema=False),
    Route("/sign-in", sign_in, methods=["POST"], include_in_schema=False),
    Route("/sign-out", sign_out, methods=["POST"], include_in_schema=False),
    Route("/style.css", style, methods=["GET"], include_in_schema=False),
]
