"""The web app as it was built: one page for every address of a screen, and its files, which carry their hash in their names.

A wheel holds the build in `app/static`; a checkout has it in `ui/dist`, made by `ui/build_hook.py`.
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.operation import operation
from app.pages import FOLDER, THEME_COOKIE, page
from app.state import State
from runner.errors import NotFound
from runner.model import Role

_APP = Path(__file__).parent
PLACES = (_APP / "static", _APP.parent / "ui" / "dist")
SCREENS = (
    "orchestrators",
    "workflows",
    "runs",
    "connections",
    "inbound",
    "dead-letters",
    "check",
    "settings",
)
"""The first words of the addresses that the web app answers for; `ui/src/router.tsx` has the same."""
CSP = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "
    "worker-src 'self'; "
    # Radix, sonner, CodeMirror and React Flow place things by style attributes and elements; scripts need no exception.
    "style-src 'self' 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
IMMUTABLE = "public, max-age=31536000, immutable"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_FONT = "inter-latin-wght-normal"
_COMPRESSED = frozenset({".js", ".css", ".svg", ".json"})


def built() -> Path | None:
    """The folder of the build; None: there is none."""
    return next((place for place in PLACES if (place / "index.html").is_file()), None)


@operation(permission=Role.VIEWER, media="text/html")
async def screen(request: Request[State]) -> Response:
    """The web app. A pinned theme is in the page before anything is drawn, so nothing flashes."""
    folder = built()
    if folder is None:
        return page(request, "unbuilt.html")
    text = (folder / "index.html").read_text()
    if (theme := request.cookies.get(THEME_COOKIE)) in ("light", "dark"):
        text = text.replace("<html ", f'<html data-theme="{theme}" ', 1)
    return HTMLResponse(text, headers={"Content-Security-Policy": CSP})


@operation(permission=None, media="application/octet-stream")
async def asset(request: Request[State], name: str) -> Response:
    """A file of the build. Public, as its source is; never changes under its name."""
    folder = built()
    if folder is None or not _NAME.fullmatch(name):
        raise NotFound("There is no such file.")
    path = folder / "assets" / name
    zipped = path.suffix in _COMPRESSED and "gzip" in request.headers.get("accept-encoding", "")
    try:
        content = await asyncio.to_thread(_content, path, zipped)
    except OSError:
        raise NotFound("There is no such file.") from None
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(
        content, headers=headers, media_type=mimetypes.guess_type(name)[0] or "application/octet-stream"
    )


@lru_cache(maxsize=256)
def _content(path: Path, zipped: bool) -> bytes:
    """Kept in memory: a build has some hundred files, some megabytes in all."""
    content = path.read_bytes()
    return gzip.compress(content, mtime=0) if zipped else content


@operation(permission=None, media="text/css")
async def style(request: Request[State]) -> Response:
    """The style sheet of the pages that are not the web app, with its font where there is a build."""
    text = (FOLDER / "style.css").read_text()
    folder = built()
    font = next((folder / "assets").glob(f"{_FONT}-*.woff2"), None) if folder else None
    if font is not None:
        source = f'url("/assets/{font.name}") format("woff2")'
        text += f'@font-face {{ font-family: "Inter Variable"; font-weight: 100 900; font-display: swap; src: {source}; }}\n'
    return Response(text, media_type="text/css")


def _route(path: str, endpoint: Any) -> Route:
    return Route(path, endpoint, methods=["GET"], include_in_schema=False)


routes = [
    _route("/", screen),
    *(_route(f"/{name}", screen) for name in SCREENS),
    *(_route(f"/{name}/{{rest:path}}", screen) for name in SCREENS),
    _route("/assets/{name}", asset),
    _route("/style.css", style),
]
