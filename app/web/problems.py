"""Errors as RFC 9457 problems, for everything that any view, route or middleware raises."""

from __future__ import annotations

import hmac
import http
import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from app.errors import Conflict, FieldProblem, InvalidRequest, LogError, RegistryError
from app.settings import Settings

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
#: Open to anybody even where tokens are asked for: the probes, and the shells of the pages.
OPEN_PATHS = ("/health/live", "/health/ready", "/", "/docs")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(
    status: int, detail: str, errors: list[FieldProblem] | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    """One problem document. ``type`` is ``about:blank``: the status says what kind it is (RFC 9457, 4.2.1)."""
    # A path may hold bytes that are no UTF-8, which come as half characters that no JSON can hold.
    detail = detail.encode("utf-8", "replace").decode()
    body: dict[str, object] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        body["errors"] = [error.as_json() for error in errors]
    return web.Response(status=status, body=orjson.dumps(body), content_type=CONTENT_TYPE, headers=headers)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what was raised into a problem; nothing but a defect of ours becomes a 500."""
    try:
        return await handler(request)
    except Conflict as error:
        return problem(409, str(error), error.problems)
    except InvalidRequest as error:
        return problem(422, f"the request is not valid: {error}", error.problems)
    except (LogError, RegistryError) as error:
        return problem(503, f"{error}; try again shortly", headers={"Retry-After": "2"})
    except web.HTTPRequestEntityTooLarge:
        return problem(413, f"the body is larger than {request.client_max_size} bytes; split the request")
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem(error.status, _detail(error, request), headers=_kept(error))
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        return problem(500, "the platform has a defect; its log says more")


def bearer(settings: Settings) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """A middleware that asks for one of the tokens, where there are any."""
    tokens = [token.encode() for token in settings.tokens]

    @web.middleware
    async def authorise(request: web.Request, handler: Handler) -> web.StreamResponse:
        if tokens and request.path not in OPEN_PATHS:
            kind, _, given = request.headers.get("Authorization", "").partition(" ")
            # Every token is compared, each in constant time: the answer's delay tells nothing.
            known = [hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token) for token in tokens]
            if kind.lower() != "bearer" or not any(known):
                return problem(
                    401,
                    "send one of the API tokens as `Authorization: Bearer …`",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        return await handler(request)

    return authorise


def _detail(error: web.HTTPException, request: web.Request) -> str:
    match error.status:
        case 404:
            return f"there is nothing at {request.path}"
        case 405:
            return f"{request.path} does not take {request.method}"
        case _:
            return error.text or error.reason


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {name: error.headers[name] for name in ("Allow", "WWW-Authenticate", "Retry-After") if name in error.headers}
