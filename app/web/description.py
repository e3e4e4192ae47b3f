"""``GET /openapi.json`` and ``/asyncapi.json``: what can be asked over HTTP and found on Kafka, for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import orjson
from aiohttp import web

from app.web.asyncapi import asyncapi
from app.web.docs_page import docs_page
from app.web.documents import Document
from app.web.openapi import openapi
from app.web.operations import Answer, Call, NoQuery, Operation

VERSION = version("phase1-financial-data-platform")
_ETAG = {"ETag": "Names what is told; sent back as `If-None-Match`, the answer is 304 while it is the same."}


def with_description(operations: Iterable[Operation], *, tokens: bool) -> tuple[Operation, ...]:
    """The operations, and those that describe them all. ``tokens``: whether they are asked for."""

    @lru_cache(maxsize=1)
    def described() -> Document:
        return _json(openapi(found, VERSION, tokens=tokens))

    @lru_cache(maxsize=1)
    def messages() -> Document:
        return _json(asyncapi(VERSION))

    found = (
        *operations,
        _served("/openapi.json", "get_openapi", "This description, OpenAPI 3.1", described),
        _served("/asyncapi.json", "get_asyncapi", "What is on Kafka's topics, AsyncAPI 3.0", messages),
        *docs_page(),
    )
    return found


def _json(body: dict[str, Any]) -> Document:
    return Document(orjson.dumps(body), "application/json")


def _served(path: str, name: str, summary: str, document: Callable[[], Document]) -> Operation:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        return document().answer(call.request)

    return Operation(
        method="get",
        path=path,
        name=name,
        summary=summary,
        run=run,
        answers=(
            Answer(200, "The description", {"application/json": {"type": "object"}}, headers=_ETAG),
            Answer(304, "It is what `If-None-Match` names"),
        ),
        tag="platform",
        header_docs={"If-None-Match": "An `ETag` that was told."},
    )
