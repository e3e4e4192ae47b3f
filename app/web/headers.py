"""What browsers are told with every answer, and calls from pages of others."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web, web_response

from app.web.limits import WORK
from app.web.problems import Handler, problem

#: Set on every answer unless the view has set its own. Pages, which load scripts and styles, do.
ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_PORTS = {"http": 80, "https": 443}


def add_headers(application: web.Application) -> None:
    """Have all answers carry the headers: of views, streams, problems, and of paths that do not exist."""
    application.on_response_prepare.append(_complete)
    # Also on answers to what is no HTTP, which no middleware or signal sees.
    web_response.SERVER_SOFTWARE = "fdp"  # type: ignore[attr-defined]


async def _complete(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    if response.content_type == "application/json" or response.content_type.endswith("+json"):
        response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page of another host asks a browser to do here: without tokens nothing else would keep any page
    on the web from making a platform on the reader's own machine work. Programs send no ``Origin``."""
    origin = request.headers.get("Origin")
    if origin is not None and request.method in WORK and not same_host(origin, request.headers.get("Host", "")):
        return problem(403, "pages of other hosts may not ask for anything here")
    return await handler(request)


def same_host(origin: str, host: str) -> bool:
    """Whether an ``Origin`` is where this ``Host`` is; the scheme may differ, for TLS may end before us."""
    try:
        page = urlsplit(origin)
        here = urlsplit(f"//{host}")
        usual = _PORTS.get(page.scheme)
        return bool(page.hostname) and (page.hostname, page.port or usual) == (here.hostname, here.port or usual)
    except ValueError:
        return False
