"""Bodies of requests and answers: JSON in, checked; JSON out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError
from aiohttp.web_protocol import RequestPayloadError

from app.domain.checking import parse_request
from app.domain.fields import too_deep
from app.domain.request import Backtest
from app.domain.schema import Asset
from app.domain.short_form import expand_short_form
from app.errors import InvalidRequest


async def read_backtest(request: web.Request, asset: Asset | None = None) -> Backtest:
    """The body as a checked request, in its full or short form; ``asset`` is what the endpoint says of the latter.

    Raises ``InvalidRequest`` naming every field at fault, and what ``read_json`` does.
    """
    body = await read_json(request)
    short = isinstance(body, dict) and "series" not in body
    if isinstance(body, dict):
        body = expand_short_form(body, asset)
    return parse_request(body, dt.datetime.now(dt.UTC), short_form=short)


async def read_json(request: web.Request) -> Any:
    """The body as JSON. Raises HTTP 400 when it is none, 413 when it is too large, ``InvalidRequest`` when it is nested
    deeper than any request is."""
    try:
        content = await request.read()
    except (RequestPayloadError, PayloadEncodingError) as error:
        # Chunks, or a compression, that are not what the headers say.
        raise web.HTTPBadRequest(text=f"the body cannot be read: {error}") from None
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise web.HTTPBadRequest(text=f"the body is not JSON: {error}") from None
    if too_deep(body):
        raise InvalidRequest.of("", "the body is nested deeper than any request is")
    return body


def json_answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    # The line's end is for those who ask from a shell.
    content = orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)
    return web.Response(status=status, body=content, content_type="application/json", headers=headers)
