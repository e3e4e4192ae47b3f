"""What browsers are told with every answer, and calls from pages of others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web, web_response

from app.web.limits import WORK
from app.web.problems import Handler, Middleware, problem

#: Set on every answer unless the view has set its own. Pages, which load scripts and styles, do.
ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
#: Asked by whatever watches over processes, under whatever name it knows.
PROBES = ("/health/live", "/health/ready")
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


def called_by_name(names: Collection[str]) -> Middleware:
    """Refuse calls under a name that is none of these: a page whose owner points its name at the reader's machine would
    pass for a page of ours (DNS rebinding). Addresses pass, for no name was looked up, and programs may send no
    ``Host``."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = host_name(request.headers.get("Host", ""))
        known = name in names or name.endswith(".localhost") or is_address(name)
        # The probes tell nothing that anybody could use.
        if name and not known and request.path not in PROBES:
            detail = (
                f"this server does not know itself as {name!r}; call it as localhost or by its address, name it in "
                "WEB_NAMES, or set API_TOKENS"
            )
            return problem(421, detail)
        return await handler(request)

    return check


def host_name(host: str) -> str:
    """The name or address in a ``Host``, without its port; empty where there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return host


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def own_names(web_host: str, names: Iterable[str]) -> tuple[str, ...] | None:
    """The names by which a server may be called; None, any: whoever listens for others too is called what they call
    it."""
    if web_host == "localhost" or (is_address(web_host) and ip_address(web_host).is_loopback):
        return ("localhost", *names)
    return None


def same_host(origin: str, host: str) -> bool:
    """Whether an ``Origin`` is where this ``Host`` is; the scheme may differ, for TLS may end before us."""
    try:
        page = urlsplit(origin)
        here = urlsplit(f"//{host}")
        usual = _PORTS.get(page.scheme)
        return bool(page.hostname) and (page.hostname, page.port or usual) == (here.hostname, here.port or usual)
    except ValueError:
        return False
