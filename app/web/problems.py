"""Errors as RFC 9457 problems, for everything that any view, route or middleware raises."""

from __future__ import annotations

import http
import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from app.errors import Conflict, FieldProblem, InvalidRequest, LogError, RegistryError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


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
    content = orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)
    return web.Response(status=status, body=content, content_type=CONTENT_TYPE, headers=headers)


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
        return problem(
            413, f"the body is larger than {request.client_max_size} bytes (MAX_BODY_BYTES); split the request"
        )
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem(error.status, _detail(error, request), headers=_kept(error))
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        return problem(500, "the platform has a defect; its log says more")


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
