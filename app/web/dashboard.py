"""``GET /``: the dashboard, and the files that it is made of."""

from __future__ import annotations

from aiohttp import web

from app.web.documents import Document
from app.web.operations import Answer, AnyQuery, Call, Operation
from app.web.page_files import FILES


def dashboard_operations() -> tuple[Operation, ...]:
    return tuple(_file(path, file) for path, file in FILES.items())


def _file(path: str, file: Document) -> Operation:
    async def run(call: Call[AnyQuery, None]) -> web.StreamResponse:
        return file.answer(call.request)

    page = path == "/"
    return Operation(
        method="get",
        query=AnyQuery,
        path=path,
        name="get_dashboard" if page else f"get_{path.rpartition('/')[2]}",
        summary="The dashboard, a page for browsers" if page else "A part of the page",
        run=run,
        answers=(Answer(200, "The page", {"text/html": {"type": "string"}}), Answer(304, "As it was")),
        tag="platform",
        open=True,
        hidden=not page,
    )
